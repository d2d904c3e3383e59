//! `clel ood`.

use std::path::PathBuf;
use std::str::FromStr;

use clel_tensor::Device;
use clel_tensor::cpu::with_winograd;
use serde::Serialize;

use super::energy::energies;
use super::set::{Part, SetArgument};
use super::{DeviceArgument, load, output};
use crate::data::{Dataset, ImageSet, Images};
use crate::eval::{Ranking, ranking};
use crate::model::EVALUATION_BATCH;
use crate::train::Loaded;
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel ood --checkpoint runs/cifar10-001 --in cifar10:cifar-10-batches-bin --out interp
  clel ood --checkpoint runs/cifar10-001 --in cifar10:cifar-10-batches-bin --out images:textures/,interp --json
  clel ood --checkpoint runs/digits-001 --in digits --out safetensors:noise.safetensors";

/// Images between the two whose mean is an interpolated one.
const APART: usize = 100;

/// Tells how well energies know images of another kind.
///
/// The score of an image is −(½‖f(x)‖² − β·cos(g(f(x)), h(x))) of the averaged networks, without augmentation: high where the image is likely.
/// AUROC and AUPR take images of `--in` as the positives; FPR95 is the share of the others that pass where 95 % of `--in` do. Test images are taken where a
/// set has some, else all of it. Images of another size are brought to the model's alike on both sides: the centre in its aspect ratio, resized, grey or coloured.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ood {
    /// A checkpoint file, or a run directory for its newest one.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    /// The set that the model should know: NAME or NAME:PATH, NAME as `data.source` has it.
    #[arg(long = "in", value_name = "NAME:PATH")]
    inside: SetArgument,
    /// Sets that it should not: NAME:PATH, or `interp`, the means of images i and i + 100 of --in.
    #[arg(long, value_name = "NAME:PATH", value_delimiter = ',', required = true)]
    out: Vec<Outside>,
    /// β, the weight of the encoder's part.
    #[arg(long, value_name = "BETA", default_value_t = 0.1)]
    beta: f64,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// A set of images of another kind.
#[derive(Debug, Clone)]
enum Outside {
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

/// The figures of one pair of sets.
#[derive(Debug, Serialize)]
struct Row<'a> {
    iteration: u64,
    beta: f64,
    inside: &'a str,
    inside_n: usize,
    outside: &'a str,
    outside_n: usize,
    #[serde(flatten)]
    figures: Ranking,
}

impl Ood {
    pub(super) fn run(&self) -> Result<()> {
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            return Err(Error::Argument {
                argument: format!("--beta {}", self.beta),
                why: "must be a finite number, 0 or above".to_owned(),
            });
        }
        let device = self.device.open()?;
        let model = load(&self.checkpoint, &device)?;
        model.check_trained("ebm")?;
        model.check_trained("encoder")?;
        let shape = model.config.data.shape.unwrap_or_default();
        let (inside_name, inside) = images(&self.inside, shape)?;
        let inside_scores = self.scores(&model, &inside, &device)?;
        if !self.json {
            output::say(&format!(
                "score −(½‖f(x)‖² − {}·cos(g(f(x)), h(x))), averaged networks of iteration {}\nknown: {inside_name}, n = {}\n\n{:>7} {:>7} {:>7} {:>7}   against",
                self.beta,
                model.step,
                inside.len(),
                "AUROC",
                "AUPR",
                "FPR95",
                "n"
            ))?;
        }
        for out in &self.out {
            let (name, set) = match out {
                Outside::Interpolated => (
                    format!("means of images i and i + {APART} of the known set"),
                    interpolated(&inside, shape)?,
                ),
                Outside::Set(set) => images(set, shape)?,
            };
            let scores = self.scores(&model, &set, &device)?;
            let row = Row {
                iteration: model.step,
                beta: self.beta,
                inside: &inside_name,
                inside_n: inside_scores.len(),
                outside: &name,
                outside_n: scores.len(),
                figures: ranking(&inside_scores, &scores)?,
            };
            output::say(&self.line(&row)?)?;
        }
        Ok(())
    }

    fn line(&self, row: &Row<'_>) -> Result<String> {
        if self.json {
            return output::json(row);
        }
        let f = &row.figures;
        Ok(format!(
            "{:>7.4} {:>7.4} {:>7.4} {:>7}   {}",
            f.auroc, f.aupr, f.fpr95, row.outside_n, row.outside
        ))
    }

    /// −E(x, h(x)) of images, brought to the model's size.
    fn scores(&self, model: &Loaded, set: &ImageSet, device: &Device) -> Result<Vec<f32>> {
        let shape = model.config.data.shape.unwrap_or_default();
        let mut scores = Vec::with_capacity(set.len());
        with_winograd(model.config.train.winograd.into(), || {
            for part in set.batches(EVALUATION_BATCH) {
                let values = part?.brought_to(shape).to_unit();
                let [_, joint] = energies(model, &values, self.beta, device)?;
                scores.extend(joint.into_iter().map(|e| -e));
            }
            Ok(scores)
        })
    }
}

/// The test images of a set, or all of it; files in the model's size.
fn images(set: &SetArgument, shape: [usize; 3]) -> Result<(String, ImageSet)> {
    let [h, w, _] = shape;
    let data: Dataset = set.load(0.0, Some([h, w]))?;
    let part = match data.test.images.is_empty() {
        true => Part::Train,
        false => Part::Test,
    };
    let name = match part {
        Part::Train => data.name.clone(),
        Part::Test => format!("{}, {}", data.name, part.name()),
    };
    Ok((name, part.of(data)?.images))
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
