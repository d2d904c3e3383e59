//! What can be seen to be wrong with the options of `clel sample` before anything is drawn.

use super::Sample;
use crate::cli::unused::check_used;
use crate::cli::weight::check_weight;
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
        for (option, value) in [
            ("--noise", self.noise),
            ("--guidance", self.conditions.guidance),
        ] {
            value.map_or(Ok(()), |v| check_weight(option, v, "chains"))?;
        }
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
        check_used(&[
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
        ])
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

    /// A network that has diverged gives no samples, nor do numbers that are too much for it.
    pub(super) fn check_finite(&self, samples: &[f32]) -> Result<()> {
        let Some(value) = samples.iter().find(|v| !v.is_finite()) else {
            return Ok(());
        };
        let mut why =
            format!("a pixel became {value}: the energies of this checkpoint are not finite");
        if self.noise.is_some() || !self.conditions.are_none() {
            why += ", or --noise, --guidance or the weight of a condition is too large";
        }
        Err(Error::Numbers {
            what: "sampling",
            why,
        })
    }
}
