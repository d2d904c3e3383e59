//! How well a linear classifier on frozen features tells classes apart.

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::loss::cross_entropy;
use clel_tensor::{Device, Tensor};

use super::minimise::minimise;
use super::rows::Rows;
use crate::data::MOST_CLASSES;
use crate::{Error, Result};

/// Weight of the squared weights against the summed cross-entropy: scikit-learn's C.
const C: f64 = 1.0;
/// Where the gradient of the mean loss is small enough.
const TOLERANCE: f64 = 1e-7;
const STEPS: usize = 2000;

/// Multinomial logistic regression, W \[classes, d\] and b \[classes\], that minimises `C·Σ −ln p(yᵢ|xᵢ) + ½‖W‖²` with C = 1, over all vectors
/// at once, in f64 from zeros: what scikit-learn's `LogisticRegression` computes. Nothing is random.
#[derive(Debug, Clone)]
pub struct Probe {
    d: usize,
    classes: usize,
    /// W, then b.
    weights: Vec<f64>,
    /// The objective over the number of vectors, where the search ended.
    pub loss: f64,
}

impl Probe {
    /// Fits one to vectors, row-major \[n, d\], with a label each.
    ///
    /// # Errors
    /// A number of labels or features that does not fit, less than two classes, or a number that is not finite.
    pub fn fit(features: &[f32], labels: &[u32], d: usize) -> Result<Probe> {
        let rows = checked(features, labels, d)?;
        let classes = labels.iter().max().map_or(0, |l| *l as usize + 1);
        if !(2..=MOST_CLASSES).contains(&classes) {
            return Err(Error::Numbers {
                what: "linear probe",
                why: format!("needs 2 to {MOST_CLASSES} classes numbered from 0, found {classes}"),
            });
        }
        let x: Var = rows.array(None)?.into();
        let penalty = 0.5 / (C * labels.len() as f64);
        let mut objective = |values: &[f64]| -> Result<(f64, Vec<f64>)> {
            let (w, b) = unpack(values, d, classes)?;
            let logits = x.matmul_t(&w, false, true)?.add(&b)?;
            let size = w.mul(&w)?.sum_all()?.mul_scalar(penalty)?;
            let loss = cross_entropy(&logits, labels)?.add(&size)?;
            let gradients = grad(&[&loss], &[&w, &b], &GradOptions::default())?;
            let mut flat = Vec::with_capacity(values.len());
            for g in gradients {
                flat.extend(g.tensor().to_vec::<f64>()?);
            }
            Ok((loss.tensor().item()?, flat))
        };
        let start = vec![0.0; classes * (d + 1)];
        let end = minimise(start, TOLERANCE, STEPS, &mut objective)?;
        Ok(Probe {
            d,
            classes,
            weights: end.x,
            loss: end.value,
        })
    }

    /// Share of vectors, row-major \[n, d\], whose most likely class is their label.
    ///
    /// # Errors
    /// A number of labels or features that does not fit, or a number that is not finite.
    pub fn accuracy(&self, features: &[f32], labels: &[u32]) -> Result<f64> {
        let rows = checked(features, labels, self.d)?;
        let (w, b) = unpack(&self.weights, self.d, self.classes)?;
        let x = rows.array(None)?;
        let logits = x.matmul_t(w.tensor(), false, true)?.add(b.tensor())?;
        let found = logits.argmax(1)?.to_vec::<u32>()?;
        let right = found.iter().zip(labels).filter(|(a, b)| a == b).count();
        Ok(right as f64 / labels.len() as f64)
    }
}

fn checked<'a>(features: &'a [f32], labels: &[u32], d: usize) -> Result<Rows<'a>> {
    let rows = Rows::new("linear probe", features, d, 1)?;
    if rows.len() == labels.len() {
        return Ok(rows);
    }
    Err(Error::Mismatch {
        what: "labels of the linear probe".to_owned(),
        found: labels.len().to_string(),
        expected: format!("{}, one for each vector", rows.len()),
    })
}

/// W and b as leaves.
fn unpack(values: &[f64], d: usize, classes: usize) -> Result<(Var, Var)> {
    let (w, b) = values.split_at(classes * d);
    Ok((
        Var::leaf(Tensor::from_slice(w, &[classes, d], &Device::Cpu)?),
        Var::leaf(Tensor::from_slice(b, &[classes], &Device::Cpu)?),
    ))
}
