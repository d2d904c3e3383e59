// Index of the first maximum, or of the first NaN, along the middle axis of x[outer, len, inner], in `parts`
// interleaved parts as in reduce.wgsl: y[o, p, i] is the best of l = p, p + parts, ….
// MERGE: the candidates are those that an earlier pass left in from[o, candidates, i].
// One thread makes one element of y. Grid: threads = outer · parts · inner, 64 a workgroup.

struct Params {
    threads: u32,
    inner: u32,
    inner_magic: vec2<u32>,
    parts_magic: vec2<u32>,
    parts: u32,
    len: u32,
    candidates: u32,  // len in the first pass
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<f32>;         // [outer, len, inner]
#if MERGE
@group(1) @binding(1) var<storage, read> candidates: array<u32>; // [outer, candidates, inner]
@group(1) @binding(2) var<storage, read_write> y: array<u32>;   // [outer, parts, inner]
#else
@group(1) @binding(1) var<storage, read_write> y: array<u32>;   // [outer, parts, inner]
#endif

#include thread
#include order

#include each_thread
    let slot = divide(thread, params.inner_magic);
    let i = thread - slot * params.inner;
    let o = divide(slot, params.parts_magic);
    let p = slot - o * params.parts;
    let base = o * params.len * params.inner + i;
    var best = 0u;
    var value = 0;
    for (var at = p; at < params.candidates; at += params.parts) {
#if MERGE
        let l = candidates[(o * params.candidates + at) * params.inner + i];
#else
        let l = at;
#endif
        let here = order(x[base + l * params.inner]);
        if at == p || here > value || (here == value && l < best) {
            best = l;
            value = here;
        }
    }
    y[thread] = best;
}
