// out[i] = bits, for tests that look for elements left unwritten.
// Grid: one thread for each vec4, 64 a workgroup.

struct Params {
    vectors: u32,
    bits: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read_write> out: array<vec4<u32>>; // [vectors]

#include thread

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = thread_number(group, groups, local);
    if i < params.vectors {
        out[i] = vec4<u32>(params.bits);
    }
}
