//! `clel energy`.

use std::path::PathBuf;

use serde::Serialize;

use super::models::Further;
use super::{DeviceArgument, given_images, output};
use crate::data::ImageSet;
use crate::{Result, model};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel energy --checkpoint runs/digits-001 --images photo.png
  clel energy --checkpoint runs/digits-001 --images folder/ --json
  clel energy --checkpoint model.safetensors --images data.safetensors
  clel energy --checkpoint runs/digits-001 --ensemble runs/digits-002 runs/digits-003 --images folder/";

/// Computes the energy of images: the lower, the likelier.
///
/// For each image, E(x) = ½‖f(x)‖², up to a constant −log p(x), and the joint energy with the image's own latent, E(x, z) = E(x)
/// − β·⟨ĝ(f(x)), z⟩ with z from the encoder; of several models the means. 8-bit images count as the middle of their levels, (v + ½)/256.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Energy {
    /// A checkpoint file, a run directory for its newest one, or RUN/best for the one that `clel runs` calls the best.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    #[command(flatten)]
    further: Further,
    /// An image file, a folder of them, or a safetensors file with `images` [N, H, W, C], f32 in 0..1 or u8.
    #[arg(long, value_name = "PATH")]
    images: PathBuf,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// The figures of one image.
#[derive(Debug, Serialize)]
struct Row<'a> {
    image: &'a str,
    energy: f32,
    /// None where an encoder is not trained.
    joint_energy: Option<f32>,
}

impl Energy {
    pub(super) fn run(&self) -> Result<()> {
        let device = self.device.open()?;
        let models = self.further.load(&self.checkpoint, &device)?;
        models.check_trained("ebm")?;
        let with_latent = models.is_trained("encoder");
        let shape = models.first().config.data.shape.unwrap_or_default();
        let given = given_images(&self.images, Some(shape), None)?;
        let (images, names) = (ImageSet::from(given.images), given.names);
        if !self.json {
            output::say_in_words(&format!("{:>14} {:>14}  image", "E(x)", "E(x, z)"))?;
        }
        for (part, names) in images
            .batches(model::EVALUATION_BATCH)
            .zip(names.chunks(model::EVALUATION_BATCH))
        {
            let part = part?.to_unit();
            let [energies, joint] = models.energies(&part, None, &device)?;
            for ((image, energy), joint_energy) in names.iter().zip(energies).zip(joint) {
                let row = Row {
                    image,
                    energy,
                    joint_energy: with_latent.then_some(joint_energy),
                };
                output::say_in_words(&self.line(&row)?)?;
            }
        }
        Ok(())
    }

    fn line(&self, row: &Row<'_>) -> Result<String> {
        if self.json {
            output::json(row)
        } else {
            let joint = row.joint_energy.map(|e| format!("{e:.6e}"));
            Ok(format!(
                "{:>14.6e} {:>14}  {}",
                row.energy,
                joint.as_deref().unwrap_or("no encoder"),
                row.image
            ))
        }
    }
}
