//! torchvision's BasicConv2d.

use clel_autograd::Var;
use clel_nn::{Activation, BatchNorm, Fill, Init, Layer, Mode, Module, Visitor, Weight};

/// `relu(bn(conv(x)))` without a bias and with ε = 0.001; the window may be oblong.
pub(super) struct Unit {
    conv: Convolution,
    bn: BatchNorm,
    window: Window,
}

/// The weight \[O, KH, KW, C\] alone.
struct Convolution(Weight);

/// Window, stride and padding of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: usize,
    /// Zeros above and below, left and right.
    pub pad: [usize; 2],
}

impl Window {
    /// Stride 1, and as many zeros as keep the size.
    pub fn same(kernel: [usize; 2]) -> Window {
        Window {
            kernel,
            stride: 1,
            pad: kernel.map(|k| k / 2),
        }
    }

    /// k×k without padding.
    pub fn inside(k: usize, stride: usize) -> Window {
        Window {
            kernel: [k, k],
            stride,
            pad: [0, 0],
        }
    }
}

impl Unit {
    /// Of zeros: a file's numbers take their place.
    pub fn new(
        init: &mut Init,
        [c_in, c_out]: [usize; 2],
        window: Window,
    ) -> clel_nn::Result<Unit> {
        let [kh, kw] = window.kernel;
        let mut bn = BatchNorm::new(init, c_out)?;
        bn.eps = 1e-3;
        Ok(Unit {
            conv: Convolution(Weight::new(
                init,
                &[c_out, kh, kw, c_in],
                Fill::ZEROS,
                false,
            )?),
            bn,
            window,
        })
    }
}

impl Module for Convolution {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        self.0.visit(v);
    }
}

impl Module for Unit {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv", &self.conv);
        v.module("bn", &self.bn);
    }
}

impl Layer for Unit {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let Window {
            stride,
            pad: [rows, columns],
            ..
        } = self.window;
        let weight = self.conv.0.value(mode)?;
        // a convolution pads all sides alike
        let h = if rows == columns {
            x.conv2d(&weight, stride, rows)?
        } else {
            let padded = x.pad(&[(0, 0), (rows, rows), (columns, columns), (0, 0)])?;
            padded.conv2d(&weight, stride, 0)?
        };
        Activation::Relu.apply(&self.bn.forward(&h, mode)?)
    }
}
