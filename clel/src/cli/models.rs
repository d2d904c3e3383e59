//! The model that a command computes with: that of a checkpoint, or of several together.

use std::path::{Path, PathBuf};

use clel_tensor::Device;
use serde::Serialize;

use super::from_checkpoint;
use crate::Result;
use crate::train::{Models, load_networks};

/// Further checkpoints; an argument of every command that computes energies.
#[derive(Debug, clap::Args)]
pub(super) struct Further {
    /// Further models of images of that size, as one model with --checkpoint: its energy is the mean of theirs, each with the latents of its
    /// own encoder. The sampler's settings and the data are those of --checkpoint.
    #[arg(
        long,
        value_name = "PATH",
        num_args = 1..,
        requires = "checkpoint"
    )]
    ensemble: Vec<PathBuf>,
}

/// A further model, as results name it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Member {
    checkpoint: PathBuf,
    iteration: u64,
}

impl Further {
    /// The model of `checkpoint` with the further ones.
    pub fn load(&self, checkpoint: &Path, device: &Device) -> Result<Models> {
        let load = |path: &Path| from_checkpoint(path, |file| load_networks(file, device));
        let first = load(checkpoint)?.into();
        let mut others = self.ensemble.iter();
        others.try_fold(first, |models: Models, path| models.with(load(path)?))
    }

    /// As they were named.
    pub fn paths(&self) -> &[PathBuf] {
        &self.ensemble
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ensemble.is_empty()
    }

    /// The further ones of these models, which were loaded from here.
    pub fn members(&self, models: &Models) -> Vec<Member> {
        let all = self.ensemble.iter().zip(models.others());
        all.map(|(checkpoint, model)| Member {
            checkpoint: checkpoint.clone(),
            iteration: model.step,
        })
        .collect()
    }
}

impl Member {
    /// In words.
    pub fn text(&self) -> String {
        let path = self.checkpoint.display();
        format!("together with {path}, iteration {}", self.iteration)
    }

    /// Each in words, in lines that follow another one.
    pub fn lines(members: &[Member]) -> String {
        members.iter().map(|m| format!("\n{}", m.text())).collect()
    }
}
