//! `clel sample`.

mod check;
mod conditions;
mod ensemble;
mod judging;
mod labelled;
mod options;
mod pictures;
mod plan;
mod record;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clel_tensor::Device;

use self::conditions::{Asked, Latents};
use self::ensemble::Other;
use self::judging::Judge;
use self::labelled::Labelled;
use self::options::{Conditions, GivenImages, Watching};
use self::plan::Plan;
use self::record::Record;
use super::models::Further;
use super::progress::Progress;
use super::{DeviceArgument, output};
use crate::config::Augmentation;
use crate::data;
use crate::data::SetArgument;
use crate::features::FeatureSource;
use crate::generate::{Film, Generation, Guide};
use crate::sampler::{Langevin, Rounds, Start, room};
use crate::train::{Loaded, Models};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel sample --checkpoint runs/digits-001 --out samples
  clel sample --checkpoint runs/digits-001 --count 16 --steps 400 --noise 0.005 --seed 3 --out more
  clel sample --checkpoint runs/digits-001 --init drawings/ --steps 40 --out repaired
  clel sample --checkpoint runs/cifar10-001 --steps 600 --augment strong --out cifar

  Ten of each class, and how many a classifier takes for it:
    clel sample --checkpoint runs/digits-001 --class all --count 100 --judge digits --out classes
  Better: samples first, then each towards a class, moved about meanwhile:
    clel sample --checkpoint runs/digits-001 --count 100 --out free
    clel sample --checkpoint runs/digits-001 --init free/samples.safetensors --class all --augment affine --steps 400 --out classes
  Like an image; between conditions; of several:
    clel sample --checkpoint runs/digits-001 --like drawing.png --out alike
    clel sample --checkpoint runs/digits-001 --interpolate class:3 class:8 --frames 9 --out morphs
    clel sample --checkpoint runs/digits-001 --towards class:3 --towards image:a.png*0.5 --away class:8 --out mixed
    clel sample --checkpoint runs/celeba-001 --towards class:Smiling --away class:Eyeglasses --out faces
  By several models together:
    clel sample --checkpoint runs/digits-001 --ensemble runs/digits-002 runs/digits-003 --class all --out together
  What is missing of an image; what is under noise:
    clel sample --checkpoint runs/digits-001 --inpaint torn.png --mask hole.png --out filled
    clel sample --checkpoint runs/digits-001 --denoise noisy/ --sigma 0.2 --out clean
  Chains over time:
    clel sample --checkpoint runs/digits-001 --steps 2000 --every 100 --animate chains.gif --out long";

/// The largest number of samples of one call.
pub(super) const MOST_SAMPLES: usize = 10_000_000;

/// Draws samples from a trained model.
///
/// Samples are chains of Langevin steps from uniform noise or from given images, led by what is asked of them.
///
/// Writes into a new directory `samples.png`, a grid; `samples.safetensors`, whose tensor `samples` [N, H, W, C] has
/// values in 0..1; and `sample.json`, all that they depend on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sample {
    /// A checkpoint file, a run directory for its newest one, or RUN/best for the one that `clel runs` calls the best.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    #[command(flatten)]
    further: Further,
    /// Start the chains from these images (a file, a folder, a safetensors file) instead of noise.
    #[arg(long, value_name = "PATH", conflicts_with = "interpolate")]
    init: Option<PathBuf>,
    /// How many chains, as many for each condition [default: 64; 8 for each of several conditions; with --inpaint 8 for each image or condition; with --init or
    /// --denoise one for each image]; with --interpolate, how many rows [default: 8].
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Langevin steps of each chain; if not given, what the run's evaluation takes, with --denoise those of a training iteration.
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
    /// Tell how many samples are taken for the class that was asked for, by a classifier of the same classes: digits (part of the
    /// program, for 8×8 digits), classifier:FILE (of `clel classifier`) or cifar_resnet:FILE; one of other classes is refused. With --like it is the
    /// class that the classifier finds in the image. With --init, --inpaint and --denoise it is the image's own where images have classes (a
    /// sub-folder's name, or a number in a file, as the classifier has them), or else --expected.
    #[arg(long, value_name = "NETWORK", value_parser = judging::named)]
    judge: Option<FeatureSource>,
    /// The class, by number, that --judge should take samples for, where neither a condition nor the given images say it: that of a torn image
    /// whose original is known, for instance.
    #[arg(long, value_name = "CLASS", requires = "judge")]
    expected: Option<usize>,
    /// The directory to make for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object about what was written.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    images: GivenImages,
    #[command(flatten)]
    watching: Watching,
}

impl Sample {
    pub(super) fn run(&self) -> Result<()> {
        self.check()?;
        let device = self.device.open()?;
        let models = self.further.load(&self.checkpoint, &device)?;
        models.check_trained("ebm")?;
        let model = models.first();
        self.check_held(model)?;
        if self.out.exists() {
            return Err(Error::OutputExists {
                path: self.out.clone(),
            });
        }
        let judge = self.judge.as_ref();
        let judge = judge.map(|j| Judge::open(j, &device)).transpose()?;
        let named = format!("--checkpoint {}", self.checkpoint.display());
        let latents = self.latents(model, named, model, &device)?;
        if let Some(judge) = &judge {
            let shape = model.config.data.shape.unwrap_or_default();
            judge.check(shape, latents.labelled.source(), self.expected)?;
        }
        model.config.train.with_kernels(|| {
            let mut plan = Plan::of(self, latents)?;
            if let (Some(class), Some(_)) = (self.expected, &plan.labels) {
                return Err(Error::Argument {
                    argument: format!("--expected {class}"),
                    why: "the given images have classes of their own".to_owned(),
                });
            }
            if let Some(judge) = &judge {
                judge.check_plan(&mut plan)?;
            }
            let others = self.others(&models, &device)?;
            // whether it can be made is seen before the work, but who ends that finds none in the way of the same command
            std::fs::create_dir_all(&self.out)
                .and_then(|()| std::fs::remove_dir(&self.out))
                .map_err(Error::write(&self.out))?;
            self.draw(&models, &others, &plan, judge, &device)
        })
    }

    /// Runs the chains, has them judged, and writes and tells what becomes of them.
    fn draw(
        &self,
        models: &Models,
        others: &[Other<'_>],
        plan: &Plan,
        judge: Option<Judge>,
        device: &Device,
    ) -> Result<()> {
        let model = models.first();
        let (samples, film) = self.chains(models, others, plan, device)?;
        let judged = judge
            .map(|judge| {
                judge.agreement(plan, self.expected.into_iter().collect(), &samples, model)
            })
            .transpose();
        let (agreement, refused) = match judged {
            Ok(agreement) => (agreement, None),
            // what has been drawn stays
            Err(error) => (None, Some(error)),
        };
        let record = Record::new(self, models, others, plan, film.as_ref(), agreement);
        std::fs::create_dir(&self.out).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::OutputExists {
                path: self.out.clone(),
            },
            _ => Error::write(&self.out)(error),
        })?;
        self.write(model, plan, &samples, film.as_ref(), &record)
            .inspect_err(|_| {
                // a directory in which nothing has been written is not left behind; others cannot be removed so
                let _ = std::fs::remove_dir(&self.out);
            })?;
        if let Some(error) = refused {
            return Err(error);
        }
        if self.json {
            return output::say(&output::json(&record)?);
        }
        output::say_in_words(&record.text())?;
        output::say(&record.files())
    }

    /// `--count`, within bounds.
    fn checked_count(&self) -> Result<Option<usize>> {
        match self.count {
            Some(count) if !(1..=MOST_SAMPLES).contains(&count) => Err(Error::Argument {
                argument: format!("--count {count}"),
                why: format!("must lie in 1..={MOST_SAMPLES}"),
            }),
            count => Ok(count),
        }
    }

    /// Images from which chains start, with the option that named them.
    fn start(&self) -> Option<(&'static str, &Path)> {
        let init = self.init.as_deref().map(|path| ("--init", path));
        let denoise = self.images.denoise.as_deref();
        init.or(denoise.map(|path| ("--denoise", path)))
    }

    /// What the encoder of `model` makes of the classes of the data of `first`.
    fn latents<'a>(
        &self,
        model: &'a Loaded,
        named: String,
        first: &Loaded,
        device: &'a Device,
    ) -> Result<Latents<'a>> {
        let config = &first.config;
        let (data, stored_by) = match self.conditions.data {
            None => (config.data.clone(), Some(first.path())),
            Some(source) => {
                let set = SetArgument {
                    source,
                    path: self.conditions.path.clone(),
                };
                let size = config.data.shape.map(|[h, w, _]| [h, w]);
                (set.config(0.0, size)?, None)
            }
        };
        Ok(Latents {
            model,
            named,
            labelled: Labelled::new(data, config.seed, stored_by),
            most: self.conditions.class_images(),
            device,
        })
    }

    fn rounds(&self, model: &Loaded) -> Rounds {
        let sampler = &model.config.sampler;
        let usual = match self.images.denoise {
            Some(_) => sampler.steps,
            None => sampler.steps.saturating_mul(model.config.eval.rounds),
        };
        Rounds {
            langevin: Langevin {
                noise: self.noise.unwrap_or(sampler.noise),
                ..Langevin::of(sampler)
            },
            steps: self.steps.unwrap_or(usual),
            augmentation: self.augment,
            restart: 0.0,
            seed: self.seed,
        }
    }

    /// β of the guide.
    fn beta(&self, model: &Loaded) -> f64 {
        self.conditions.guidance.unwrap_or(model.config.loss.beta)
    }

    /// Runs the chains.
    fn chains(
        &self,
        models: &Models,
        others: &[Other<'_>],
        plan: &Plan,
        device: &Device,
    ) -> Result<(Vec<f32>, Option<Film>)> {
        let model = models.first();
        let shape = model.config.data.shape.unwrap_or_default();
        let size = shape.iter().product::<usize>();
        let rounds = self.rounds(model);
        let mut film = self.watching.film(rounds.steps, plan.count, size)?;
        let progress = Progress::new("drawing", plan.count * rounds.steps, self.json);
        let told = |chains: usize| progress.add(chains);
        let generation = Generation {
            model: models.energy(),
            rounds,
            shape,
            device,
            given: plan.given.clone(),
            told: Some(&told),
        };
        let start = |n| match &plan.start {
            Some(values) => Start::Images(values),
            None => Start::Noise(n),
        };
        let kinds = |asked: &[Asked]| asked.iter().map(|a| a.terms.clone()).collect::<Vec<_>>();
        let mut led_by = vec![(kinds(&plan.asked), self.beta(model))];
        led_by.extend(others.iter().map(|o| (kinds(&o.asked), self.beta(o.model))));
        led_by.retain(|(kinds, _)| !kinds.is_empty());
        let mut samples = room([plan.count, size])?;
        samples.resize(plan.count * size, 0.0);
        // chains of one row of an interpolation share their noise: each column is a run of its own
        let runs = if plan.by_column { plan.asked.len() } else { 1 };
        let n = plan.count / runs;
        for run in 0..runs {
            let place = |chain: usize| chain * runs + run;
            let of_chain: Vec<usize> = (0..n).map(|chain| plan.kind(place(chain))).collect();
            let guides = led_by
                .iter()
                .map(|(kinds, beta)| Guide::new(kinds, of_chain.clone(), *beta));
            let guides: Vec<Guide> = guides.collect();
            let film = film
                .as_mut()
                .map(|film| (film, &place as &dyn Fn(usize) -> usize));
            let ends = generation.run(&guides, start(n), n, film)?;
            for (chain, image) in ends.chunks_exact(size.max(1)).enumerate() {
                samples[place(chain) * size..][..size].copy_from_slice(image);
            }
        }
        self.check_finite(&samples)?;
        Ok((samples, film))
    }

    /// Writes what has become of the chains.
    fn write(
        &self,
        model: &Loaded,
        plan: &Plan,
        samples: &[f32],
        film: Option<&Film>,
        record: &Record<'_>,
    ) -> Result<()> {
        let [h, w, c] = model.config.data.shape.unwrap_or_default();
        let shape = [plan.count, h, w, c];
        pictures::samples(&self.out.join("samples.png"), plan, shape, samples)?;
        if let Some(given) = &plan.given {
            pictures::given(&self.out.join("given.png"), plan, given, shape)?;
        }
        data::write_samples(&self.out.join(data::SAMPLES), shape, samples)?;
        if let Some(film) = film {
            pictures::over_time(&self.out.join("over-time.png"), plan, film, shape)?;
            if let Some(path) = &self.watching.animate {
                pictures::animation(path, plan, film, shape)?;
            }
        }
        record.write(&self.out.join("sample.json"))
    }
}
