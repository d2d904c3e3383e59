//! The tiles that the products of graphics hardware are cut into, and which is taken for which product.
//!
//! A large tile reads each operand less often; a small one gives work to more of the device. How many workgroups a device runs
//! at once is not told, so the choice goes by their number alone, unless the device was tuned: then by what was measured.

use std::collections::BTreeMap;
use std::fmt;

use super::matrix::matrix_space;
use super::template::Program;
use super::tiled::Operands;
use super::way::Way;
use crate::MatmulPrecision;

/// What multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Unit {
    /// The threads' own arithmetic (gemm_tiled).
    Registers,
    /// Matrix units (gemm_matrix).
    Matrix,
}

/// How a workgroup shares out a tile of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    pub(super) unit: Unit,
    /// Rows and columns of outputs.
    pub(super) m: usize,
    pub(super) n: usize,
    /// Rows and columns of outputs of one thread; of one subgroup, if matrix units multiply.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Teams that share the steps of the contraction.
    pub(super) slices: usize,
    /// Steps of the contraction held in workgroup memory, by all teams.
    pub(super) depth: usize,
    /// Such parts held at a time: with two, the next is stored while the one before is still read.
    pub(super) buffers: usize,
}

const fn tile(
    [m, n]: [usize; 2],
    [rows, columns]: [usize; 2],
    slices: usize,
    depth: usize,
) -> Tile {
    Tile {
        unit: Unit::Registers,
        m,
        n,
        rows,
        columns,
        slices,
        depth,
        buffers: 1,
    }
}

const fn twice(tile: Tile) -> Tile {
    Tile { buffers: 2, ..tile }
}

const fn matrix([m, n]: [usize; 2], [rows, columns]: [usize; 2], depth: usize) -> Tile {
    Tile {
        unit: Unit::Matrix,
        m,
        n,
        rows,
        columns,
        slices: 1,
        depth,
        buffers: 1,
    }
}

// Untuned, these are taken, the first of which there are enough. They need no more than the 16 KiB of workgroup memory that every device has.
const USUAL: [Tile; 2] = [
    tile([128, 64], [8, 4], 1, 16),
    tile([64, 64], [4, 4], 1, 16),
];
const SMALL: Tile = tile([32, 32], [4, 4], 4, 32);
/// For the few channels of an image.
const NARROW: Tile = tile([64, 4], [4, 4], 4, 32);
const USUAL_MATRIX: [Tile; 5] = [
    matrix([256, 128], [64, 32], 32),
    matrix([128, 128], [64, 32], 32),
    matrix([128, 64], [32, 32], 32),
    matrix([64, 64], [32, 32], 32),
    matrix([32, 64], [16, 16], 64),
];
const SMALL_MATRIX: Tile = matrix([32, 64], [16, 32], 32);
/// Of fewer registers: by Mesa's count twice as many workgroups are resident on NVIDIA's cards of halves, on AMD's in `medium`. Only tuning tries it.
const SHALLOW_MATRIX: Tile = matrix([128, 128], [64, 32], 16);
/// All tiles.
pub(super) const TILES: [Tile; 29] = [
    tile([128, 128], [8, 8], 1, 16),
    tile([128, 128], [8, 8], 1, 8),
    twice(tile([128, 128], [8, 8], 1, 8)),
    USUAL[0],
    twice(USUAL[0]),
    tile([64, 64], [8, 8], 1, 8),
    USUAL[1],
    twice(USUAL[1]),
    tile([64, 32], [4, 4], 2, 16),
    SMALL,
    twice(SMALL),
    NARROW,
    USUAL_MATRIX[0],
    USUAL_MATRIX[1],
    twice(USUAL_MATRIX[1]),
    SHALLOW_MATRIX,
    twice(SHALLOW_MATRIX),
    matrix([128, 128], [32, 64], 32),
    matrix([128, 128], [64, 64], 16),
    matrix([256, 128], [64, 64], 16),
    USUAL_MATRIX[2],
    twice(USUAL_MATRIX[2]),
    USUAL_MATRIX[3],
    twice(USUAL_MATRIX[3]),
    USUAL_MATRIX[4],
    matrix([64, 64], [32, 16], 32),
    matrix([64, 64], [32, 32], 64),
    SMALL_MATRIX,
    matrix([32, 64], [16, 32], 64),
];
/// Workgroups that keep a device busy.
pub(super) const BUSY_GROUPS: usize = 128;

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tile { m, n, depth, .. } = self;
        write!(f, "{m}x{n}/{}x{}/", self.rows, self.columns)?;
        match self.unit {
            Unit::Registers => write!(f, "{}/{depth}", self.slices)?,
            Unit::Matrix => write!(f, "matrix/{depth}")?,
        }
        f.write_str(if self.buffers == 2 { " twice" } else { "" })
    }
}

impl Tile {
    /// The tile of that name.
    pub fn named(name: &str) -> Option<Tile> {
        TILES.into_iter().find(|tile| tile.to_string() == name)
    }

    /// Parts of the tile: of one thread in each team; of one subgroup, if matrix units multiply.
    pub(super) const fn shares(&self) -> usize {
        (self.m / self.rows) * (self.n / self.columns)
    }

    /// About how many times as long as in a large tile, of 128×64 or on matrix units of 128×128, a multiply-add takes: as many as more numbers are
    /// loaded for it. An H200 took 1.4 and 3.5 times as long in tiles of 128×64 and 32×64 as in those of 128×128, in `high`.
    pub(super) fn slowness(&self) -> f64 {
        let loads = |tile: &Tile| (tile.m + tile.n) as f64 / (tile.m * tile.n) as f64;
        let large = match self.unit {
            Unit::Registers => USUAL[0],
            Unit::Matrix => USUAL_MATRIX[1],
        };
        loads(self) / loads(&large)
    }

    /// Number of tiles of an m × n product.
    pub(super) const fn count(&self, m: usize, n: usize) -> usize {
        m.div_ceil(self.m) * n.div_ceil(self.n)
    }

    /// Vec4s from one line of an operand along k to the next, and from one quarter of the right operand's lines to the next.
    const fn pitches(&self) -> [usize; 2] {
        let pitch = self.depth / 4 + 1;
        [pitch, self.n / 4 * pitch + self.depth / 4]
    }

    /// Vec4s of workgroup memory for each operand, contiguous along k or not.
    fn spaces(&self, along_k: [bool; 2]) -> [usize; 2] {
        let [pitch, quarter] = self.pitches();
        let lines = [self.m * pitch, 4 * quarter];
        let steps = [self.m, self.n].map(|side| side * self.depth / 4);
        let operand = |i: usize| if along_k[i] { lines[i] } else { steps[i] };
        // the teams hand each other their sums in the same space
        let sums = |teams: usize| {
            if self.slices >= teams {
                self.m * self.n / 4
            } else {
                0
            }
        };
        [operand(0).max(sums(2)), operand(1).max(sums(4))]
    }

    /// Bytes of workgroup memory for products of a precision, whatever the operands.
    pub(super) fn space(&self, precision: MatmulPrecision) -> u32 {
        let split = precision == MatmulPrecision::High;
        let ways = [[false, false], [false, true], [true, false], [true, true]];
        let spaces = ways.map(|along_k| match self.unit {
            Unit::Registers => 16 * self.buffers * self.spaces(along_k).iter().sum::<usize>(),
            Unit::Matrix => matrix_space(self, along_k, split),
        });
        spaces.into_iter().max().unwrap_or(0) as u32
    }

    /// Sets what the shader must know, for operands that are contiguous along k or not.
    pub(super) fn describe(&self, program: Program, along_k: [bool; 2]) -> Program {
        let [pitch, quarter] = self.pitches();
        let [space_a, space_b] = self.spaces(along_k);
        let quads = |side: usize| side * self.depth / 4;
        let threads = self.slices * self.shares();
        let [rows, columns] = [self.m / self.rows, self.n / self.columns];
        let paired = rows.is_multiple_of(4) && columns.is_multiple_of(8);
        program
            .set("BM", self.m)
            .set("BN", self.n)
            .set("TM", self.rows)
            .set("TN", self.columns)
            .set("DEPTH", self.depth)
            .set("BUFFERS", self.buffers)
            .set("SLICES", self.slices)
            .set("ONE", u8::from(self.slices == 1))
            .set("ROWS", rows)
            .set("COLUMNS", columns)
            .set("PAIRED", u8::from(paired))
            .set("TEAM", threads / self.slices)
            .set("THREADS", threads)
            .set("PITCH", pitch)
            .set("GROUPB", quarter)
            .set("SPACEA", space_a)
            .set("SPACEB", space_b)
            .set("QA", quads(self.m).div_ceil(threads))
            .set("QB", quads(self.n).div_ceil(threads))
            .set("QUADSB", quads(self.n))
    }
}

/// A product in the terms of the tiled kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Product {
    pub(super) operands: Operands,
    pub(super) batch: usize,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) precision: MatmulPrecision,
    /// Rows and columns of a convolution's window, and its step.
    pub(super) window: [usize; 3],
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Product { batch, m, n, k, .. } = self;
        let Operands { op, along_k } = self.operands;
        write!(f, "{op} {batch}x{m}x{n}x{k}")?;
        let [rows, columns, step] = self.window;
        match along_k {
            _ if op != "matmul" => write!(f, " by {rows}x{columns}/{step}")?,
            [true, true] => write!(f, " nt")?,
            [true, false] => write!(f, " nn")?,
            [false, true] => write!(f, " tt")?,
            [false, false] => write!(f, " tn")?,
        }
        f.write_str(match self.precision {
            MatmulPrecision::Highest => "",
            MatmulPrecision::High => " high",
            MatmulPrecision::Medium => " medium",
        })
    }
}

/// What was measured on a device: the best way to compute a product, by the name of the product.
pub type Tuned = BTreeMap<String, Way>;

/// Whether a product can be cut into such tiles, with so much workgroup memory, and sensibly: a tile much narrower than the product is
/// the slowest, and so is one that lies mostly beside it.
pub(super) fn suits(product: &Product, tile: &Tile, space: u32) -> bool {
    let unit = match product.precision {
        MatmulPrecision::Highest => Unit::Registers,
        MatmulPrecision::High | MatmulPrecision::Medium => Unit::Matrix,
    };
    let narrow = tile.n < 32 && product.n > 8 * tile.n;
    let wide = tile.n > product.n.next_multiple_of(64);
    let tall = tile.m > product.m.next_multiple_of(64);
    tile.unit == unit && tile.space(product.precision) <= space && !narrow && !wide && !tall
}

/// What was measured to be the best way to compute a product.
pub(super) fn known(product: &Product, tuned: &Tuned) -> Option<Way> {
    // most devices are not tuned, and a name takes its time
    (!tuned.is_empty()).then(|| tuned.get(&product.to_string()).copied())?
}

/// The tile for a product whose contraction may be cut into so many parts, and of which so much is [`known`].
pub(super) fn choose(product: &Product, cuts: usize, space: u32, known: Option<Way>) -> Tile {
    // a file may say anything
    if let Some(Way::Tile(tile)) = known
        && suits(product, &tile, space)
    {
        return tile;
    }
    let (usual, small): (&[Tile], Tile) = match product.precision {
        MatmulPrecision::Highest if product.n <= NARROW.n => return NARROW,
        MatmulPrecision::Highest => (&USUAL, SMALL),
        MatmulPrecision::High | MatmulPrecision::Medium => (&USUAL_MATRIX, SMALL_MATRIX),
    };
    let most = cuts * product.batch;
    let busy = |tile: &&Tile| {
        suits(product, tile, space) && most * tile.count(product.m, product.n) >= BUSY_GROUPS
    };
    *usual.iter().find(busy).unwrap_or(&small)
}

#[cfg(test)]
mod tests {
    use super::super::matrix::SPACE;
    use super::*;
    use crate::primitive::ConvPass;

    /// Workgroup memory of most cards.
    const CARD: u32 = 48 << 10;

    #[test]
    fn tiles_have_names_and_fit() {
        for tile in TILES {
            assert_eq!(Tile::named(&tile.to_string()), Some(tile));
            let most = match tile.unit {
                Unit::Registers => 256 / tile.slices,
                Unit::Matrix => 16,
            };
            assert!(tile.shares() <= most, "{tile}");
            // what has no room for two halves a factor is for one alone
            let space = tile.space(MatmulPrecision::Medium);
            assert!(space <= CARD, "{tile}: {space} bytes");
        }
        for tile in [USUAL[0], USUAL[1], SMALL, NARROW] {
            let space = tile.space(MatmulPrecision::Highest);
            assert!(space <= 16 << 10, "{tile}: {space} bytes");
        }
        // the largest has no room for two halves a factor
        let [_, on_cards @ ..] = USUAL_MATRIX.map(|tile| (tile, CARD));
        let on_any = [USUAL_MATRIX[3], SMALL_MATRIX].map(|tile| (tile, SPACE));
        for (tile, most) in on_cards.into_iter().chain(on_any) {
            let space = tile.space(MatmulPrecision::High);
            assert!(space <= most, "{tile}: {space} bytes");
        }
        assert_eq!(Tile::named("3x3"), None);
    }

    #[test]
    fn tiles_do_not_lie_mostly_beside_few_rows() {
        // gradients of weights, of which there are so many parts that any tile keeps a device busy
        let gradient = |o: usize, precision| Product {
            operands: Operands::conv(ConvPass::WeightGrad),
            batch: 1,
            m: o,
            n: 9 * o,
            k: 65_536,
            precision,
            window: [3, 3, 1],
        };
        for (o, precision, tile) in [
            (64, MatmulPrecision::Highest, USUAL[1]),
            (128, MatmulPrecision::Highest, USUAL[0]),
            (64, MatmulPrecision::Medium, USUAL_MATRIX[3]),
            (128, MatmulPrecision::Medium, USUAL_MATRIX[1]),
            (256, MatmulPrecision::Medium, USUAL_MATRIX[0]),
            (256, MatmulPrecision::High, USUAL_MATRIX[1]),
        ] {
            let product = gradient(o, precision);
            assert_eq!(
                choose(&product, product.cuts(), CARD, None),
                tile,
                "{product}"
            );
        }
    }

    #[test]
    fn what_was_measured_is_taken() {
        let product = Product {
            operands: Operands::conv(ConvPass::Forward),
            batch: 1,
            m: 65_536,
            n: 64,
            k: 576,
            precision: MatmulPrecision::Highest,
            window: [3, 3, 1],
        };
        assert_eq!(choose(&product, 1, CARD, None), USUAL[0]);
        let tuned = Tuned::from([(product.to_string(), Way::Tile(SMALL))]);
        assert_eq!(choose(&product, 1, CARD, known(&product, &tuned)), SMALL);
        let other = Product { n: 3, ..product };
        assert_eq!(choose(&other, 1, CARD, known(&other, &tuned)), NARROW);
        let few = Product { m: 4096, ..product };
        assert_eq!(choose(&few, 1, CARD, known(&few, &tuned)), SMALL);
        assert_eq!(choose(&few, 2, CARD, known(&few, &tuned)), USUAL[1]);
        let rounded = Product {
            precision: MatmulPrecision::High,
            ..product
        };
        assert_eq!(
            choose(&rounded, 1, CARD, known(&rounded, &tuned)),
            USUAL_MATRIX[2]
        );
    }
}
