//! Fréchet distance between Gaussian fits.

use nalgebra::{DMatrix, DVector};

use crate::{Error, Result};

/// A Gaussian fitted to feature vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Mean, d numbers.
    pub mean: DVector<f64>,
    /// Unbiased covariance, d×d.
    pub covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Fits mean and unbiased covariance to `features`, row-major \[n, d\], n ≥ 2, summed in f64.
    ///
    /// # Errors
    /// Fewer than two whole rows, or a number that is not finite.
    pub fn fit(features: &[f32], d: usize) -> Result<Self> {
        let rows: Vec<f64> = features.iter().map(|v| f64::from(*v)).collect();
        Self::fit_f64(rows, d)
    }

    /// [`Gaussian::fit`] for f64 features.
    ///
    /// # Errors
    /// Fewer than two whole rows, or a number that is not finite.
    pub fn fit_f64(features: Vec<f64>, d: usize) -> Result<Self> {
        let fault = |why: String| Error::Numbers {
            what: "Gaussian fit",
            why,
        };
        if d == 0 || !features.len().is_multiple_of(d) || features.len() / d < 2 {
            return Err(fault(format!(
                "{} numbers are not at least two vectors of {d}",
                features.len()
            )));
        }
        if let Some(i) = features.iter().position(|v| !v.is_finite()) {
            return Err(fault(format!(
                "feature {} of vector {} is {}",
                i % d,
                i / d,
                features[i]
            )));
        }
        let n = features.len() / d;
        // Column-major d×n is row-major n×d: one column a vector.
        let mut columns = DMatrix::from_vec(d, n, features);
        let mean = columns.column_mean();
        for mut column in columns.column_iter_mut() {
            column -= &mean;
        }
        let covariance = &columns * columns.transpose() / (n - 1) as f64;
        Ok(Gaussian { mean, covariance })
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
