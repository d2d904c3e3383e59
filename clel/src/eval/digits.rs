//! A small classifier of digits that judges samples of the embedded data set.
//!
//! It never changes, so that its figures can be compared between runs; it is no Inception network,
//! and a distance in its features is called a digit Fréchet distance, never FID.

use nalgebra::{DMatrix, DVector};
use safetensors::SafeTensors;

use super::{Gaussian, frechet_distance};
use crate::{Error, Result};

/// Weights made by `clel/data/make_digit_classifier.py` from the training part of the digits.
const WEIGHTS: &[u8] = include_bytes!("../../data/digit_classifier.safetensors");
const PIXELS: usize = 64;
/// Features: the last hidden layer.
const FEATURES: usize = 32;
const KINDS: usize = 10;
/// The kinds and, last, "no digit".
const CLASSES: usize = KINDS + 1;

/// From this probability on a sample counts as recognised: more than all other kinds together.
const SURE: f32 = 0.5;

/// 64 → 128 → 32 → 11 with ReLU; the 32 are the features.
#[derive(Debug, Clone)]
pub struct DigitClassifier {
    hidden: Layer,
    feature: Layer,
    logits: Layer,
}

/// What the classifier says of a set of images.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DigitReport {
    /// Images judged.
    pub images: usize,
    /// Squared Fréchet distance of their features to those of the training images.
    pub frechet: f64,
    /// Share of the images that the classifier takes for a digit of some kind (probability 0.5 or more).
    pub recognised: f64,
    /// How many of those there are of each kind, 0 to 9.
    pub kinds: [usize; KINDS],
}

impl DigitClassifier {
    /// The embedded weights.
    ///
    /// # Errors
    /// None with the file that comes with the program; a damaged one is told by the missing tensor.
    pub fn embedded() -> Result<Self> {
        let fault = |why: String| Error::Mismatch {
            what: "embedded digit classifier".to_owned(),
            found: why,
            expected: "the file made by make_digit_classifier.py".to_owned(),
        };
        let file = SafeTensors::deserialize(WEIGHTS).map_err(|e| fault(e.to_string()))?;
        let layer = |name: &str, inputs: usize, outputs: usize| {
            let numbers = |part: &str, len: usize| -> Result<Vec<f32>> {
                let key = format!("{name}.{part}");
                let view = file.tensor(&key).map_err(|e| fault(e.to_string()))?;
                let words = view.data().as_chunks::<4>().0;
                if words.len() != len {
                    return Err(fault(format!("{} numbers in {key}", words.len())));
                }
                Ok(words.iter().map(|w| f32::from_le_bytes(*w)).collect())
            };
            Ok::<Layer, Error>(Layer {
                weight: DMatrix::from_row_slice(
                    outputs,
                    inputs,
                    &numbers("weight", inputs * outputs)?,
                ),
                bias: DVector::from_vec(numbers("bias", outputs)?),
            })
        };
        Ok(DigitClassifier {
            hidden: layer("hidden", PIXELS, 128)?,
            feature: layer("feature", 128, FEATURES)?,
            logits: layer("logits", FEATURES, CLASSES)?,
        })
    }

    /// Features of images \[N, 8, 8, 1\] in \[0, 1\], row-major \[N, 32\].
    ///
    /// # Errors
    /// The number of values is not a multiple of 64.
    pub fn features(&self, images: &[f32]) -> Result<Vec<f32>> {
        Ok(self.feature_columns(images)?.as_slice().to_vec())
    }

    /// Probability of each kind and, last, of "no digit", row-major \[N, 11\].
    ///
    /// # Errors
    /// The number of values is not a multiple of 64.
    pub fn probabilities(&self, images: &[f32]) -> Result<Vec<f32>> {
        let mut columns = self.logits.apply(&self.feature_columns(images)?);
        for mut column in columns.column_iter_mut() {
            let top = column.max();
            column.apply(|v| *v = (*v - top).exp());
            let sum = column.sum();
            column /= sum;
        }
        Ok(columns.as_slice().to_vec())
    }

    /// Judges images \[N, 8, 8, 1\] in \[0, 1\], N ≥ 2, against the training part of the digits.
    ///
    /// For scale: the 297 held-out digits have a distance of 0.8, uniform noise one of 900.
    ///
    /// # Errors
    /// The number of values is not a multiple of 64, one is not finite, or there are less than two images.
    pub fn judge(&self, images: &[f32]) -> Result<DigitReport> {
        let train = crate::data::digits().train.images.read_all()?.to_unit();
        let reference = Gaussian::fit(&self.features(&train)?, FEATURES)?;
        let found = Gaussian::fit(&self.features(images)?, FEATURES)?;
        let mut kinds = [0; KINDS];
        for probabilities in self.probabilities(images)?.chunks(CLASSES) {
            if let Some(kind) = probabilities[..KINDS].iter().position(|p| *p >= SURE) {
                kinds[kind] += 1;
            }
        }
        let n = images.len() / PIXELS;
        Ok(DigitReport {
            images: n,
            frechet: frechet_distance(&found, &reference)?,
            recognised: kinds.iter().sum::<usize>() as f64 / n as f64,
            kinds,
        })
    }

    /// One column an image.
    fn feature_columns(&self, images: &[f32]) -> Result<DMatrix<f32>> {
        if !images.len().is_multiple_of(PIXELS) {
            return Err(Error::Mismatch {
                what: "images for the digit classifier".to_owned(),
                found: format!("{} values", images.len()),
                expected: "a multiple of 8·8".to_owned(),
            });
        }
        let columns = DMatrix::from_column_slice(PIXELS, images.len() / PIXELS, images);
        let hidden = self.hidden.apply(&columns).map(|v| v.max(0.0));
        Ok(self.feature.apply(&hidden).map(|v| v.max(0.0)))
    }
}

/// y = W·x + b on columns.
#[derive(Debug, Clone)]
struct Layer {
    weight: DMatrix<f32>,
    bias: DVector<f32>,
}

impl Layer {
    fn apply(&self, columns: &DMatrix<f32>) -> DMatrix<f32> {
        let mut out = &self.weight * columns;
        for mut column in out.column_iter_mut() {
            column += &self.bias;
        }
        out
    }
}
