//! Transformations that treat rows and columns apart: a product with a matrix for each axis of each image.

use clel_tensor::Tensor;

use super::{CropBox, flag, image_shape, per_image};
use crate::Result;

/// Boxes of images \[N, H, W, C\] resized to \[N, `height`, `width`, C\], those with `flipped` then mirrored left to right.
///
/// Bicubic (Keys' kernel, a = −0.75), no antialiasing, samples outside the box are those at its border;
/// clamped to \[0, 1\]: PyTorch's `interpolate(mode="bicubic", align_corners=False)` of the cut box.
///
/// # Errors
/// [`Error::Mismatch`](crate::Error::Mismatch) unless there is a box and a flag for each image; what the device reports.
pub fn crop_bicubic(
    images: &Tensor,
    boxes: &[CropBox],
    flipped: &[bool],
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    image_shape(images, Some(boxes.len()))?;
    image_shape(images, Some(flipped.len()))?;
    let numbers: Vec<f32> = boxes
        .iter()
        .flat_map(|b| [b.top, b.left, b.height, b.width].map(|v| v as f32))
        .collect();
    let boxes = Tensor::from_slice(&numbers, &[boxes.len(), 4], images.device())?;
    let [rows, columns] = images.bicubic_operators(&boxes, height, width)?;
    let columns = mirror(&columns, flipped)?;
    Ok(images.resample(&rows, &columns)?.clamp(0.0, 1.0)?)
}

/// Operators \[N, out, in\] of columns, those of flipped images with their rows in reverse order.
pub(super) fn mirror(columns: &Tensor, flipped: &[bool]) -> Result<Tensor> {
    if !flipped.contains(&true) {
        return Ok(columns.clone());
    }
    let flags = per_image(flipped.iter().map(|&f| flag(f)), 3, columns.device())?;
    Ok(flags.select(&columns.flip(1)?, columns)?)
}
