//! Pooling of images \[N, H, W, C\].

use clel_autograd::Var;
use clel_tensor::DType;

use crate::{Error, Layer, Mode, Module, Result, Visitor};

/// Averages over windows of k×k; zeros of the padding count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Side of a window.
    pub kernel: usize,
    /// Distance between windows.
    pub stride: usize,
    /// Zeros around the image.
    pub pad: usize,
}

/// Maxima over windows of k×k, in which the padding never counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Side of a window.
    pub kernel: usize,
    /// Distance between windows.
    pub stride: usize,
    /// Rows and columns around the image.
    pub pad: usize,
}

/// Averages over all positions: \[N, H, W, C\] → \[N, C\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalAvgPool2d;

impl AvgPool2d {
    /// Windows of k×k side by side, without padding.
    pub fn tiles(k: usize) -> AvgPool2d {
        AvgPool2d {
            kernel: k,
            stride: k,
            pad: 0,
        }
    }
}

impl Module for AvgPool2d {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for AvgPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.avg_pool2d(self.kernel, self.stride, self.pad)?)
    }
}

impl Module for MaxPool2d {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for MaxPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.max_pool2d(self.kernel, self.stride, self.pad)?)
    }
}

impl Module for GlobalAvgPool2d {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for GlobalAvgPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        let halves = x.tensor().dtype() == DType::F16;
        match x.shape() {
            // halves may not hold the sum of an image, which a pool does not store
            &[n, side, width, c] if halves && side == width && side > 0 => {
                let pooled = x.avg_pool2d(side, side, 0)?;
                Ok(pooled.reshape(&[n, c])?)
            }
            [_, h, w, _] if h * w > 0 => Ok(x.mean(&[1, 2], false)?),
            shape => Err(Error::Input {
                layer: "GlobalAvgPool2d",
                shape: shape.to_vec(),
                expected: "[N, H, W, C] with H, W ≥ 1".into(),
            }),
        }
    }
}
