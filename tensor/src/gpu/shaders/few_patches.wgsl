// p[pixel, k] = what the window at a pixel of the output reads: k runs over (di, dj, channel), and is 0 beyond their number and in the padding.
// Grid: threads = n·oh·ow · row / 4, 64 a workgroup.

struct Params {
    threads: u32,
    quads: u32,            // row / 4
    quads_magic: vec2<u32>,
    ow_magic: vec2<u32>,
    oh_magic: vec2<u32>,
    c_magic: vec2<u32>,
    kw_magic: vec2<u32>,
    window: u32,           // kh · kw · c
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    kw: u32,
    stride: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<f32>;             // [n, h, w, c]
@group(1) @binding(1) var<storage, read_write> p: array<vec4<f32>>; // [n·oh·ow, row]

#include thread

#include each_thread
    let pixel = divide(thread, params.quads_magic);
    let k = (thread - pixel * params.quads) * 4u;
    let line = divide(pixel, params.ow_magic);
    let image = divide(line, params.oh_magic);
    // the corner of the window; wraps below zero in the padding
    let top = (line - image * params.oh) * params.stride - params.pad;
    let left = (pixel - line * params.ow) * params.stride - params.pad;
#for R 4
    let tap_$R = divide(k + $Ru, params.c_magic);
    let di_$R = divide(tap_$R, params.kw_magic);
    let row_$R = top + di_$R;
    let column_$R = left + tap_$R - di_$R * params.kw;
    let inside_$R = k + $Ru < params.window && row_$R < params.h && column_$R < params.w;
    let at_$R = ((image * params.h + row_$R) * params.w + column_$R) * params.c
        + k + $Ru - tap_$R * params.c;
#end
    p[thread] = vec4<f32>(
#for R 4
        select(0.0, x[select(0u, at_$R, inside_$R)], inside_$R),
#end
    );
}
