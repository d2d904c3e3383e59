// u[place, o, c] = (G g Gᵀ)[place] of the filter g = weight[o, ·, ·, c], for Winograd's F(OUT×OUT, 3×3).
// BACK: with the taps reversed, for the input gradient. SPLIT: each number as two halves, for matrix units.
// Grid: threads = o · c / 4, 64 a workgroup.

struct Params {
    threads: u32,
    quads: u32,              // c / 4
    quads_magic: vec2<u32>,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> weight: array<vec4<$ELEMENT>>;  // [o, 3, 3, c]
#if SPLIT
#include split
@group(1) @binding(1) var<storage, read_write> u: array<vec4<u32>>;      // [places, o, c]
#else
@group(1) @binding(1) var<storage, read_write> u: array<vec4<f32>>;      // [places, o, c]
#endif

#include thread
#include winograd_lines

#include each_thread
    let o = divide(thread, params.quads_magic);
    let first = o * 8u * params.quads + thread;
#for T 9
#if BACK
    let g_$T = vec4<f32>(weight[first + ${8 - T}u * params.quads]);
#else
    let g_$T = vec4<f32>(weight[first + $Tu * params.quads]);
#endif
#end
#for J 3
    let column_$J = weight_line(g_$J, g_${J + 3}, g_${J + 6});
#end
#for I ${OUT + 2}
    let row_$I = weight_line(column_0.v$I, column_1.v$I, column_2.v$I);
#for J ${OUT + 2}
#if SPLIT
    u[${OUT + 2 * I + J}u * params.threads + thread] = split(row_$I.v$J);
#else
    u[${OUT + 2 * I + J}u * params.threads + thread] = row_$I.v$J;
#endif
#end
#end
}
