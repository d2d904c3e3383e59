//! The tiles that the products of graphics hardware are cut into, and which is taken for which product.
//!
//! A large tile reads each operand less often; a small one gives work to more of the device. How many workgroups a device runs
//! at once is not told, so the choice goes by their number alone, unless the device was tuned: then by what was measured.

use std::collections::BTreeMap;
use std::fmt;

use super::template::Program;

/// How a workgroup shares out a tile of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Rows and columns of outputs.
    pub(super) m: usize,
    pub(super) n: usize,
    /// Rows and columns of outputs of one thread.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Teams that share the steps of the contraction.
    pub(super) slices: usize,
    /// Steps of the contraction held in workgroup memory, by all teams.
    pub(super) depth: usize,
}

const fn tile(
    m: usize,
    n: usize,
    rows: usize,
    columns: usize,
    slices: usize,
    depth: usize,
) -> Tile {
    Tile {
        m,
        n,
        rows,
        columns,
        slices,
        depth,
    }
}

/// All tiles, the largest first. None takes more than the 16 KiB of workgroup memory that every device has.
pub(super) const TILES: [Tile; 7] = [
    tile(128, 128, 8, 8, 1, 8),
    tile(128, 64, 8, 4, 1, 16),
    tile(64, 64, 8, 8, 1, 8),
    tile(64, 64, 4, 4, 1, 16),
    tile(64, 32, 4, 4, 2, 16),
    tile(32, 32, 4, 4, 4, 32),
    // for the few channels of an image
    tile(64, 4, 4, 4, 4, 32),
];
/// The narrow one.
const NARROW: Tile = TILES[6];
/// Workgroups that keep a device busy.
pub(super) const BUSY_GROUPS: usize = 128;

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tile {
            m,
            n,
            rows,
            columns,
            slices,
            depth,
        } = self;
        write!(f, "{m}x{n}/{rows}x{columns}/{slices}/{depth}")
    }
}

impl Tile {
    /// The tile of that name.
    pub fn named(name: &str) -> Option<Tile> {
        TILES.into_iter().find(|tile| tile.to_string() == name)
    }

    /// Threads of a workgroup.
    pub(super) const fn threads(&self) -> usize {
        self.slices * (self.m / self.rows) * (self.n / self.columns)
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

    /// Sets what the shader must know, for operands that are contiguous along k or not.
    pub(super) fn describe(&self, program: Program, along_k: [bool; 2]) -> Program {
        let [pitch, quarter] = self.pitches();
        let [space_a, space_b] = self.spaces(along_k);
        let quads = |side: usize| side * self.depth / 4;
        let threads = self.threads();
        program
            .set("BM", self.m)
            .set("BN", self.n)
            .set("TM", self.rows)
            .set("TN", self.columns)
            .set("DEPTH", self.depth)
            .set("SLICES", self.slices)
            .set("ONE", u8::from(self.slices == 1))
            .set("ROWS", self.m / self.rows)
            .set("COLUMNS", self.n / self.columns)
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
    /// What is multiplied: matmul, forward, input_grad or weight_grad.
    pub(super) op: &'static str,
    pub(super) batch: usize,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Product { op, batch, m, n, k } = self;
        write!(f, "{op} {batch}x{m}x{n}x{k}")
    }
}

/// What was measured on a device: the best tile of a product, by the name of the product.
pub type Tuned = BTreeMap<String, Tile>;

/// The tile for a product whose contraction may be cut into so many parts.
pub(super) fn choose(product: &Product, cuts: usize, tuned: &Tuned) -> Tile {
    if let Some(tile) = (!tuned.is_empty())
        .then(|| tuned.get(&product.to_string()))
        .flatten()
    {
        return *tile;
    }
    if product.n <= NARROW.n {
        return NARROW;
    }
    let most = cuts * product.batch;
    let busy = |tile: &&Tile| most * tile.count(product.m, product.n) >= BUSY_GROUPS;
    let usual = [TILES[1], TILES[3]];
    *usual.iter().find(busy).unwrap_or(&TILES[5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_names_and_fit() {
        for tile in TILES {
            assert_eq!(Tile::named(&tile.to_string()), Some(tile));
            assert!(tile.threads() <= 256, "{tile}");
            for along_k in [[false, false], [false, true], [true, false], [true, true]] {
                let vectors: usize = tile.spaces(along_k).iter().sum();
                assert!(vectors <= 1 << 10, "{tile}: {vectors} vectors of 16 bytes");
            }
        }
        assert_eq!(Tile::named("3x3"), None);
    }

    #[test]
    fn what_was_measured_is_taken() {
        let product = Product {
            op: "forward",
            batch: 1,
            m: 65_536,
            n: 64,
            k: 576,
        };
        assert_eq!(choose(&product, 1, &Tuned::new()), TILES[1]);
        let tuned = Tuned::from([(product.to_string(), TILES[5])]);
        assert_eq!(choose(&product, 1, &tuned), TILES[5]);
        let other = Product { n: 3, ..product };
        assert_eq!(choose(&other, 1, &tuned), NARROW);
    }
}
