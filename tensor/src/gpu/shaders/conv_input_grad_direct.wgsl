// y[n, h, w, c] = Σ g[n, i, j, o] · weight[o, di, dj, c] over h = i·stride + di − pad,
// w = j·stride + dj − pad, without workgroup memory: each thread keeps TP pixels × 4·TCV
// channels in registers. VEC: c and o are multiples of 4, accessed as vec4s.
// The pixels of y are walked by residue: class (ρ, σ) holds h ≡ ρ, w ≡ σ (mod stride), so that
// all pixels of a thread take the same taps and none is wasted when stride > 1.
// Grid: threads = stride² · ⌈n·rows·columns / TP⌉ · ⌈c / 4·TCV⌉, 64 a workgroup, where
// rows = ⌈h / stride⌉, columns = ⌈w / stride⌉.

#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
struct Params {
    threads: u32,
    tiles_c: u32,
    tiles_c_magic: vec2<u32>,
    tiles_p_magic: vec2<u32>,
    stride_magic: vec2<u32>,
    columns_magic: vec2<u32>,
    rows_magic: vec2<u32>,
    tiles_p: u32,         // of one class
    pixels: u32,          // of one class: n · rows · columns
    rows: u32,
    columns: u32,
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
@group(1) @binding(0) var<storage, read> g: array<T>;       // [n, oh, ow, o]
@group(1) @binding(1) var<storage, read> weight: array<T>;  // [o, kh, kw, c]
@group(1) @binding(2) var<storage, read_write> y: array<T>; // [n, h, w, c]

#include thread

#include each_thread
    let tile = divide(thread, params.tiles_c_magic);
    let c0 = (thread - tile * params.tiles_c) * ${TCV * 4}u;
    let kind = divide(tile, params.tiles_p_magic);
    let p0 = (tile - kind * params.tiles_p) * $TPu;
    let rho = divide(kind, params.stride_magic);
    let sigma = kind - rho * params.stride;

#for P TP
    let pixel_$P = min(p0 + $Pu, params.pixels - 1u);
    let line_$P = divide(pixel_$P, params.columns_magic);
    let image_$P = divide(line_$P, params.rows_magic);
    let h_$P = (line_$P - image_$P * params.rows) * params.stride + rho;
    let w_$P = (pixel_$P - line_$P * params.columns) * params.stride + sigma;
#end
    // channels beyond the end repeat the last and are not stored
#if VEC
#for J TCV
    let c_at_$J = min(c0 + ${J * 4}u, params.c - 4u);
#end
#else
#for C ${TCV * 4}
    let c_at_$C = min(c0 + $Cu, params.c - 1u);
#end
#endif
#for P TP
#for J TCV
    var acc_$P_$J = vec4<f32>();
#end
#end
    let taps = params.kh * params.kw;
    // the first taps with h + pad − di, w + pad − dj divisible by the stride
    let di0 = (rho + params.pad) - divide(rho + params.pad, params.stride_magic) * params.stride;
    let dj0 = (sigma + params.pad) - divide(sigma + params.pad, params.stride_magic) * params.stride;

    for (var di = di0; di < params.kh; di += params.stride) {
        for (var dj = dj0; dj < params.kw; dj += params.stride) {
            let tap = (di * params.kw + dj) * params.c;
#for P TP
            // above the first or below the last row of g
            let i_$P = divide(max(h_$P + params.pad, di) - di, params.stride_magic);
            let j_$P = divide(max(w_$P + params.pad, dj) - dj, params.stride_magic);
            let inside_$P = h_$P + params.pad >= di && w_$P + params.pad >= dj
                && i_$P < params.oh && j_$P < params.ow;
            let g_at_$P = select(0u, ((image_$P * params.oh + i_$P) * params.ow + j_$P) * params.o,
                inside_$P);
#end
#if VEC
            for (var o = 0u; o < params.o; o += 4u) {
#for P TP
                let g_$P = select(T(), g[(g_at_$P + o) >> 2u], inside_$P);
#end
#for Q 4
#for J TCV
                let b_$Q_$J = weight[((o + $Qu) * taps * params.c + tap + c_at_$J) >> 2u];
#for P TP
                acc_$P_$J += g_$P[$Q] * b_$Q_$J;
#end
#end
#end
            }
#else
            for (var o = 0u; o < params.o; o += 1u) {
                let w_at = o * taps * params.c + tap;
#for J TCV
                let b_$J = vec4<f32>(
                    weight[w_at + c_at_${J * 4}], weight[w_at + c_at_${J * 4 + 1}],
                    weight[w_at + c_at_${J * 4 + 2}], weight[w_at + c_at_${J * 4 + 3}]);
#end
#for P TP
                let g_$P = select(T(), g[g_at_$P + o], inside_$P);
#for J TCV
                acc_$P_$J += g_$P * b_$J;
#end
#end
            }
#endif
        }
    }

#for P TP
    if p0 + $Pu < params.pixels && h_$P < params.h && w_$P < params.w {
        let y_at = ((image_$P * params.h + h_$P) * params.w + w_$P) * params.c + c0;
#for J TCV
#if VEC
        if c0 + ${J * 4}u < params.c {
            y[(y_at >> 2u) + $Ju] = acc_$P_$J;
        }
#else
#for R 4
        if c0 + ${J * 4 + R}u < params.c {
            y[y_at + ${J * 4 + R}u] = acc_$P_$J[$R];
        }
#end
#endif
#end
    }
#end
}
