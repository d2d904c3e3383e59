//! Which of its kernels the device takes for a product or a convolution: the one place where this is decided.

use std::fmt;

use super::faults::lock;
use super::through::Store;
use super::tiled::Work;
use super::tiles::{Tile, known};
use super::windows;
use super::{Family, Gpu, GpuBuffer};
use crate::precision::{MatmulPrecision, matmul_precision};
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::winograd::{FOUR, TWO, Tiling, tilings};
use crate::{DType, Error, Result};

/// How a product is computed by the kernels that there are several of.
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
    /// Winograd's transforms, from and to arrays of this type, and what they multiply.
    Filtered(Tiling, DType),
    /// The same in one launch, by lanes that share rows.
    FilteredByLanes(Tiling),
    /// The tiled kernels, with this tile.
    Tiled(Work, Tile),
    /// A product by lanes that share rows.
    Lanes(MatMul),
    /// A convolution as a product of its windows by such lanes.
    Windows(MatMul),
}

impl Plan {
    /// Whether the results come four channels at a time, as an epilogue takes them.
    pub(super) fn in_fours(&self) -> bool {
        match self {
            Plan::Filtered(..) => true,
            Plan::Tiled(work, _) => work.in_fours(),
            Plan::FilteredByLanes(_) | Plan::Lanes(_) | Plan::Windows(_) => false,
        }
    }
}

impl Gpu {
    /// How to compute a primitive of arrays of a type with the choices that hold on this thread; `None` for the direct kernels, and for what
    /// is no product.
    pub(super) fn plan(&self, primitive: &Primitive, dtype: DType) -> Option<Plan> {
        // the kernels of software rasterisers, where halves save nothing, are for f32
        if dtype != DType::F32 && self.family() == Family::Direct {
            return None;
        }
        let work = self.work(primitive, dtype);
        let known = work
            .as_ref()
            .and_then(|work| known(&work.product, &lock(&self.inner.tuning).best));
        if let Some(tiling) = self.tiling(primitive, dtype, known) {
            return Some(match self.lanes_filter(&tiling) {
                true => Plan::FilteredByLanes(tiling),
                false => Plan::Filtered(tiling, dtype),
            });
        }
        if let Some(work) = work {
            let tile = self.tile(&work, known);
            return Some(Plan::Tiled(work, tile));
        }
        if !self.inner.lanes {
            return None;
        }
        match primitive {
            Primitive::Conv(pass, s) => of_single_pixels(*pass, s)
                .map(Plan::Lanes)
                .or_else(|| self.of_windows(*pass, s).map(Plan::Windows)),
            Primitive::MatMul(product) => Some(Plan::Lanes(*product)),
            _ => None,
        }
        .filter(|plan| match plan {
            Plan::Lanes(product) => self.lanes_suit(product) && self.is_whole(product),
            Plan::Windows(product) => self.lanes_suit(product),
            Plan::Filtered(..) | Plan::FilteredByLanes(_) | Plan::Tiled(..) => true,
        })
    }

    /// The product of windows that a pass is, if there is room for it.
    fn of_windows(&self, pass: ConvPass, s: &Conv2d) -> Option<MatMul> {
        windows::product(pass, s).filter(|product| self.has_room_for_windows(pass, product, s))
    }

    /// The tiles of Winograd's minimal filtering, if a convolution is computed in such: as the device was tuned, or as is likely to be quicker.
    fn tiling(&self, primitive: &Primitive, dtype: DType, known: Option<Way>) -> Option<Tiling> {
        let (pass, s) = self.filterable(primitive, dtype)?;
        let tiling = match known {
            Some(Way::Tile(_)) => None,
            Some(Way::Winograd(outputs)) => tilings(pass, s).find(|t| t.outputs == outputs),
            None => self.quickest(pass, s),
        };
        tiling.filter(|t| self.has_room(t))
    }

    /// All tilings by which minimal filtering may compute a primitive of f32 arrays.
    pub(super) fn filtered(&self, primitive: &Primitive) -> Vec<Tiling> {
        let Some((pass, s)) = self.filterable(primitive, DType::F32) else {
            return Vec::new();
        };
        tilings(pass, s).filter(|t| self.has_room(t)).collect()
    }

    /// A convolution for which minimal filtering is to be thought of.
    fn filterable<'a>(
        &self,
        primitive: &'a Primitive,
        dtype: DType,
    ) -> Option<(ConvPass, &'a Conv2d)> {
        let Primitive::Conv(pass, s) = primitive else {
            return None;
        };
        // one half a factor is too coarse for transformed tiles
        let rounded = matmul_precision() == MatmulPrecision::Medium || dtype == DType::F16;
        let units = self.has_matrix_units() && rounded;
        let told = self.inner.options.tile.is_some();
        let fours = s.c.is_multiple_of(4) && s.o.is_multiple_of(4);
        (!units && !told && fours).then_some((*pass, s))
    }

    /// Launches what was planned. Lanes have no epilogue: their plans are for plain stores.
    pub(super) fn carry_out(
        &self,
        plan: &Plan,
        primitive: &Primitive,
        inputs: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        self.see(primitive);
        match (plan, primitive, store) {
            (Plan::Filtered(tiling, dtype), ..) => self.in_tiles(tiling, *dtype, inputs, store),
            (Plan::FilteredByLanes(tiling), _, Store::Plain(output)) => {
                self.filter_by_lanes(tiling, inputs, output)
            }
            (Plan::Tiled(work, tile), ..) => self.tiled(primitive, work, tile, inputs, store),
            (Plan::Windows(product), Primitive::Conv(pass, s), Store::Plain(output)) => {
                self.conv_of_windows(*pass, s, product, inputs, output)
            }
            (Plan::Lanes(product), _, Store::Plain(output)) => {
                self.matmul_by_lanes(primitive.name(), product, inputs, output)
            }
            (Plan::FilteredByLanes(_) | Plan::Windows(_) | Plan::Lanes(_), ..) => {
                Err(Error::Unsupported {
                    op: primitive.name(),
                    device: self.summary().name.clone(),
                    why: "lanes that share rows have no epilogue".to_owned(),
                })
            }
        }
    }

    /// Keeps a product that is asked for, if somebody watches.
    fn see(&self, primitive: &Primitive) {
        let mut tuning = lock(&self.inner.tuning);
        if tuning.watches()
            && let Some(work) = self.work(primitive, DType::F32)
        {
            tuning.see(work.product, primitive);
        }
    }
}

/// The product of matrices that a convolution of single pixels is.
fn of_single_pixels(pass: ConvPass, s: &Conv2d) -> Option<MatMul> {
    let (n, k, b_transposed) = match pass {
        ConvPass::Forward => (s.o, s.c, true),
        ConvPass::InputGrad => (s.c, s.o, false),
        ConvPass::WeightGrad => return None,
    };
    ([s.kh, s.kw, s.stride, s.pad] == [1, 1, 1, 0]).then_some(MatMul {
        batch: 1,
        m: s.n * s.h * s.w,
        n,
        k,
        a_transposed: false,
        b_transposed,
        a_batched: false,
        b_batched: false,
    })
}
