//! How well energies know images of another kind.

use std::str::FromStr;
use std::sync::atomic::AtomicBool;

use clel_tensor::Device;

use crate::data::{Dataset, ImageSet, Images, Part, SetArgument};
use crate::model::EVALUATION_BATCH;
use crate::train::Models;
use crate::{Error, Result, error::going_on};

/// Images between the two whose mean is an interpolated one.
const APART: usize = 100;

/// A set of images of another kind.
#[derive(Debug, Clone)]
pub enum Outside {
    /// Means of two images of the known set.
    Interpolated,
    /// A set of its own.
    Set(SetArgument),
}

impl FromStr for Outside {
    type Err = String;

    fn from_str(text: &str) -> Result<Outside, String> {
        match text {
            "interp" => Ok(Outside::Interpolated),
            _ => Ok(Outside::Set(text.parse()?)),
        }
    }
}

/// −E(x, h(x)) of the averaged networks with this β, high where an image is likely; of several models the mean. Images are brought to the
/// models' size. β = 0 leaves the encoders out.
///
/// # Errors
/// An image that cannot be read; what the device reports.
pub fn scores(models: &Models, set: &ImageSet, beta: f64, device: &Device) -> Result<Vec<f32>> {
    scores_until(&AtomicBool::new(false), models, set, beta, device)
}

/// [`scores`], until `stop` is true.
///
/// # Errors
/// [`Error::Interrupted`] then; those of [`scores`].
pub(crate) fn scores_until(
    stop: &AtomicBool,
    models: &Models,
    set: &ImageSet,
    beta: f64,
    device: &Device,
) -> Result<Vec<f32>> {
    let shape = models.first().config.data.shape.unwrap_or_default();
    let mut scores = Vec::with_capacity(set.len());
    for part in set.batches(EVALUATION_BATCH) {
        going_on(stop)?;
        let values = part?.brought_to(shape).to_unit();
        let [marginal, joint] = models.energies(&values, Some(beta), device)?;
        let energies = if beta == 0.0 { marginal } else { joint };
        scores.extend(energies.into_iter().map(|e| -e));
    }
    Ok(scores)
}

/// The test images of a set, or all of it, with a name for reports; files in the model's size, `shape` \[H, W, C\].
///
/// # Errors
/// Those of [`SetArgument::load`].
pub fn images(set: &SetArgument, shape: [usize; 3]) -> Result<(String, ImageSet)> {
    let [h, w, _] = shape;
    let data: Dataset = set.load(0.0, Some([h, w]))?;
    let part = match data.test.images.is_empty() {
        true => Part::Train,
        false => Part::Test,
    };
    let name = match part {
        Part::Train => format!("{}, all images: it has no test part", data.name),
        Part::Test => format!("{}, {}", data.name, part.name()),
    };
    Ok((name, part.of(data)?.images))
}

impl Outside {
    /// The images, with a name for reports; `inside` is the known set, `shape` \[H, W, C\] the model's size.
    ///
    /// # Errors
    /// Too few images to interpolate, or a set that cannot be read.
    pub fn load(&self, inside: &ImageSet, shape: [usize; 3]) -> Result<(String, ImageSet)> {
        match self {
            Outside::Interpolated => Ok((
                format!("means of images i and i + {APART} of the known set"),
                interpolated(inside, shape)?,
            )),
            Outside::Set(set) => images(set, shape),
        }
    }
}

/// Means of images i and i + 100, in the model's size.
fn interpolated(images: &ImageSet, shape: [usize; 3]) -> Result<ImageSet> {
    if images.len() <= APART {
        return Err(Error::Argument {
            argument: "--out interp".to_owned(),
            why: format!(
                "needs more than {APART} images of --in, which has {}",
                images.len()
            ),
        });
    }
    let images = images.read_all()?.brought_to(shape);
    let values = images.to_unit();
    let later = &values[APART * images.image_len()..];
    let means = values.iter().zip(later).map(|(a, b)| 0.5 * (a + b));
    let [h, w, c] = shape;
    let means = Images::from_unit([images.len() - APART, h, w, c], means.collect());
    let means = means.ok_or_else(|| Error::Mismatch {
        what: "values of the images of --in".to_owned(),
        found: "some outside 0..1".to_owned(),
        expected: "numbers of 0..1".to_owned(),
    })?;
    Ok(means.into())
}
