// v[place, tile, c] = (Bᵀ d B)[place] of the tile d of x, for Winograd's F(OUT×OUT, 3×3). Tiles overlap by two pixels; what lies in the
// padding is zero.
// SPLIT: each number as two halves, for matrix units.
// Grid: threads = tiles · c / 4, 64 a workgroup.

struct Params {
    threads: u32,
    quads: u32,              // c / 4
    quads_magic: vec2<u32>,
    tw_magic: vec2<u32>,
    th_magic: vec2<u32>,
    tw: u32,                 // tiles along the axes of an image
    th: u32,
    h: u32,
    w: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<vec4<$ELEMENT>>;       // [n, h, w, c]
#if SPLIT
#include split
@group(1) @binding(1) var<storage, read_write> v: array<vec4<u32>>;      // [places, tiles, c]
#else
@group(1) @binding(1) var<storage, read_write> v: array<vec4<f32>>;      // [places, tiles, c]
#endif

#include thread
#include winograd_lines

#include each_thread
    let tile = divide(thread, params.quads_magic);
    let quad = thread - tile * params.quads;
    let line = divide(tile, params.tw_magic);
    let image = divide(line, params.th_magic);
    // the corner of the tile; wraps below zero in the padding
    let top = (line - image * params.th) * $OUTu - params.pad;
    let left = (tile - line * params.tw) * $OUTu - params.pad;

    let quads = params.quads;
    let v_stride = params.threads;
    let v_at = thread;
#include winograd_forth
}
