// y[r, :] = Σ g[i, :] over the picks i with index[i] = r, in ascending order of i.
// LISTED: the picks of each row come as a sorted list, see pick_lists.wgsl; else all are scanned.
// One thread makes one T (an element, or four with VEC). Grid: threads = rows · inner, 64 a
// workgroup.

#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
struct Params {
    threads: u32,
    inner: u32,       // T's in a row
    inner_magic: vec2<u32>,
    picks: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> g: array<T>;        // [picks, inner]
#if LISTED
@group(1) @binding(1) var<storage, read> first: array<u32>;  // [rows], 1 + pick, 0 at the end
@group(1) @binding(2) var<storage, read> next: array<u32>;   // [picks]
@group(1) @binding(3) var<storage, read_write> y: array<T>;  // [rows, inner]
#else
@group(1) @binding(1) var<storage, read> index: array<u32>;  // [picks]
@group(1) @binding(2) var<storage, read_write> y: array<T>;  // [rows, inner]
#endif

#include thread

#include each_thread
    let row = divide(thread, params.inner_magic);
    let i = thread - row * params.inner;
    var sum = T();
#if LISTED
    var pick = first[row];
    while pick != 0u {
        sum += g[(pick - 1u) * params.inner + i];
        pick = next[pick - 1u];
    }
#else
    for (var pick = 0u; pick < params.picks; pick += 1u) {
        if index[pick] == row {
            sum += g[pick * params.inner + i];
        }
    }
#endif
    y[thread] = sum;
}
