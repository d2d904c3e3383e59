//! What can be seen to be wrong with the options of `clel sample` before anything is drawn.

use super::Sample;
use crate::train::Loaded;
use crate::{Error, Result};

impl Sample {
    /// What can be seen without a model.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(class) = self.expected
            && !self.conditions.are_none()
        {
            return Err(Error::Argument {
                argument: format!("--expected {class}"),
                why: "conditions say what samples should be taken for".to_owned(),
            });
        }
        let at_least_0 = |name: &str, value: Option<f64>| match value {
            Some(v) if !(v.is_finite() && v >= 0.0) => Err(Error::Argument {
                argument: format!("--{name} {v}"),
                why: "must be a finite number, 0 or above".to_owned(),
            }),
            _ => Ok(()),
        };
        at_least_0("noise", self.noise)?;
        at_least_0("guidance", self.conditions.guidance)?;
        self.conditions.check()?;
        self.images.check(self.augment)?;
        self.check_used()?;
        self.watching.check()
    }

    /// Refuses options that nothing would look at. What clap `requires` does not do it: that is waived where the required option conflicts with
    /// one that is given.
    fn check_used(&self) -> Result<()> {
        let (conditions, images) = (&self.conditions, &self.images);
        let classes = conditions.name_classes();
        for (option, is_given, is_used, why) in [
            (
                "--mask",
                images.mask.is_some(),
                images.inpaint.is_some(),
                "is where --inpaint fills an image",
            ),
            (
                "--sigma",
                images.sigma.is_some(),
                images.denoise.is_some(),
                "is of the noise that --denoise takes from images",
            ),
            (
                "--frames",
                conditions.frames.is_some(),
                conditions.interpolate.is_some(),
                "is of --interpolate",
            ),
            (
                "--class-images",
                conditions.class_images.is_some(),
                classes,
                "makes latents of classes, and none is named",
            ),
            (
                "--data",
                conditions.data.is_some(),
                classes || self.judge.is_some(),
                "is where classes are from: names of conditions, or those that --judge knows",
            ),
        ] {
            if is_given && !is_used {
                return Err(Error::Argument {
                    argument: option.to_owned(),
                    why: why.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Refuses `--sigma` where chains have no temperature against which it could weigh.
    pub(super) fn check_held(&self, model: &Loaded) -> Result<()> {
        match self.images.sigma {
            Some(sigma) if self.rounds(model).langevin.noise == 0.0 => Err(Error::Argument {
                argument: format!("--sigma {sigma}"),
                why: format!(
                    "weighs the image against chains at their temperature, which {} makes 0",
                    match self.noise {
                        Some(_) => "--noise 0",
                        None => "the run's sampler.noise = 0, unless --noise is given,",
                    }
                ),
            }),
            _ => Ok(()),
        }
    }
}
