//! The three passes of a convolution, by the direct kernels.

use super::launch::{Launch, WORKGROUP};
use super::matmul::block;
use super::run::magic;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::primitive::{Conv2d, ConvPass};
use crate::{DType, Result};

/// A part of a weight gradient walks about this many pixels at least.
const SHORTEST_PART: usize = 256;
/// … and no more than this, for the sake of rounding.
const LONGEST_PART: usize = 4096;

pub(super) fn direct_program(
    pass: ConvPass,
    (rows, vectors): (usize, usize),
    vec: bool,
) -> Program {
    match pass {
        ConvPass::Forward => program!("conv_forward_direct").set("TP", rows),
        ConvPass::InputGrad => program!("conv_input_grad_direct").set("TP", rows),
        ConvPass::WeightGrad => program!("conv_weight_grad_direct").set("TO", rows),
    }
    .set("TCV", vectors)
    .set("VEC", u8::from(vec))
}

/// Lists of parameters: numbers, and magic numbers to divide by them.
struct Params(Vec<u32>);

impl Params {
    fn numbers<const N: usize>(mut self, numbers: [usize; N]) -> Self {
        self.0.extend(numbers.map(|n| n as u32));
        self
    }

    fn magic<const N: usize>(mut self, divisors: [usize; N]) -> Self {
        self.0.extend(divisors.iter().flat_map(|d| magic(*d)));
        self
    }
}

impl Gpu {
    /// A convolution pass with its two inputs in the order of [`ConvPass`].
    pub(super) fn conv(
        &self,
        name: &'static str,
        pass: ConvPass,
        s: &Conv2d,
        inputs: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let vec = s.c.is_multiple_of(4) && s.o.is_multiple_of(4);
        match pass {
            ConvPass::Forward => self.conv_forward(name, s, vec, inputs, output),
            ConvPass::InputGrad => self.conv_input_grad(name, s, vec, inputs, output),
            ConvPass::WeightGrad => self.conv_weight_grad(name, s, vec, inputs, output),
        }
    }

    fn conv_forward(
        &self,
        name: &'static str,
        s: &Conv2d,
        vec: bool,
        inputs: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let pixels = s.n * s.oh * s.ow;
        let (rows, vectors) = block(pixels, s.o);
        let tiles_o = s.o.div_ceil(4 * vectors);
        let threads = pixels.div_ceil(rows) * tiles_o;
        let params = Params(Vec::new())
            .numbers([threads, tiles_o])
            .magic([tiles_o, s.ow, s.oh])
            .numbers([
                pixels, s.h, s.w, s.c, s.oh, s.ow, s.o, s.kh, s.kw, s.stride, s.pad,
            ]);
        let program = direct_program(ConvPass::Forward, (rows, vectors), vec);
        self.launch(
            &program,
            &Launch {
                name,
                read: &inputs,
                written: &[output],
                params: &params.0,
                groups: (threads as u64).div_ceil(WORKGROUP),
            },
        )
    }

    fn conv_input_grad(
        &self,
        name: &'static str,
        s: &Conv2d,
        vec: bool,
        inputs: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let (lines, columns) = (s.h.div_ceil(s.stride), s.w.div_ceil(s.stride));
        let pixels = s.n * lines * columns;
        let (rows, vectors) = block(pixels, s.c);
        let tiles_c = s.c.div_ceil(4 * vectors);
        let tiles_p = pixels.div_ceil(rows);
        let threads = s.stride * s.stride * tiles_p * tiles_c;
        let params = Params(Vec::new())
            .numbers([threads, tiles_c])
            .magic([tiles_c, tiles_p, s.stride, columns, lines])
            .numbers([
                tiles_p, pixels, lines, columns, s.h, s.w, s.c, s.oh, s.ow, s.o, s.kh, s.kw,
                s.stride, s.pad,
            ]);
        let program = direct_program(ConvPass::InputGrad, (rows, vectors), vec);
        self.launch(
            &program,
            &Launch {
                name,
                read: &inputs,
                written: &[output],
                params: &params.0,
                groups: (threads as u64).div_ceil(WORKGROUP),
            },
        )
    }

    fn conv_weight_grad(
        &self,
        name: &'static str,
        s: &Conv2d,
        vec: bool,
        inputs: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let (rows, vectors) = block(s.o, s.c);
        let (tiles_o, tiles_c) = (s.o.div_ceil(rows), s.c.div_ceil(4 * vectors));
        let taps = s.kh * s.kw;
        let tiles = taps * tiles_o * tiles_c;
        let (lines, pixels) = (s.n * s.oh, s.n * s.oh * s.ow);
        let wanted = self
            .parts_of_sum(pixels, tiles, s.o * taps * s.c)
            .min(lines.max(1));
        let part = lines.div_ceil(wanted).max(1);
        let parts = lines.div_ceil(part).max(1);
        let threads = parts * tiles;
        let params = Params(Vec::new())
            .numbers([threads, tiles_c])
            .magic([tiles_c, tiles_o, taps, s.kw, s.oh])
            .numbers([
                tiles_o, taps, lines, part, s.h, s.w, s.c, s.oh, s.ow, s.o, s.kw, s.stride,
            ])
            .magic([s.stride])
            .numbers([s.pad]);
        let program = direct_program(ConvPass::WeightGrad, (rows, vectors), vec);
        self.in_splits(
            name,
            parts,
            s.o * taps * s.c,
            (output, DType::F32),
            |y, _| {
                self.launch(
                    &program,
                    &Launch {
                        name,
                        read: &inputs,
                        written: &[y],
                        params: &params.0,
                        groups: (threads as u64).div_ceil(WORKGROUP),
                    },
                )
            },
        )
    }

    /// Parts for a sum over so many pixels in each of so many threads, of so many elements.
    pub(super) fn parts_of_sum(&self, pixels: usize, threads: usize, elements: usize) -> usize {
        let wanted = self.busy_threads().div_ceil(threads.max(1));
        wanted
            .min(pixels / SHORTEST_PART)
            .max(pixels.div_ceil(LONGEST_PART))
            .min(self.most_parts(elements))
            .max(1)
    }
}
