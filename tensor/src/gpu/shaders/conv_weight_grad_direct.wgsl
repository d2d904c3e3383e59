// y[o, di, dj, c] = Σ g[n, i, j, o] · x[n, i·stride + di − pad, j·stride + dj − pad, c]
// without workgroup memory: each thread keeps TO output channels × 4·TCV input channels of one tap
// in registers and walks the rows of one part of the images. The parts are added afterwards:
// y[parts, o, kh, kw, c]. VEC: c and o are multiples of 4, accessed as vec4s.
// Grid: threads = parts · kh·kw · ⌈o / TO⌉ · ⌈c / 4·TCV⌉, 64 a workgroup.

#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
struct Params {
    threads: u32,
    tiles_c: u32,
    tiles_c_magic: vec2<u32>,
    tiles_o_magic: vec2<u32>,
    taps_magic: vec2<u32>,
    kw_magic: vec2<u32>,
    oh_magic: vec2<u32>,
    tiles_o: u32,
    taps: u32,            // kh · kw
    lines: u32,           // rows of g: n · oh
    part: u32,            // rows of one part
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    o: u32,
    kw: u32,
    stride: u32,
    stride_magic_m: u32,
    stride_magic_l: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<T>;       // [n, h, w, c]
@group(1) @binding(1) var<storage, read> g: array<T>;       // [n, oh, ow, o]
@group(1) @binding(2) var<storage, read_write> y: array<T>; // [parts, o, kh, kw, c]

#include thread

#include each_thread
    let rest = divide(thread, params.tiles_c_magic);
    let c0 = (thread - rest * params.tiles_c) * ${TCV * 4}u;
    let rest2 = divide(rest, params.tiles_o_magic);
    let o0 = (rest - rest2 * params.tiles_o) * $TOu;
    let part = divide(rest2, params.taps_magic);
    let tap = rest2 - part * params.taps;
    let di = divide(tap, params.kw_magic);
    let dj = tap - di * params.kw;

    // channels beyond the end repeat the last and are not stored
#if VEC
#for J TCV
    let c_at_$J = min(c0 + ${J * 4}u, params.c - 4u);
#end
#for J ${TO / 4}
    let o_at_$J = min(o0 + ${J * 4}u, params.o - 4u);
#end
#else
#for C ${TCV * 4}
    let c_at_$C = min(c0 + $Cu, params.c - 1u);
#end
#for O TO
    let o_at_$O = min(o0 + $Ou, params.o - 1u);
#end
#endif
#for O TO
#for J TCV
    var acc_$O_$J = vec4<f32>();
#end
#end
    // columns of g for which j·stride + dj − pad lies in the image
    let magic = vec2<u32>(params.stride_magic_m, params.stride_magic_l);
    let first = divide(max(params.pad, dj) - dj + params.stride - 1u, magic);
    let beyond = divide(max(params.w + params.pad, dj) - dj + params.stride - 1u, magic);
    let last = min(params.ow, beyond);

    let end = min(params.lines, (part + 1u) * params.part);
    for (var line = part * params.part; line < end; line += 1u) {
        let image = divide(line, params.oh_magic);
        let row = (line - image * params.oh) * params.stride + di - params.pad;
        if row < params.h {
            for (var j = first; j < last; j += 1u) {
                let g_at = (line * params.ow + j) * params.o;
                let x_at = ((image * params.h + row) * params.w + j * params.stride + dj
                    - params.pad) * params.c;
#if VEC
#for J ${TO / 4}
                let g_$J = g[(g_at + o_at_$J) >> 2u];
#end
#for J TCV
                let x_$J = x[(x_at + c_at_$J) >> 2u];
#end
#else
#for J ${TO / 4}
                let g_$J = vec4<f32>(
                    g[g_at + o_at_${J * 4}], g[g_at + o_at_${J * 4 + 1}],
                    g[g_at + o_at_${J * 4 + 2}], g[g_at + o_at_${J * 4 + 3}]);
#end
#for J TCV
                let x_$J = vec4<f32>(
                    x[x_at + c_at_${J * 4}], x[x_at + c_at_${J * 4 + 1}],
                    x[x_at + c_at_${J * 4 + 2}], x[x_at + c_at_${J * 4 + 3}]);
#end
#endif
#for O TO
#for J TCV
                acc_$O_$J += g_${O / 4}[${O % 4}] * x_$J;
#end
#end
            }
        }
    }

#for O TO
    if o0 + $Ou < params.o {
        let y_at = ((part * params.o + o0 + $Ou) * params.taps + tap) * params.c + c0;
#for J TCV
#if VEC
        if c0 + ${J * 4}u < params.c {
            y[(y_at >> 2u) + $Ju] = acc_$O_$J;
        }
#else
#for R 4
        if c0 + ${J * 4 + R}u < params.c {
            y[y_at + ${J * 4 + R}u] = acc_$O_$J[$R];
        }
#end
#endif
#end
    }
#end
}
