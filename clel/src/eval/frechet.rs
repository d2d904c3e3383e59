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
/// The trace of the root is the sum of the roots of the eigenvalues of a symmetric matrix, so that
/// singular covariances (fewer vectors than features) need no jitter.
///
/// # Errors
/// The two have different dimensions.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> Result<f64> {
    if a.mean.len() != b.mean.len() {
        return Err(Error::Mismatch {
            what: "dimension of the second Gaussian".to_owned(),
            found: b.mean.len().to_string(),
            expected: a.mean.len().to_string(),
        });
    }
    let half = square_root(&a.covariance);
    let product = &half * &b.covariance * &half;
    let symmetric = (&product + product.transpose()) * 0.5;
    let trace_of_root: f64 = symmetric
        .symmetric_eigenvalues()
        .iter()
        .map(|l| l.max(0.0).sqrt())
        .sum();
    let shift = (&a.mean - &b.mean).norm_squared();
    // Rounding can leave a distance of equal Gaussians just below zero.
    Ok((shift + a.covariance.trace() + b.covariance.trace() - 2.0 * trace_of_root).max(0.0))
}

/// The symmetric positive semi-definite root.
fn square_root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = matrix.clone().symmetric_eigen();
    let mut scaled = eigen.eigenvectors.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(eigen.eigenvalues.iter()) {
        column *= value.max(0.0).sqrt();
    }
    scaled * eigen.eigenvectors.transpose()
}
