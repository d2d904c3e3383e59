//! The loss of an encoder that learns without negatives.

use clel_autograd::Var;

use super::contrastive::pairs_of;
use crate::Result;
use crate::model::{direction, same_shape, similarity};

/// The loss of BYOL (Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, eq. 2, summed over both orders of the views):
/// mean over images of (2 − 2·cos(p₁, t₂)) + (2 − 2·cos(p₂, t₁)).
///
/// Rows i and i + n of `predictions` \[2n, d\] are what the online network predicts from the two views of image i, those of `targets` \[2n, d\] what the
/// target network gives for them, which get no gradient. Neither need have length 1.
///
/// # Errors
/// [`Error::Mismatch`](crate::Error::Mismatch) for an odd number of views, or targets of another shape; what the device reports.
pub fn byol(predictions: &Var, targets: &Var) -> Result<Var> {
    let n = pairs_of(predictions)?;
    same_shape("targets of BYOL", targets.shape(), predictions.shape())?;
    // ANCHOR: byol
    let targets = direction(&targets.detach())?;
    let other_view = Var::concat(&[&targets.slice(0, n, n)?, &targets.slice(0, 0, n)?], 0)?;
    let cosine = similarity(predictions, &other_view)?.mean_all()?;
    // the mean is over 2n rows, the sum of both orders over n images
    Ok(cosine.mul_scalar(-4.0)?.add_scalar(4.0)?)
    // ANCHOR_END: byol
}
