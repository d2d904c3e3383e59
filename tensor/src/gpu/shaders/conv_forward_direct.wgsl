// y[n, i, j, o] = Σ x[n, i·stride + di − pad, j·stride + dj − pad, c] · weight[o, di, dj, c]
// without workgroup memory: each thread keeps TP pixels × 4·TCV output channels in registers.
// VEC: c and o are multiples of 4, accessed as vec4s. The pixels of a thread follow one another
// in the order (n, i, j), across rows and images.
// Grid: threads = ⌈n·oh·ow / TP⌉ · ⌈o / 4·TCV⌉, 64 a workgroup.

#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
struct Params {
    threads: u32,
    tiles_o: u32,
    tiles_o_magic: vec2<u32>,
    ow_magic: vec2<u32>,
    oh_magic: vec2<u32>,
    pixels: u32,          // n · oh · ow
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    o: u32,
    kh: u32,
    kw: u32,
    stride: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<T>;       // [n, h, w, c]
@group(1) @binding(1) var<storage, read> weight: array<T>;  // [o, kh, kw, c]
@group(1) @binding(2) var<storage, read_write> y: array<T>; // [n, oh, ow, o]

#include thread

#include each_thread
    let tile_p = divide(thread, params.tiles_o_magic);
    let p0 = tile_p * $TPu;
    let o0 = (thread - tile_p * params.tiles_o) * ${TCV * 4}u;

    // pixels and channels beyond the end repeat the last one and are not stored
#for P TP
    let pixel_$P = min(p0 + $Pu, params.pixels - 1u);
    let line_$P = divide(pixel_$P, params.ow_magic);
    let image_$P = divide(line_$P, params.oh_magic);
    // the corner of the window; wraps below zero in the padding
    let top_$P = (line_$P - image_$P * params.oh) * params.stride - params.pad;
    let left_$P = (pixel_$P - line_$P * params.ow) * params.stride - params.pad;
#end
    let taps = params.kh * params.kw;
#for O ${TCV * 4}
    let w_at_$O = min(o0 + $Ou, params.o - 1u) * taps * params.c;
#end
#for P TP
#for J TCV
    var acc_$P_$J = vec4<f32>();
#end
#end

    for (var di = 0u; di < params.kh; di += 1u) {
        for (var dj = 0u; dj < params.kw; dj += 1u) {
            let tap = (di * params.kw + dj) * params.c;
#for P TP
            let row_$P = top_$P + di;
            let column_$P = left_$P + dj;
            let inside_$P = row_$P < params.h && column_$P < params.w;
            let x_at_$P = select(0u, ((image_$P * params.h + row_$P) * params.w + column_$P)
                * params.c, inside_$P);
#end
#if VEC
            for (var c = 0u; c < params.c; c += 4u) {
#for P TP
                let x_$P = select(T(), x[(x_at_$P + c) >> 2u], inside_$P);
#end
#for O ${TCV * 4}
                let w_$O = weight[(w_at_$O + tap + c) >> 2u];
#end
#for Q 4
#for J TCV
                let b_$Q_$J = vec4<f32>(
                    w_${J * 4}[$Q], w_${J * 4 + 1}[$Q], w_${J * 4 + 2}[$Q], w_${J * 4 + 3}[$Q]);
#for P TP
                acc_$P_$J += x_$P[$Q] * b_$Q_$J;
#end
#end
#end
            }
#else
            for (var c = 0u; c < params.c; c += 1u) {
#for J TCV
                let b_$J = vec4<f32>(
                    weight[w_at_${J * 4} + tap + c],
                    weight[w_at_${J * 4 + 1} + tap + c],
                    weight[w_at_${J * 4 + 2} + tap + c],
                    weight[w_at_${J * 4 + 3} + tap + c]);
#end
#for P TP
                let x_$P = select(T(), x[x_at_$P + c], inside_$P);
#for J TCV
                acc_$P_$J += x_$P * b_$J;
#end
#end
            }
#endif
        }
    }

#for P TP
    if p0 + $Pu < params.pixels {
        let y_at = pixel_$P * params.o + o0;
#for J TCV
#if VEC
        if o0 + ${J * 4}u < params.o {
            y[(y_at >> 2u) + $Ju] = acc_$P_$J;
        }
#else
#for R 4
        if o0 + ${J * 4 + R}u < params.o {
            y[y_at + ${J * 4 + R}u] = acc_$P_$J[$R];
        }
#end
#endif
#end
    }
#end
}
