// v[place, tile, c] = (Bᵀ d B)[place] of the tile d of x, for Winograd's F(OUT×OUT, 3×3). Tiles overlap by two pixels; what lies in the
// padding is zero.
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
@group(1) @binding(0) var<storage, read> x: array<vec4<f32>>;       // [n, h, w, c]
@group(1) @binding(1) var<storage, read_write> v: array<vec4<f32>>; // [places, tiles, c]

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

#for I ${OUT + 2}
    let real_$I = top + $Iu < params.h;
    let row_$I = (image * params.h + top + $Iu) * params.w;
#end
#for J ${OUT + 2}
    let j_$J = left + $Ju;
#for I ${OUT + 2}
    let inside_$I_$J = real_$I && j_$J < params.w;
    let d_$I_$J = select(vec4<f32>(), x[select(0u, (row_$I + j_$J) * params.quads + quad, inside_$I_$J)], inside_$I_$J);
#end
    let column_$J = input_line(Inputs(
#for I ${OUT + 2}
        d_$I_$J,
#end
    ));
#end
#for I ${OUT + 2}
    let out_$I = input_line(Inputs(
#for J ${OUT + 2}
        column_$J.v$I,
#end
    ));
#for J ${OUT + 2}
    v[${OUT + 2 * I + J}u * params.threads + thread] = out_$I.v$J;
#end
#end
}
