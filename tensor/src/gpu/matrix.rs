//! Products on matrix units: the tiles they are cut into.

use super::template::{Program, program};
use super::tiled::Operands;
use super::tiles::Tile;

/// What a device's matrix units multiply at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatrixUnits {
    /// Rows, columns and steps of the blocks of f16: 16, or 8.
    pub block: usize,
    /// Threads of the subgroups that hold such blocks together.
    pub subgroup: usize,
}

impl MatrixUnits {
    /// Subgroups of a workgroup, at most.
    const SUBGROUPS: usize = 16;

    /// Whether the threads of a subgroup can share out the vec4s of a block evenly.
    pub(super) const fn can_be_used(&self) -> bool {
        self.subgroup > 0 && (self.block * self.block / 4).is_multiple_of(self.subgroup)
    }

    /// Threads of the largest workgroup.
    pub(super) const fn most_threads(&self) -> usize {
        Self::SUBGROUPS * self.subgroup
    }
}

/// Workgroup memory, in bytes, that a device has at least whose matrix units are used: tiles of 64 × 64 fit for two halves a factor.
pub(super) const SPACE: u32 = 32 << 10;

/// Vectors of four halves that a line of each operand takes, along k or across, with a gap against bank conflicts; and the number of lines.
fn lines(tile: &Tile, along_k: [bool; 2]) -> [[usize; 2]; 2] {
    let side = |side: usize, along_k: bool| match along_k {
        true => [tile.depth / 4 + 2, side],
        false => [side / 4 + 2, tile.depth],
    };
    [side(tile.m, along_k[0]), side(tile.n, along_k[1])]
}

/// How blocks of a subgroup's results go to memory: so many at a time, side by side, with a gap of vec4s after each line of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Staged {
    blocks: usize,
    gap: usize,
}

const ONE: Staged = Staged { blocks: 1, gap: 0 };
/// Halve the barriers, and what follows a convolution then asks memory for twice as much at a time. The gap is against bank conflicts.
const TWO: Staged = Staged { blocks: 2, gap: 2 };

impl Staged {
    /// What suits a tile, for which there is so much workgroup memory. Of tiles of 128 × 128, registers let fewer workgroups in than the memory
    /// that TWO take; of small ones it may keep some out.
    fn of(tile: &Tile, block: usize, along_k: [bool; 2], split: bool, space: usize) -> Self {
        let pairs = (tile.columns / block).is_multiple_of(2);
        let fits = tile_space(tile, along_k, split) + TWO.space(tile) <= space;
        if pairs && fits { TWO } else { ONE }
    }

    /// Vec4s from one line of blocks to the next.
    const fn pitch(self, block: usize) -> usize {
        block * self.blocks / 4 + self.gap
    }

    /// Bytes for all subgroups, with the largest blocks.
    const fn space(self, tile: &Tile) -> usize {
        16 * 16 * self.pitch(16) * tile.shares()
    }
}

/// Bytes for the operands, where each factor is one half or `split` into two.
fn tile_space(tile: &Tile, along_k: [bool; 2], split: bool) -> usize {
    let halves: usize = lines(tile, along_k).iter().map(|[a, b]| a * b).sum();
    let each = if split { 2 } else { 1 };
    8 * halves * each * tile.buffers
}

/// Bytes of workgroup memory that a tile takes at least.
pub(super) fn matrix_space(tile: &Tile, along_k: [bool; 2], split: bool) -> usize {
    tile_space(tile, along_k, split) + ONE.space(tile)
}

/// How numbers become factors, which are f16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factors {
    /// f32 as two f16 each.
    Split,
    /// Such pairs of f16 already, as `split.wgsl` makes them.
    Ready,
    /// f32 rounded to f16.
    Rounded,
    /// f16 as they are.
    Halves,
}

/// The kernel for a tile on such units, where there are so many bytes of workgroup memory.
pub(super) fn matrix_program(
    units: MatrixUnits,
    tile: &Tile,
    operands: Operands,
    even: bool,
    factors: Factors,
    through: bool,
    space: u32,
) -> Program {
    let along_k = operands.along_k;
    let [[pitch_a, lines_a], [pitch_b, lines_b]] = lines(tile, along_k);
    let MatrixUnits { block, subgroup } = units;
    let threads = subgroup * tile.shares();
    let quads = |side: usize| side * tile.depth / 4;
    let ready = factors == Factors::Ready;
    let split = ready || factors == Factors::Split;
    let staged = Staged::of(tile, block, along_k, split, space as usize);
    program!("gemm_matrix")
        .set("OP", operands.op)
        .set("AK", u8::from(along_k[0]))
        .set("BK", u8::from(along_k[1]))
        .set("VA", 1)
        .set("VB", 1)
        .set("EVEN", u8::from(even))
        .set("SPLIT", u8::from(split))
        .set("READY", u8::from(ready))
        .set("PAIRS", u8::from(ready || factors == Factors::Halves))
        .set("THROUGH", u8::from(through))
        .set("BM", tile.m)
        .set("BN", tile.n)
        .set("SM", tile.rows)
        .set("SN", tile.columns)
        .set("DEPTH", tile.depth)
        .set("BUFFERS", tile.buffers)
        .set("BLOCK", block)
        .set("SUBGROUP", subgroup)
        .set("THREADS", threads)
        .set("PITCHA", pitch_a)
        .set("PITCHB", pitch_b)
        .set("SPACEA", pitch_a * lines_a)
        .set("SPACEB", pitch_b * lines_b)
        .set("STAGED", staged.blocks)
        .set("PITCHC", staged.pitch(block))
        .set("QA", quads(tile.m) / threads)
        .set("QB", quads(tile.n) / threads)
        .set("QUADSB", quads(tile.n))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gpu::tiles::{TILES, Unit};

    /// The matrix units of NVIDIA's cards, of AMD's, and of Mesa's software driver, and the workgroup memory there.
    pub(in crate::gpu) const UNITS: [(MatrixUnits, u32); 3] = [
        units(16, 32, 48 << 10),
        units(16, 64, 64 << 10),
        units(8, 8, 32 << 10),
    ];

    const fn units(block: usize, subgroup: usize, space: u32) -> (MatrixUnits, u32) {
        (MatrixUnits { block, subgroup }, space)
    }

    #[test]
    fn two_blocks_are_handed_over_where_there_is_room() {
        let staged = |columns: usize, split, space| {
            let tile = Tile::named(&format!("128x128/64x{columns}/matrix/32")).unwrap();
            Staged::of(&tile, 16, [true, true], split, space)
        };
        assert_eq!(staged(32, false, 48 << 10), TWO);
        assert_eq!(staged(32, false, 32 << 10), ONE);
        assert_eq!(staged(32, true, 48 << 10), ONE);
        assert_eq!(staged(32, true, 64 << 10), TWO);
        let narrow = Tile::named("64x64/32x16/matrix/32").unwrap();
        assert_eq!(Staged::of(&narrow, 16, [true, true], false, 64 << 10), ONE);
        assert_eq!(Staged::of(&narrow, 8, [true, true], false, 64 << 10), TWO);
    }

    #[test]
    fn threads_share_tiles_out_evenly() {
        for (units, _) in UNITS {
            assert!(units.can_be_used());
            for tile in TILES.into_iter().filter(|tile| tile.unit == Unit::Matrix) {
                let threads = units.subgroup * tile.shares();
                assert!(threads <= units.most_threads(), "{tile}, {units:?}");
                for side in [tile.m, tile.n] {
                    let quads = side * tile.depth / 4;
                    assert!(quads.is_multiple_of(threads), "{tile}, {units:?}");
                }
                assert!(threads.is_multiple_of(tile.depth / 4), "{tile}, {units:?}");
                for blocks in [tile.rows, tile.columns, tile.depth] {
                    assert!(blocks.is_multiple_of(units.block), "{tile}, {units:?}");
                }
            }
        }
    }
}
