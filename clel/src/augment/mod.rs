//! Random image transformations T: drawn on the host, applied on the device, each image its own.
//!
//! Drawing and applying are separate: [`Params`] says what happens to each image, [`Params::draw`]
//! draws it from a key, [`Params::apply`] does it. Images are \[N, H, W, C\] in \[0, 1\] with one or
//! three channels, and stay so.
//!
//! | family | source |
//! |---|---|
//! | `strong` | SimCLR (Chen et al. 2020) as CLEL uses it: crop, colour jitter, greyscale, flip ([`Strong`]) |
//! | `weak` | shift by up to 4 pixels, flip ([`Weak`]) |
//! | `affine` | small rotation, scale, shift and brightness, for digits and letters ([`Affine`]) |
//! | `none` | the image as it is |

mod affine;
mod colour;
mod resample;
mod strong;
#[cfg(test)]
mod tests;
mod weak;

use clel_tensor::{Device, RngKey, Tensor};

pub use affine::Affine;
pub use colour::{Recolour, recolour};
pub use resample::crop_bicubic;
pub use strong::{CropBox, Jitter, Strong};
pub use weak::Weak;

use crate::config::Augmentation;
use crate::draws::Draws;
use crate::{Error, Result};

/// What happens to each image of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Params {
    /// Nothing.
    None,
    /// Shifts and flips, one for each image.
    Weak(Vec<Weak>),
    /// Crops, colours and flips, one for each image.
    Strong(Vec<Strong>),
    /// Rotations, scales, shifts and brightnesses, one for each image.
    Affine(Vec<Affine>),
}

/// Blocks of four random words set aside for one image, so that its draw does not depend on
/// the size of the batch.
const BLOCKS: u32 = 32;

impl Params {
    /// Draws a family's parameters for `n` images of `height` × `width` pixels. Image i draws the same
    /// whatever `n` is.
    pub fn draw(
        family: Augmentation,
        n: usize,
        [height, width]: [usize; 2],
        key: RngKey,
    ) -> Params {
        let draws = (0..n as u32).map(|i| Draws::new(key, i.wrapping_mul(BLOCKS)));
        match family {
            Augmentation::None => Params::None,
            Augmentation::Weak => Params::Weak(draws.map(|mut d| Weak::draw(&mut d)).collect()),
            Augmentation::Strong => Params::Strong(
                draws
                    .map(|mut d| Strong::draw(height, width, &mut d))
                    .collect(),
            ),
            Augmentation::Affine => {
                Params::Affine(draws.map(|mut d| Affine::draw(&mut d)).collect())
            }
        }
    }

    /// Transforms images \[N, H, W, C\].
    ///
    /// # Errors
    /// [`Error::Mismatch`] unless there are parameters for each image and C is 1 or 3;
    /// what the device reports.
    pub fn apply(&self, images: &Tensor) -> Result<Tensor> {
        match self {
            Params::None => Ok(images.clone()),
            Params::Weak(p) => weak::apply(images, p),
            Params::Strong(p) => strong::apply(images, p),
            Params::Affine(p) => affine::apply(images, p),
        }
    }
}

/// Images \[N, H, W, C\] under a random transformation each: [`Params::draw`], then
/// [`Params::apply`]. With [`Augmentation::None`] they are returned as they are, whatever their shape.
///
/// # Errors
/// Those of [`Params::apply`].
pub fn augment(images: &Tensor, family: Augmentation, key: RngKey) -> Result<Tensor> {
    if family == Augmentation::None {
        return Ok(images.clone());
    }
    let [n, h, w, _] = image_shape(images, None)?;
    Params::draw(family, n, [h, w], key).apply(images)
}

/// \[N, H, W, C\], checked; `given` is the number of images that parameters are for.
fn image_shape(images: &Tensor, given: Option<usize>) -> Result<[usize; 4]> {
    let mismatch = |what: &str, expected: String| Error::Mismatch {
        what: what.into(),
        found: format!("{:?}", images.shape()),
        expected,
    };
    let &[n, h, w, c] = images.shape() else {
        return Err(mismatch("images to augment", "[N, H, W, C]".into()));
    };
    if c != 1 && c != 3 {
        return Err(mismatch("images to augment", "1 or 3 channels".into()));
    }
    match given {
        Some(given) if given != n => Err(mismatch(
            "images to augment",
            format!("{given} images, as many as there are parameters"),
        )),
        _ => Ok([n, h, w, c]),
    }
}

/// One number for each image, shaped to broadcast over `rank` axes.
fn per_image(values: impl Iterator<Item = f64>, rank: usize, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = values.map(|v| v as f32).collect();
    let mut shape = vec![1; rank];
    shape[0] = values.len();
    Ok(Tensor::from_slice(&values, &shape, device)?)
}

/// 1 for true, 0 for false.
fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
