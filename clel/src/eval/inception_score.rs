//! The inception score.

use clel_tensor::RngKey;
use serde::Serialize;

use crate::draws::Draws;
use crate::{Error, Result};

/// Parts that the images of an inception score are divided into, one in each at least.
pub const SCORE_PARTS: usize = 10;
/// The stream of random numbers that draws parts.
const STREAM: u32 = 0x0C1D_15C0;

/// A figure of several parts: their mean and spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean over the parts.
    pub mean: f64,
    /// Their standard deviation (divided by their number); none of a single part.
    pub deviation: Option<f64>,
    /// How many parts.
    pub parts: usize,
    /// Images in a part.
    pub size: usize,
}

impl Spread {
    pub(super) fn of(figures: &[f64], size: usize) -> Spread {
        let n = figures.len().max(1) as f64;
        let mean = figures.iter().sum::<f64>() / n;
        let variance = figures.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / n;
        Spread {
            mean,
            deviation: (figures.len() > 1).then(|| variance.sqrt()),
            parts: figures.len(),
            size,
        }
    }
}

/// exp(mean KL(p(y|x) ‖ p(y))) on each of ten parts of the images in their order, p(y) being the part's mean (Salimans et al., "Improved
/// techniques for training GANs", NeurIPS 2016). `probabilities` are row-major \[n, classes\], n ≥ 10; up to nine images at the end are left out.
///
/// Images in the order of their classes make each part of a class or two, whose score says little of all: see [`drawn_inception_score`].
///
/// # Errors
/// Less than ten images, rows that are not whole, or a number that is no probability.
pub fn inception_score(probabilities: &[f32], classes: usize) -> Result<Spread> {
    let fault = |why: String| Error::Numbers {
        what: "inception score",
        why,
    };
    if classes == 0 || !probabilities.len().is_multiple_of(classes) {
        return Err(fault(format!(
            "{} numbers are not whole rows of {classes}",
            probabilities.len()
        )));
    }
    let n = probabilities.len() / classes;
    if n < SCORE_PARTS {
        return Err(Error::Mismatch {
            what: "images for the inception score".to_owned(),
            found: n.to_string(),
            expected: format!("at least {SCORE_PARTS}, one for each part"),
        });
    }
    if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.001).contains(*p)) {
        return Err(fault(format!("{p} is no probability")));
    }
    let size = n / SCORE_PARTS;
    let parts = probabilities.chunks_exact(size * classes).take(SCORE_PARTS);
    let scores: Vec<f64> = parts.map(|part| score(part, classes)).collect();
    Ok(Spread::of(&scores, size))
}

/// [`inception_score`] of parts that `seed` draws, so that it does not depend on the order of the images: of folders that are classes, say.
///
/// # Errors
/// Those of [`inception_score`].
pub fn drawn_inception_score(probabilities: &[f32], classes: usize, seed: u64) -> Result<Spread> {
    let n = probabilities.len() / classes.max(1);
    if n * classes != probabilities.len() {
        return inception_score(probabilities, classes);
    }
    let order = Draws::new(RngKey::new(seed, STREAM), 0).distinct(n, n);
    let rows = order
        .iter()
        .map(|i| &probabilities[i * classes..][..classes]);
    inception_score(&rows.flatten().copied().collect::<Vec<f32>>(), classes)
}

fn score(probabilities: &[f32], classes: usize) -> f64 {
    let n = (probabilities.len() / classes) as f64;
    let mut marginal = vec![0.0; classes];
    for row in probabilities.chunks_exact(classes) {
        marginal
            .iter_mut()
            .zip(row)
            .for_each(|(m, p)| *m += f64::from(*p) / n);
    }
    let rows = probabilities.chunks_exact(classes);
    let divergence: f64 = rows
        .flat_map(|row| row.iter().zip(&marginal))
        .map(|(p, m)| (f64::from(*p), *m))
        .filter(|(p, _)| *p > 0.0)
        .map(|(p, m)| p * (p.ln() - m.ln()))
        .sum();
    (divergence / n).exp()
}
