//! Which of its kernels the device takes for a product or a convolution: the one place where this is decided.

use std::fmt;

use super::faults::lock;
use super::matmul::lanes_suit;
use super::matrix::{MatmulPrecision, matmul_precision};
use super::through::Store;
use super::tiled::Work;
use super::tiles::Tile;
use super::{Gpu, GpuBuffer};
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::winograd::{FOUR, TWO, Tiling, tilings};

/// How graphics hardware computes a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By its definition, cut into such tiles.
    Tile(Tile),
    /// By Winograd's minimal filtering, with so many outputs along one axis of a tile.
    Winograd(usize),
}

impl Way {
    /// The way of this name.
    pub fn named(name: &str) -> Option<Way> {
        match name.strip_prefix("winograd ") {
            Some(outputs) => [TWO, FOUR]
                .into_iter()
                .find(|m| m.to_string() == outputs)
                .map(Way::Winograd),
            None => Tile::named(name).map(Way::Tile),
        }
    }
}

/// `128x64/8x4/1/16`, or `winograd 4`.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Tile(tile) => tile.fmt(f),
            Way::Winograd(outputs) => write!(f, "winograd {outputs}"),
        }
    }
}

/// What is to be launched for a product that is not left to the direct kernels.
pub(super) enum Plan {
    /// Winograd's transforms and what they multiply.
    Filtered(Tiling),
    /// The tiled kernels.
    Tiled(Work),
}

impl Plan {
    /// Whether the results come four channels at a time, as an epilogue takes them.
    pub(super) fn in_fours(&self) -> bool {
        match self {
            Plan::Filtered(_) => true,
            Plan::Tiled(work) => work.in_fours(),
        }
    }
}

impl Gpu {
    /// How to compute a primitive with the choices that hold on this thread; `None` for the direct kernels, and for what is no product.
    pub(super) fn plan(&self, primitive: &Primitive) -> Option<Plan> {
        let tiling = self.tiling(primitive).map(Plan::Filtered);
        tiling.or_else(|| self.work(primitive).map(Plan::Tiled))
    }

    /// The product of two matrices that a primitive without a [`Plan`] is, if lanes that share rows make it; a convolution of single pixels is one.
    pub(super) fn for_lanes(&self, primitive: &Primitive) -> Option<MatMul> {
        let product = match primitive {
            Primitive::MatMul(product) => *product,
            Primitive::Conv(pass, s) if [s.kh, s.kw, s.stride, s.pad] == [1, 1, 1, 0] => {
                let (n, k, b_transposed) = match pass {
                    ConvPass::Forward => (s.o, s.c, true),
                    ConvPass::InputGrad => (s.c, s.o, false),
                    ConvPass::WeightGrad => return None,
                };
                MatMul {
                    batch: 1,
                    m: s.n * s.h * s.w,
                    n,
                    k,
                    a_transposed: false,
                    b_transposed,
                    a_batched: false,
                    b_batched: false,
                }
            }
            _ => return None,
        };
        (self.inner.lanes && lanes_suit(&product)).then_some(product)
    }

    /// The tiles of Winograd's minimal filtering, if a convolution is computed in such: as the device was tuned, or as is likely to be quicker.
    fn tiling(&self, primitive: &Primitive) -> Option<Tiling> {
        let (pass, s) = self.filterable(primitive)?;
        let known = self.work(primitive).and_then(|work| {
            let tuning = lock(&self.inner.tuning);
            (!tuning.best.is_empty())
                .then(|| tuning.best.get(&work.product.to_string()).copied())?
        });
        let tiling = match known {
            Some(Way::Tile(_)) => None,
            Some(Way::Winograd(outputs)) => tilings(pass, s).find(|t| t.outputs == outputs),
            None => self.quickest(pass, s),
        };
        tiling.filter(|t| self.has_room(t))
    }

    /// All ways in which minimal filtering may compute a primitive.
    pub(super) fn filtered_ways(&self, primitive: &Primitive) -> Vec<Way> {
        let Some((pass, s)) = self.filterable(primitive) else {
            return Vec::new();
        };
        let tilings = tilings(pass, s).filter(|t| self.has_room(t));
        tilings.map(|t| Way::Winograd(t.outputs)).collect()
    }

    /// A convolution for which minimal filtering is to be thought of.
    fn filterable<'a>(&self, primitive: &'a Primitive) -> Option<(ConvPass, &'a Conv2d)> {
        let Primitive::Conv(pass, s) = primitive else {
            return None;
        };
        // matrix units are quicker still, and f16 is too coarse for transformed tiles
        let units = self.has_matrix_units() && matmul_precision() != MatmulPrecision::Highest;
        let told = self.inner.options.tile.is_some();
        let fours = s.c.is_multiple_of(4) && s.o.is_multiple_of(4);
        (!units && !told && fours).then_some((*pass, s))
    }

    /// Launches what was planned.
    pub(super) fn carry_out(
        &self,
        plan: &Plan,
        primitive: &Primitive,
        inputs: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        match plan {
            Plan::Filtered(tiling) => {
                if let Some(work) = self.work(primitive) {
                    lock(&self.inner.tuning).see(work.product, primitive);
                }
                self.in_tiles(tiling, inputs, store)
            }
            Plan::Tiled(work) => self.tiled(primitive, work, inputs, store),
        }
    }
}
