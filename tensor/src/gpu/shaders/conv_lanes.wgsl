// A convolution as a product of its windows, by lanes that share rows. WEIGHT: the weight gradient, y[part, o, window] = Σ over the pixels of
// a part of g[pixel, o] · x[window of that pixel]: rows are the places of a window, and b is g. Else forward, y[pixel, o] = Σ over the places of a window: rows are pixels,
// and b is the weight, whose rows are filled up with zeros to `depth` numbers, a multiple of 8. HELD: b is small and read as a uniform of so many vec4s, of which it fills the first.
// Grid: subgroups = parts · ⌈rows / TM⌉ · ⌈o / 32·TNV⌉, 8 a workgroup.

struct Params {
    subgroups: u32,
    tiles: u32,           // of one part
    tiles_n: u32,         // ⌈o / 32·TNV⌉
    rows: u32,
    tiles_magic: vec2<u32>,
    tiles_n_magic: vec2<u32>,
    c_magic: vec2<u32>,
    kw_magic: vec2<u32>,
    ow_magic: vec2<u32>,
    oh_magic: vec2<u32>,
    pixels: u32,          // n · oh · ow
    window: u32,          // kh · kw · c
    depth: u32,           // steps of one part, a multiple of 8
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    o: u32,
    kw: u32,
    stride: u32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<f32>;             // [n, h, w, c]
#if HELD
@group(1) @binding(1) var<uniform> b: array<vec4<f32>, $HELD>;      // [o, depth]
#else
@group(1) @binding(1) var<storage, read> b: array<vec4<f32>>;       // [o, depth], or g
#endif
#if WEIGHT
@group(1) @binding(2) var<storage, read_write> y: array<f32>;       // [parts, o, window]
#else
@group(1) @binding(2) var<storage, read_write> y: array<vec4<f32>>; // [pixels, o]
#endif

#include thread

// Where a number of a window is, or where the window is: those of both added up are an element of x.
struct Place {
    line: u32,
    column: u32,
    first: u32,
}
// far beyond every edge
const NOWHERE = 0x40000000u;

fn in_window(at: u32) -> Place {
    let tap = divide(at, params.c_magic);
    let ky = divide(tap, params.kw_magic);
    return Place(select(NOWHERE, ky, at < params.window), tap - ky * params.kw, at - tap * params.c);
}

fn of_pixel(at: u32) -> Place {
    let row = divide(at, params.ow_magic);
    let image = divide(row, params.oh_magic);
    let line = (row - image * params.oh) * params.stride - params.pad;
    let column = (at - row * params.ow) * params.stride - params.pad;
    return Place(line, column, image * params.h * params.w * params.c);
}

fn column_of_a(k: u32) -> Place {
#if WEIGHT
    return of_pixel(k);
#else
    return in_window(k);
#endif
}

fn number_of_a(row: Place, column: Place) -> f32 {
    let i = row.line + column.line;
    let j = row.column + column.column;
    let inside = i < params.h && j < params.w;
    let at = (i * params.w + j) * params.c + row.first + column.first;
    return select(0.0, x[select(0u, at, inside)], inside);
}

#include each_tile
    let columns = params.o;
    let k_first = part * params.depth;
    // rows beyond the last repeat it and are not stored
#for I TM
#if WEIGHT
    let row_$I = in_window(min(m0 + $Iu, params.rows - 1u));
#else
    let row_$I = of_pixel(min(m0 + $Iu, params.rows - 1u));
#endif
#end
#if WEIGHT
    let b_first = k_first * columns;
    let depth = min(params.depth, params.pixels - k_first);
#else
    let b_first = 0u;
    let depth = params.depth;
#endif
#include lanes_rows

#for I TM
    if m0 + $Iu < params.rows {
#for J TNV
        if n_$J < columns {
#if WEIGHT
#for N 4
            y[(part * columns + n_$J + $Nu) * params.window + m0 + $Iu] = acc_$I_$J[$N];
#end
#else
            y[((m0 + $Iu) * columns + n_$J) >> 2u] = acc_$I_$J;
#endif
        }
#end
    }
#end
}
