// y[n, i, j, o] = (Aᵀ m A)[i, j] of the tile m[·, tile, o], for Winograd's F(OUT×OUT, 3×3). Pixels beyond the edge are not stored.
// THROUGH: vec4s go through `finish`, with what it takes beside them, to `store`: see pointwise_text.rs.
// Grid: threads = tiles · o / 4, 64 a workgroup.

#if THROUGH
#include philox
#include numerics
#endif
struct Params {
    threads: u32,
    quads: u32,              // o / 4
    quads_magic: vec2<u32>,
    tw_magic: vec2<u32>,
    th_magic: vec2<u32>,
    tw: u32,                 // tiles along the axes of an image
    th: u32,
    oh: u32,
    ow: u32,
#if THROUGH
    // what follows
#endif
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> m: array<vec4<f32>>;       // [places, tiles, o]
#if !THROUGH
@group(1) @binding(1) var<storage, read_write> y: array<vec4<$RESULT>>; // [n, oh, ow, o]
#endif

#include thread
#include winograd_lines

#include each_thread
    let tile = divide(thread, params.quads_magic);
    let quad = thread - tile * params.quads;
    let line = divide(tile, params.tw_magic);
    let image = divide(line, params.th_magic);
    let top = (line - image * params.th) * $OUTu;
    let left = (tile - line * params.tw) * $OUTu;

    let quads = params.quads;
    let m_stride = params.threads;
    let m_at = thread;
#include winograd_back
}
