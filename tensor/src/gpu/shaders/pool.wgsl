// Pooling of images, k × k windows. PASS:
//   average  y[n,i,j,c] = 1/k² Σ x[n, i·stride + a − pad, j·stride + b − pad, c]
//   spread   its adjoint: y[n,h,w,c] = 1/k² Σ over the windows that hold (h, w) of x[n,i,j,c]
//   index    y[n,i,j,c] = flat position in x of the first maximum of the window, or of its first
//            NaN; the largest u32 for a window of padding alone
// One thread writes one T: a channel, or four with VEC (not for index).
// Grid: threads = elements of y / (1 or 4), 64 a workgroup.

#if VEC
alias T = vec4<f32>;
alias X = vec4<$ELEMENT>;
#else
alias T = f32;
alias X = $ELEMENT;
#endif
struct Params {
    threads: u32,
    c: u32,           // T's of one pixel
    c_magic: vec2<u32>,
    width_magic: vec2<u32>,
    height_magic: vec2<u32>,
    out_w: u32,       // of y, whose sides the magic numbers divide by
    out_h: u32,
    in_w: u32,        // of x
    in_h: u32,
    k: u32,
    stride: u32,
    pad: u32,
    scale: f32,       // 1/k²
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<X>;        // [n, in_h, in_w, c]
#if PASS == index
@group(1) @binding(1) var<storage, read_write> y: array<u32>; // [n, out_h, out_w, c]
#else
@group(1) @binding(1) var<storage, read_write> y: array<X>;  // [n, out_h, out_w, c]
#endif

#include thread
#if PASS == index
#include order
#endif

#include each_thread
    let pixel = divide(thread, params.c_magic);
    let c = thread - pixel * params.c;
    let row = divide(pixel, params.width_magic);
    let j = pixel - row * params.out_w;
    let n = divide(row, params.height_magic);
    let i = row - n * params.out_h;
#if PASS == spread
    // windows a with a·stride − pad <= i < a·stride − pad + k
    let top = select((i + params.pad - params.k) / params.stride + 1u, 0u, i + params.pad < params.k);
    let left = select((j + params.pad - params.k) / params.stride + 1u, 0u, j + params.pad < params.k);
    let bottom = min((i + params.pad) / params.stride + 1u, params.in_h);
    let right = min((j + params.pad) / params.stride + 1u, params.in_w);
#else
    let top = max(i * params.stride, params.pad) - params.pad;
    let left = max(j * params.stride, params.pad) - params.pad;
    let bottom = min(max(i * params.stride + params.k, params.pad) - params.pad, params.in_h);
    let right = min(max(j * params.stride + params.k, params.pad) - params.pad, params.in_w);
#endif
#if PASS == index
    var best = 0xffffffffu;
    var value = 0;
    for (var a = top; a < bottom; a += 1u) {
        for (var b = left; b < right; b += 1u) {
            let at = ((n * params.in_h + a) * params.in_w + b) * params.c + c;
            let here = order(T(x[at]));
            if best == 0xffffffffu || here > value {
                best = at;
                value = here;
            }
        }
    }
    y[thread] = best;
#else
    var sum = T();
    for (var a = top; a < bottom; a += 1u) {
        for (var b = left; b < right; b += 1u) {
            sum += T(x[((n * params.in_h + a) * params.in_w + b) * params.c + c]);
        }
    }
    y[thread] = X(sum * params.scale);
#endif
}
