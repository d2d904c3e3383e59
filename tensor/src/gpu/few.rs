//! Convolutions of a few channels on software rasterisers, the first of every image network: as products of matrices, in which the taps of the
//! kernel stand in for channels.

use super::adapter::LANES;
use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, Embed, MatMul};

/// Input channels that are few.
const FEW: usize = 4;

pub(super) fn patches_program() -> Program {
    program!("few_patches")
}

pub(super) fn windows_program() -> Program {
    program!("few_windows")
}

/// Numbers of a window, and of a row that holds it and suits the product.
fn window(s: &Conv2d) -> [usize; 2] {
    let window = s.kh * s.kw * s.c;
    [window, window.next_multiple_of(LANES as usize)]
}

/// The product of windows or cotangents with the weights that a pass is, if its channels are few.
pub(super) fn product(pass: ConvPass, s: &Conv2d) -> Option<MatMul> {
    let [_, row] = window(s);
    let (n, k, b_transposed) = match pass {
        ConvPass::Forward => (s.o, row, true),
        ConvPass::InputGrad => (row, s.o, false),
        ConvPass::WeightGrad => return None,
    };
    let product = MatMul {
        batch: 1,
        m: s.n * s.oh * s.ow,
        n,
        k,
        a_transposed: false,
        b_transposed,
        a_batched: false,
        b_batched: false,
    };
    (s.c <= FEW && s.kw > 1).then_some(product)
}

impl Gpu {
    /// Whether one array can hold the windows of all pixels.
    pub(super) fn has_room_for_windows(&self, product: &MatMul, s: &Conv2d) -> bool {
        let [_, row] = window(s);
        self.holds(product.m as u64 * row as u64)
    }

    /// A pass with its two inputs in the order of [`ConvPass`], as the [`product`].
    pub(super) fn conv_of_few(
        &self,
        pass: ConvPass,
        s: &Conv2d,
        product: &MatMul,
        [input, weight]: [&GpuBuffer; 2],
        output: &GpuBuffer,
    ) -> Result<()> {
        let name = pass.name();
        let [window, row] = window(s);
        let rows = self.output(name, s.o * row * 4)?;
        let lengthened = Embed {
            shape: vec![s.o, window],
            out: vec![s.o, row],
            start: vec![0; 2],
            step: vec![1; 2],
        };
        self.embed(&lengthened, weight, &rows)?;
        let patches = self.output(name, s.n * s.oh * s.ow * row * 4)?;
        if pass == ConvPass::Forward {
            self.patches(name, s, input, &patches)?;
            return self.matmul_by_lanes(name, product, [&patches, &rows], output);
        }
        self.matmul_by_lanes(name, product, [input, &rows], &patches)?;
        self.windows(name, s, &patches, output)
    }

    fn patches(&self, name: &'static str, s: &Conv2d, x: &GpuBuffer, to: &GpuBuffer) -> Result<()> {
        let [window, row] = window(s);
        let threads = s.n * s.oh * s.ow * row / 4;
        let mut params = vec![threads as u32, (row / 4) as u32];
        params.extend([row / 4, s.ow, s.oh, s.c, s.kw].into_iter().flat_map(magic));
        params.extend([window, s.h, s.w, s.c, s.oh, s.ow, s.kw, s.stride, s.pad].map(|n| n as u32));
        self.launch(
            &patches_program(),
            &Launch {
                name,
                read: &[x],
                written: &[to],
                params: &params,
                groups: (threads as u64).div_ceil(WORKGROUP),
            },
        )
    }

    fn windows(
        &self,
        name: &'static str,
        s: &Conv2d,
        from: &GpuBuffer,
        dx: &GpuBuffer,
    ) -> Result<()> {
        let [_, row] = window(s);
        let threads = s.n * s.h * s.w * s.c;
        let mut params = vec![threads as u32, row as u32];
        params.extend([s.c, s.w, s.h, s.stride].into_iter().flat_map(magic));
        let numbers = [s.h, s.w, s.c, s.oh, s.ow, s.kh, s.kw, s.stride, s.pad];
        params.extend(numbers.map(|n| n as u32));
        self.launch(
            &windows_program(),
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
