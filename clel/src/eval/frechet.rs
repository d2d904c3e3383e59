//! Fréchet distance between Gaussian fits.

use clel_tensor::{DType, Device, Tensor};
use nalgebra::{DMatrix, DVector};

use super::rows::Rows;
use crate::{Error, Result};

/// Vectors whose products are summed at a time.
const BLOCK: usize = 4096;

/// A Gaussian fitted to feature vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Mean, d numbers.
    pub mean: DVector<f64>,
    /// Unbiased covariance, d×d.
    pub covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Fits mean and unbiased covariance to `features`, row-major \[n, d\], n ≥ 2, summed in f64, some rows at a time.
    ///
    /// # Errors
    /// Fewer than two whole rows, or a number that is not finite.
    pub fn fit<T: Copy + Into<f64>>(features: &[T], d: usize) -> Result<Self> {
        let rows = Rows::new("Gaussian fit", features, d, 2)?;
        let mean = rows.mean();
        let mut sum = Tensor::zeros(&[d, d], DType::F64, &Device::Cpu)?;
        for first in (0..rows.len()).step_by(BLOCK) {
            let centred = rows.part(first, BLOCK).array(Some(&mean))?;
            sum = sum.add(&centred.matmul_t(&centred, true, false)?)?;
            sum.realize()?;
        }
        let scale = 1.0 / (rows.len() - 1) as f64;
        Ok(Gaussian {
            mean: DVector::from_vec(mean),
            covariance: DMatrix::from_vec(d, d, sum.to_vec::<f64>()?) * scale,
        })
    }
}

/// Squared Fréchet (2-Wasserstein) distance between two Gaussians,
/// ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½),
/// as Dowson & Landau (1982) and, on Inception features, FID (Heusel et al. 2017) define it.
///
/// With Σᵢ = LᵢLᵢᵀ the trace of the root is the sum of the singular values of L₁ᵀL₂, which no root of a rounding error enters: singular covariances
/// (fewer vectors than features) need no jitter, and the distance keeps its digits.
///
/// # Errors
/// The two have different dimensions, or a number that is not finite.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> Result<f64> {
    if a.mean.len() != b.mean.len() {
        return Err(Error::Mismatch {
            what: "dimension of the second Gaussian".to_owned(),
            found: b.mean.len().to_string(),
            expected: a.mean.len().to_string(),
        });
    }
    let all = [a, b].map(|of| of.mean.iter().chain(&of.covariance));
    if !all.into_iter().flatten().all(|v| v.is_finite()) {
        return Err(Error::Numbers {
            what: "Fréchet distance",
            why: "a mean or a covariance has numbers that are not finite".to_owned(),
        });
    }
    let product = factor(&a.covariance).tr_mul(&factor(&b.covariance));
    let trace_of_root = match product.is_empty() {
        // nothing varies
        true => 0.0,
        false => product.singular_values().sum(),
    };
    let shift = (&a.mean - &b.mean).norm_squared();
    // Rounding can leave a distance of equal Gaussians just below zero.
    Ok((shift + a.covariance.trace() + b.covariance.trace() - 2.0 * trace_of_root).max(0.0))
}

/// L of LLᵀ = Σ with as many columns as Σ has rank: Cholesky's, the largest remaining variance first, until what remains is rounding.
fn factor(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let d = covariance.nrows();
    let mut left = covariance.diagonal();
    let rounding = d as f64 * f64::EPSILON * left.max();
    let mut columns = DMatrix::zeros(d, d);
    let mut rank = 0;
    while rank < d {
        let (pivot, variance) = left.argmax();
        if variance.is_nan() || variance <= rounding {
            break;
        }
        let mut column = covariance.column(pivot).into_owned();
        let known = columns.columns(0, rank);
        column.gemv(-1.0, &known, &known.row(pivot).transpose(), 1.0);
        column /= variance.sqrt();
        left.zip_apply(&column, |left, v| *left -= v * v);
        // numbers that are taken do not come again, whatever rounding leaves of them
        left[pivot] = f64::NEG_INFINITY;
        columns.set_column(rank, &column);
        rank += 1;
    }
    columns.columns(0, rank).into_owned()
}
