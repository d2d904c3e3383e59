//! Products on matrix units: the tiles they are cut into.

use super::template::{Program, program};
use super::tiled::Operands;
use super::tiles::Tile;

/// Threads of a subgroup, which the kernel counts on.
pub(super) const SUBGROUP: u32 = 32;
/// Workgroup memory, in bytes, that a device has at least whose matrix units are used: every tile fits for one half a factor.
pub(super) const SPACE: u32 = 48 << 10;

/// Vectors of four halves that a line of each operand takes, along k or across, with a gap against bank conflicts; and the number of lines.
fn lines(tile: &Tile, along_k: [bool; 2]) -> [[usize; 2]; 2] {
    let side = |side: usize, along_k: bool| match along_k {
        true => [tile.depth / 4 + 2, side],
        false => [side / 4 + 2, tile.depth],
    };
    [side(tile.m, along_k[0]), side(tile.n, along_k[1])]
}

/// Bytes of workgroup memory that a tile takes, where each factor is one half or `split` into two.
pub(super) fn matrix_space(tile: &Tile, along_k: [bool; 2], split: bool) -> usize {
    let halves: usize = lines(tile, along_k).iter().map(|[a, b]| a * b).sum();
    let each = if split { 2 } else { 1 };
    // and a block of 16 × 16 results of each subgroup
    8 * halves * each * tile.buffers + 32 * tile.threads()
}

/// The kernel for a tile.
pub(super) fn matrix_program(
    tile: &Tile,
    operands: Operands,
    even: bool,
    split: bool,
    through: bool,
) -> Program {
    let along_k = operands.along_k;
    let [[pitch_a, lines_a], [pitch_b, lines_b]] = lines(tile, along_k);
    let quads = |side: usize| side * tile.depth / 4 / tile.threads();
    program!("gemm_matrix")
        .set("OP", operands.op)
        .set("AK", u8::from(along_k[0]))
        .set("BK", u8::from(along_k[1]))
        .set("VA", 1)
        .set("VB", 1)
        .set("EVEN", u8::from(even))
        .set("SPLIT", u8::from(split))
        .set("THROUGH", u8::from(through))
        .set("BM", tile.m)
        .set("BN", tile.n)
        .set("SM", tile.rows)
        .set("SN", tile.columns)
        .set("DEPTH", tile.depth)
        .set("BUFFERS", tile.buffers)
        .set("THREADS", tile.threads())
        .set("PITCHA", pitch_a)
        .set("PITCHB", pitch_b)
        .set("SPACEA", pitch_a * lines_a)
        .set("SPACEB", pitch_b * lines_b)
        .set("QA", quads(tile.m))
        .set("QB", quads(tile.n))
        .set("QUADSB", tile.n * tile.depth / 4)
}
