//! The loss of a classifier.

use clel_autograd::Var;
use clel_tensor::{DType, Expr, Tensor};

use crate::{Error, Result};

/// −ln p(label) under the softmax of `logits` \[n, classes\], the mean over n.
///
/// # Errors
/// [`Error::Mismatch`] unless there is one label a row, each below the number of classes; what the device reports.
pub fn cross_entropy(logits: &Var, labels: &[u32]) -> Result<Var> {
    let fits = match *logits.shape() {
        [n, classes] => {
            n == labels.len() && n > 0 && labels.iter().all(|l| (*l as usize) < classes)
        }
        _ => false,
    };
    if !fits {
        return Err(Error::Mismatch {
            what: "labels of the cross-entropy".into(),
            found: format!(
                "{} up to {}",
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
