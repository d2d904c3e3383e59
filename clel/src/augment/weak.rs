//! The weak augmentation: a small shift and a flip.

use clel_tensor::{DType, Expr, Tensor};

use super::resample::mirror;
use super::{Draws, image_shape, per_image};
use crate::{Error, Result};

/// Pixels by which the image is padded on every side.
const PAD: usize = 4;

/// Reflection padding by 4 pixels, a crop of the old size, a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weak {
    /// First row of the crop in the padded image, 0 to 8.
    pub top: usize,
    /// First column of the crop in the padded image, 0 to 8.
    pub left: usize,
    /// Mirrored left to right.
    pub flip: bool,
}

impl Weak {
    pub(super) fn draw(draws: &mut Draws) -> Weak {
        Weak {
            top: draws.below(2 * PAD + 1),
            left: draws.below(2 * PAD + 1),
            flip: draws.chance(0.5),
        }
    }
}

pub(super) fn apply(images: &Tensor, params: &[Weak]) -> Result<Tensor> {
    let [_, h, w, _] = image_shape(images, Some(params.len()))?;
    if h <= PAD || w <= PAD {
        return Err(Error::Mismatch {
            what: "images for the weak augmentation".into(),
            found: format!("{h}×{w}"),
            expected: format!("sides above {PAD}: reflection needs so many pixels"),
        });
    }
    let device = images.device();
    let rows = shifted(
        h,
        &per_image(params.iter().map(|p| p.top as f64), 3, device)?,
    )?;
    let columns = shifted(
        w,
        &per_image(params.iter().map(|p| p.left as f64), 3, device)?,
    )?;
    let flipped: Vec<bool> = params.iter().map(|p| p.flip).collect();
    Ok(images.resample(&rows, &mirror(&columns, &flipped)?)?)
}

/// Matrices \[N, `len`, `len`\] whose row i picks the sample at `start + i` of the padded axis: at
/// i + start − 4, reflected at the first and the last sample.
fn shifted(len: usize, start: &Tensor) -> Result<Tensor> {
    let device = start.device();
    let row = Tensor::arange(len, DType::U32, device)?.reshape(&[1, len, 1])?;
    let column = Tensor::arange(len, DType::U32, device)?.reshape(&[1, 1, len])?;
    let last = (len - 1) as f64;
    let place = Expr::input(0) + Expr::input(1) - PAD as f64;
    let reflected = Expr::constant(last) - (Expr::constant(last) - place.abs()).abs();
    let picks = reflected.equal(Expr::input(2));
    Ok(Tensor::pointwise(&picks, &[start, &row, &column])?)
}
