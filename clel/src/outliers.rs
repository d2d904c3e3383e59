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

/// The word for means of two images of the known set.
const INTERPOLATED: &str = "interp";

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
            INTERPOLATED => Ok(Outside::Interpolated),
            _ => Ok(Outside::Set(SetArgument::or(text, &[INTERPOLATED])?)),
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
            argument: format!("--out {INTERPOLATED}"),
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

#[cfg(test)]
mod tests {
    use clel_nn::{Layer, Mode};
    use clel_tensor::{RngKey, Tensor};

    use super::*;
    use crate::config::Layers;
    use crate::train::{Trainer, load_networks};

    const SHAPE: [usize; 3] = [8, 8, 1];

    fn noise(n: usize, step: u64) -> Images {
        let [h, w, c] = SHAPE;
        let key = RngKey::new(3, 3).at(step);
        let values = Tensor::uniform(&[n, h, w, c], key, &Device::Cpu).unwrap();
        Images::from_unit([n, h, w, c], values.to_vec().unwrap()).unwrap()
    }

    /// A tiny model whose averages are not its live networks.
    fn model() -> Models {
        let mut layers = Layers::preset("digits").unwrap();
        for set in [
            "model.width=4",
            "model.hidden=8",
            "model.latent=4",
            "encoder.width=4",
            "encoder.hidden=8",
            "sampler.steps=1",
            "sampler.buffer=4",
            "train.batch=4",
            "train.ema_half_life=1",
            "data.shape=[8, 8, 1]",
            "data.mean=[0.3]",
            "data.std=[0.4]",
        ] {
            layers.set(set).unwrap();
        }
        let mut trainer = Trainer::new(&layers.build().unwrap(), &Device::Cpu).unwrap();
        for step in 0..3 {
            let batch = trainer.draw(&noise(4, step)).unwrap();
            trainer.iterate(&batch).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        trainer.save(&path).unwrap();
        load_networks(&path, &Device::Cpu).unwrap().into()
    }

    /// −(½‖f(x)‖² − β·cos(g(f(x)), h(x))) of the averaged networks in evaluation mode, in f64 from f, g and h.
    #[test]
    fn scores_weigh_the_encoder_by_the_given_beta() {
        let models = model();
        // more than go through the networks at a time
        let n = EVALUATION_BATCH + 6;
        let images = noise(n, 9);
        let [h, w, c] = SHAPE;
        let x = Tensor::from_slice(&images.to_unit(), &[n, h, w, c], &Device::Cpu).unwrap();
        let networks = &models.first().average;
        let f = networks.energy.features(&x.clone().into(), Mode::Eval);
        let f = f.unwrap();
        let g = networks.energy.project(&f, Mode::Eval).unwrap();
        let z = networks.encoder.forward(&x.into(), Mode::Eval).unwrap();
        let [f, g, z] = [&f, &g, &z].map(|v| v.tensor().to_vec::<f32>().unwrap());
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let pairs = a.iter().zip(b);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        for beta in [0.5, 0.1, 0.0] {
            let found = scores(&models, &images.clone().into(), beta, &Device::Cpu).unwrap();
            assert_eq!(found.len(), n);
            let rows = f.chunks(4).zip(g.chunks(4)).zip(z.chunks(4));
            for (found, ((f, g), z)) in found.into_iter().zip(rows) {
                let cosine = dot(g, z) / (dot(g, g) * dot(z, z)).sqrt();
                let wanted = beta * cosine - 0.5 * dot(f, f);
                let off = (f64::from(found) - wanted).abs();
                assert!(off < 1e-6, "{found} instead of {wanted}, β = {beta}");
            }
        }
    }

    #[test]
    fn interpolated_images_are_means_of_those_a_hundred_apart() {
        // images of 2×1 pixels
        let pixel = |i: usize| (i % 7) as f32 / 8.0 + (i / 100) as f32 / 16.0;
        let values: Vec<f32> = (0..103).flat_map(|i| [pixel(i), 1.0 - pixel(i)]).collect();
        let known: ImageSet = Images::from_unit([103, 2, 1, 1], values).unwrap().into();
        let (_, means) = Outside::Interpolated.load(&known, [2, 1, 1]).unwrap();
        assert_eq!(means.shape(), [3, 2, 1, 1]);
        // 0 to 2, and 100 to 102 with remainders 2 to 4: all exact
        let wanted = [0.0f32, 1.0, 2.0].map(|i| 0.5 * (i / 8.0 + (i + 2.0) / 8.0 + 0.0625));
        let wanted: Vec<f32> = wanted.into_iter().flat_map(|m| [m, 1.0 - m]).collect();
        assert_eq!(means.read_all().unwrap().to_unit(), wanted);

        // 8-bit images are in the middle of their levels: (v + ½)/256
        let levels: Vec<u8> = (0..101).collect();
        let known = Images::from_levels([101, 1, 1, 1], levels, 256).unwrap();
        let (_, means) = Outside::Interpolated
            .load(&known.into(), [1, 1, 1])
            .unwrap();
        assert_eq!(means.read_all().unwrap().to_unit(), [50.5 / 256.0]);

        let few: ImageSet = Images::from_unit([100, 1, 1, 1], vec![0.0; 100])
            .unwrap()
            .into();
        assert!(Outside::Interpolated.load(&few, [1, 1, 1]).is_err());
    }
}
