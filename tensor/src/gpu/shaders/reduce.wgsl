// Reduces the middle axis of x[outer, len, inner] to `parts` parts:
//   y[o, p, i] = Σ or max over the elements of part p of x[o, l, i]; max is NaN if one is
// `lanes` neighbouring parts share one stretch of the axis, interleaved: threads side by side read
// side by side, and a stretch stays in the caches.
// Sums are made in runs of 16, so that a part of n elements has the error of 16 + n/16 additions.
// One thread makes one T of y. VEC: 4 elements along inner. ROW: inner = 1, len counts vec4s, and
// the four lanes are reduced at the end. Grid: threads = outer · parts · inner, 64 a workgroup.

#if VEC
alias T = vec4<f32>;
alias U = vec4<u32>;
alias X = vec4<$ELEMENT>;
alias Y = vec4<$RESULT>;
#else
#if ROW
alias T = vec4<f32>;
alias U = vec4<u32>;
alias X = vec4<$ELEMENT>;
alias Y = $RESULT;
#else
alias T = f32;
alias U = u32;
alias X = $ELEMENT;
alias Y = $RESULT;
#endif
#endif
struct Params {
    threads: u32,
    inner: u32,       // T's
    inner_magic: vec2<u32>,
    parts_magic: vec2<u32>,
    parts: u32,
    len: u32,
    lanes: u32,
    stretch: u32,     // lanes · elements of a part
    lanes_magic: vec2<u32>,
    empty: u32,       // bits of the result of no elements: 0 or −∞
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<X>;        // [outer, len, inner]
@group(1) @binding(1) var<storage, read_write> y: array<Y>;  // [outer, parts, inner]

#include thread

#include each_thread
    let slot = divide(thread, params.inner_magic);
    let i = thread - slot * params.inner;
    let o = divide(slot, params.parts_magic);
    let p = slot - o * params.parts;
    let base = o * params.len * params.inner + i;
    let empty = T(bitcast<f32>(params.empty));
    var total = empty;
    let s = divide(p, params.lanes_magic);
    let end = min(params.len, (s + 1u) * params.stretch);
    var l = s * params.stretch + p - s * params.lanes;
#if SUM
    while l < end {
        var run = T();
        let pause = min(end, l + 16u * params.lanes);
        while l < pause {
            run += T(x[base + l * params.inner]);
            l += params.lanes;
        }
        total += run;
    }
#if ROW
    y[thread] = Y((total.x + total.y) + (total.z + total.w));
#else
    y[thread] = Y(total);
#endif
#else
    // the built-in max may drop NaN: the largest magnitude, in bits, tells whether there was one
    var sizes = U();
    while l < end {
        let here = T(x[base + l * params.inner]);
        total = max(total, here);
        sizes = max(sizes, bitcast<U>(here) & U(0x7fffffffu));
        l += params.lanes;
    }
#if ROW
    let largest = max(max(total.x, total.y), max(total.z, total.w));
    let size = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
    y[thread] = Y(select(largest, bitcast<f32>(size), size > 0x7f800000u));
#else
    y[thread] = Y(select(total, bitcast<T>(sizes), sizes > U(0x7f800000u)));
#endif
#endif
}
