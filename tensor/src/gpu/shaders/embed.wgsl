// y = zeros, y[start + i·step] = x[i] along each of RANK axes. Words are copied.
// One thread writes one word. Grid: threads = elements of y, 64 a workgroup.

struct Axis {
    out_magic: vec2<u32>,
    step_magic: vec2<u32>,
    out: u32,         // length in y
    len: u32,         // length in x
    start: u32,
    step: u32,
}
struct Params {
    threads: u32,
    @align(16) axes: array<Axis, $RANK>, // the last axis first
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<u32>;
@group(1) @binding(1) var<storage, read_write> y: array<u32>;

#include thread

#include each_thread
    var rest = thread;
    var source = 0u;
    var stride = 1u;
    var inside = true;
#for A RANK
    {
        let axis = params.axes[$A];
        let next = divide(rest, axis.out_magic);
        let at = rest - next * axis.out;
        let beyond = at - min(at, axis.start);
        let i = divide(beyond, axis.step_magic);
        inside = inside && at >= axis.start && i * axis.step == beyond && i < axis.len;
        source += i * stride;
        stride *= axis.len;
        rest = next;
    }
#end
    var value = 0u;
    if inside {
        value = x[source];
    }
    y[thread] = value;
}
