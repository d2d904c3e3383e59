//! Gradient checks: the rules against central differences in f64.

use clel_tensor::{DType, RngKey, Tensor};

use crate::{Error, GradOptions, Result, Var, grad};

/// Step of the central differences: their error is about 1e-10 of the function's scale.
const STEP: f64 = 1e-5;
/// Largest difference, relative to the sizes of the two numbers.
const TOLERANCE: f64 = 1e-6;

/// Slopes below this share of the function's value are compared as if they were as large.
const LEAST: f64 = 1e-3;

/// Compares the derivatives of `f` at `inputs` (f64, on the CPU) with central differences, along random
/// directions and for a random cotangent, up to `order` (as HIPS autograd's `check_grads` does): the derivative
/// along a direction is itself a function, which is checked in turn.
///
/// # Errors
/// [`Error::Check`] if they differ; what `f` reports.
pub fn check_grad(
    f: &dyn Fn(&[Var]) -> Result<Var>,
    inputs: &[Tensor],
    order: usize,
) -> Result<()> {
    check_order(f, inputs, 1, order)
}

fn check_order(
    f: &dyn Fn(&[Var]) -> Result<Var>,
    inputs: &[Tensor],
    order: usize,
    highest: usize,
) -> Result<()> {
    let random = |like: &Tensor, stream: u32| -> Result<Tensor> {
        let key = RngKey::new(order as u64, stream);
        // away from 0, so that no term is left unchecked
        let u = Tensor::uniform(like.shape(), key, like.device())?.to_dtype(DType::F64)?;
        let sign = u.sub_scalar(0.5)?.sign()?;
        Ok(u.mul(&sign)?.add(&sign)?)
    };
    let directions: Vec<Tensor> = inputs
        .iter()
        .enumerate()
        .map(|(i, x)| random(x, i as u32))
        .collect::<Result<_>>()?;
    let leaves = |at: f64| -> Result<Vec<Var>> {
        let moved = inputs.iter().zip(&directions);
        moved
            .map(|(x, d)| Ok(Var::leaf(x.add(&d.mul_scalar(at)?)?)))
            .collect()
    };
    let cotangent = random(f(&leaves(0.0)?)?.tensor(), 1000)?;
    // s(x) = ⟨cotangent, f(x)⟩
    let scalar = |x: &[Var]| f(x)?.mul(&Var::constant(cotangent.clone()))?.sum_all();
    let along = |x: &[Var]| -> Result<Var> {
        let s = scalar(x)?;
        let options = GradOptions {
            allow_unused: true,
            ..GradOptions::recorded()
        };
        let gradients = grad(&[&s], &x.iter().collect::<Vec<_>>(), &options)?;
        let mut sum = Var::constant(Tensor::zeros(&[], DType::F64, s.tensor().device())?);
        for (g, d) in gradients.iter().zip(&directions) {
            sum = sum.add(&g.mul(&Var::constant(d.clone()))?.sum_all()?)?;
        }
        Ok(sum)
    };
    let analytic = along(&leaves(0.0)?)?.tensor().item()?;
    let (up, down) = (scalar(&leaves(STEP)?)?, scalar(&leaves(-STEP)?)?);
    let (up, down) = (up.tensor().item()?, down.tensor().item()?);
    let numeric = (up - down) / (2.0 * STEP);
    // what central differences can tell
    let least = LEAST * up.abs().max(down.abs());
    let scale = analytic.abs().max(numeric.abs()).max(least);
    // a NaN is not close
    let close = (analytic - numeric).abs() <= TOLERANCE * scale;
    if !close {
        return Err(Error::Check {
            order,
            analytic,
            numeric,
        });
    }
    if order < highest {
        check_order(&along, inputs, order + 1, highest)?;
    }
    Ok(())
}
