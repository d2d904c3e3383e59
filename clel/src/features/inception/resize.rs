//! Bilinear resizing.

use clel_tensor::{Device, Tensor};

use crate::{Error, Result};

/// Images \[N, H, W, C\] resized to \[N, side, side, C\]: PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
pub(super) fn bilinear(images: &Tensor, side: usize) -> Result<Tensor> {
    let &[n, h, w, _] = images.shape() else {
        return Err(Error::Mismatch {
            what: "axes of the images".to_owned(),
            found: images.rank().to_string(),
            expected: "[N, H, W, C]".to_owned(),
        });
    };
    let matrix = |from| {
        let one = matrix(from, side, images.device())?;
        Ok::<Tensor, Error>(one.expand(&[n, side, from])?)
    };
    Ok(images.resample(&matrix(h)?, &matrix(w)?)?)
}

/// Interpolation matrix \[1, output, input\]: row i holds the weights of the samples for position `(i + ½)·input/output − ½`, which is
/// held within the image.
fn matrix(input: usize, output: usize, device: &Device) -> Result<Tensor> {
    let mut weights = vec![0.0f32; input * output];
    for (i, row) in weights.chunks_exact_mut(input).enumerate() {
        let position = ((i as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0);
        let low = (position.floor() as usize).min(input - 1);
        let high = (low + 1).min(input - 1);
        let share = position - low as f64;
        row[low] += (1.0 - share) as f32;
        row[high] += share as f32;
    }
    Ok(Tensor::from_slice(&weights, &[1, output, input], device)?)
}
