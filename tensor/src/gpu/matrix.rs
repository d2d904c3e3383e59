//! Products on matrix units: how exact they are to be, and the tiles they are cut into.

use std::cell::Cell;

use super::template::{Program, program};
use super::tiled::Operands;
use crate::scoped::with_value;

/// How exactly a GPU multiplies matrices and convolves, as `torch.set_float32_matmul_precision` names it. Only matters where the driver
/// offers matrix units to Vulkan programs; everything else computes as `Highest`, the CPU always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MatmulPrecision {
    /// In f32.
    #[default]
    Highest,
    /// On matrix units, each factor as a sum of two f16 (22 bits), added in f32. Factors beyond 65 504 overflow.
    High,
    /// On matrix units, factors rounded to f16 (11 bits), added in f32. Factors beyond 65 504 overflow, those below 6·10⁻⁸ vanish.
    Medium,
}

thread_local! {
    static PRECISION: Cell<MatmulPrecision> = const { Cell::new(MatmulPrecision::Highest) };
}

/// Computes this thread's products with this precision while `f` runs.
pub fn with_matmul_precision<R>(precision: MatmulPrecision, f: impl FnOnce() -> R) -> R {
    with_value(&PRECISION, precision, f)
}

/// What holds on this thread.
pub(super) fn matmul_precision() -> MatmulPrecision {
    PRECISION.get()
}

/// Threads of a subgroup, which the kernel counts on.
pub(super) const SUBGROUP: u32 = 32;
/// Workgroup memory that the largest tile takes, in bytes.
pub(super) const SPACE: u32 = 48 << 10;

/// How a workgroup shares out a tile of outputs: outputs, outputs of a subgroup, steps of the contraction in workgroup memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MatrixTile {
    pub(super) m: usize,
    pub(super) n: usize,
    sub_m: usize,
    sub_n: usize,
    pub(super) depth: usize,
}

const fn tile(m: usize, n: usize, sub_m: usize, sub_n: usize, depth: usize) -> MatrixTile {
    MatrixTile {
        m,
        n,
        sub_m,
        sub_n,
        depth,
    }
}

/// The largest first.
pub(super) const MATRIX_TILES: [MatrixTile; 4] = [
    tile(128, 128, 64, 32, 32),
    tile(128, 64, 32, 32, 32),
    tile(64, 64, 32, 32, 32),
    tile(32, 64, 16, 32, 32),
];
/// Workgroups that keep a device busy.
const BUSY_GROUPS: usize = 128;

impl MatrixTile {
    /// The tile for `batch` products of m × n, each of which may be cut into so many parts.
    pub(super) fn choose(batch: usize, m: usize, n: usize, cuts: usize) -> MatrixTile {
        let busy = |tile: &&MatrixTile| {
            let wasteful = tile.n > n.next_multiple_of(64);
            !wasteful && cuts * batch * tile.count(m, n) >= BUSY_GROUPS
        };
        let [.., last] = MATRIX_TILES;
        *MATRIX_TILES.iter().find(busy).unwrap_or(&last)
    }

    /// Number of tiles of an m × n product.
    const fn count(&self, m: usize, n: usize) -> usize {
        m.div_ceil(self.m) * n.div_ceil(self.n)
    }

    /// The kernel.
    pub(super) fn program(&self, operands: Operands, split: bool, through: bool) -> Program {
        let threads = SUBGROUP as usize * (self.m / self.sub_m) * (self.n / self.sub_n);
        // in vectors of four: a line along k, or a step across all lines, and a gap
        let side = |side: usize, along_k: bool| if along_k { self.depth } else { side } / 4 + 2;
        let lines = |side: usize, along_k: bool| if along_k { side } else { self.depth };
        let (ak, bk) = (operands.a_along_k, operands.b_along_k);
        let (pitch_a, pitch_b) = (side(self.m, ak), side(self.n, bk));
        program!("gemm_matrix")
            .set("OP", operands.op)
            .set("AK", u8::from(ak))
            .set("BK", u8::from(bk))
            .set("VA", 1)
            .set("VB", 1)
            .set("SPLIT", u8::from(split))
            .set("THROUGH", u8::from(through))
            .set("BM", self.m)
            .set("BN", self.n)
            .set("SM", self.sub_m)
            .set("SN", self.sub_n)
            .set("DEPTH", self.depth)
            .set("THREADS", threads)
            .set("PITCHA", pitch_a)
            .set("PITCHB", pitch_b)
            .set("SPACEA", pitch_a * lines(self.m, ak))
            .set("SPACEB", pitch_b * lines(self.n, bk))
            .set("QA", self.m * self.depth / 4 / threads)
            .set("QB", self.n * self.depth / 4 / threads)
    }
}
