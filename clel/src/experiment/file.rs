//! What an experiment file says.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::config::{Config, Layers, Sections};
use crate::data::Part;
use crate::features::FeatureSource;
use crate::outliers::Outside;
use crate::words::listed;
use crate::{Error, Result};

/// Sections and keys at the top of a file.
const TOP: [&str; 7] = [
    "title", "seeds", "base", "variant", "curves", "end", "figures",
];
const CURVES: [&str; 7] = [
    "every",
    "features",
    "reference",
    "samples",
    "fresh",
    "rounds",
    "neighbours",
];
const END: [&str; 4] = ["ood", "betas", "chains", "chain_samples"];
/// The largest number of samples that a figure may take.
const MOST_SAMPLES: usize = 10_000_000;

/// Variants of one configuration, each run with the same seeds, and what is measured of them.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What it is about.
    pub title: String,
    /// The seeds of the runs of each variant.
    pub seeds: Vec<u64>,
    /// The configurations, in the file's order.
    pub variants: Vec<Variant>,
    /// What is measured while runs go on.
    pub curves: Curves,
    /// What is measured when a run is finished.
    pub end: End,
    /// Which variants are drawn together, by the figure's name; all in one if the file says nothing.
    pub figures: Vec<(String, Vec<usize>)>,
}

/// One configuration.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What it is called.
    pub name: String,
    /// The name as that of a folder.
    pub folder: String,
    layers: Layers,
    every: usize,
}

/// What is measured while a run goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Iterations between two points; a checkpoint is written at each.
    pub every: usize,
    /// The network in whose features distances are, as `clel eval --features` has it; not `encoder`, which differs between runs.
    pub features: String,
    /// The part of the data that samples are compared with.
    #[serde(default = "train")]
    pub reference: Part,
    /// Chains of the replay buffer whose distance is measured; 0 for none.
    #[serde(default = "thousand")]
    pub samples: usize,
    /// Chains from fresh noise, by the averaged network, whose distance is measured; 0 for none.
    #[serde(default)]
    pub fresh: usize,
    /// Rounds of `sampler.steps` steps that they take.
    #[serde(default = "ten")]
    pub rounds: usize,
    /// Whether the encoder's 1-nearest-neighbour accuracy on held-out images is measured, where there are classes.
    #[serde(default = "yes")]
    pub neighbours: bool,
}

/// What is measured of the averaged networks of a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Sets of images of another kind, as `clel ood --out` has them, which the energies are to tell from the test images.
    #[serde(default)]
    pub ood: Vec<String>,
    /// β of that score, each of them; without latents only 0 is meant, the energy E(x) alone.
    #[serde(default = "betas")]
    pub betas: Vec<f64>,
    /// Lengths of chains from fresh noise, without restarts, whose distance is measured: rounds of `sampler.steps` steps.
    #[serde(default)]
    pub chains: Vec<usize>,
    /// How many chains.
    #[serde(default = "chain_samples")]
    pub chain_samples: usize,
}

fn train() -> Part {
    Part::Train
}
fn thousand() -> usize {
    1000
}
fn ten() -> usize {
    10
}
fn yes() -> bool {
    true
}
fn betas() -> Vec<f64> {
    vec![0.0, 0.1]
}
fn chain_samples() -> usize {
    256
}

/// Whether a file means to be an experiment: it has a section that no configuration has.
pub(crate) fn is_experiment(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let sections = toml::from_str::<toml::Table>(&text).unwrap_or_default();
    ["variant", "base"]
        .iter()
        .any(|s| sections.contains_key(*s))
}

impl Experiment {
    /// Reads an experiment file.
    ///
    /// # Errors
    /// The file cannot be read; an error about a line of it, a key or a value.
    pub fn read(path: &Path) -> Result<Experiment> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        Experiment::parse(&text, &path.display().to_string())
    }

    /// Reads the text of an experiment file called `origin`.
    ///
    /// # Errors
    /// An error about a line, a key or a value.
    pub fn parse(text: &str, origin: &str) -> Result<Experiment> {
        let file = Sections::parse(text, origin)?;
        file.only(&[], &TOP)?;
        file.only(&["curves"], &CURVES)?;
        file.only(&["end"], &END)?;
        let title: String = part(&file, "title", None)?;
        let seeds: Vec<u64> = part(&file, "seeds", None)?;
        let repeated = (1..seeds.len()).any(|i| seeds[..i].contains(&seeds[i]));
        if seeds.is_empty() || repeated {
            return Err(file.wrong(&["seeds"], "must be different numbers, at least one"));
        }
        let curves: Curves = part(&file, "curves", None)?;
        let end: End = part(&file, "end", Some(Value::Table(toml::Table::new())))?;
        check(&file, &curves, &end)?;
        let mut variants: Vec<Variant> = Vec::new();
        for name in file.names(&["variant"]) {
            let variant = variant(&file, &name, curves.every)?;
            if variants.iter().any(|v| v.folder == variant.folder) || variant.folder.is_empty() {
                let why = "needs a name whose letters and digits no other variant has";
                return Err(file.wrong(&["variant", &name], why));
            }
            for &seed in &seeds {
                variant.config(seed)?;
            }
            variants.push(variant);
        }
        if variants.is_empty() {
            return Err(file.wrong(&["variant"], "needs at least one section [variant.NAME]"));
        }
        Ok(Experiment {
            figures: figures(&file, &variants)?,
            title,
            seeds,
            variants,
            curves,
            end,
        })
    }
}

impl Variant {
    /// The settings of the run with a seed.
    ///
    /// # Errors
    /// A value has the wrong type, is an unknown word, or makes no sense.
    pub fn config(&self, seed: u64) -> Result<Config> {
        let mut layers = self.layers.clone();
        layers.set(&format!("seed={seed}"))?;
        layers.set(&format!("log.checkpoint_every={}", self.every))?;
        layers.build()
    }

    /// The directory of the run with a seed, in that of the experiment.
    pub(super) fn path(&self, out: &Path, seed: u64) -> PathBuf {
        out.join(format!("runs/{}/seed-{seed}", self.folder))
    }
}

fn variant(file: &Sections<'_>, name: &str, every: usize) -> Result<Variant> {
    let mut layers = Layers::of_section(file, &["base"])?;
    layers.section(file, &["variant", name])?;
    for section in [&["base"][..], &["variant", name]] {
        for (key, why) in [
            (&["seed"][..], "is said by `seeds`"),
            (&["log", "checkpoint_every"], "is said by curves.every"),
        ] {
            let key = [section, key].concat();
            if file.value(&key).is_some() {
                return Err(file.wrong(&key, why));
            }
        }
    }
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    Ok(Variant {
        name: name.to_owned(),
        folder: words.join("-"),
        layers,
        every,
    })
}

/// A top-level value or section; `usual` where the file says nothing.
fn part<T: DeserializeOwned>(file: &Sections<'_>, name: &str, usual: Option<Value>) -> Result<T> {
    let Some(value) = file.value(&[name]).cloned().or(usual) else {
        return Err(file.wrong(&[name], "is missing"));
    };
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let mut path = vec![name];
        path.extend(
            inner
                .split('.')
                .filter(|p| !p.is_empty() && *p != "?" && *p != "."),
        );
        file.wrong(&path, error.into_inner().message())
    })
}

/// Values that are well-formed but make no sense.
fn check(file: &Sections<'_>, curves: &Curves, end: &End) -> Result<()> {
    let features = curves.features.parse::<FeatureSource>();
    let why = match features {
        Err(why) => Some(why),
        Ok(FeatureSource::Encoder) => Some(
            "each run has an encoder of its own, and distances in different features do not compare: use inception:FILE, \
             cifar_resnet:FILE, classifier:FILE (of `clel classifier`) or digits"
                .to_owned(),
        ),
        Ok(_) => None,
    };
    if let Some(why) = why {
        return Err(file.wrong(&["curves", "features"], why));
    }
    let samples = |n: usize| n != 1 && n <= MOST_SAMPLES;
    let count = |n: usize| n > 0 && n <= MOST_SAMPLES;
    for (key, holds, why) in [
        ("every", count(curves.every), "must be at least 1"),
        (
            "samples",
            samples(curves.samples),
            "must be 0, for none, or at least 2",
        ),
        (
            "fresh",
            samples(curves.fresh),
            "must be 0, for none, or at least 2",
        ),
        ("rounds", count(curves.rounds), "must be at least 1"),
    ] {
        if !holds {
            return Err(file.wrong(&["curves", key], why));
        }
    }
    for set in &end.ood {
        if let Err(why) = set.parse::<Outside>() {
            return Err(file.wrong(&["end", "ood"], format!("`{set}`: {why}")));
        }
    }
    let sound = !end.betas.is_empty() && end.betas.iter().all(|b| b.is_finite() && *b >= 0.0);
    let lengths = end.chains.iter().all(|n| count(*n)) && end.chains.is_sorted_by(|a, b| a < b);
    for (key, holds, why) in [
        ("betas", sound, "must be finite numbers, 0 or above"),
        (
            "chains",
            lengths,
            "must be numbers of rounds, at least 1, each above the one before",
        ),
        (
            "chain_samples",
            (2..=MOST_SAMPLES).contains(&end.chain_samples),
            "must be at least 2",
        ),
    ] {
        if !holds {
            return Err(file.wrong(&["end", key], why));
        }
    }
    Ok(())
}

fn figures(file: &Sections<'_>, variants: &[Variant]) -> Result<Vec<(String, Vec<usize>)>> {
    let mut figures = Vec::new();
    for name in file.names(&["figures"]) {
        let path = ["figures", name.as_str()];
        let simple = name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let Some(Value::Array(shown)) = file.value(&path) else {
            return Err(file.wrong(&path, "must be a list of variants"));
        };
        if !simple || shown.is_empty() {
            let why = "must have a name of letters, digits, - and _, and a variant or more";
            return Err(file.wrong(&path, why));
        }
        let mut indices = Vec::new();
        for variant in shown {
            let found = variants
                .iter()
                .position(|v| Some(v.name.as_str()) == variant.as_str());
            indices.push(found.ok_or_else(|| {
                let all: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
                file.wrong(
                    &path,
                    format!("{variant} is none of the variants {}", listed(&all)),
                )
            })?);
        }
        figures.push((name, indices));
    }
    if figures.is_empty() {
        figures.push(("all".to_owned(), (0..variants.len()).collect()));
    }
    Ok(figures)
}
