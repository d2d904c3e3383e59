//! `clel import`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output;
use crate::official::{self, Imported, Model};
use crate::report::RunDir;
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  python3 tools/ckpt_to_safetensors.py last.ckpt official.safetensors
  clel import official.safetensors --model resnet --out clel-base.safetensors
  clel energy --checkpoint clel-base.safetensors --images photos/
  clel import official.safetensors --model resnet --run runs/more --set train.iterations=150000 --set data.path=cifar-10-batches-bin
  clel train --resume runs/more";

/// Takes over a model of the official PyTorch implementation.
///
/// Reads its state dict, saved as safetensors under its own names, whole or of one network alone, and writes a checkpoint for all other
/// commands. Optimisers are not part of a state dict: training goes on from the networks and the replay buffer with fresh moments.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["out", "run"])))]
pub(super) struct Import {
    /// The state dict, a safetensors file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which energy network it is of.
    #[arg(long, value_enum)]
    model: Model,
    /// The checkpoint to write.
    #[arg(long, value_name = "CHECKPOINT")]
    out: Option<PathBuf>,
    /// Makes a run directory with the checkpoint in it instead, with which `clel train --resume` goes on.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Overrides one setting of the model's preset; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Iterations it was trained for [default: half of what its BatchNorms counted].
    #[arg(long, value_name = "N")]
    step: Option<u64>,
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
    notes: &'a [String],
    checkpoint: &'a Path,
}

impl Import {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(path) = self.out.as_ref().filter(|path| path.exists()) {
            return Err(Error::OutputExists { path: path.clone() });
        }
        let import = official::Import {
            file: &self.file,
            model: self.model,
            settings: &self.set,
            step: self.step,
        };
        let Imported {
            trainer,
            arrays,
            notes,
        } = import.run()?;
        let written = match (&self.out, &self.run) {
            (None, Some(directory)) => {
                let run = RunDir::create(directory)?;
                let path = run.checkpoint_path(trainer.step());
                let write = || {
                    trainer.save(&path)?;
                    run.write_config(trainer.config())
                };
                write().inspect_err(|_| {
                    // a checkpoint without a configuration is no run
                    let _ = std::fs::remove_file(&path);
                    run.discard();
                })?;
                path
            }
            (out, _) => {
                let path = out.clone().unwrap_or_default();
                trainer.save(&path)?;
                path
            }
        };
        if self.json {
            return output::say(&output::json(&Written {
                model: self.model.name(),
                iteration: trainer.step(),
                arrays,
                notes: &notes,
                checkpoint: &written,
            })?);
        }
        output::say_in_words(&format!(
            "{}, iteration {}: {arrays} arrays",
            self.model.name(),
            trainer.step()
        ))?;
        for note in notes {
            output::say_in_words(&format!("  {note}"))?;
        }
        output::say(&written.display().to_string())
    }
}
