//! What can be seen to be wrong with the options of `clel eval` before anything is read.

use super::{Eval, Protocol, nothing_to_judge};
use crate::cli::output;
use crate::cli::sample::MOST_SAMPLES;
use crate::cli::unused::check_used;
use crate::features::FeatureSource;
use crate::{Error, Result};

impl Eval {
    /// Refuses numbers out of bounds and options that nothing would look at.
    pub(super) fn check(&self) -> Result<()> {
        if self.checkpoint.is_none() && self.images.is_none() {
            return Err(nothing_to_judge());
        }
        if self.rounds == Some(0) {
            return Err(Error::Argument {
                argument: "--rounds 0".to_owned(),
                why: "must be at least 1".to_owned(),
            });
        }
        if let Some(samples) = self.samples
            && !(2..=MOST_SAMPLES).contains(&samples)
        {
            return Err(Error::Argument {
                argument: format!("--samples {samples}"),
                why: format!("must lie in 2..={MOST_SAMPLES}"),
            });
        }
        self.check_used()?;
        if let Some(file) = &self.out {
            output::check_new(file)?;
        }
        self.check_ensemble()
    }

    /// Refuses options that this protocol would not look at.
    fn check_used(&self) -> Result<()> {
        let protocol = match self.images {
            Some(_) => None,
            None => Some(self.protocol),
        };
        let encoder = protocol == Some(Protocol::Encoder);
        check_used(&[
            (
                "--rounds",
                self.rounds.is_some(),
                protocol == Some(Protocol::Final),
                "is of fresh chains: --protocol final",
            ),
            (
                "--out",
                self.out.is_some(),
                protocol == Some(Protocol::Final),
                "is for fresh chains: --protocol final",
            ),
            (
                "--neighbours",
                self.neighbours.is_some(),
                encoder,
                "is of the encoder: --protocol encoder",
            ),
            (
                "--samples",
                self.samples.is_some(),
                !encoder,
                "--protocol encoder takes all images that have classes",
            ),
            (
                "--split",
                self.split.is_some(),
                !encoder,
                "--protocol encoder learns from the training images and asks the test images",
            ),
            (
                "--size",
                self.size.get().is_some(),
                self.images.is_some() && self.data.is_some(),
                "brings --images and the files of --data to one size: needs both",
            ),
            (
                "--figures",
                !self.figures.is_empty(),
                !encoder,
                "--protocol encoder has figures of its own",
            ),
            (
                "--features",
                self.features != FeatureSource::Encoder,
                !encoder,
                "--protocol encoder judges the checkpoint's own",
            ),
        ])
    }

    /// Several models together have chains; a replay buffer and an encoder are of one.
    fn check_ensemble(&self) -> Result<()> {
        let why = match (&self.images, self.protocol) {
            _ if self.further.is_empty() => return Ok(()),
            (Some(_), _) => "--images has nothing that several models could do together",
            (None, Protocol::Buffer) => "a replay buffer has the chains of one model",
            (None, Protocol::Encoder) => "the encoder of one model is judged",
            (None, Protocol::Final) => return Ok(()),
        };
        Err(Error::Argument {
            argument: "--ensemble".to_owned(),
            why: format!("{why}: several models together draw fresh chains, --protocol final"),
        })
    }
}
