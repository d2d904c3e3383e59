// c[m, n] = Σₖ a(m, k) · b(k, n) in workgroup memory: a workgroup of 16 × 16 threads makes
// 64 × 64 outputs, 16 steps of k at a time; each thread keeps 4 × 4 outputs in registers.
// OP says what a and b are; convolutions are products whose operands are read in place:
//   matmul       a[batch, m, k] or, AT, [batch, k, m]; b[batch, k, n] or, BT, [batch, n, k]
//   forward      m = pixel (n, i, j), k = (di, dj, c), n = o; a = x, b = weight
//   input_grad   m = pixel (n, h, w) of one residue class, k = (di, dj, o) over the taps of the
//                class, n = c; a = g, b = weight; the classes (h mod stride, w mod stride) are
//                the batch
//   weight_grad  m = o, k = pixel (n, i, j), n = (di, dj, c); a = g, b = x
// AK, BK: neighbours in k are contiguous in a, in b; else those in m, in n. VEC: that many
// neighbours, always a multiple of 4, are read as vec4s. A long k may be cut into `splits`
// parts, whose products are added afterwards: c[splits, batch, m, n].
// THROUGH (with VEC, one split): vec4s are not stored but handed to `finish(position / 4, value)`.
// Grid: one workgroup for each 64 × 64 tile of each product.

#if THROUGH
#include philox
#include numerics
#else
#if VEC
alias T = vec4<f32>;
#else
alias T = f32;
#endif
#endif
struct Params {
    groups: u32,
    tiles: u32,           // of one product
    tiles_n: u32,
    splits: u32,
    tiles_magic: vec2<u32>,
    tiles_n_magic: vec2<u32>,
    splits_magic: vec2<u32>,
    batch: u32,
    m: u32,
    n: u32,
    k: u32,
    chunk: u32,           // steps of one split, a multiple of 16
    a_step: u32,          // from one matrix of a to the next
    b_step: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    o: u32,
    kh: u32,
    kw: u32,
    stride: u32,
    pad: u32,
    rows: u32,            // ⌈h / stride⌉
    columns: u32,         // ⌈w / stride⌉
    spare: u32,
    c_magic: vec2<u32>,
    o_magic: vec2<u32>,
    kw_magic: vec2<u32>,
    ow_magic: vec2<u32>,
    oh_magic: vec2<u32>,
    stride_magic: vec2<u32>,
    columns_magic: vec2<u32>,
    rows_magic: vec2<u32>,
#if THROUGH
    // what follows
#endif
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> a: array<T>;         // see OP
@group(1) @binding(1) var<storage, read> b: array<T>;         // see OP
#if !THROUGH
@group(1) @binding(2) var<storage, read_write> c: array<f32>; // [splits, batch, m, n]
#endif

#include thread

const LINE = 68u; // 64 and a gap against bank conflicts
var<workgroup> tile_a: array<f32, 1088>; // [16, LINE]
var<workgroup> tile_b: array<f32, 1088>; // [16, LINE]

// An element of an operand: its position, and whether it exists; otherwise it is 0.
struct Place {
    at: u32,
    real: bool,
}

#if OP == matmul
fn place_a(m: u32, k: u32, k_end: u32, batch: u32) -> Place {
#if AK
    let at = m * params.k + k;
#else
    let at = k * params.m + m;
#endif
    return Place(batch * params.a_step + at, m < params.m && k < k_end);
}
fn place_b(k: u32, n: u32, k_end: u32, batch: u32) -> Place {
#if BK
    let at = n * params.k + k;
#else
    let at = k * params.n + n;
#endif
    return Place(batch * params.b_step + at, n < params.n && k < k_end);
}
#endif
#if OP == forward
fn place_a(m: u32, k: u32, k_end: u32, batch: u32) -> Place {
    let line = divide(m, params.ow_magic);
    let image = divide(line, params.oh_magic);
    let tap = divide(k, params.c_magic);
    let di = divide(tap, params.kw_magic);
    let row = (line - image * params.oh) * params.stride + di - params.pad;
    let column = (m - line * params.ow) * params.stride + tap - di * params.kw - params.pad;
    let at = ((image * params.h + row) * params.w + column) * params.c + k - tap * params.c;
    return Place(at, m < params.m && k < k_end && row < params.h && column < params.w);
}
fn place_b(k: u32, n: u32, k_end: u32, batch: u32) -> Place {
    return Place(n * params.k + k, n < params.n && k < k_end);
}
#endif
#if OP == input_grad
// The tap that step k stands for, in the residue class `batch`.
struct Tap {
    di: u32,
    dj: u32,
    o: u32,
}
fn first_tap(residue: u32) -> u32 {
    let shifted = residue + params.pad;
    return shifted - divide(shifted, params.stride_magic) * params.stride;
}
fn taps_from(first: u32, size: u32) -> u32 {
    return divide(max(size, first) - first + params.stride - 1u, params.stride_magic);
}
fn tap_of(k: u32, rho: u32, sigma: u32) -> Tap {
    let dj0 = first_tap(sigma);
    let across = max(taps_from(dj0, params.kw), 1u);
    let tap = divide(k, params.o_magic);
    let down = tap / across;
    return Tap(first_tap(rho) + down * params.stride, dj0 + (tap - down * across) * params.stride,
        k - tap * params.o);
}
fn place_a(m: u32, k: u32, k_end: u32, batch: u32) -> Place {
    let rho = divide(batch, params.stride_magic);
    let sigma = batch - rho * params.stride;
    let line = divide(m, params.columns_magic);
    let image = divide(line, params.rows_magic);
    let h = (line - image * params.rows) * params.stride + rho + params.pad;
    let w = (m - line * params.columns) * params.stride + sigma + params.pad;
    let tap = tap_of(k, rho, sigma);
    let i = divide(max(h, tap.di) - tap.di, params.stride_magic);
    let j = divide(max(w, tap.dj) - tap.dj, params.stride_magic);
    let at = ((image * params.oh + i) * params.ow + j) * params.o + tap.o;
    let real = h >= tap.di && w >= tap.dj && i < params.oh && j < params.ow;
    return Place(at, real && m < params.m && k < k_end);
}
fn place_b(k: u32, n: u32, k_end: u32, batch: u32) -> Place {
    let rho = divide(batch, params.stride_magic);
    let tap = tap_of(k, rho, batch - rho * params.stride);
    let at = ((tap.o * params.kh + tap.di) * params.kw + tap.dj) * params.c + n;
    return Place(at, n < params.n && k < k_end);
}
#endif
#if OP == weight_grad
fn place_a(m: u32, k: u32, k_end: u32, batch: u32) -> Place {
    return Place(k * params.o + m, m < params.m && k < k_end);
}
fn place_b(k: u32, n: u32, k_end: u32, batch: u32) -> Place {
    let line = divide(k, params.ow_magic);
    let image = divide(line, params.oh_magic);
    let tap = divide(n, params.c_magic);
    let di = divide(tap, params.kw_magic);
    let row = (line - image * params.oh) * params.stride + di - params.pad;
    let column = (k - line * params.ow) * params.stride + tap - di * params.kw - params.pad;
    let at = ((image * params.h + row) * params.w + column) * params.c + n - tap * params.c;
    return Place(at, n < params.n && k < k_end && row < params.h && column < params.w);
}
#endif

#if !VEC
fn word_a(place: Place) -> f32 {
    return select(0.0, a[select(0u, place.at, place.real)], place.real);
}
fn word_b(place: Place) -> f32 {
    return select(0.0, b[select(0u, place.at, place.real)], place.real);
}
#endif

// Four neighbours of a from (m, k) on, along k or m.
fn four_a(m: u32, k: u32, k_end: u32, batch: u32) -> vec4<f32> {
#if VEC
    let place = place_a(m, k, k_end, batch);
    return select(vec4<f32>(), a[select(0u, place.at, place.real) >> 2u], place.real);
#else
#if AK
    return vec4<f32>(
        word_a(place_a(m, k, k_end, batch)), word_a(place_a(m, k + 1u, k_end, batch)),
        word_a(place_a(m, k + 2u, k_end, batch)), word_a(place_a(m, k + 3u, k_end, batch)));
#else
    return vec4<f32>(
        word_a(place_a(m, k, k_end, batch)), word_a(place_a(m + 1u, k, k_end, batch)),
        word_a(place_a(m + 2u, k, k_end, batch)), word_a(place_a(m + 3u, k, k_end, batch)));
#endif
#endif
}

// Four neighbours of b from (k, n) on, along k or n.
fn four_b(k: u32, n: u32, k_end: u32, batch: u32) -> vec4<f32> {
#if VEC
    let place = place_b(k, n, k_end, batch);
    return select(vec4<f32>(), b[select(0u, place.at, place.real) >> 2u], place.real);
#else
#if BK
    return vec4<f32>(
        word_b(place_b(k, n, k_end, batch)), word_b(place_b(k + 1u, n, k_end, batch)),
        word_b(place_b(k + 2u, n, k_end, batch)), word_b(place_b(k + 3u, n, k_end, batch)));
#else
    return vec4<f32>(
        word_b(place_b(k, n, k_end, batch)), word_b(place_b(k, n + 1u, k_end, batch)),
        word_b(place_b(k, n + 2u, k_end, batch)), word_b(place_b(k, n + 3u, k_end, batch)));
#endif
#endif
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = group.y * groups.x + group.x;
    if number >= params.groups {
        return;
    }
    let product = divide(number, params.tiles_magic);
    let tile = number - product * params.tiles;
    let batch = divide(product, params.splits_magic);
    let split = product - batch * params.splits;
    let tile_m = divide(tile, params.tiles_n_magic);
    let m0 = tile_m * 64u;
    let n0 = (tile - tile_m * params.tiles_n) * 64u;
#if OP == input_grad
    let rho = divide(batch, params.stride_magic);
    let sigma = batch - rho * params.stride;
    let k_all = taps_from(first_tap(rho), params.kh) * taps_from(first_tap(sigma), params.kw)
        * params.o;
#else
    let k_all = params.k;
#endif
    let k_end = min(k_all, (split + 1u) * params.chunk);
    let x = local & 15u;
    let y = local >> 4u;
    // where this thread reads: four neighbours of a line of k, or of a line across it
    let line = local >> 2u;
    let quad = (local & 3u) * 4u;

#for I 4
    var acc_$I = vec4<f32>();
#end
    for (var k0 = split * params.chunk; k0 < k_end; k0 += 16u) {
#if AK
        let four_of_a = four_a(m0 + line, k0 + quad, k_end, batch);
#for Q 4
        tile_a[(quad + $Qu) * LINE + line] = four_of_a[$Q];
#end
#else
        let four_of_a = four_a(m0 + x * 4u, k0 + y, k_end, batch);
#for Q 4
        tile_a[y * LINE + x * 4u + $Qu] = four_of_a[$Q];
#end
#endif
#if BK
        let four_of_b = four_b(k0 + quad, n0 + line, k_end, batch);
#for Q 4
        tile_b[(quad + $Qu) * LINE + line] = four_of_b[$Q];
#end
#else
        let four_of_b = four_b(k0 + y, n0 + x * 4u, k_end, batch);
#for Q 4
        tile_b[y * LINE + x * 4u + $Qu] = four_of_b[$Q];
#end
#endif
        workgroupBarrier();
#for K 16
        {
            let at_b = ${K * 68}u + x * 4u;
            let row_b = vec4<f32>(
                tile_b[at_b], tile_b[at_b + 1u], tile_b[at_b + 2u], tile_b[at_b + 3u]);
            let at_a = ${K * 68}u + y * 4u;
#for I 4
            acc_$I += tile_a[at_a + $Iu] * row_b;
#end
        }
#end
        workgroupBarrier();
    }

    let first_n = n0 + x * 4u;
#for I 4
    let m_$I = m0 + y * 4u + $Iu;
#if OP == input_grad
    let line_$I = divide(m_$I, params.columns_magic);
    let image_$I = divide(line_$I, params.rows_magic);
    let h_$I = (line_$I - image_$I * params.rows) * params.stride + rho;
    let w_$I = (m_$I - line_$I * params.columns) * params.stride + sigma;
    let real_$I = m_$I < params.m && h_$I < params.h && w_$I < params.w;
    let c_$I = ((image_$I * params.h + h_$I) * params.w + w_$I) * params.n + first_n;
#else
    let real_$I = m_$I < params.m;
    let c_$I = ((split * params.batch + batch) * params.m + m_$I) * params.n + first_n;
#endif
    if real_$I {
#if THROUGH
        if first_n < params.n {
            finish(c_$I >> 2u, acc_$I);
        }
#else
#for J 4
        if first_n + $Ju < params.n {
            c[c_$I + $Ju] = acc_$I[$J];
        }
#end
#endif
    }
#end
}
