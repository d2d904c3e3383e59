//! `clel energy`.

use std::path::PathBuf;

use clel_autograd::{Var, no_grad};
use clel_nn::Mode;
use clel_tensor::cpu::with_winograd;
use clel_tensor::{Device, Tensor};
use serde::Serialize;

use super::{DeviceArgument, load, output};
use crate::data::ImageSet;
use crate::train::Loaded;
use crate::{Result, data, model};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel energy --checkpoint runs/digits-001 --images photo.png
  clel energy --checkpoint runs/digits-001 --images folder/ --json
  clel energy --checkpoint model.safetensors --images data.safetensors";

/// Computes the energy of images: the lower, the likelier.
///
/// For each image, E(x) = ½‖f(x)‖², up to a constant −log p(x), and the joint energy with the image's own latent, E(x, z) = E(x)
/// − β·⟨ĝ(f(x)), z⟩ with z from the encoder. 8-bit images count as the middle of their levels, (v + ½)/256.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Energy {
    /// A checkpoint file, or a run directory for its newest one.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
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
    /// None where the encoder is not trained.
    joint_energy: Option<f32>,
}

impl Energy {
    pub(super) fn run(&self) -> Result<()> {
        let device = self.device.open()?;
        let model = load(&self.checkpoint, &device)?;
        model.check_trained("ebm")?;
        let with_latent = model.is_trained("encoder");
        let shape = model.config.data.shape.unwrap_or_default();
        let (images, _, names) = data::read_any(&self.images, Some(shape))?;
        let images = ImageSet::from(images);
        let beta = model.config.loss.beta;
        if !self.json {
            output::say(&format!("{:>14} {:>14}  image", "E(x)", "E(x, z)"))?;
        }
        for (part, names) in images
            .batches(model::EVALUATION_BATCH)
            .zip(names.chunks(model::EVALUATION_BATCH))
        {
            let part = part?.to_unit();
            let winograd = model.config.train.winograd.into();
            let [energies, joint] =
                with_winograd(winograd, || energies(&model, &part, beta, &device))?;
            for ((image, energy), joint_energy) in names.iter().zip(energies).zip(joint) {
                let row = Row {
                    image,
                    energy,
                    joint_energy: with_latent.then_some(joint_energy),
                };
                output::say(&self.line(&row)?)?;
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

/// E(x) and E(x, z) with this β of images of the model's size, z their own latents, by the averaged networks in evaluation mode.
pub(super) fn energies(
    model: &Loaded,
    images: &[f32],
    beta: f64,
    device: &Device,
) -> Result<[Vec<f32>; 2]> {
    let [h, w, c] = model.config.data.shape.unwrap_or_default();
    let n = images.len() / (h * w * c).max(1);
    let x: Var = Tensor::from_slice(images, &[n, h, w, c], device)?.into();
    let networks = &model.average;
    no_grad(|| {
        let f = networks.energy.features(&x, Mode::Eval)?;
        let g = networks.energy.project(&f, Mode::Eval)?;
        let z = networks.encoder.latent(&x, Mode::Eval)?;
        let energy = model::energy(&f)?;
        let joint = model::joint_energy(&f, &g, &z, beta)?;
        Ok([energy.tensor().to_vec()?, joint.tensor().to_vec()?])
    })
}
