//! The kernel distance between sets of features.

use clel_tensor::{RngKey, Tensor};

use super::Spread;
use super::rows::Rows;
use crate::draws::Draws;
use crate::{Error, Result};

/// Pairs of subsets, and vectors in each.
const SUBSETS: usize = 100;
const SIZE: usize = 1000;
/// The stream of random numbers that draws subsets.
const STREAM: u32 = 0x0C1D_5E75;

/// KID: the squared maximum mean discrepancy with the kernel k(x, y) = (⟨x, y⟩/d + 1)³, unbiased, mean over 100 pairs of subsets of 1000 vectors
/// each (as many as there are, if fewer) that `seed` draws; where these would all be the two sets themselves, one estimate without a deviation (Bińkowski et al., "Demystifying MMD GANs", ICLR 2018, eq. 4 with the kernel of section 4).
/// Both sets are row-major \[n, d\].
///
/// # Errors
/// Less than two vectors on a side, or a number that is not finite.
pub fn kernel_distance(a: &[f32], b: &[f32], d: usize, seed: u64) -> Result<Spread> {
    const WHAT: &str = "kernel distance";
    let (a, b) = (Rows::new(WHAT, a, d, 2)?, Rows::new(WHAT, b, d, 2)?);
    let size = SIZE.min(a.len()).min(b.len());
    let mut figures = Vec::with_capacity(SUBSETS);
    // all of both sets is one pair, however often it is drawn
    let is_whole = size == a.len() && size == b.len();
    for subset in 0..if is_whole { 1 } else { SUBSETS } {
        let mut draws = Draws::new(RngKey::new(seed, STREAM).at(subset as u64), 0);
        let [a, b] = [a, b].map(|rows| {
            let chosen = draws.distinct(size, rows.len());
            let values: Vec<f32> = chosen.iter().flat_map(|i| rows.row(*i)).copied().collect();
            values
        });
        let array = |values: &[f32]| Rows::new(WHAT, values, d, 2)?.array(None);
        figures.push(discrepancy(&array(&a)?, &array(&b)?)?);
    }
    Ok(Spread::of(&figures, size))
}

/// The unbiased estimate from m vectors of each set: means over the pairs of different vectors within the sets, less twice that over all
/// pairs across.
fn discrepancy(a: &Tensor, b: &Tensor) -> Result<f64> {
    let &[m, d] = a.shape() else { return Ok(0.0) };
    let kernel = |x: &Tensor, y: &Tensor| -> Result<Tensor> {
        let inner = x.matmul_t(y, false, true)?;
        let base = inner.mul_scalar(1.0 / d as f64)?.add_scalar(1.0)?;
        Ok(base.mul(&base)?.mul(&base)?)
    };
    let sum = |k: &Tensor| -> Result<f64> { Ok(k.sum(&[0, 1], false)?.item()?) };
    // k(x, x) of each vector
    let own = |x: &Tensor| -> Result<f64> {
        let base = x
            .mul(x)?
            .sum(&[1], false)?
            .mul_scalar(1.0 / d as f64)?
            .add_scalar(1.0)?;
        Ok(base.mul(&base)?.mul(&base)?.sum(&[0], false)?.item()?)
    };
    let within = |x: &Tensor| Ok::<f64, Error>(sum(&kernel(x, x)?)? - own(x)?);
    let m = m as f64;
    Ok((within(a)? + within(b)?) / (m * (m - 1.0)) - 2.0 * sum(&kernel(a, b)?)? / (m * m))
}
