//! A whole run: data, trainer, and a directory that holds what happened.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clel_autograd::{Var, no_grad};
use clel_nn::{Mode, files::TensorFile};
use clel_tensor::cpu::with_winograd;
use clel_tensor::{DType, Device, RngKey, Tensor};

use super::{
    Outcome, Trainer, streams,
    summary::{Judge, fresh_samples, nearest_neighbour},
};
use crate::{
    Error, Result,
    config::Config,
    data::{Ahead, Dataset, Order, write_samples},
    report::{Events, Grid, Metrics, Progress, RunDir, Summary},
};

/// What to do.
pub struct Job {
    /// What to compute; the data's shape and statistics are filled in.
    pub config: Config,
    /// The images that the configuration names.
    pub data: Dataset,
    /// Where.
    pub device: Device,
    /// The directory for all that is written.
    pub run: RunDir,
    /// The checkpoint to go on from.
    pub resume: Option<PathBuf>,
    /// Stop after this iteration, before the configuration's last; schedules do not change.
    pub stop_after: Option<u64>,
}

/// Figures that a line of metrics has and the progress shows.
type Figures = Vec<(&'static str, f64)>;

/// Trains, from the start or from a checkpoint, to the end.
///
/// # Errors
/// A checkpoint that cannot be used; a file that cannot be written; energies that are not finite; what the device reports.
pub fn run(job: Job) -> Result<Summary> {
    let winograd = job.config.train.winograd.into();
    with_winograd(winograd, || train(job))
}

fn train(job: Job) -> Result<Summary> {
    let started = Instant::now();
    let mut config = job.config;
    let data = job.data;
    describe_data(&mut config, &data)?;
    let mut trainer = match &job.resume {
        None => begin(&config, &job.device, &job.run)?,
        Some(checkpoint) => go_on(checkpoint, &config, &job.device)
            .map_err(|error| with_older(error, checkpoint, &job.run))?,
    };
    let first = trainer.step();
    let last = job
        .stop_after
        .unwrap_or(u64::MAX)
        .min(config.train.iterations as u64);
    let mut recorder = Recorder::new(&job.run, first)?;
    if first == 0 {
        recorder.before(&trainer)?;
    }
    let key = RngKey::new(config.seed, streams::ORDER);
    let mut order = Order::new(data.train.images.len(), config.train.batch, key);
    let batches = Ahead::new(&data.train.images, move |i| {
        (first + i < last).then(|| order.batch(first + i).to_vec())
    });
    let mut progress = Progress::start(first, last);
    let mut shown = Figures::new();
    for images in batches {
        let batch = trainer.draw(&images?)?;
        let outcome = trainer.iterate(&batch)?;
        let step = trainer.step();
        let save = due(config.log.checkpoint_every, step) || step == last;
        // no checkpoint is written, and no older one removed, unless the numbers are sound
        if due(config.log.metrics_every, step) || save {
            let all = figures(&trainer, &outcome)?;
            recorder.metrics(step, &all)?;
            check_health(step, &all, &job.run)?;
            shown = all
                .into_iter()
                .filter(|(name, _)| name.starts_with("E("))
                .collect();
        }
        progress.update(step, &shown);
        if due(config.log.grid_every, step) || step == last {
            recorder.grid(&trainer)?;
        }
        if save {
            trainer.save(&job.run.checkpoint_path(step))?;
            job.run.prune_checkpoints(config.log.checkpoints_kept)?;
        }
    }
    progress.finish();
    let summary = summarise(&config, &trainer, &data, &job.run, started)?;
    summary.write(&job.run.summary_path())?;
    Ok(summary)
}

/// A new trainer that has seen one image, so that networks and data are known to fit, and its configuration in the run directory.
/// If that cannot be had, the directory goes away again: there is nothing in it.
fn begin(config: &Config, device: &Device, run: &RunDir) -> Result<Trainer> {
    let attempt = || {
        let trainer = Trainer::new(config, device)?;
        let [h, w, c] = config.data.shape.unwrap_or_default();
        let image: Var = Tensor::zeros(&[1, h, w, c], DType::F32, device)?.into();
        let energy = no_grad(|| trainer.live.energy.energy(&image, Mode::Eval))?;
        let latent = no_grad(|| trainer.live.encoder.latent(&image, Mode::Eval))?;
        Tensor::realize_all(&[energy.tensor(), latent.tensor()])?;
        run.write_config(config)?;
        Ok(trainer)
    };
    attempt().inspect_err(|_| run.discard())
}

/// A trainer from a checkpoint, whose configuration must be the run's.
fn go_on(checkpoint: &Path, config: &Config, device: &Device) -> Result<Trainer> {
    let trainer = Trainer::load(checkpoint, device)?;
    if trainer.config == *config {
        return Ok(trainer);
    }
    Err(Error::Mismatch {
        what: format!("config.toml of the run, against {}", checkpoint.display()),
        found: "other settings".into(),
        expected: "those that the checkpoint was trained with: undo the change, or start a new run"
            .into(),
    })
}

/// A damaged checkpoint is no dead end while there is an older one.
fn with_older(error: Error, newest: &Path, run: &RunDir) -> Error {
    use clel_nn::Error as File;
    let damaged = matches!(
        error,
        Error::Format { .. }
            | Error::Network(
                File::Format { .. }
                    | File::MissingKey { .. }
                    | File::UnknownKey { .. }
                    | File::FileShape { .. }
                    | File::FileDType { .. }
                    | File::FileNumber { .. }
            )
    );
    let others = run.checkpoints().unwrap_or_default().into_iter().rev();
    match others.map(|(_, path)| path).find(|path| path != newest) {
        Some(older) if damaged => Error::NewestCheckpoint {
            older,
            source: Box::new(error),
        },
        _ => error,
    }
}

fn due(every: usize, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every as u64)
}

/// Writes into the configuration what the networks take from the data.
fn describe_data(config: &mut Config, data: &Dataset) -> Result<()> {
    let [_, h, w, c] = data.train.images.shape();
    let known = &mut config.data;
    known.shape = Some([h, w, c]);
    // a set that is not in memory is read for them, so only where they are not known
    if known.mean.is_none() || known.std.is_none() {
        let (mean, std) = data.train.images.channel_statistics()?;
        known.mean.get_or_insert(mean);
        known.std.get_or_insert(std);
    }
    Ok(())
}

/// What practitioners watch: energies of data, samples and fresh noise; the sampler's gradients and how far it moves;
/// saturated pixels; losses and rates. Waits for the device.
fn figures(trainer: &Trainer, outcome: &Outcome) -> Result<Figures> {
    let shape = outcome.chains.images.shape();
    let key = RngKey::new(trainer.config.seed, streams::EVALUATION_START).at(u64::MAX);
    let noise = Tensor::uniform(shape, key, &trainer.device)?;
    let noise = no_grad(|| trainer.live.energy.energy(&noise.into(), Mode::Eval))?;
    let mean = |t: &Tensor| -> Result<f64> { Ok(t.mean_all()?.item()?) };
    let (data, samples) = (mean(&outcome.data)?, mean(&outcome.samples)?);
    let sampler = outcome.chains.statistics()?;
    let ages = trainer.buffer.ages();
    Ok(vec![
        ("E(data)", data),
        ("E(samples)", samples),
        ("E(noise)", mean(noise.tensor())?),
        ("gap", data - samples),
        ("energy_loss", mean(&outcome.energy_loss)?),
        ("encoder_loss", mean(&outcome.encoder_loss)?),
        ("similarity", mean(&outcome.similarity)?),
        ("gradient_first", sampler.first_gradient),
        ("gradient_last", sampler.last_gradient),
        ("moved", sampler.moved),
        ("saturated", sampler.saturated),
        (
            "mean_age",
            ages.iter().sum::<u64>() as f64 / ages.len().max(1) as f64,
        ),
        ("energy_rate", outcome.rates[0]),
        ("encoder_rate", outcome.rates[1]),
    ])
}

/// A run whose numbers are gone is told, not continued.
fn check_health(step: u64, figures: &Figures, run: &RunDir) -> Result<()> {
    match figures.iter().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some((name, value)) => Err(Error::Numbers {
            what: "training",
            why: format!(
                "{name} is {value} after iteration {step}. The metrics in {} show when it began, and the checkpoints from before \
                 are kept; start again with another `seed`, a lower `train.ebm.lr`, or more `loss.alpha`",
                run.path().display()
            ),
        }),
    }
}

/// Writes the run's files.
struct Recorder<'a> {
    run: &'a RunDir,
    metrics: Metrics,
    events: Events,
}

impl<'a> Recorder<'a> {
    fn new(run: &'a RunDir, step: u64) -> Result<Recorder<'a>> {
        Ok(Recorder {
            run,
            metrics: run.metrics(step)?,
            events: Events::create(&run.path().join("events"))?,
        })
    }

    fn metrics(&mut self, step: u64, figures: &Figures) -> Result<()> {
        self.metrics.write(step, figures)?;
        self.events.scalars(step, figures)
    }

    /// Chains of the untrained network, for comparison at the end.
    fn before(&mut self, trainer: &Trainer) -> Result<()> {
        let config = &trainer.config;
        let samples = fresh_samples(
            config,
            &trainer.live.energy,
            config.eval.samples,
            1,
            &trainer.device,
        )?;
        let [h, w, c] = config.data.shape.unwrap_or_default();
        let count = samples.len() / (h * w * c).max(1);
        write_samples(&before_path(self.run), [count, h, w, c], &samples)?;
        draw(config, &self.run.picture_path("before-training"), &samples)?;
        Ok(())
    }

    /// The buffer's first chains.
    fn grid(&mut self, trainer: &Trainer) -> Result<()> {
        let (config, step) = (&trainer.config, trainer.step());
        let chains = first_chains(trainer, config.log.grid_images)?;
        let (size, png) = draw(config, &self.run.samples_path(step), &chains)?;
        self.events.png(step, "samples", size, &png)
    }
}

/// The first chains of the replay buffer, at most `count`; row-major \[N, H, W, C\].
fn first_chains(trainer: &Trainer, count: usize) -> Result<Vec<f32>> {
    let count = count.min(trainer.buffer.len());
    let chains = trainer.buffer.images().slice(0, 0, count)?;
    Ok(chains.to_vec()?)
}

/// Draws the first of these images, as many as a grid has, into a PNG file; width and height of the picture, and the file's bytes.
fn draw(config: &Config, path: &Path, images: &[f32]) -> Result<((u32, u32), Vec<u8>)> {
    let [h, w, c] = config.data.shape.unwrap_or_default();
    let len = h * w * c;
    let count = config.log.grid_images.min(images.len() / len.max(1));
    let shape = [count, h, w, c];
    let grid = Grid::for_images(shape);
    let png = grid.write_png(path, shape, &images[..count * len])?;
    Ok((grid.size(shape), png))
}

fn before_path(run: &RunDir) -> PathBuf {
    run.path()
        .join("samples")
        .join("before-training.safetensors")
}

/// Judges the run's samples and lists what is worth a look.
fn summarise(
    config: &Config,
    trainer: &Trainer,
    data: &Dataset,
    run: &RunDir,
    started: Instant,
) -> Result<Summary> {
    let mut judged = Vec::new();
    let mut neighbours = None;
    let mut pictures = vec![run.samples_path(trainer.step())];
    if config.eval.samples > 1 {
        let judge = Judge::new(config, &trainer.average, data, &trainer.device)?;
        // a run that began with an import has none
        if before_path(run).exists() {
            let before = TensorFile::open(&before_path(run))?.tensor("samples", &Device::Cpu)?;
            judged.push(judge.judge("samples before training", &before.to_vec::<f32>()?)?);
        }
        let chains = first_chains(trainer, config.eval.samples)?;
        judged.push(judge.judge("samples of the replay buffer", &chains)?);
        let network = &trainer.average.energy;
        let fresh = fresh_samples(
            config,
            network,
            config.eval.samples,
            config.eval.rounds,
            &trainer.device,
        )?;
        let name = format!(
            "fresh chains, {} × {} steps",
            config.eval.rounds, config.sampler.steps
        );
        judged.push(judge.judge(&name, &fresh)?);
        if data.test.images.len() > 1 {
            judged.push(judge.judge_set("held-out images", &data.test.images)?);
        }
        neighbours = nearest_neighbour(config, &trainer.average, data, &trainer.device)?;
        let path = run.picture_path("fresh-chains");
        draw(config, &path, &fresh)?;
        pictures.push(path);
    }
    Ok(Summary {
        iterations: trainer.step(),
        seconds: started.elapsed().as_secs_f64(),
        judged,
        nearest_neighbour: neighbours,
        pictures,
    })
}
