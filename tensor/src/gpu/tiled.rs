//! The heavy operations on graphics hardware: one kernel, tiled in workgroup memory, which reads
//! the operands of products and convolutions in place.

use super::faults::lock;
use super::launch::Launch;
use super::matrix::{MatmulPrecision, matmul_precision, matrix_program};
use super::run::magic;
use super::template::{Program, program};
use super::through::Store;
use super::tiles::{BUSY_GROUPS, Product, Tile, Unit, choose};
use super::{Gpu, GpuBuffer};
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};

/// A contraction is not cut into parts shorter than this.
const SHORTEST_SPLIT: usize = 512;
/// … and is cut into parts no longer than this, for the sake of rounding.
const LONGEST_SPLIT: usize = 4096;

/// What the operands are, and whether their neighbours along k are contiguous.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) op: &'static str,
    pub(super) a_along_k: bool,
    pub(super) b_along_k: bool,
}

impl Operands {
    pub(super) const fn matmul(shape: (bool, bool)) -> Self {
        Operands {
            op: "matmul",
            a_along_k: !shape.0,
            b_along_k: shape.1,
        }
    }

    pub(super) const fn conv(pass: ConvPass) -> Self {
        match pass {
            ConvPass::Forward => Operands {
                op: "forward",
                a_along_k: true,
                b_along_k: true,
            },
            ConvPass::InputGrad => Operands {
                op: "input_grad",
                a_along_k: true,
                b_along_k: false,
            },
            ConvPass::WeightGrad => Operands {
                op: "weight_grad",
                a_along_k: false,
                b_along_k: false,
            },
        }
    }
}

/// What is read, and written, four numbers at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Both operands and the output.
    All,
    /// The left operand.
    Left,
    /// Nothing: lines are no multiples of four numbers.
    None,
}

pub(super) fn tiled_program(
    tile: &Tile,
    operands: Operands,
    vectors: Vectors,
    even: bool,
    through: bool,
) -> Program {
    let all = u8::from(vectors == Vectors::All);
    let program = program!("gemm_tiled")
        .set("OP", operands.op)
        .set("AK", u8::from(operands.a_along_k))
        .set("BK", u8::from(operands.b_along_k))
        .set("VA", u8::from(vectors != Vectors::None))
        .set("VB", all)
        .set("VC", all)
        .set("EVEN", u8::from(even))
        .set("THROUGH", u8::from(through));
    tile.describe(program, [operands.a_along_k, operands.b_along_k])
}

/// A product, and how its operands lie.
pub(super) struct Work<'a> {
    pub(super) product: Product,
    operands: Operands,
    pub(super) vectors: Vectors,
    source: Source<'a>,
}

impl<'a> Work<'a> {
    /// The product that a primitive is, if it is one.
    pub(super) fn of(primitive: &'a Primitive) -> Option<Work<'a>> {
        match primitive {
            Primitive::MatMul(s) => Some(Work::matmul(s)),
            Primitive::Conv(pass, s) => Some(Work::conv(*pass, s)),
            _ => None,
        }
    }

    fn matmul(s: &'a MatMul) -> Work<'a> {
        let operands = Operands::matmul((s.a_transposed, s.b_transposed));
        let lines = [
            if s.a_transposed { s.m } else { s.k },
            if s.b_transposed { s.k } else { s.n },
            s.n,
        ];
        let vectors = match lines.iter().all(|n| n.is_multiple_of(4)) {
            true => Vectors::All,
            false => Vectors::None,
        };
        let product = Product {
            op: operands.op,
            batch: s.batch,
            m: s.m,
            n: s.n,
            k: s.k,
            precision: MatmulPrecision::Highest,
            along_k: [operands.a_along_k, operands.b_along_k],
            window: [1; 3],
        };
        Work {
            product,
            operands,
            vectors,
            source: Source::MatMul(s),
        }
    }

    fn conv(pass: ConvPass, s: &'a Conv2d) -> Work<'a> {
        let operands = Operands::conv(pass);
        let vectors = match (pass, s.c % 4, s.o % 4) {
            (_, 0, 0) => Vectors::All,
            (ConvPass::InputGrad | ConvPass::WeightGrad, _, 0) => Vectors::Left,
            _ => Vectors::None,
        };
        let taps = s.kh * s.kw;
        let pixels = s.n * s.oh * s.ow;
        let (batch, m, n, k) = match pass {
            ConvPass::Forward => (1, pixels, s.o, taps * s.c),
            ConvPass::InputGrad => (
                s.stride * s.stride,
                s.n * s.h.div_ceil(s.stride) * s.w.div_ceil(s.stride),
                s.c,
                taps * s.o,
            ),
            ConvPass::WeightGrad => (1, s.o, taps * s.c, pixels),
        };
        let product = Product {
            op: operands.op,
            batch,
            m,
            n,
            k,
            precision: MatmulPrecision::Highest,
            along_k: [operands.a_along_k, operands.b_along_k],
            window: [s.kh, s.kw, s.stride],
        };
        Work {
            product,
            operands,
            vectors,
            source: Source::Conv(pass, s),
        }
    }

    /// Whether so many steps of the contraction, from a multiple of them on, are neighbours in both operands' memory, and read as vectors.
    fn even(&self, depth: usize) -> bool {
        let line = match self.source {
            Source::MatMul(_) => depth,
            Source::Conv(ConvPass::Forward, s) => s.c,
            Source::Conv(ConvPass::InputGrad, s) => s.o,
            Source::Conv(ConvPass::WeightGrad, s) => s.ow,
        };
        self.vectors == Vectors::All && line.is_multiple_of(depth)
    }

    fn program(&self, tile: &Tile, through: bool) -> Program {
        let even = self.even(tile.depth);
        match tile.unit {
            Unit::Registers => tiled_program(tile, self.operands, self.vectors, even, through),
            Unit::Matrix => {
                let split = self.product.precision == MatmulPrecision::High;
                matrix_program(tile, self.operands, even, split, through)
            }
        }
    }
}

/// What a product is made of.
enum Source<'a> {
    MatMul(&'a MatMul),
    Conv(ConvPass, &'a Conv2d),
}

impl Source<'_> {
    fn primitive(&self) -> Primitive {
        match *self {
            Source::MatMul(s) => Primitive::MatMul(*s),
            Source::Conv(pass, s) => Primitive::Conv(pass, *s),
        }
    }
}

impl Product {
    /// Parts that the contraction may be cut into. Not that of a convolution whose output may go on to an epilogue.
    pub(super) fn cuts(&self) -> usize {
        match self.op {
            "matmul" | "weight_grad" => (self.k / SHORTEST_SPLIT).max(1),
            _ => 1,
        }
    }
}

impl Gpu {
    pub(super) fn matmul_tiled(
        &self,
        s: &MatMul,
        operands: [&GpuBuffer; 2],
        c: &GpuBuffer,
    ) -> Result<()> {
        self.tiled("matmul", Work::matmul(s), operands, Store::Plain(c))
    }

    pub(super) fn conv_tiled(
        &self,
        name: &'static str,
        pass: ConvPass,
        s: &Conv2d,
        [first, second]: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let operands = match pass {
            ConvPass::WeightGrad => [second, first],
            _ => [first, second],
        };
        self.tiled(name, Work::conv(pass, s), operands, store)
    }

    /// The precision with which such a product is made on this thread.
    pub(super) fn precision(&self, vectors: Vectors) -> MatmulPrecision {
        match self.inner.summary.matrix_units && vectors == Vectors::All {
            true => matmul_precision(),
            false => MatmulPrecision::Highest,
        }
    }

    fn tiled(
        &self,
        name: &'static str,
        mut work: Work<'_>,
        operands: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        work.product.precision = self.precision(work.vectors);
        let p = &work.product;
        let cuts = p.cuts();
        let space = self.inner.limits.max_compute_workgroup_storage_size;
        let tile = match self.inner.options.tile {
            Some(tile) => tile,
            None => {
                let mut tuning = lock(&self.inner.tuning);
                tuning.see(*p, || work.source.primitive());
                choose(p, cuts, space, &tuning.best)
            }
        };
        let program = &work.program(&tile, store.through());
        let tiles_n = p.n.div_ceil(tile.n);
        let tiles = tile.count(p.m, p.n);
        let wanted = match cuts {
            1 => 1,
            _ => BUSY_GROUPS
                .div_ceil(tiles * p.batch)
                .min(cuts)
                .max(p.k.div_ceil(LONGEST_SPLIT)),
        };
        let chunk =
            p.k.div_ceil(wanted)
                .next_multiple_of(tile.depth)
                .max(tile.depth);
        let splits = p.k.div_ceil(chunk).max(1);
        let groups = tiles * p.batch * splits;
        let mut params: Vec<u32> = [groups, tiles, tiles_n, splits].map(|n| n as u32).to_vec();
        for divisor in [tiles, tiles_n, splits] {
            params.extend(magic(divisor));
        }
        let (geometry, [a_step, b_step]) = match work.source {
            Source::Conv(_, s) => {
                let image = [s.h, s.w, s.c, s.oh, s.ow, s.o, s.kh, s.kw, s.stride, s.pad];
                (image, [0; 2])
            }
            Source::MatMul(s) => {
                let step = |batched: bool, size: usize| if batched { size } else { 0 };
                let steps = [step(s.a_batched, s.m * s.k), step(s.b_batched, s.k * s.n)];
                ([1; 10], steps)
            }
        };
        let numbers = [p.batch, p.m, p.n, p.k, chunk, a_step, b_step];
        params.extend(numbers.map(|n| n as u32));
        let [h, w, c, oh, ow, o, _, kw, stride, _] = geometry;
        params.extend(geometry.map(|n| n as u32));
        let (rows, columns) = (h.div_ceil(stride), w.div_ceil(stride));
        params.extend([rows as u32, columns as u32, 0]);
        for divisor in [c, o, kw, ow, oh, stride, columns, rows] {
            params.extend(magic(divisor));
        }
        let elements = p.batch * p.m * p.n;
        let output = match store {
            Store::Plain(output) => output,
            Store::Through(through) => {
                let groups = groups as u64;
                return self.launch_through(name, program, operands, params, groups, through);
            }
        };
        self.in_splits(name, splits, elements, output, |output| {
            self.launch(
                program,
                &Launch {
                    name,
                    read: &operands,
                    written: &[output],
                    params: &params,
                    groups: groups as u64,
                },
            )
        })
    }
}
