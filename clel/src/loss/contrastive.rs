//! The loss of the encoder.

use clel_autograd::Var;
use clel_tensor::{DType, Expr, Tensor};

use crate::model::direction;
use crate::{Error, Result};

/// Stands for −∞ among logits: its exponential is 0 whatever the others are.
const NEVER: f64 = -1e30;

/// SimCLR's NT-Xent (Chen et al. 2020, eq. 1) with further negatives, as Lee et al. 2023 have it (eq. 8).
///
/// Rows i and i + n of `views` \[2n, d\] are the two views of image i; rows of `negatives` \[m, d\] are directions ĝ(f(x̃)) of the model's samples,
/// which get no gradient. Neither need have length 1. Each view is an anchor whose logits are its cosines with the other 2n − 1 views and with all
/// negatives, divided by the temperature τ; the loss is the cross-entropy with the image's other view as the class, the mean over 2n anchors.
///
/// # Errors
/// [`Error::Mismatch`] for an odd number of views; a temperature that is not above 0; shapes that do not fit; what the device reports.
pub fn nt_xent(views: &Var, negatives: Option<&Var>, temperature: f64) -> Result<Var> {
    let n = pairs_of(views)?;
    // NaN is none either
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(Error::Numbers {
            what: "temperature of the contrastive loss",
            why: format!("{temperature} is not more than 0 and finite"),
        });
    }
    let rows = 2 * n;
    // ANCHOR: nt_xent
    let y = direction(views)?;
    let others = match negatives {
        None => y.clone(),
        Some(v) => Var::concat(&[&y, &direction(&v.detach())?], 0)?,
    };
    let cosines = y.matmul_t(&others, false, true)?;
    let device = views.tensor().device();
    let row = Tensor::arange(rows, DType::U32, device)?.reshape(&[rows, 1])?;
    let column = Tensor::arange(others.shape()[0], DType::U32, device)?;
    // an anchor is not compared with itself
    let itself = Expr::input(1).equal(Expr::input(2));
    let logit = itself.select(NEVER, Expr::input(0) / temperature);
    let logits = Var::pointwise(&logit, &[&cosines, &row.into(), &column.into()])?;
    // both views of an image have the same positive
    let pairs = y.slice(0, 0, n)?.mul(&y.slice(0, n, n)?)?;
    let positive = pairs.sum(&[1], false)?.mean_all()?;
    let partition = logits.logsumexp(&[1], false)?.mean_all()?;
    Ok(partition.sub(&positive.mul_scalar(1.0 / temperature)?)?)
    // ANCHOR_END: nt_xent
}

/// How many images the rows are views of, two of each.
pub(super) fn pairs_of(views: &Var) -> Result<usize> {
    match *views.shape() {
        [rows, _] if rows > 0 && rows % 2 == 0 => Ok(rows / 2),
        _ => Err(Error::Mismatch {
            what: "views of the encoder's loss".into(),
            found: format!("{:?}", views.shape()),
            expected: "[2n, d]: two views of each image".into(),
        }),
    }
}
