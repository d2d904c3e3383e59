// dx[n, i, j, ·] = Σ over the windows that read it of p[pixel of the window, (di, dj, ·)], for windows of KH × KW places of C channels.
// STRIDE: not 1.
// Grid: threads = n·h·w, 64 a workgroup.

struct Params {
    threads: u32,
    row: u32,              // numbers of p for each pixel
    w_magic: vec2<u32>,
    h_magic: vec2<u32>,
    stride_magic: vec2<u32>,
    h: u32,
    w: u32,
    oh: u32,
    ow: u32,
    stride: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> p: array<f32>;        // [n·oh·ow, row]
@group(1) @binding(1) var<storage, read_write> dx: array<f32>; // [n, h, w, c]

#include thread

#include each_thread
    let line = divide(thread, params.w_magic);
    let image = divide(line, params.h_magic);
    let i = line - image * params.h + params.pad;
    let j = thread - line * params.w + params.pad;
    // the windows' rows and columns, if there are such
#for D KH
#if STRIDE
    let y_$D = divide(i - min($Du, i), params.stride_magic);
    let row_$D = y_$D * params.stride + $Du == i && y_$D < params.oh;
#else
    // wraps below zero before the first
    let y_$D = i - $Du;
    let row_$D = y_$D < params.oh;
#endif
    let line_$D = (image * params.oh + y_$D) * params.ow;
#end
#for D KW
#if STRIDE
    let x_$D = divide(j - min($Du, j), params.stride_magic);
    let column_$D = x_$D * params.stride + $Du == j && x_$D < params.ow;
#else
    let x_$D = j - $Du;
    let column_$D = x_$D < params.ow;
#endif
#end
#for N C
    var sum_$N = 0.0;
#end
#for D KH
#for E KW
    {
        let fits = row_$D && column_$E;
        let at = select(0u, (line_$D + x_$E) * params.row + ${D * KW + E * C}u, fits);
#for N C
        sum_$N += select(0.0, p[at + $Nu], fits);
#end
    }
#end
#end
#for N C
    dx[thread * $Cu + $Nu] = sum_$N;
#end
}
