//! The loss of the energy network.

use clel_autograd::Var;
use clel_tensor::Tensor;

use crate::Result;
use crate::model::{energy, rows, same_shape, similarity};

/// The loss, and what it is made of.
#[derive(Debug, Clone)]
pub struct EnergyLoss {
    /// The loss, a scalar.
    pub loss: Var,
    /// E(x) of the data, \[n\].
    pub data: Tensor,
    /// E(x̃) of the model's samples, \[m\].
    pub samples: Tensor,
    /// cos(ĝ(f(x)), z) of the data, \[n\]; none without latents.
    pub similarity: Option<Tensor>,
}

/// Contrastive divergence of the joint energy with its energies held near 0 (Lee et al. 2023, section 3.3):
///
/// `mean[E(x, z)] − mean[E(x̃)] + α · (mean[E(x)²] + mean[E(x̃)²])`, E as in [`model::energy`](crate::model::energy).
///
/// `f_data` \[n, d\] and `g_data` \[n, d\] are features and directions of data, `f_samples` \[m, d\] features of the model's samples,
/// `z` \[n, d\] the data's latents of length 1, which get no gradient.
///
/// # Errors
/// Shapes that do not fit; what the device reports.
pub fn energy_loss(
    f_data: &Var,
    g_data: &Var,
    f_samples: &Var,
    z: &Var,
    alpha: f64,
    beta: f64,
) -> Result<EnergyLoss> {
    let ([n, d], [_, length]) = (rows(g_data)?, rows(f_data)?);
    same_shape("latents of the data", z.shape(), &[n, d])?;
    same_shape("features of the data", f_data.shape(), &[n, length])?;
    // ANCHOR: guide
    let similarity = similarity(g_data, &z.detach())?;
    let mut parts = marginal_loss(f_data, f_samples, alpha)?;
    if beta != 0.0 {
        let guide = similarity.mean_all()?.mul_scalar(beta)?;
        parts.loss = parts.loss.sub(&guide)?;
    }
    // ANCHOR_END: guide
    parts.similarity = Some(similarity.into_tensor());
    Ok(parts)
}

/// The same of the marginal energy alone, without latents:
/// `mean[E(x)] − mean[E(x̃)] + α · (mean[E(x)²] + mean[E(x̃)²])`.
///
/// # Errors
/// Features that are not of rank 2, or of two lengths; what the device reports.
pub fn marginal_loss(f_data: &Var, f_samples: &Var, alpha: f64) -> Result<EnergyLoss> {
    let ([_, d], [m, _]) = (rows(f_data)?, rows(f_samples)?);
    same_shape("features of the samples", f_samples.shape(), &[m, d])?;
    // ANCHOR: loss
    let (data, samples) = (energy(f_data)?, energy(f_samples)?);
    let mut loss = data.mean_all()?.sub(&samples.mean_all()?)?;
    if alpha != 0.0 {
        let squares = data.mul(&data)?.mean_all()?;
        let squares = squares.add(&samples.mul(&samples)?.mean_all()?)?;
        loss = loss.add(&squares.mul_scalar(alpha)?)?;
    }
    // ANCHOR_END: loss
    Ok(EnergyLoss {
        loss,
        data: data.into_tensor(),
        samples: samples.into_tensor(),
        similarity: None,
    })
}
