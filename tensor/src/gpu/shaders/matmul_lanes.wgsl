// c[batch, m, n] = a · op(b), without workgroup memory, by lanes that share rows: each of the 8 lanes of a subgroup loads another of 8
// steps of the same TM rows of a and tells the others; each keeps TM × 4·TNV outputs in registers. So a number of a is loaded once for 8 · 4·TNV
// columns.
// BT: b is stored [n, k]. HELD: b is small and read as a uniform of so many vec4s, of which it fills the first. k is a multiple of 8, n of 4.
// Grid: subgroups = batch · ⌈m / TM⌉ · ⌈n / 32·TNV⌉, 8 a workgroup.

struct Params {
    subgroups: u32,
    tiles: u32,           // of one product
    tiles_n: u32,         // ⌈n / 32·TNV⌉
    tiles_magic: vec2<u32>,
    tiles_n_magic: vec2<u32>,
    m: u32,
    n: u32,
    k: u32,
    a_step: u32,          // from one batch to the next: m · k or 0
    b_step: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> a: array<f32>;             // [batch or 1, m, k]
#if HELD
@group(1) @binding(1) var<uniform> b: array<vec4<f32>, $HELD>;      // [k, n] or [n, k]
#else
@group(1) @binding(1) var<storage, read> b: array<vec4<f32>>;       // [batch or 1, k, n]
#endif
@group(1) @binding(2) var<storage, read_write> c: array<vec4<f32>>; // [batch, m, n]

#include thread

fn column_of_a(k: u32) -> u32 {
    return k;
}
fn number_of_a(row: u32, column: u32) -> f32 {
    return a[row + column];
}

#include each_tile

    // rows and columns beyond the edge repeat the last one and are not stored
#for I TM
    let row_$I = part * params.a_step + min(m0 + $Iu, params.m - 1u) * params.k;
#end
    let k_first = 0u;
    let b_first = part * params.b_step;
    let columns = params.n;
    let depth = params.k;
#include lanes_rows

    let c_base = part * params.m * params.n;
#for I TM
    if m0 + $Iu < params.m {
#for J TNV
        if n_$J < params.n {
            c[(c_base + (m0 + $Iu) * params.n + n_$J) >> 2u] = acc_$I_$J;
        }
#end
    }
#end
}
