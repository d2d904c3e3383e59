// c[batch, m, n] = op(a) · op(b), without workgroup memory: each thread keeps TM × 4·TNV outputs
// in registers and reads the operands directly, four steps of k at a time.
// AT, BT: a is stored [k, m], b is stored [n, k]. VEC: the contiguous axes of a, b and c are
// multiples of 4 and accessed as vec4s.
// A long k may be cut into `splits` parts, whose products are added afterwards:
// c[split, batch, m, n].
// Grid: threads = batch · splits · ⌈m / TM⌉ · ⌈n / 4·TNV⌉, 64 a workgroup.

#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
struct Params {
    threads: u32,
    tiles_n: u32,
    tiles_n_magic: vec2<u32>,
    tiles: u32,           // of one product
    splits: u32,
    tiles_magic: vec2<u32>,
    splits_magic: vec2<u32>,
    m: u32,
    n: u32,
    k: u32,
    chunk: u32,           // steps of one split, a multiple of 4
    batch: u32,
    a_step: u32,          // from one batch to the next: m · k or 0
    b_step: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> a: array<T>;       // [batch or 1, m, k]
@group(1) @binding(1) var<storage, read> b: array<T>;       // [batch or 1, k, n]
@group(1) @binding(2) var<storage, read_write> c: array<T>; // [splits, batch, m, n]

#include thread

#include each_thread
    let product = divide(thread, params.tiles_magic);
    let tile = thread - product * params.tiles;
    let batch = divide(product, params.splits_magic);
    let split = product - batch * params.splits;
    let tile_m = divide(tile, params.tiles_n_magic);
    let m0 = tile_m * $TMu;
    let n0 = (tile - tile_m * params.tiles_n) * ${TNV * 4}u;
    let k_end = min(params.k, (split + 1u) * params.chunk);
    var k = split * params.chunk;

    // rows and columns beyond the edge repeat the last one and are not stored
#for I TM
    let row_$I = min(m0 + $Iu, params.m - 1u);
#end
#for N ${TNV * 4}
    let col_$N = min(n0 + $Nu, params.n - 1u);
#end
    let a_base = batch * params.a_step;
    let b_base = batch * params.b_step;
#if AT
#if VEC
#for I ${TM / 4}
    let a_at_$I = (a_base + min(m0 + ${I * 4}u, params.m - 4u)) >> 2u;
#end
    let a_stride = params.m >> 2u;
#else
#for I TM
    let a_at_$I = a_base + row_$I;
#end
    let a_stride = params.m;
#endif
#else
#for I TM
#if VEC
    let a_at_$I = (a_base + row_$I * params.k) >> 2u;
#else
    let a_at_$I = a_base + row_$I * params.k;
#endif
#end
#endif
#if BT
#for N ${TNV * 4}
#if VEC
    let b_at_$N = (b_base + col_$N * params.k) >> 2u;
#else
    let b_at_$N = b_base + col_$N * params.k;
#endif
#end
#else
#if VEC
#for J TNV
    let b_at_$J = (b_base + min(n0 + ${J * 4}u, params.n - 4u)) >> 2u;
#end
    let b_stride = params.n >> 2u;
#else
#for N ${TNV * 4}
    let b_at_$N = b_base + col_$N;
#end
    let b_stride = params.n;
#endif
#endif
#for I TM
#for J TNV
    var acc_$I_$J = vec4<f32>();
#end
#end

#for TAIL 2
#if TAIL == 0
    for (; k + 4u <= k_end; k += 4u) {
#for Q 4
        let k_$Q = k + $Qu;
#end
#else
    if k < k_end {
        // the last steps: those beyond the end read the last one again and are not added (times
        // zero, an infinity would become NaN)
#for Q 4
        let k_$Q = min(k + $Qu, k_end - 1u);
#end
#endif
        // a_q_i: four rows of step q, or a_i: four steps of row i
#if AT
#for Q 4
#for I ${TM / 4}
#if VEC
        let a_$Q_$I = a[a_at_$I + k_$Q * a_stride];
#else
        let a_$Q_$I = vec4<f32>(
            a[a_at_${I * 4} + k_$Q * a_stride],
            a[a_at_${I * 4 + 1} + k_$Q * a_stride],
            a[a_at_${I * 4 + 2} + k_$Q * a_stride],
            a[a_at_${I * 4 + 3} + k_$Q * a_stride]);
#endif
#end
#end
#else
#for I TM
#if VEC
        let a_$I = a[a_at_$I + (k >> 2u)];
#else
        let a_$I = vec4<f32>(
            a[a_at_$I + k_0], a[a_at_$I + k_1], a[a_at_$I + k_2], a[a_at_$I + k_3]);
#endif
#end
#endif
        // b_q_j: four columns of step q
#if BT
#for N ${TNV * 4}
#if VEC
        let bt_$N = b[b_at_$N + (k >> 2u)];
#else
        let bt_$N = vec4<f32>(
            b[b_at_$N + k_0], b[b_at_$N + k_1], b[b_at_$N + k_2], b[b_at_$N + k_3]);
#endif
#end
#endif
#for Q 4
#for J TNV
#if BT
        let b_$Q_$J = vec4<f32>(
            bt_${J * 4}[$Q], bt_${J * 4 + 1}[$Q], bt_${J * 4 + 2}[$Q], bt_${J * 4 + 3}[$Q]);
#else
#if VEC
        let b_$Q_$J = b[b_at_$J + k_$Q * b_stride];
#else
        let b_$Q_$J = vec4<f32>(
            b[b_at_${J * 4} + k_$Q * b_stride],
            b[b_at_${J * 4 + 1} + k_$Q * b_stride],
            b[b_at_${J * 4 + 2} + k_$Q * b_stride],
            b[b_at_${J * 4 + 3} + k_$Q * b_stride]);
#endif
#endif
#end
#if TAIL
        if k + $Qu < k_end {
#endif
#for I TM
#for J TNV
#if AT
        acc_$I_$J += a_$Q_${I / 4}[${I % 4}] * b_$Q_$J;
#else
        acc_$I_$J += a_$I[$Q] * b_$Q_$J;
#endif
#end
#end
#if TAIL
        }
#endif
#end
    }
#end

    let c_base = (split * params.batch + batch) * params.m * params.n;
#for I TM
    if m0 + $Iu < params.m {
        let c_row = c_base + (m0 + $Iu) * params.n + n0;
#for J TNV
#if VEC
        if n0 + ${J * 4}u < params.n {
            c[(c_row >> 2u) + $Ju] = acc_$I_$J;
        }
#else
#for R 4
        if n0 + ${J * 4 + R}u < params.n {
            c[c_row + ${J * 4 + R}u] = acc_$I_$J[$R];
        }
#end
#endif
#end
    }
#end
}
