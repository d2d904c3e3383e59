//! `clel export`.

use std::path::{Path, PathBuf};

use clel_tensor::Device;
use serde::Serialize;

use super::{from_checkpoint, output};
use crate::official::{self, Model};
use crate::train::Trainer;
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel export --checkpoint runs/cifar10-001 --out official.safetensors
  clel export --checkpoint runs/cifar10-001 --only ema_ebm --out energy.safetensors

In Python, with the official implementation:
  model.load_state_dict(safetensors.torch.load_file('official.safetensors'), strict=True)
  model.ebm.load_state_dict(safetensors.torch.load_file('energy.safetensors'), strict=True)";

/// Writes a model for the official PyTorch implementation.
///
/// The state dict of its whole model, as safetensors under its own names: both networks, their averages, the replay buffer. Optimisers
/// are not part of it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// A checkpoint file, a run directory for its newest one, or RUN/best for the one that `clel runs` calls the best.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    /// One network alone: ebm, ema_ebm, encoder or ema_encoder.
    #[arg(long, value_name = "NETWORK")]
    only: Option<String>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object about what was written.
    #[arg(long)]
    json: bool,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    model: &'a str,
    iteration: u64,
    arrays: usize,
    untrained: &'a [String],
    differences: &'a [String],
    file: &'a Path,
}

impl Export {
    pub(super) fn run(&self) -> Result<()> {
        if self.out.exists() {
            return Err(Error::OutputExists {
                path: self.out.clone(),
            });
        }
        let trainer = from_checkpoint(&self.checkpoint, |file| Trainer::load(file, &Device::Cpu))?;
        let config = trainer.config();
        let model = Model::of(config)?;
        let arrays = official::export(&trainer, self.only.as_deref(), &self.out)?;
        let differences = differences(&trainer, model)?;
        if self.json {
            return output::say(&output::json(&Written {
                model: model.name(),
                iteration: trainer.step(),
                arrays,
                untrained: trainer.untrained(),
                differences: &differences,
                file: &self.out,
            })?);
        }
        output::say_in_words(&format!(
            "{}, iteration {}: {arrays} arrays",
            model.name(),
            trainer.step()
        ))?;
        for name in trainer.untrained() {
            output::say_in_words(&format!(
                "  `{name}` is untrained: encoder.latents is none, or it was not in the file that this came from"
            ))?;
        }
        for difference in &differences {
            output::say_in_words(&format!("  {difference}"))?;
        }
        output::say(&self.out.display().to_string())
    }
}

/// In what the networks differ from those that the official implementation makes by this name.
fn differences(trainer: &Trainer, model: Model) -> Result<Vec<String>> {
    use crate::config::{Layers, Stem};
    let (ours, mut layers) = (trainer.config(), Layers::preset(model.preset())?);
    layers.set("data.path=.")?;
    let theirs = layers.build()?;
    let widths = |c: &crate::config::Config| {
        let (m, e) = (&c.model, &c.encoder);
        [m.width, m.hidden, m.latent, e.width, e.hidden]
    };
    let mut all = Vec::new();
    if widths(ours) != widths(&theirs) {
        all.push("widths are not the official ones: its classes need the same change".to_owned());
    }
    let [h, w, c] = ours.data.shape.unwrap_or_default();
    let official = match [h, w, c] {
        [32, 32, 3] => Stem::Small,
        _ => Stem::Large,
    };
    if ours.encoder.stem != official {
        let stem = official.name();
        all.push(format!(
            "images of {h}×{w}×{c}: the official encoder has the {stem} stem for these"
        ));
    }
    Ok(all)
}
