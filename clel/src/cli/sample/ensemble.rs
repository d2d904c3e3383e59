//! Further models, down the mean of whose energies chains go.

use std::path::PathBuf;

use clel_tensor::Device;

use super::Sample;
use super::conditions::Asked;
use super::plan::Plan;
use crate::cli::load;
use crate::train::Loaded;
use crate::{Error, Result};

/// A further model of an ensemble, and what its own encoder makes of what is asked for.
pub(super) struct Other<'a> {
    pub model: &'a Loaded,
    pub asked: Vec<Asked>,
}

impl Sample {
    /// The further models of `--ensemble`.
    pub(super) fn others(&self, first: &Loaded, device: &Device) -> Result<Vec<Loaded>> {
        let load = |path: &PathBuf| {
            let model = load(path, device)?;
            model.check_trained("ebm")?;
            let [found, expected] = [&model, first].map(|m| m.config.data.shape);
            if found != expected {
                return Err(Error::Mismatch {
                    what: format!("images of {}, a model of the ensemble", path.display()),
                    found: format!("{:?}", found.unwrap_or_default()),
                    expected: format!(
                        "{:?}, as those of {}",
                        expected.unwrap_or_default(),
                        self.checkpoint.display()
                    ),
                });
            }
            Ok(model)
        };
        self.ensemble.iter().map(load).collect()
    }

    /// What they are led by: latents of their own encoders, of the classes of the data of `first`.
    pub(super) fn led<'a>(
        &self,
        others: &'a [Loaded],
        first: &Loaded,
        device: &'a Device,
    ) -> Result<Vec<Other<'a>>> {
        let led = |model| {
            let plan = Plan::of(self, self.latents(model, first, device)?)?;
            Ok(Other {
                model,
                asked: plan.asked,
            })
        };
        others.iter().map(led).collect()
    }
}
