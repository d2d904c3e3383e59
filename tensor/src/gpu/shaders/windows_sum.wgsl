// dx[n, i, j, channel] = Σ over the windows that read it of p[pixel of the window, (di, dj, channel)].
// STRIDE: not 1.
// Grid: threads = n·h·w·c, 64 a workgroup.

struct Params {
    threads: u32,
    row: u32,              // numbers of p for each pixel
    c_magic: vec2<u32>,
    w_magic: vec2<u32>,
    h_magic: vec2<u32>,
    stride_magic: vec2<u32>,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    kh: u32,
    kw: u32,
    stride: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> p: array<f32>;        // [n·oh·ow, row]
@group(1) @binding(1) var<storage, read_write> dx: array<f32>; // [n, h, w, c]

#include thread

#include each_thread
    let pixel = divide(thread, params.c_magic);
    let channel = thread - pixel * params.c;
    let line = divide(pixel, params.w_magic);
    let image = divide(line, params.h_magic);
    let i = line - image * params.h + params.pad;
    let j = pixel - line * params.w + params.pad;
    var sum = 0.0;
    for (var di = 0u; di < params.kh; di += 1u) {
        // the window's row, if there is one
#if STRIDE
        let y = divide(i - min(di, i), params.stride_magic);
        let row_fits = y * params.stride + di == i && y < params.oh;
#else
        // wraps below zero before the first
        let y = i - di;
        let row_fits = y < params.oh;
#endif
        for (var dj = 0u; dj < params.kw; dj += 1u) {
#if STRIDE
            let x = divide(j - min(dj, j), params.stride_magic);
            let fits = row_fits && x * params.stride + dj == j && x < params.ow;
#else
            let x = j - dj;
            let fits = row_fits && x < params.ow;
#endif
            let at = ((image * params.oh + y) * params.ow + x) * params.row
                + (di * params.kw + dj) * params.c + channel;
            sum += select(0.0, p[select(0u, at, fits)], fits);
        }
    }
    dx[thread] = sum;
}
