// Where the operands of a tiled product c[m, n] = Σₖ a(m, k) · b(k, n) lie. OP says what they are:
//   matmul       a[batch, m, k] or, !AK, [batch, k, m]; b[batch, k, n] or, BK, [batch, n, k]
//   forward      m = pixel (n, i, j), k = (di, dj, c), n = o; a = x, b = weight
//   input_grad   m = pixel (n, h, w) of one residue class, k = (di, dj, o) over the taps of the
//                class, n = c; a = g, b = weight; the classes (h mod stride, w mod stride) are
//                the batch
//   weight_grad  m = o, k = pixel (n, i, j), n = (di, dj, c); a = g, b = x
// AK, BK: neighbours in k are contiguous in a, in b; else those in m, in n. VA, VB: that many
// neighbours, always a multiple of 4, are read as vec4s.
// A place is that of a Row, which follows from m or n once for all, and an offset, which follows from a Step; that follows from k and is
// carried from one k to the next without a division. Positions may wrap below 0 where nothing is real.
// Conditions are joined by `&`: drivers make a branch of `&&`.
// EVEN: DEPTH steps never reach over a tap, a line of pixels or the end, so that one Step serves all that a workgroup reads at a time: where
// within them something is read is part of its Row.

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
    chunk: u32,           // steps of one split, a multiple of DEPTH
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
#if VA
@group(1) @binding(0) var<storage, read> a: array<Stored>;   // see OP
#else
@group(1) @binding(0) var<storage, read> a: array<$ELEMENT>; // see OP
#endif
#if VB
@group(1) @binding(1) var<storage, read> b: array<Stored>;   // see OP
#else
@group(1) @binding(1) var<storage, read> b: array<$ELEMENT>; // see OP
#endif

#include thread

// Of a line of an operand: what does not change with k.
struct Row {
    at: u32,
    row: u32,
    column: u32,
    real: bool,
}
// What k stands for.
struct Step {
    x: u32,
    y: u32,
    z: u32,
}
// So many steps on, where z counts to `inner` and y to `outer`.
fn further(k: Step, steps: u32, inner: u32, outer: u32) -> Step {
    var step = Step(k.x, k.y, k.z + steps);
#if EVEN
    // no loop, which would keep a compiler from knowing that these are the same in all threads
    let over = step.z == inner;
    step.z = select(step.z, 0u, over);
    step.y += select(0u, 1u, over);
    let beyond = step.y == outer;
    step.y = select(step.y, 0u, beyond);
    step.x += select(0u, 1u, beyond);
#else
    while step.z >= inner {
        step.z -= inner;
        step.y += 1u;
        if step.y == outer {
            step.y = 0u;
            step.x += 1u;
        }
    }
#endif
    return step;
}
// The position of an output, and whether it exists.
struct Place {
    at: u32,
    real: bool,
}

// Number of the product in the batch.
var<private> product: u32;

#if OP == matmul
fn step_of(k: u32) -> Step {
    return Step(0u, 0u, k);
}
fn row_a(m: u32) -> Row {
#if AK
    let at = m * params.k;
#else
    let at = m;
#endif
    return Row(product * params.a_step + at, 0u, 0u, m < params.m);
}
fn offset_a(k: Step) -> u32 {
#if AK
    return k.z;
#else
    return k.z * params.m;
#endif
}
fn real_a(row: Row, k: Step) -> bool {
    return row.real;
}
fn shifted_a(row: Row, k: u32) -> Row {
    return Row(row.at + offset_a(Step(0u, 0u, k)), 0u, 0u, row.real);
}
fn row_b(n: u32) -> Row {
#if BK
    let at = n * params.k;
#else
    let at = n;
#endif
    return Row(product * params.b_step + at, 0u, 0u, n < params.n);
}
fn offset_b(k: Step) -> u32 {
#if BK
    return k.z;
#else
    return k.z * params.n;
#endif
}
fn real_b(row: Row, k: Step) -> bool {
    return row.real;
}
fn shifted_b(row: Row, k: u32) -> Row {
    return Row(row.at + offset_b(Step(0u, 0u, k)), 0u, 0u, row.real);
}
fn next(k: Step, steps: u32) -> Step {
    return Step(0u, 0u, k.z + steps);
}
#endif
#if OP == forward
fn step_of(k: u32) -> Step {
    let tap = divide(k, params.c_magic);
    let di = divide(tap, params.kw_magic);
    return Step(di, tap - di * params.kw, k - tap * params.c);
}
fn row_a(m: u32) -> Row {
    let line = divide(m, params.ow_magic);
    let image = divide(line, params.oh_magic);
    let row = (line - image * params.oh) * params.stride - params.pad;
    let column = (m - line * params.ow) * params.stride - params.pad;
    let at = ((image * params.h + row) * params.w + column) * params.c;
    return Row(at, row, column, m < params.m);
}
fn offset_a(k: Step) -> u32 {
    return (k.x * params.w + k.y) * params.c + k.z;
}
fn real_a(row: Row, k: Step) -> bool {
    return row.real & (row.row + k.x < params.h) & (row.column + k.y < params.w);
}
fn shifted_a(row: Row, k: u32) -> Row {
    return Row(row.at + k, row.row, row.column, row.real);
}
fn row_b(n: u32) -> Row {
    return Row(n * params.k, 0u, 0u, n < params.n);
}
fn offset_b(k: Step) -> u32 {
    return (k.x * params.kw + k.y) * params.c + k.z;
}
fn real_b(row: Row, k: Step) -> bool {
    return row.real;
}
fn shifted_b(row: Row, k: u32) -> Row {
    return Row(row.at + k, 0u, 0u, row.real);
}
fn next(k: Step, steps: u32) -> Step {
    return further(k, steps, params.c, params.kw);
}
#endif
#if OP == input_grad
// The class, and its first tap and number of taps; a Step counts taps of the class.
var<private> rho: u32;
var<private> sigma: u32;
var<private> first_down: u32;
var<private> first_across: u32;
var<private> across: u32;

fn first_tap(residue: u32) -> u32 {
    let shifted = residue + params.pad;
    return shifted - divide(shifted, params.stride_magic) * params.stride;
}
fn taps_from(first: u32, size: u32) -> u32 {
    return divide(max(size, first) - first + params.stride - 1u, params.stride_magic);
}
// Sets the class, and returns the length of its sums.
fn enter_class() -> u32 {
    rho = divide(product, params.stride_magic);
    sigma = product - rho * params.stride;
    first_down = first_tap(rho);
    first_across = first_tap(sigma);
    let taps = taps_from(first_across, params.kw);
    across = max(taps, 1u);
    return taps_from(first_down, params.kh) * taps * params.o;
}
fn step_of(k: u32) -> Step {
    let tap = divide(k, params.o_magic);
    let down = tap / across;
    return Step(down, tap - down * across, k - tap * params.o);
}
fn row_a(m: u32) -> Row {
    let line = divide(m, params.columns_magic);
    let image = divide(line, params.rows_magic);
    let row = line - image * params.rows + divide(rho + params.pad, params.stride_magic);
    let column = m - line * params.columns + divide(sigma + params.pad, params.stride_magic);
    let at = ((image * params.oh + row) * params.ow + column) * params.o;
    return Row(at, row, column, m < params.m);
}
fn offset_a(k: Step) -> u32 {
    return k.z - (k.x * params.ow + k.y) * params.o;
}
fn real_a(row: Row, k: Step) -> bool {
    return row.real & (row.row - k.x < params.oh) & (row.column - k.y < params.ow);
}
fn shifted_a(row: Row, k: u32) -> Row {
    return Row(row.at + k, row.row, row.column, row.real);
}
fn row_b(n: u32) -> Row {
    return Row(n, 0u, 0u, n < params.n);
}
fn offset_b(k: Step) -> u32 {
    let di = first_down + k.x * params.stride;
    let dj = first_across + k.y * params.stride;
    return ((k.z * params.kh + di) * params.kw + dj) * params.c;
}
fn real_b(row: Row, k: Step) -> bool {
    return row.real;
}
fn shifted_b(row: Row, k: u32) -> Row {
    return Row(row.at + k * params.kh * params.kw * params.c, 0u, 0u, row.real);
}
fn next(k: Step, steps: u32) -> Step {
    return further(k, steps, params.o, across);
}
#endif
#if OP == weight_grad
fn step_of(k: u32) -> Step {
    let line = divide(k, params.ow_magic);
    let image = divide(line, params.oh_magic);
    return Step(image, line - image * params.oh, k - line * params.ow);
}
fn row_a(m: u32) -> Row {
    return Row(m, 0u, 0u, m < params.m);
}
fn offset_a(k: Step) -> u32 {
    return ((k.x * params.oh + k.y) * params.ow + k.z) * params.o;
}
fn real_a(row: Row, k: Step) -> bool {
    return row.real;
}
fn shifted_a(row: Row, k: u32) -> Row {
    return Row(row.at + k * params.o, 0u, 0u, row.real);
}
fn row_b(n: u32) -> Row {
    let tap = divide(n, params.c_magic);
    let di = divide(tap, params.kw_magic);
    let row = di - params.pad;
    let column = tap - di * params.kw - params.pad;
    let at = (row * params.w + column) * params.c + n - tap * params.c;
    return Row(at, row, column, n < params.n);
}
fn offset_b(k: Step) -> u32 {
    let line = k.x * params.h + k.y * params.stride;
    return (line * params.w + k.z * params.stride) * params.c;
}
fn real_b(row: Row, k: Step) -> bool {
    let h = k.y * params.stride + row.row;
    let w = k.z * params.stride + row.column;
    return row.real & (h < params.h) & (w < params.w);
}
fn shifted_b(row: Row, k: u32) -> Row {
    let column = row.column + k * params.stride;
    return Row(row.at + k * params.stride * params.c, row.row, column, row.real);
}
fn next(k: Step, steps: u32) -> Step {
    return further(k, steps, params.ow, params.oh);
}
#endif

#if EVEN
// Places in vec4s, of which some are below 0.
fn fours(at: u32) -> u32 {
    return bitcast<u32>(bitcast<i32>(at) >> 2u);
}
// A row that is there, its place in vec4s. Beside the product, the last rows of an operand are multiplied again: nobody stores that.
fn present(row: Row) -> Row {
    return Row(fours(row.at), row.row, row.column, true);
}
fn even_a(m: u32, k: u32) -> Row {
#if AK
    return present(shifted_a(row_a(min(m, params.m - 1u)), k));
#else
    return present(shifted_a(row_a(min(m, params.m - 4u)), k));
#endif
}
fn even_b(n: u32, k: u32) -> Row {
#if BK
    return present(shifted_b(row_b(min(n, params.n - 1u)), k));
#else
    return present(shifted_b(row_b(min(n, params.n - 4u)), k));
#endif
}
#endif

// A row of b, if this thread has one to bring: there may be more threads than vec4s.
fn own(row: Row, local: u32) -> Row {
#if QUADSB < THREADS
    return Row(row.at, row.row, row.column, row.real & (local < $QUADSBu));
#else
    return row;
#endif
}

// A workgroup's tile of outputs, and its part of the contraction.
struct Tile {
    m: u32,
    n: u32,
    split: u32,
    k: u32,
    k_end: u32,
}
fn enter(number: u32) -> Tile {
    let part = divide(number, params.tiles_magic);
    let tile = number - part * params.tiles;
    product = divide(part, params.splits_magic);
    let split = part - product * params.splits;
    let tile_m = divide(tile, params.tiles_n_magic);
#if OP == input_grad
    let k_all = enter_class();
#else
    let k_all = params.k;
#endif
    let k_end = min(k_all, (split + 1u) * params.chunk);
    let n = (tile - tile_m * params.tiles_n) * $BNu;
    return Tile(tile_m * $BMu, n, split, split * params.chunk, k_end);
}

// Four numbers on their way from memory, and whether they are real. They are `settled` and stored after the multiplications of the turn in which
// they are loaded: who looks at them before waits for all of the memory's latency. And not after a branch: NVIDIA's compiler moves loads
// behind the multiplications, to where their numbers are needed, if that is in another block.
struct Brought {
    four: Stored,
    real: bool,
}
fn settled(x: Brought) -> Stored {
    return select(Stored(), x.four, x.real);
}

// Four neighbours of a, along k if AK, else along m; (m, k) is the first, `row`, `step` and its offset are its.
fn four_a(row: Row, step: Step, offset: u32, m: u32, k: u32, k_end: u32) -> Brought {
#if VA
    let real = real_a(row, step) & (k < k_end);
#if EVEN
    return Brought(a[select(0u, row.at + offset, real)], real);
#else
    return Brought(a[select(0u, row.at + offset, real) >> 2u], real);
#endif
#else
    var four: Stored;
#for I 4
    {
#if AK
        let its = step_of(k + $Iu);
        let real = real_a(row, its) & (k + $Iu < k_end);
        let at = row.at + offset_a(its);
#else
        let line = row_a(m + $Iu);
        let real = row.real & real_a(line, step) & (k < k_end);
        let at = line.at + offset;
#endif
        four[$I] = select($ELEMENT(), a[select(0u, at, real)], real);
    }
#end
    return Brought(four, true);
#endif
}

// Four neighbours of b, along k if BK, else along n; (n, k) is the first, `row`, `step` and its offset are its.
fn four_b(row: Row, step: Step, offset: u32, n: u32, k: u32, k_end: u32) -> Brought {
#if VB
    let real = real_b(row, step) & (k < k_end);
#if EVEN
    return Brought(b[select(0u, row.at + offset, real)], real);
#else
    return Brought(b[select(0u, row.at + offset, real) >> 2u], real);
#endif
#else
    var four: Stored;
#for I 4
    {
#if BK
        let its = step_of(k + $Iu);
        let real = real_b(row, its) & (k + $Iu < k_end);
        let at = row.at + offset_b(its);
#else
        let line = row_b(n + $Iu);
        let real = row.real & real_b(line, step) & (k < k_end);
        let at = line.at + offset;
#endif
        four[$I] = select($ELEMENT(), b[select(0u, at, real)], real);
    }
#end
    return Brought(four, true);
#endif
}

// Position of output (m, n) of this product, and whether there is such a row.
fn place_c(m: u32, n: u32, split: u32) -> Place {
#if OP == input_grad
    if params.stride == 1u {
        return Place(m * params.n + n, m < params.m);
    }
    let line = divide(m, params.columns_magic);
    let image = divide(line, params.rows_magic);
    let h = (line - image * params.rows) * params.stride + rho;
    let w = (m - line * params.columns) * params.stride + sigma;
    let at = ((image * params.h + h) * params.w + w) * params.n + n;
    return Place(at, (m < params.m) & (h < params.h) & (w < params.w));
#else
    let at = ((split * params.batch + product) * params.m + m) * params.n + n;
    return Place(at, m < params.m);
#endif
}
