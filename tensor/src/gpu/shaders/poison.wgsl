// out[i] = bits, for tests that look for elements left unwritten.
// Grid: one thread for each vec4, 64 a workgroup.

struct Params {
    threads: u32,
    bits: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read_write> out: array<vec4<u32>>; // [threads]

#include thread

#include each_thread
    out[thread] = vec4<u32>(params.bits);
}
