//! The heavy operations on graphics hardware: one kernel, tiled in workgroup memory, which reads
//! the operands of products and convolutions in place.

use super::launch::Launch;
use super::matrix::{Factors, MatrixUnits, matrix_program};
use super::run::magic;
use super::template::{Program, program};
use super::through::Store;
use super::tiles::{BUSY_GROUPS, Product, Tile, Unit, choose};
use super::way::Way;
use super::{Family, Gpu, GpuBuffer};
use crate::precision::{MatmulPrecision, matmul_precision};
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::{DType, Result};

/// A contraction is not cut into parts shorter than this.
const SHORTEST_SPLIT: usize = 512;
/// … and is cut into parts no longer than this, for the sake of rounding.
const LONGEST_SPLIT: usize = 4096;

/// What the operands are, and whether their neighbours along k are contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Operands {
    /// matmul, forward, input_grad or weight_grad.
    pub(super) op: &'static str,
    pub(super) along_k: [bool; 2],
}

impl Operands {
    pub(super) const fn matmul(shape: (bool, bool)) -> Self {
        Operands {
            op: "matmul",
            along_k: [!shape.0, shape.1],
        }
    }

    pub(super) const fn conv(pass: ConvPass) -> Self {
        match pass {
            ConvPass::Forward => Operands {
                op: "forward",
                along_k: [true, true],
            },
            ConvPass::InputGrad => Operands {
                op: "input_grad",
                along_k: [true, false],
            },
            ConvPass::WeightGrad => Operands {
                op: "weight_grad",
                along_k: [false, false],
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
        .set("AK", u8::from(operands.along_k[0]))
        .set("BK", u8::from(operands.along_k[1]))
        .set("VA", u8::from(vectors != Vectors::None))
        .set("VB", all)
        .set("VC", all)
        .set("EVEN", u8::from(even))
        .set("THROUGH", u8::from(through));
    tile.describe(program, operands.along_k)
}

/// A product, and how its operands lie.
pub(super) struct Work {
    pub(super) product: Product,
    pub(super) vectors: Vectors,
    /// The type that operands and results are stored in.
    dtype: DType,
    /// So many steps of the contraction lie at equal distances in the memory of both operands.
    line: usize,
    /// A convolution's h, w, c, oh, ow, o, kh, kw, stride and pad.
    geometry: [usize; 10],
    /// From one matrix of an operand to the next.
    steps: [usize; 2],
    /// Whether both operands are split into halves already, where the precision asks for that.
    ready: bool,
    /// What the device has to make it with beside the threads' own arithmetic.
    units: Option<MatrixUnits>,
    /// Bytes of workgroup memory.
    space: u32,
}

impl Work {
    /// The product that a primitive of arrays of a type is, if it is one, multiplied in f32.
    fn of(primitive: &Primitive, dtype: DType) -> Option<Work> {
        let work = match primitive {
            Primitive::MatMul(s) => Work::matmul(s),
            Primitive::Conv(pass, s) => Work::conv(*pass, s),
            _ => return None,
        };
        Some(Work { dtype, ..work })
    }

    fn matmul(s: &MatMul) -> Work {
        let lines = [
            if s.a_transposed { s.m } else { s.k },
            if s.b_transposed { s.k } else { s.n },
            s.n,
        ];
        Work {
            product: Product {
                operands: Operands::matmul((s.a_transposed, s.b_transposed)),
                batch: s.batch,
                m: s.m,
                n: s.n,
                k: s.k,
                precision: MatmulPrecision::Highest,
                window: [1; 3],
            },
            vectors: match lines.iter().all(|n| n.is_multiple_of(4)) {
                true => Vectors::All,
                false => Vectors::None,
            },
            dtype: DType::F32,
            line: s.k,
            geometry: [1; 10],
            steps: s.steps(),
            ready: false,
            units: None,
            space: 0,
        }
    }

    fn conv(pass: ConvPass, s: &Conv2d) -> Work {
        let taps = s.kh * s.kw;
        let pixels = s.n * s.oh * s.ow;
        let (batch, [m, n, k], line) = match pass {
            ConvPass::Forward => (1, [pixels, s.o, taps * s.c], s.c),
            ConvPass::InputGrad => {
                let of_a_class = s.n * s.h.div_ceil(s.stride) * s.w.div_ceil(s.stride);
                (s.stride * s.stride, [of_a_class, s.c, taps * s.o], s.o)
            }
            ConvPass::WeightGrad => (1, [s.o, taps * s.c, pixels], s.ow),
        };
        Work {
            product: Product {
                operands: Operands::conv(pass),
                batch,
                m,
                n,
                k,
                precision: MatmulPrecision::Highest,
                window: [s.kh, s.kw, s.stride],
            },
            vectors: match (pass, s.c % 4, s.o % 4) {
                (_, 0, 0) => Vectors::All,
                (ConvPass::InputGrad | ConvPass::WeightGrad, _, 0) => Vectors::Left,
                _ => Vectors::None,
            },
            dtype: DType::F32,
            line,
            geometry: [s.h, s.w, s.c, s.oh, s.ow, s.o, s.kh, s.kw, s.stride, s.pad],
            steps: [0; 2],
            ready: false,
            units: None,
            space: 0,
        }
    }

    /// The same of operands that are split into halves already.
    pub(super) fn of_halves(self) -> Work {
        Work {
            ready: true,
            ..self
        }
    }

    /// Whether the results come four neighbours at a time.
    pub(super) fn in_fours(&self) -> bool {
        self.vectors == Vectors::All
    }

    /// The program whose results are of this type.
    fn program(&self, tile: &Tile, through: bool, results: DType) -> Program {
        let Product {
            operands,
            precision,
            ..
        } = self.product;
        // DEPTH steps, from a multiple of them on, are then neighbours, and read as vectors
        let even = self.vectors == Vectors::All && self.line.is_multiple_of(tile.depth);
        let program = match (tile.unit, self.units) {
            (Unit::Matrix, Some(units)) => {
                let factors = match (self.dtype, precision) {
                    (DType::F16, _) => Factors::Halves,
                    (_, MatmulPrecision::High) if self.ready => Factors::Ready,
                    (_, MatmulPrecision::High) => Factors::Split,
                    _ => Factors::Rounded,
                };
                matrix_program(units, tile, operands, even, factors, through, self.space)
            }
            // the threads' own: without units there is no tile for them
            _ => tiled_program(tile, operands, self.vectors, even, through),
        };
        let program = program.of(self.dtype);
        if through {
            program
        } else {
            program.to(results)
        }
    }
}

impl Product {
    /// Parts that the contraction may be cut into. Not that of a convolution whose output may go on to an epilogue.
    pub(super) fn cuts(&self) -> usize {
        match self.operands.op {
            "matmul" | "weight_grad" => (self.k / SHORTEST_SPLIT).max(1),
            _ => 1,
        }
    }
}

impl Gpu {
    /// The product that a primitive of arrays of a type is, if the tiled kernels make it, with the precision that holds on this thread.
    pub(super) fn work(&self, primitive: &Primitive, dtype: DType) -> Option<Work> {
        let mut work = Work::of(primitive, dtype).filter(|_| self.family() == Family::Tiled)?;
        work.units = self.inner.summary.matrix_units;
        work.space = self.inner.limits.max_compute_workgroup_storage_size;
        if work.units.is_some() && work.vectors == Vectors::All {
            work.product.precision = match dtype {
                // matrix units lose nothing of factors that are f16 already
                DType::F16 => MatmulPrecision::Medium,
                _ => matmul_precision(),
            };
        }
        Some(work)
    }

    /// The tile for a product of which so much is known.
    pub(super) fn tile(&self, work: &Work, known: Option<Way>) -> Tile {
        let usual = || choose(&work.product, work.product.cuts(), work.space, known);
        let fits = |tile: &Tile| tile.unit == Unit::Registers || work.units.is_some();
        self.inner.options.tile.filter(fits).unwrap_or_else(usual)
    }

    /// Makes the product `work` that a primitive is, of the primitive's inputs.
    pub(super) fn tiled(
        &self,
        primitive: &Primitive,
        work: &Work,
        tile: &Tile,
        [first, second]: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let name = primitive.name();
        let operands = match primitive {
            Primitive::Conv(ConvPass::WeightGrad, _) => [second, first],
            _ => [first, second],
        };
        let p = &work.product;
        self.is_to_multiply((p.batch * p.m * p.n) as u64 * p.k as u64)?;
        let cuts = p.cuts();
        let tiles_n = p.n.div_ceil(tile.n);
        let tiles = tile.count(p.m, p.n);
        let wanted = match cuts {
            1 => 1,
            _ => BUSY_GROUPS
                .div_ceil(tiles * p.batch)
                .min(cuts)
                .max(p.k.div_ceil(LONGEST_SPLIT))
                .min(self.most_parts(p.batch * p.m * p.n)),
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
        let [a_step, b_step] = work.steps;
        let numbers = [p.batch, p.m, p.n, p.k, chunk, a_step, b_step];
        params.extend(numbers.map(|n| n as u32));
        let [h, w, c, oh, ow, o, _, kw, stride, _] = work.geometry;
        params.extend(work.geometry.map(|n| n as u32));
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
                let program = work.program(tile, true, work.dtype);
                return self.launch_through(name, &program, &operands, params, groups, through);
            }
        };
        self.in_splits(
            name,
            splits,
            elements,
            (output, work.dtype),
            |output, dtype| {
                self.launch(
                    &work.program(tile, false, dtype),
                    &Launch {
                        name,
                        read: &operands,
                        written: &[output],
                        params: &params,
                        groups: groups as u64,
                    },
                )
            },
        )
    }
}
