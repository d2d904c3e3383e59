//! The loss of a classifier.

use clel_autograd::Var;
use clel_tensor::{DType, Expr, Tensor};

use crate::{Error, Result};

/// The cross-entropy −(1/n)·Σᵢ ln pᵢ of labels, where pᵢ = exp(xᵢ,ₗ)/Σⱼ exp(xᵢ,ⱼ) is the softmax of row i of `logits` x \[n, classes\] at
/// its label l = `labels[i]`; PyTorch's `cross_entropy`.
///
/// ```
/// use clel_nn::{autograd::Var, loss::cross_entropy, tensor::{Device, Tensor}};
/// let logits = Tensor::from_slice(&[0.0f32, 0.0, 1.0, 3.0], &[2, 2], &Device::Cpu)?;
/// let loss = cross_entropy(&Var::leaf(logits), &[0, 1])?;
/// let expected = (2f64.ln() + (1.0 + f64::exp(-2.0)).ln()) / 2.0;
/// assert!((loss.tensor().item()? - expected).abs() < 1e-6);
/// # Ok::<(), clel_nn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Loss`] unless there is one label a row, each below the number of classes; what the device reports.
pub fn cross_entropy(logits: &Var, labels: &[u32]) -> Result<Var> {
    let fits = match *logits.shape() {
        [n, classes] => {
            n == labels.len() && n > 0 && labels.iter().all(|l| (*l as usize) < classes)
        }
        _ => false,
    };
    if !fits {
        return Err(Error::Loss {
            loss: "cross_entropy",
            found: format!(
                "{} labels up to {}",
                labels.len(),
                labels.iter().max().unwrap_or(&0)
            ),
            expected: format!(
                "one a row of logits {:?}, below their number of columns",
                logits.shape()
            ),
        });
    }
    let device = logits.tensor().device();
    let labels: Var = Tensor::from_slice(labels, &[labels.len(), 1], device)?.into();
    let column: Var = Tensor::arange(logits.shape()[1], DType::U32, device)?.into();
    let own = Expr::input(1)
        .equal(Expr::input(2))
        .select(Expr::input(0), 0.0);
    let chosen = Var::pointwise(&own, &[logits, &labels, &column])?.sum(&[1], false)?;
    Ok(logits.logsumexp(&[1], false)?.sub(&chosen)?.mean_all()?)
}
