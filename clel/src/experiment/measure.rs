//! The figures of a run while it goes on, and at its end.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::file::{Curves, End};
use super::record::{Record, keep, kept};
use crate::config::{Config, DataConfig};
use crate::data::{self, Dataset, ImageSet, Part};
use crate::error::going_on;
use crate::eval::ranking;
use crate::features::{FeatureNetwork, FeatureSource, Figure, Reference, extract_until};
use crate::outliers::{Outside, scores_until};
use crate::report::RunDir;
use crate::sampler::{Langevin, Rounds};
use crate::train::{
    Loaded, Models, Observer, Trainer, fresh_samples, load_networks, nearest_neighbour,
    newest_usable,
};
use crate::{Error, Result};

/// Distance of samples of the replay buffer.
pub const BUFFER: &str = "Fréchet, buffer";
/// Distance of fresh chains.
pub const FRESH: &str = "Fréchet, fresh chains";
/// Accuracy of the encoder.
pub const NEIGHBOUR: &str = "1-NN accuracy";
/// Cost of an iteration since the point before.
pub const SECONDS: &str = "seconds an iteration";

/// The file in a run directory that says what its curves depend on.
pub(super) const CURVES: &str = "curves.json";

/// Compares samples with one part of one data set.
pub(super) struct Judge {
    known: (DataConfig, u64),
    /// The data set.
    pub data: Dataset,
    network: Box<dyn FeatureNetwork>,
    reference: Reference,
    /// What distances are in, and from what.
    pub measure: String,
}

impl Judge {
    /// A judge of the runs of a configuration, as long as `stop` is not true.
    pub fn new(
        config: &Config,
        curves: &Curves,
        device: &Device,
        stop: &AtomicBool,
    ) -> Result<Judge> {
        let data = data::load(&config.data, config.seed)?;
        let source: FeatureSource = curves.features.parse().map_err(|why| Error::Argument {
            argument: curves.features.clone(),
            why,
        })?;
        let network = source.open(device)?;
        let images = match curves.reference {
            Part::Train => &data.train.images,
            Part::Test => &data.test.images,
        };
        if images.len() < 2 {
            return Err(Error::NoImages {
                path: PathBuf::from(&data.name),
                why: format!("the set has no {}", curves.reference.name()),
            });
        }
        let features = extract_until(stop, network.as_ref(), images)?;
        Ok(Judge {
            known: (config.data.clone(), config.seed),
            measure: format!(
                "the features of {}, against {} {} of {}",
                network.name(),
                images.len(),
                curves.reference.name(),
                data.name
            ),
            reference: Reference::new(features, &[Figure::Frechet], 0)?,
            network,
            data,
        })
    }

    /// Whether it judges the runs of this configuration.
    pub fn is_for(&self, config: &Config) -> bool {
        let (data, seed) = &self.known;
        *data == config.data && (*seed == config.seed || !self.data.drawn)
    }

    /// Fréchet distance of samples, row-major \[N, H, W, C\].
    fn frechet(&self, config: &Config, samples: Vec<f32>, stop: &AtomicBool) -> Result<f64> {
        let shape = config.data.shape.unwrap_or_default();
        let images = ImageSet::of_samples(shape, samples)?;
        let features = extract_until(stop, self.network.as_ref(), &images)?;
        let found = self.reference.compare(&features)?;
        Ok(found.frechet.unwrap_or(f64::NAN))
    }
}

/// Measures the points of a run's curves.
pub(super) struct Measurer<'a> {
    pub judge: &'a Judge,
    pub run: RunDir,
    pub curves: &'a Curves,
    pub record: Record,
    pub device: &'a Device,
    pub stop: &'a AtomicBool,
    /// The iteration of the last look.
    pub seen: u64,
}

impl Observer for Measurer<'_> {
    fn look(&mut self, trainer: &Trainer, seconds: Option<f64>) -> Result<()> {
        let (step, config) = (trainer.step(), trainer.config());
        if seconds.is_none() {
            keep(&self.run, CURVES, self.curves)?;
            self.record.back_to(step)?;
        }
        let since = step - self.seen.min(step);
        self.seen = step;
        let due =
            step.is_multiple_of(self.curves.every as u64) || step == config.train.iterations as u64;
        if !due || self.record.has(step) {
            return Ok(());
        }
        let mut figures = Vec::new();
        if let (Some(seconds), 1..) = (seconds, since) {
            figures.push((SECONDS, seconds / since as f64));
        }
        if self.curves.samples > 0 {
            let n = self.curves.samples.min(trainer.buffer().len());
            let chains = trainer.buffer().images().slice(0, 0, n)?.to_vec()?;
            figures.push((BUFFER, self.judge.frechet(config, chains, self.stop)?));
        }
        if self.curves.fresh > 0 {
            let (n, rounds) = (self.curves.fresh, self.curves.rounds);
            let network = &trainer.average().energy;
            let chains = fresh_samples(config, network, n, rounds, self.device, self.stop)?;
            figures.push((FRESH, self.judge.frechet(config, chains, self.stop)?));
        }
        if self.curves.neighbours {
            let (networks, data) = (trainer.average(), &self.judge.data);
            let share = nearest_neighbour(config, networks, data, self.device, self.stop)?;
            figures.extend(share.map(|share| (NEIGHBOUR, share)));
        }
        self.record.add(step, &figures)
    }
}

/// The figures of a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndFigures {
    /// AUROC of the energies of test images against each set of another kind: one for each β, none where that β needs an encoder and there
    /// is none.
    pub auroc: Vec<Vec<Option<f64>>>,
    /// Distance of chains of each length.
    pub chains: Vec<f64>,
}

/// Figures that a run directory keeps, with what they depend on.
#[derive(Serialize, Deserialize)]
struct Kept<S, F> {
    settings: S,
    figures: F,
}

/// The figures of a finished run, as its directory keeps them, or measured now unless `stop` becomes true.
pub(super) fn end(
    run: &RunDir,
    end: &End,
    judge: &Judge,
    device: &Device,
    stop: &AtomicBool,
) -> Result<EndFigures> {
    let load = || Ok::<_, Error>(newest_usable(run, |path| load_networks(path, device))?.value);
    let auroc = once(
        run,
        "ood.json",
        (end.ood.clone(), end.betas.clone()),
        || auroc(&load()?.into(), end, &judge.data, device, stop),
    )?;
    let settings = (judge.measure.clone(), end.chains.clone(), end.chain_samples);
    let chains = once(run, "chains.json", settings, || {
        chains(&load()?, end, judge, device, stop)
    })?;
    Ok(EndFigures { auroc, chains })
}

/// What the run directory keeps under a name, if it was measured with these settings; else it is measured and kept.
fn once<S, F>(run: &RunDir, name: &str, settings: S, measure: impl Fn() -> Result<F>) -> Result<F>
where
    S: Serialize + DeserializeOwned + PartialEq,
    F: Serialize + DeserializeOwned,
{
    if let Some(kept) = kept::<Kept<S, F>>(run, name)
        && kept.settings == settings
    {
        return Ok(kept.figures);
    }
    let figures = run.read_config()?.train.with_kernels(measure)?;
    let kept = Kept { settings, figures };
    keep(run, name, &kept)?;
    Ok(kept.figures)
}

/// Reads the sets of another kind once.
///
/// # Errors
/// One that cannot be had.
pub(super) fn check_outliers(end: &End, data: &Dataset) -> Result<()> {
    let [_, h, w, c] = data.train.images.shape();
    for set in &end.ood {
        outside(set)?.load(inside(data), [h, w, c])?;
    }
    Ok(())
}

fn outside(set: &str) -> Result<Outside> {
    set.parse().map_err(|why| Error::Argument {
        argument: set.to_owned(),
        why,
    })
}

/// What outliers are compared with.
fn inside(data: &Dataset) -> &ImageSet {
    match data.test.images.is_empty() {
        true => &data.train.images,
        false => &data.test.images,
    }
}

/// For each set, for each β.
fn auroc(
    model: &Models,
    end: &End,
    data: &Dataset,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Vec<Vec<Option<f64>>>> {
    let config = &model.first().config;
    let shape = config.data.shape.unwrap_or_default();
    let inside = inside(data);
    let guided = config.encoder.latents.exist();
    let all_scores = |set: &ImageSet| -> Result<Vec<Option<Vec<f32>>>> {
        let of = |beta: &f64| match *beta == 0.0 || guided {
            true => Ok(Some(scores_until(stop, model, set, *beta, device)?)),
            false => Ok(None),
        };
        end.betas.iter().map(of).collect()
    };
    let mut found = Vec::new();
    let mut known = None;
    for set in &end.ood {
        let (_, images) = outside(set)?.load(inside, shape)?;
        let known = match &mut known {
            Some(known) => known,
            none => none.insert(all_scores(inside)?),
        };
        let mut row = Vec::new();
        for (inliers, outliers) in known.iter().zip(all_scores(&images)?) {
            row.push(match (inliers, outliers) {
                (Some(inliers), Some(outliers)) => Some(ranking(inliers, &outliers)?.auroc),
                _ => None,
            });
        }
        found.push(row);
    }
    Ok(found)
}

/// Distances of chains that only grow older.
fn chains(
    model: &Loaded,
    end: &End,
    judge: &Judge,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Vec<f64>> {
    let Some(&longest) = end.chains.last() else {
        return Ok(Vec::new());
    };
    let (config, shape) = (&model.config, model.config.data.shape.unwrap_or_default());
    let rounds = Rounds {
        langevin: Langevin::of(&config.sampler),
        steps: longest.saturating_mul(config.sampler.steps),
        augmentation: config.sampler.augmentation,
        restart: 0.0,
        seed: config.seed,
    };
    let energy = |x: &Var| model.average.energy.energy(x, Mode::Eval);
    let mut chains = rounds.start(end.chain_samples, shape, device)?;
    let mut distances = Vec::new();
    for round in 0..rounds.count() {
        rounds.round(&energy, &mut chains, round, shape, device, &mut |_, _| {
            going_on(stop)
        })?;
        if end.chains.contains(&(round + 1)) {
            distances.push(judge.frechet(config, chains.clone(), stop)?);
        }
    }
    Ok(distances)
}
