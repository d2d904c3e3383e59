//! Keeping gradients small.

use clel_tensor::{DType, Expr, Tensor};

use crate::{Error, Result};

/// The gradients scaled so that the norm of all of them together is at most `limit`, and the norm that they
/// had (rank 0, f32 for gradients of f16, not waited for): g·min(1, limit/(‖g‖ + 1e-6)), as PyTorch's `clip_grad_norm_`.
///
/// ```
/// use clel_nn::optim::clip_by_norm;
/// use clel_tensor::{Device, Tensor};
/// let g = Tensor::from_slice(&[3.0f32, 4.0], &[2], &Device::Cpu)?;
/// let (clipped, norm) = clip_by_norm(&[g], 1.0)?;
/// assert_eq!(norm.item()?, 5.0);
/// assert!((clipped[0].to_vec::<f32>()?[0] - 0.6).abs() < 1e-6);
/// # Ok::<(), clel_nn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] unless `limit` > 0; [`Error::Gradients`] for none; what the device reports.
pub fn clip_by_norm(gradients: &[Tensor], limit: f64) -> Result<(Vec<Tensor>, Tensor)> {
    check_limit("clip_by_norm: limit", limit)?;
    let wide = gradients.iter().map(widened).collect::<Result<Vec<_>>>()?;
    let squares = wide.iter().map(|g| g.mul(g)?.sum_all());
    let total = squares
        .reduce(|a, b| a?.add(&b?))
        .ok_or_else(|| Error::Gradients {
            why: "clip_by_norm was given none".into(),
        })??;
    let norm = total.sqrt()?;
    norm.realize()?;
    let scale = (Expr::constant(limit) / (Expr::input(1) + 1e-6)).minimum(1.0);
    let clipped = gradients.iter().zip(&wide).map(|(g, wide)| {
        let scaled = Tensor::pointwise(&(Expr::input(0) * scale.clone()), &[wide, &norm])?;
        Ok(scaled.to_dtype(g.dtype())?)
    });
    Ok((clipped.collect::<Result<_>>()?, norm))
}

/// f16, which may hold no square of a gradient, as f32.
fn widened(gradient: &Tensor) -> Result<Tensor> {
    match gradient.dtype() {
        DType::F16 => Ok(gradient.to_dtype(DType::F32)?),
        _ => Ok(gradient.clone()),
    }
}

/// The gradients with every element clamped to ±`limit`.
///
/// # Errors
/// [`Error::Setting`] unless `limit` > 0; what the device reports.
pub fn clip_by_value(gradients: &[Tensor], limit: f64) -> Result<Vec<Tensor>> {
    check_limit("clip_by_value: limit", limit)?;
    let clipped = gradients.iter().map(|g| Ok(g.clamp(-limit, limit)?));
    clipped.collect()
}

fn check_limit(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 {
        return Ok(());
    }
    Err(Error::Setting {
        what,
        value,
        expected: "a number > 0",
    })
}
