//! What the further models of an ensemble are led by.

use std::path::PathBuf;

use clel_tensor::Device;

use super::Sample;
use super::conditions::Asked;
use super::plan::Plan;
use crate::Result;
use crate::train::{Loaded, Models};

/// A further model of an ensemble, and what its own encoder makes of what is asked for.
pub(super) struct Other<'a> {
    pub model: &'a Loaded,
    pub asked: Vec<Asked>,
}

impl Sample {
    /// The further models, led by latents of their own encoders, of the classes of the data of the first.
    pub(super) fn others<'a>(
        &self,
        models: &'a Models,
        device: &'a Device,
    ) -> Result<Vec<Other<'a>>> {
        let led = |(path, model): (&PathBuf, _)| {
            let named = format!("--ensemble {}", path.display());
            let plan = Plan::of(self, self.latents(model, named, models.first(), device)?)?;
            Ok(Other {
                model,
                asked: plan.asked,
            })
        };
        let paths = self.further.paths().iter();
        paths.zip(models.others()).map(led).collect()
    }
}
