//! `clel sample`.

use std::path::{Path, PathBuf};

use super::{DeviceArgument, load, output};
use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::Device;
use clel_tensor::cpu::with_winograd;
use serde::Serialize;

use crate::config::{Augmentation, Config};
use crate::report::Grid;
use crate::sampler::{Langevin, Rounds, Start};
use crate::train::Loaded;
use crate::{Error, Result, data};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel sample --checkpoint runs/digits-001 --out samples
  clel sample --checkpoint runs/digits-001 --count 16 --steps 400 --noise 0.005 --seed 3 --out more
  clel sample --checkpoint runs/digits-001 --init drawings/ --steps 40 --out repaired
  clel sample --checkpoint runs/cifar10-001 --steps 600 --augment strong --out cifar";

/// The largest number of samples of one call.
pub(super) const MOST_SAMPLES: usize = 10_000_000;
/// Images in the picture at most; the tensor holds all.
const MOST_DRAWN: usize = 10_000;

/// Draws samples: chains of Langevin steps from uniform noise or from given images.
///
/// Writes `samples.png`, a grid, and `samples.safetensors`, whose tensor `samples` [N, H, W, C] has
/// values in 0..1.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sample {
    /// A checkpoint file, or a run directory for its newest one.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    /// Start the chains from these images (a file, a folder, a safetensors file) instead of noise.
    #[arg(long, value_name = "PATH")]
    init: Option<PathBuf>,
    /// How many chains; with --init, all its images if not given.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Langevin steps of each chain; if not given, what the run's evaluation takes.
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// Standard deviation of the noise of a step; if not given, the run's.
    #[arg(long, value_name = "SIGMA")]
    noise: Option<f64>,
    /// Augment the chains every `sampler.steps` steps, as training does with its buffer.
    #[arg(long, value_enum, default_value = "none")]
    augment: Augmentation,
    /// Seed of the noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The directory to make for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object about what was written.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    samples: usize,
    steps: usize,
    iteration: u64,
    picture: &'a Path,
    tensors: &'a Path,
}

impl Sample {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(sigma) = self.noise
            && !(sigma.is_finite() && sigma >= 0.0)
        {
            return Err(Error::Argument {
                argument: format!("--noise {sigma}"),
                why: "must be a finite number, 0 or above".to_owned(),
            });
        }
        let device = self.device.open()?;
        let model = load(&self.checkpoint, &device)?;
        model.check_trained("ebm")?;
        let shape = model.config.data.shape.unwrap_or_default();
        let images = self.initial(shape)?;
        let rounds = self.rounds(&model.config);
        make_directory(&self.out)?;
        let winograd = model.config.train.winograd.into();
        with_winograd(winograd, || {
            self.sample(&model, &rounds, images.as_deref(), &device)
        })
        .inspect_err(|_| {
            // a directory in which nothing has been written is not left behind; others cannot be removed so
            let _ = std::fs::remove_dir(&self.out);
        })
    }

    /// Runs the chains and writes what becomes of them.
    fn sample(
        &self,
        model: &Loaded,
        rounds: &Rounds,
        images: Option<&[f32]>,
        device: &Device,
    ) -> Result<()> {
        let shape = model.config.data.shape.unwrap_or_default();
        let start = match images {
            Some(values) => Start::Images(values),
            None => Start::Noise(self.count.unwrap_or(64)),
        };
        let energy = |x: &Var| model.average.energy.energy(x, Mode::Eval);
        let samples = rounds.run(&energy, start, shape, device)?;
        check_finite(&samples)?;

        let [h, w, c] = shape;
        let shape = [samples.len() / (h * w * c).max(1), h, w, c];
        let picture = self.out.join("samples.png");
        let drawn = [shape[0].min(MOST_DRAWN), h, w, c];
        let size: usize = drawn.iter().product();
        Grid::for_images(drawn).write_png(&picture, drawn, &samples[..size])?;
        let tensors = self.out.join("samples.safetensors");
        data::write_samples(&tensors, shape, &samples)?;
        let written = Written {
            samples: shape[0],
            steps: rounds.steps,
            iteration: model.step,
            picture: &picture,
            tensors: &tensors,
        };
        if self.json {
            return output::say(&output::json(&written)?);
        }
        output::say(&format!(
            "{} samples, {} steps each, from the averaged networks of iteration {}\n{}\n{}",
            written.samples,
            written.steps,
            written.iteration,
            picture.display(),
            tensors.display()
        ))
    }

    /// The given images, as many as asked for.
    fn initial(&self, shape: [usize; 3]) -> Result<Option<Vec<f32>>> {
        if let Some(count) = self.count
            && !(1..=MOST_SAMPLES).contains(&count)
        {
            return Err(Error::Argument {
                argument: format!("--count {count}"),
                why: format!("must lie in 1..={MOST_SAMPLES}"),
            });
        }
        let Some(path) = &self.init else {
            return Ok(None);
        };
        let (images, _) = data::read_any(path, Some(shape))?;
        let count = self.count.unwrap_or(images.len());
        if count > images.len() {
            return Err(Error::Argument {
                argument: format!("--count {count}"),
                why: format!("--init {} has {} images", path.display(), images.len()),
            });
        }
        let mut values = images.to_unit();
        values.truncate(count * images.image_len());
        Ok(Some(values))
    }

    fn rounds(&self, config: &Config) -> Rounds {
        let sampler = &config.sampler;
        let steps = self
            .steps
            .unwrap_or(sampler.steps.saturating_mul(config.eval.rounds));
        let noise = self.noise.unwrap_or(sampler.noise);
        Rounds {
            langevin: Langevin {
                noise,
                ..Langevin::of(sampler)
            },
            steps,
            augmentation: self.augment,
            restart: 0.0,
            seed: self.seed,
        }
    }
}

/// A network that has diverged gives no samples.
fn check_finite(samples: &[f32]) -> Result<()> {
    match samples.iter().find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Numbers {
            what: "sampling",
            why: format!("a pixel became {value}: the energies of this checkpoint are not finite"),
        }),
    }
}

/// A new directory for results, with its parents.
fn make_directory(path: &Path) -> Result<()> {
    if path.exists() {
        return Err(Error::OutputExists {
            path: path.to_owned(),
        });
    }
    std::fs::create_dir_all(path).map_err(Error::write(path))
}
