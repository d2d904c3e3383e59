//! Winograd's minimal filtering of 3×3 convolutions of stride 1 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2015): what both devices need to know of it.

use std::cell::Cell;

use crate::primitive::{Conv2d, ConvPass};
use crate::scoped::with_value;

/// Which convolutions may use Winograd's minimal filtering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Winograd {
    /// None: every sum as it is defined.
    Off,
    /// F(2×2, 3×3) where it saves time: 2.25 times fewer multiplications.
    Two,
    /// F(4×4, 3×3) too: 4 times fewer, somewhat larger rounding errors.
    #[default]
    Four,
}

thread_local! {
    static CHOICE: Cell<Winograd> = const { Cell::new(Winograd::Four) };
}

/// Runs `f` with this choice for the convolutions that this thread calls for meanwhile, also where they are computed later.
pub fn with_winograd<R>(choice: Winograd, f: impl FnOnce() -> R) -> R {
    with_value(&CHOICE, choice, f)
}

/// The choice that holds on this thread now.
pub(crate) fn winograd() -> Winograd {
    CHOICE.get()
}

/// Outputs along one axis of a tile of F(2×2, 3×3).
pub(crate) const TWO: usize = 2;
/// Outputs along one axis of a tile of F(4×4, 3×3).
pub(crate) const FOUR: usize = 4;

/// The ways to cut a pass into tiles that the choice on this thread allows.
pub(crate) fn tilings(pass: ConvPass, s: &Conv2d) -> impl Iterator<Item = Tiling> {
    let allowed: &[usize] = match winograd() {
        Winograd::Off => &[],
        Winograd::Two => &[TWO],
        Winograd::Four => &[TWO, FOUR],
    };
    allowed.iter().filter_map(move |&m| Tiling::of(pass, s, m))
}

/// The allowed tiling that costs least by `cost`, unless the definition costs `defined` or less.
pub(crate) fn cheapest(
    pass: ConvPass,
    s: &Conv2d,
    defined: f64,
    cost: impl Fn(&Tiling) -> f64,
) -> Option<Tiling> {
    let costs = tilings(pass, s).map(|t| (cost(&t), t));
    let best = costs.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 < defined).then_some(best.1)
}

/// A convolution cut into tiles: images \[n, h, w, c\] to \[n, oh, ow, o\], whichever way its pass goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    pub pass: ConvPass,
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub oh: usize,
    pub ow: usize,
    pub o: usize,
    pub pad: usize,
    /// Sides of a tile.
    pub outputs: usize,
    pub inputs: usize,
    /// Tiles along the axes of an image.
    pub th: usize,
    pub tw: usize,
}

impl Tiling {
    /// The pass in tiles of `outputs` × `outputs`, if it can be cut into such. A weight gradient has those of the forward pass.
    pub fn of(pass: ConvPass, s: &Conv2d, outputs: usize) -> Option<Tiling> {
        if [s.kh, s.kw, s.stride] != [3, 3, 1] || s.pad > 2 {
            return None;
        }
        let (h, w, c, oh, ow, o, pad) = match pass {
            ConvPass::Forward => (s.h, s.w, s.c, s.oh, s.ow, s.o, s.pad),
            ConvPass::InputGrad => (s.oh, s.ow, s.o, s.h, s.w, s.c, 2 - s.pad),
            ConvPass::WeightGrad => return None,
        };
        Some(Tiling {
            pass,
            n: s.n,
            h,
            w,
            c,
            oh,
            ow,
            o,
            pad,
            outputs,
            inputs: outputs + 2,
            th: oh.div_ceil(outputs),
            tw: ow.div_ceil(outputs),
        })
    }

    /// Places of a tile: for each there is one product of transformed tiles and weights.
    pub fn places(&self) -> usize {
        self.inputs * self.inputs
    }

    /// The corner of a tile in the output: image, row, column.
    pub fn corner(&self, tile: usize) -> [usize; 3] {
        let (line, j) = (tile / self.tw, tile % self.tw);
        [
            line / self.th,
            line % self.th * self.outputs,
            j * self.outputs,
        ]
    }

    /// Pairs of an output pixel and a tap of the kernel that does not fall into the padding.
    pub fn tap_pixels(&self) -> usize {
        let along = |out: usize, len: usize| -> usize {
            let taps = |i: usize| (0..3).filter(move |d| (i + d).wrapping_sub(self.pad) < len);
            (0..out).map(|i| taps(i).count()).sum()
        };
        self.n * along(self.oh, self.h) * along(self.ow, self.w)
    }

    /// Tiles of all images.
    pub fn tiles(&self) -> usize {
        self.n * self.th * self.tw
    }

    /// Multiply-adds of all products.
    pub fn multiplies(&self) -> f64 {
        (self.places() * self.tiles()) as f64 * (self.c * self.o) as f64
    }
}
