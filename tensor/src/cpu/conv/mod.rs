//! The three passes of a 2-D convolution.
//!
//! None of them unfolds an image of more than four channels. Forward and input gradient are the same loop over output
//! pixels, with a table that says where each tap of the kernel reads ([`gather`]); the weight
//! gradient is a sum over pixels of outer products ([`weight_grad`]). Taps that fall into the
//! padding are left out, which on a 2×2 image is more than half of them. Where the input has but
//! a few channels, the taps take their place ([`few`]); 3×3 kernels of stride 1 are computed with fewer multiplications
//! where that is quicker ([`winograd`], and [`winograd_grad`] for the weight gradient).

mod few;
mod gather;
mod kernel;
mod order;
mod transform;
mod weight_grad;
mod winograd;
mod winograd_grad;

pub(super) use kernel::{Kernels, kernels_f32, kernels_f64};

use super::CpuBuffer;
use super::epilogue::{Epilogue, Finish};
use super::real::Real;
use crate::primitive::{Conv2d, ConvPass};
use crate::{DType, Result};
use winograd::Plan;

/// Multiply-adds below which one thread is quicker than waking the others.
const PARALLEL_MULTIPLIES: usize = 1 << 18;

/// Runs one pass.
pub(super) fn conv<T: Real>(pass: ConvPass, s: &Conv2d, a: &[T], b: &[T]) -> Result<CpuBuffer> {
    if let Some(plan) = plan::<T>(pass, s) {
        let (a, b) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
        return Ok(plan.run(a, b)?.into());
    }
    if let (ConvPass::WeightGrad, true) = (pass, filtered::<T>(s))
        && let Some(plan) = winograd_grad::Plan::new(s)
    {
        let (x, g) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
        return Ok(plan.run(x, g)?.into());
    }
    Ok(T::buffer(match (pass, few::applies(s)) {
        (ConvPass::Forward, true) => few::forward(s, a, b)?,
        (ConvPass::InputGrad, true) => few::input_grad(s, a, b)?,
        (ConvPass::WeightGrad, true) => few::weight_grad(s, a, b)?,
        (ConvPass::Forward, false) => gather::forward(s, a, b)?,
        (ConvPass::InputGrad, false) => gather::input_grad(s, a, b)?,
        (ConvPass::WeightGrad, false) => weight_grad::weight_grad(s, a, b)?,
    }))
}

/// Runs one pass with an epilogue; `None` where it must run by itself afterwards.
pub(super) fn conv_through(
    pass: ConvPass,
    s: &Conv2d,
    a: &[f32],
    b: &[f32],
    epilogue: Epilogue<'_>,
) -> Result<Option<Vec<CpuBuffer>>> {
    let Some(plan) = plan::<f32>(pass, s) else {
        return Ok(None);
    };
    let Some(finish) = Finish::new(epilogue)? else {
        return Ok(None);
    };
    plan.run_through(a, b, &finish)?;
    Ok(Some(finish.done()))
}

fn plan<T: Real>(pass: ConvPass, s: &Conv2d) -> Option<Plan> {
    filtered::<T>(s).then(|| Plan::new(pass, s)).flatten()
}

/// Whether Winograd's filtering may serve.
fn filtered<T: Real>(s: &Conv2d) -> bool {
    T::DTYPE == DType::F32 && !few::applies(s)
}
