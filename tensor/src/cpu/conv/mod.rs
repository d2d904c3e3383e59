//! The three passes of a 2-D convolution.
//!
//! None of them unfolds the image. Forward and input gradient are the same loop over output
//! pixels, with a table that says where each tap of the kernel reads ([`gather`]); the weight
//! gradient is a sum over pixels of outer products ([`weight_grad`]). Taps that fall into the
//! padding are left out, which on a 2×2 image is more than half of them. Where the input has but
//! a few channels, the taps take their place ([`few`]).

mod few;
mod gather;
mod kernel;
mod order;
mod weight_grad;

pub(super) use kernel::{Kernels, kernels_f32, kernels_f64};

use super::memory::PoolVec;
use super::real::Real;
use crate::Result;
use crate::primitive::{Conv2d, ConvPass};

/// Runs one pass.
pub(super) fn conv<T: Real>(pass: ConvPass, s: &Conv2d, a: &[T], b: &[T]) -> Result<PoolVec<T>> {
    if few::applies(s) {
        return match pass {
            ConvPass::Forward => few::forward(s, a, b),
            ConvPass::InputGrad => few::input_grad(s, a, b),
            ConvPass::WeightGrad => few::weight_grad(s, a, b),
        };
    }
    match pass {
        ConvPass::Forward => gather::forward(s, a, b),
        ConvPass::InputGrad => gather::input_grad(s, a, b),
        ConvPass::WeightGrad => weight_grad::weight_grad(s, a, b),
    }
}
