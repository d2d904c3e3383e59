//! Convolutions as products of their windows, on software rasterisers: forward and the weight gradient of any, without storing a window; and the
//! input gradient of a few channels, the first of every image network.

use super::adapter::LANES;
use super::launch::{Launch, WORKGROUP};
use super::matmul::{LANE_ROWS, lane_vectors};
use super::run::magic;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::primitive::{Conv2d, ConvPass, Embed, MatMul};
use crate::{DType, Result};

/// Input channels that are few.
const FEW: usize = 4;
/// Places of a window whose sums are written out.
const WRITTEN_OUT: usize = 49;

pub(super) fn lanes_program(
    weight_gradient: bool,
    vectors: usize,
    b_transposed: bool,
    held: usize,
) -> Program {
    program!("conv_lanes")
        .set("WEIGHT", u8::from(weight_gradient))
        .set("TM", LANE_ROWS)
        .set("TNV", vectors)
        .set("BT", u8::from(b_transposed))
        .set("HELD", held)
}

pub(super) fn sum_program([kh, kw, c]: [usize; 3], stride_one: bool) -> Program {
    program!("windows_sum")
        .set("KH", kh)
        .set("KW", kw)
        .set("C", c)
        .set("STRIDE", u8::from(!stride_one))
}

/// Numbers of a window, and of a row that holds it and suits the product: steps of a sum in whole turns of all lanes, or columns in vec4s.
fn window(pass: ConvPass, s: &Conv2d) -> [usize; 2] {
    let window = s.kh * s.kw * s.c;
    let row = match pass {
        // fewer columns are not worth a subgroup
        ConvPass::InputGrad if window > 16 => window.next_multiple_of(4).max(24),
        ConvPass::InputGrad => window.next_multiple_of(4),
        ConvPass::Forward | ConvPass::WeightGrad => window.next_multiple_of(LANES as usize),
    };
    [window, row]
}

/// The product of windows, or of cotangents, that a pass is.
pub(super) fn product(pass: ConvPass, s: &Conv2d) -> Option<MatMul> {
    let [window, row] = window(pass, s);
    let pixels = s.n * s.oh * s.ow;
    let (m, n, k, b_transposed) = match pass {
        ConvPass::Forward => (pixels, s.o, row, true),
        ConvPass::WeightGrad => (window, s.o, pixels, false),
        ConvPass::InputGrad if s.c <= FEW && s.kw > 1 && s.kh * s.kw <= WRITTEN_OUT => {
            (pixels, row, s.o, false)
        }
        ConvPass::InputGrad => return None,
    };
    Some(MatMul {
        batch: 1,
        m,
        n,
        k,
        a_transposed: false,
        b_transposed,
        a_batched: false,
        b_batched: false,
    })
}

impl Gpu {
    /// Whether one array can hold what a pass needs in between.
    pub(super) fn has_room_for_windows(
        &self,
        pass: ConvPass,
        product: &MatMul,
        s: &Conv2d,
    ) -> bool {
        let [_, row] = window(pass, s);
        let between = match pass {
            ConvPass::Forward => s.o * row,
            ConvPass::InputGrad => product.m * row,
            ConvPass::WeightGrad => self.parts_of_pixels(product) * s.o * row,
        };
        self.holds(between as u64)
    }

    /// A pass with its two inputs in the order of [`ConvPass`], as the [`product`].
    pub(super) fn conv_of_windows(
        &self,
        pass: ConvPass,
        s: &Conv2d,
        product: &MatMul,
        inputs: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let [a, b] = inputs;
        match pass {
            ConvPass::Forward => {
                let rows = self.window_rows(pass, s, b)?;
                self.multiply_windows(pass, s, product, 1, [a, &rows], output)
            }
            ConvPass::WeightGrad => {
                let parts = self.parts_of_pixels(product);
                let elements = s.o * product.m;
                self.in_splits(
                    pass.name(),
                    parts,
                    elements,
                    (output, DType::F32),
                    |output, _| self.multiply_windows(pass, s, product, parts, inputs, output),
                )
            }
            ConvPass::InputGrad => {
                let [_, row] = window(pass, s);
                let rows = self.window_rows(pass, s, b)?;
                let windows = self.output(pass.name(), product.m * row * 4)?;
                self.matmul_by_lanes(pass.name(), product, [a, &rows], &windows)?;
                self.sum_windows(pass.name(), s, &windows, output)
            }
        }
    }

    /// The weight, \[o, window\], with its rows filled up with zeros, in an array that can be [held](Self::held) if it is small.
    fn window_rows(&self, pass: ConvPass, s: &Conv2d, weight: &GpuBuffer) -> Result<GpuBuffer> {
        let [window, row] = window(pass, s);
        if window == row {
            return Ok(weight.handle());
        }
        weight.in_form(format!("{} rows of {window} in {row}", s.o), || {
            let numbers = s.o * row;
            let bytes = self.uniform_for(numbers).map_or(4 * numbers, |n| 16 * n);
            let rows = self.output(pass.name(), bytes)?;
            let lengthened = Embed {
                shape: vec![s.o, window],
                out: vec![s.o, row],
                start: vec![0; 2],
                step: vec![1; 2],
            };
            self.embed(&lengthened, weight, &rows)?;
            Ok(rows)
        })
    }

    /// Parts that the pixels of a weight gradient are cut into: enough for all cores, none so long that rounding tells.
    fn parts_of_pixels(&self, product: &MatMul) -> usize {
        let tiles = product.m.div_ceil(LANE_ROWS) * product.n.div_ceil(4);
        let wanted = self.parts_of_sum(product.k, tiles, product.m * product.n);
        // of whole turns of all lanes
        let part = product.k.div_ceil(wanted).next_multiple_of(LANES as usize);
        product.k.div_ceil(part.max(1)).max(1)
    }

    fn multiply_windows(
        &self,
        pass: ConvPass,
        s: &Conv2d,
        product: &MatMul,
        parts: usize,
        [x, b]: [&GpuBuffer; 2],
        y: &GpuBuffer,
    ) -> Result<()> {
        let [window, _] = window(pass, s);
        let vectors = lane_vectors(product.n);
        let tiles_n = product.n.div_ceil(4 * vectors * LANES as usize);
        let tiles = product.m.div_ceil(LANE_ROWS) * tiles_n;
        let subgroups = parts * tiles;
        let depth = product.k.div_ceil(parts).next_multiple_of(LANES as usize);
        let mut params = [subgroups, tiles, tiles_n, product.m]
            .map(|n| n as u32)
            .to_vec();
        let divisors = [tiles, tiles_n, s.c, s.kw, s.ow, s.oh];
        params.extend(divisors.into_iter().flat_map(magic));
        let pixels = s.n * s.oh * s.ow;
        params.extend([pixels, window, depth, s.h, s.w, s.c].map(|n| n as u32));
        params.extend([s.oh, s.ow, s.o, s.kw, s.stride, s.pad].map(|n| n as u32));
        let of_gradient = pass == ConvPass::WeightGrad;
        let held = match of_gradient {
            // a gradient is large
            true => 0,
            false => self.held(b, product.k * product.n),
        };
        let program = lanes_program(of_gradient, vectors, product.b_transposed, held);
        self.launch(
            &program,
            &Launch {
                name: pass.name(),
                read: &[x, b],
                written: &[y],
                params: &params,
                groups: (subgroups as u64).div_ceil(WORKGROUP / u64::from(LANES)),
            },
        )
    }

    fn sum_windows(
        &self,
        name: &'static str,
        s: &Conv2d,
        from: &GpuBuffer,
        dx: &GpuBuffer,
    ) -> Result<()> {
        let [_, row] = window(ConvPass::InputGrad, s);
        let threads = s.n * s.h * s.w;
        let mut params = vec![threads as u32, row as u32];
        params.extend([s.w, s.h, s.stride].into_iter().flat_map(magic));
        let numbers = [s.h, s.w, s.oh, s.ow, s.stride, s.pad];
        params.extend(numbers.map(|n| n as u32));
        self.launch(
            &sum_program([s.kh, s.kw, s.c], s.stride == 1),
            &Launch {
                name,
                read: &[from],
                written: &[dx],
                params: &params,
                groups: (threads as u64).div_ceil(WORKGROUP),
            },
        )
    }
}
