//! The heavy operations on graphics hardware: one kernel, tiled in workgroup memory, which reads
//! the operands of products and convolutions in place.

use super::launch::Launch;
use super::run::magic;
use super::template::{Program, program};
use super::through::Store;
use super::{Gpu, GpuBuffer};
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, MatMul};

/// Side of the square of outputs that a workgroup makes.
const TILE: usize = 64;
/// Steps of the contraction held in workgroup memory.
const DEPTH: usize = 16;
/// Workgroups that keep a device busy; a long contraction is split to have as many.
const BUSY_GROUPS: usize = 128;
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

pub(super) fn tiled_program(operands: Operands, vec: bool, through: bool) -> Program {
    program!("gemm_tiled")
        .set("OP", operands.op)
        .set("AK", u8::from(operands.a_along_k))
        .set("BK", u8::from(operands.b_along_k))
        .set("VEC", u8::from(vec))
        .set("THROUGH", u8::from(through))
}

/// A product in the terms of the kernel.
struct Product {
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    a_step: usize,
    b_step: usize,
}

impl Gpu {
    pub(super) fn matmul_tiled(
        &self,
        s: &MatMul,
        [a, b]: [&GpuBuffer; 2],
        c: &GpuBuffer,
    ) -> Result<()> {
        let line = |transposed: bool, plain: usize, other: usize| -> bool {
            (if transposed { other } else { plain }).is_multiple_of(4)
        };
        let vec = line(s.a_transposed, s.k, s.m) && line(s.b_transposed, s.n, s.k);
        let product = Product {
            batch: s.batch,
            m: s.m,
            n: s.n,
            k: s.k,
            a_step: if s.a_batched { s.m * s.k } else { 0 },
            b_step: if s.b_batched { s.k * s.n } else { 0 },
        };
        let program = tiled_program(
            Operands::matmul((s.a_transposed, s.b_transposed)),
            vec,
            false,
        );
        self.tiled("matmul", &program, &product, None, [a, b], Store::Plain(c))
    }

    pub(super) fn conv_tiled(
        &self,
        name: &'static str,
        pass: ConvPass,
        s: &Conv2d,
        [first, second]: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let vec = s.c.is_multiple_of(4) && s.o.is_multiple_of(4);
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
            batch,
            m,
            n,
            k,
            a_step: 0,
            b_step: 0,
        };
        let operands = match pass {
            ConvPass::WeightGrad => [second, first],
            _ => [first, second],
        };
        let program = tiled_program(Operands::conv(pass), vec, store.through());
        self.tiled(name, &program, &product, Some((pass, s)), operands, store)
    }

    fn tiled(
        &self,
        name: &'static str,
        program: &Program,
        p: &Product,
        conv: Option<(ConvPass, &Conv2d)>,
        operands: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let tiles_n = p.n.div_ceil(TILE);
        let tiles = p.m.div_ceil(TILE) * tiles_n;
        // the classes of an input gradient end in one output, which is not cut; nor is what goes on to an epilogue
        let whole = matches!(conv, Some((ConvPass::InputGrad, _))) || store.through();
        let wanted = match whole {
            true => 1,
            false => BUSY_GROUPS
                .div_ceil(tiles * p.batch)
                .min(p.k / SHORTEST_SPLIT)
                .max(p.k.div_ceil(LONGEST_SPLIT))
                .max(1),
        };
        let chunk = p.k.div_ceil(wanted).next_multiple_of(DEPTH).max(DEPTH);
        let splits = p.k.div_ceil(chunk).max(1);
        let groups = tiles * p.batch * splits;
        let mut params: Vec<u32> = [groups, tiles, tiles_n, splits].map(|n| n as u32).to_vec();
        for divisor in [tiles, tiles_n, splits] {
            params.extend(magic(divisor));
        }
        let numbers = [p.batch, p.m, p.n, p.k, chunk, p.a_step, p.b_step];
        params.extend(numbers.map(|n| n as u32));
        let geometry = conv.map_or([1; 10], |(_, s)| {
            [s.h, s.w, s.c, s.oh, s.ow, s.o, s.kh, s.kw, s.stride, s.pad]
        });
        let [h, w, c, oh, ow, o, _, kw, stride, _] = geometry;
        params.extend(geometry.map(|n| n as u32));
        let (rows, columns) = (h.div_ceil(stride), w.div_ceil(stride));
        params.extend([rows as u32, columns as u32, 0]);
        for divisor in [c, o, kw, ow, oh, stride, columns, rows] {
            params.extend(magic(divisor));
        }
        let elements = if whole { 0 } else { p.batch * p.m * p.n };
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
