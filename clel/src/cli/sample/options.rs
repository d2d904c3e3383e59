//! Groups of options of `clel sample`.

use std::path::PathBuf;

use super::conditions::{Weighted, What};
use crate::config::{Augmentation, Source};
use crate::generate::Film;
use crate::report::Animation;
use crate::{Error, Result};

/// Images of a class whose latents make its own, at most, unless it is told.
const CLASS_IMAGES: usize = 1000;
/// Frames of an animation, about, unless it is told after how many steps one is taken.
const FRAMES: usize = 50;
/// Frames and chains of a film at most.
const MOST_FRAMES: usize = 2000;
const MOST_FILMED: usize = 400;
/// Bytes of a film at most; drawing it takes some times as much.
const MOST_FILM: usize = 256 << 20;

/// What samples are to be like. Chains then go down E(x, z) = ½‖f(x)‖² − β·⟨ĝ(f(x)), z⟩, with z from the encoder, or down the sum of
/// such energies.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct Conditions {
    /// Samples of these classes of the data, by name or number, commas between them, or of `all`: of several a row each. Of CelebA, an attribute: Smiling, not-Smiling.
    #[arg(long, value_name = "CLASS", conflicts_with = "interpolate")]
    pub class: Vec<String>,
    /// Samples like this image, or like each of these: of several a row each.
    #[arg(long, value_name = "PATH", conflicts_with = "interpolate")]
    pub like: Option<PathBuf>,
    /// Lead all samples towards a class or an image (several images: their mean), class:NAME or image:PATH, *WEIGHT perhaps; can be repeated.
    #[arg(long, value_name = "WHAT", conflicts_with = "interpolate")]
    pub towards: Vec<Weighted>,
    /// The same, away from it.
    #[arg(long, value_name = "WHAT", conflicts_with = "interpolate")]
    pub away: Vec<Weighted>,
    /// Rows of samples from the same noise, led by latents on the arc between two, class:NAME or image:PATH.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub interpolate: Option<Vec<What>>,
    /// Latents of an interpolation, its ends included [default: 9].
    #[arg(long, value_name = "N")]
    pub frames: Option<usize>,
    /// β, the weight of a condition in the energy E(x, z) = ½‖f(x)‖² − β·⟨ĝ(f(x)), z⟩ down which chains go, z the encoder's latent; with several
    /// conditions, in their sum. If not given, loss.beta of the run. Too much of it leads away from likely images: on the digits, half and
    /// once loss.beta = 0.01 gave the class asked for most often, five times that no oftener than chance.
    #[arg(long, value_name = "BETA")]
    pub guidance: Option<f64>,
    /// The data set with the classes, what `data.source` may be; if not given, the run's.
    #[arg(long, value_enum, value_name = "NAME")]
    pub data: Option<Source>,
    /// Its folder or file.
    #[arg(long, value_name = "PATH", requires = "data")]
    pub path: Option<PathBuf>,
    /// A class's latent is the normalised mean of those of its training images, of so many at most, evenly taken [default: 1000].
    #[arg(long, value_name = "N")]
    pub class_images: Option<usize>,
}

impl Conditions {
    /// Whether nothing is asked for.
    pub fn are_none(&self) -> bool {
        self.class.is_empty()
            && self.like.is_none()
            && self.towards.is_empty()
            && self.away.is_empty()
            && self.interpolate.is_none()
    }

    /// Images of a class at most.
    pub fn class_images(&self) -> usize {
        self.class_images.unwrap_or(CLASS_IMAGES)
    }

    /// Whether a class of the data is among what is asked for.
    pub fn name_classes(&self) -> bool {
        let weighted = self.towards.iter().chain(&self.away).map(|w| &w.what);
        let mut all = weighted.chain(self.interpolate.iter().flatten());
        !self.class.is_empty() || all.any(|what| matches!(what, What::Class(_)))
    }

    pub fn check(&self) -> Result<()> {
        if self.class_images == Some(0) {
            return Err(Error::Argument {
                argument: "--class-images 0".to_owned(),
                why: "must be at least 1".to_owned(),
            });
        }
        if let Some(beta) = self.guidance
            && self.are_none()
        {
            return Err(Error::Argument {
                argument: format!("--guidance {beta}"),
                why: "is the weight of a condition: --class, --like, --towards, --away or --interpolate"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

/// Images of which something is known.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Images to complete")]
pub(super) struct GivenImages {
    /// Fill a part of this image, or of each of these, of several a row each; the rest is put back after every step.
    #[arg(long, value_name = "PATH", requires = "mask", conflicts_with_all = ["interpolate", "init", "denoise"])]
    pub inpaint: Option<PathBuf>,
    /// White where --inpaint is to fill, black where the image is known.
    #[arg(long, value_name = "PATH", requires = "inpaint")]
    pub mask: Option<PathBuf>,
    /// Take noise from this image, or from each of these: chains start there.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["interpolate", "init"])]
    pub denoise: Option<PathBuf>,
    /// The deviation s of that noise: holds the chains near the image y by ‖x − y‖²/2s², at their own temperature, so that --steps can be many. If not
    /// given, nothing holds them, and --steps decides how far they go.
    #[arg(long, value_name = "S", requires = "denoise")]
    pub sigma: Option<f64>,
}

impl GivenImages {
    pub fn check(&self, augment: Augmentation) -> Result<()> {
        let fault = |argument: String, why: &str| {
            Err(Error::Argument {
                argument,
                why: why.to_owned(),
            })
        };
        if let Some(sigma) = self.sigma
            && !(sigma.is_finite() && sigma > 0.0)
        {
            return fault(
                format!("--sigma {sigma}"),
                "must be a finite number above 0",
            );
        }
        if augment != Augmentation::None && (self.inpaint.is_some() || self.denoise.is_some()) {
            let argument = format!("--augment {augment:?}").to_lowercase();
            return fault(
                argument,
                "would move what --inpaint or --denoise knows of the image",
            );
        }
        Ok(())
    }
}

/// How chains are shown over time.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Chains over time")]
pub(super) struct Watching {
    /// Write an animation of the grid, GIF (.gif) or APNG (.png), to this new file.
    #[arg(long, value_name = "FILE")]
    pub animate: Option<PathBuf>,
    /// Steps between two frames of it, and between two columns of `over-time.png`, a row a chain, which is then written too; if not
    /// given, such that there are about 50 frames.
    #[arg(long, value_name = "N")]
    pub every: Option<usize>,
}

impl Watching {
    pub fn check(&self) -> Result<()> {
        if self.every == Some(0) {
            return Err(Error::Argument {
                argument: "--every 0".to_owned(),
                why: "must be at least 1".to_owned(),
            });
        }
        let Some(path) = &self.animate else {
            return Ok(());
        };
        if Animation::of(path).is_none() {
            return Err(Error::Argument {
                argument: format!("--animate {}", path.display()),
                why: "must end in .gif, or in .png for an APNG".to_owned(),
            });
        }
        if path.exists() {
            return Err(Error::Argument {
                argument: format!("--animate {}", path.display()),
                why: "exists already; choose another file for --animate".to_owned(),
            });
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|p| !p.is_dir()) {
            return Err(Error::Argument {
                argument: format!("--animate {}", path.display()),
                why: format!("there is no folder {}", folder.display()),
            });
        }
        Ok(())
    }

    /// A film of chains of `steps` steps, if one is wanted.
    pub fn film(&self, steps: usize, chains: usize, size: usize) -> Result<Option<Film>> {
        let every = match (self.every, &self.animate) {
            (None, None) => return Ok(None),
            (Some(every), _) => every,
            (None, Some(_)) => (steps / FRAMES).max(1),
        };
        if steps / every >= MOST_FRAMES {
            return Err(Error::Argument {
                argument: format!("--every {every}"),
                why: format!("makes more than {MOST_FRAMES} frames of {steps} steps"),
            });
        }
        let chains = chains.min(MOST_FILMED);
        let frames = MOST_FILM / (4 * chains * size).max(1);
        if steps / every >= frames {
            return Err(Error::Argument {
                argument: format!("--every {every}"),
                why: format!(
                    "makes {} frames of {chains} chains, more than {} MiB; --every {} would not",
                    steps / every + 1,
                    MOST_FILM >> 20,
                    steps.div_ceil(frames.saturating_sub(1).max(1)) + 1
                ),
            });
        }
        Ok(Some(Film::new(every, steps, chains, size)))
    }
}
