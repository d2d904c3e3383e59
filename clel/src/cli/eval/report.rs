//! What `clel eval` prints.

use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::cli::models::Member;
use crate::cli::output;
use crate::config::SamplerConfig;
use crate::eval::Spread;
use crate::features::{Comparison, Features, Reference};
use crate::report::spelled;
use crate::sampler::{Rounds, StepSchedule};
use crate::train::Loaded;
use crate::words::counted;

/// What is judged, and how it was made.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Heading {
    images: String,
    /// As it was named.
    checkpoint: Option<String>,
    sampler: Option<Sampler>,
}

/// How samples were made.
#[derive(Debug, Clone, Serialize)]
struct Sampler {
    iteration: u64,
    /// Further models, down the mean of whose energies chains go too.
    ensemble: Vec<Member>,
    /// None for the replay buffer, whose chains are as old as they are.
    rounds: Option<usize>,
    #[serde(flatten)]
    settings: SamplerConfig,
}

impl Heading {
    pub fn images(checkpoint: Option<&Path>, images: String) -> Heading {
        Heading {
            images,
            checkpoint: checkpoint.map(|path| path.display().to_string()),
            sampler: None,
        }
    }

    pub fn buffer(checkpoint: &Path, model: &Loaded, images: String) -> Heading {
        Heading {
            images,
            checkpoint: Some(checkpoint.display().to_string()),
            sampler: Some(Sampler {
                iteration: model.step,
                ensemble: Vec::new(),
                rounds: None,
                settings: model.config.sampler.clone(),
            }),
        }
    }

    pub fn chains(
        checkpoint: &Path,
        model: &Loaded,
        ensemble: Vec<Member>,
        rounds: &Rounds,
        n: usize,
    ) -> Heading {
        Heading {
            images: format!(
                "{} from fresh noise, averaged networks",
                counted(n, "chain")
            ),
            checkpoint: Some(checkpoint.display().to_string()),
            sampler: Some(Sampler {
                iteration: model.step,
                ensemble,
                rounds: Some(rounds.count()),
                settings: model.config.sampler.clone(),
            }),
        }
    }
}

impl Sampler {
    fn line(&self) -> String {
        let s = &self.settings;
        let rounds = self
            .rounds
            .map_or(String::new(), |n| format!("{} of ", counted(n, "round")));
        format!(
            "{rounds}{}, step size {}, noise {}, schedule {}, clip {}, augmentation {}, restart {}; iteration {}{}",
            counted(s.steps, "step"),
            s.step_size,
            s.noise,
            StepSchedule::of(s),
            s.clip.map_or("none".to_owned(), |c| c.to_string()),
            format!("{:?}", s.augmentation).to_lowercase(),
            s.restart,
            self.iteration,
            Member::lines(&self.ensemble)
        )
    }
}

/// Prints figures as they are found.
pub(super) struct Report {
    json: bool,
    features: String,
    reference_name: String,
    reference_images: usize,
    reference: Reference,
    seed: u64,
    heading: Heading,
    /// Whether the table has begun.
    has_head: bool,
}

/// One line of JSON: everything that the figures depend on, and the figures.
#[derive(Serialize)]
struct Line<'a> {
    features: &'a str,
    reference: &'a str,
    #[serde(flatten)]
    heading: &'a Heading,
    seed: u64,
    round: Option<usize>,
    #[serde(flatten)]
    figures: Comparison,
}

impl Report {
    pub fn new(
        json: bool,
        features: String,
        reference_name: String,
        reference_images: usize,
        reference: Reference,
        seed: u64,
    ) -> Report {
        Report {
            json,
            features,
            reference_name,
            reference_images,
            reference,
            seed,
            heading: Heading::default(),
            has_head: false,
        }
    }

    pub fn reference_images(&self) -> usize {
        self.reference_images
    }

    /// Says what follows.
    pub fn start(&mut self, heading: &Heading) -> Result<()> {
        self.heading = heading.clone();
        if self.json {
            return Ok(());
        }
        output::say_in_words(&format!("features    {}", self.features))?;
        output::say_in_words(&format!(
            "reference   {}, n = {}",
            self.reference_name, self.reference_images
        ))?;
        output::say_in_words(&format!("images      {}", heading.images))?;
        if let Some(checkpoint) = &heading.checkpoint {
            output::say_in_words(&format!("checkpoint  {checkpoint}"))?;
        }
        if let Some(sampler) = &heading.sampler {
            output::say_in_words(&format!("sampler     {}", sampler.line()))?;
        }
        output::say_in_words(&format!("seed        {}", self.seed))
    }

    /// Compares samples with the reference, and says what comes out.
    pub fn add(&mut self, round: Option<usize>, samples: &Features) -> Result<()> {
        let figures = self.reference.compare(samples)?;
        if self.json {
            return output::say(&output::json(&Line {
                features: &self.features,
                reference: &self.reference_name,
                heading: &self.heading,
                seed: self.seed,
                round,
                figures,
            })?);
        }
        self.head(&figures)?;
        let spread = |s: Option<Spread>| {
            s.map_or("-".to_owned(), |s| {
                let deviation = s.deviation.map(|v| format!(" ± {}", readable(v)));
                spelled(&(readable(s.mean) + &deviation.unwrap_or_default())).into_owned()
            })
        };
        let share = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
        let m = figures.manifold;
        output::say_in_words(&format!(
            "{:>5} {:>7} {:>12} {:>16} {:>22} {:>9} {:>7} {:>8} {:>8}",
            round.map_or("-".to_owned(), |r| r.to_string()),
            figures.n,
            figures.frechet.map_or("-".to_owned(), readable),
            spread(figures.inception_score),
            spread(figures.kernel_distance),
            share(m.map(|m| m.precision)),
            share(m.map(|m| m.recall)),
            share(m.map(|m| m.density)),
            share(m.map(|m| m.coverage)),
        ))
    }

    /// What stands above the first row of figures: what they are means of, and their names.
    fn head(&mut self, figures: &Comparison) -> Result<()> {
        if std::mem::replace(&mut self.has_head, true) {
            return Ok(());
        }
        for (figure, what, spread) in [
            ("inception score", "parts", figures.inception_score),
            ("kernel distance", "subsets", figures.kernel_distance),
        ] {
            match spread {
                Some(Spread { parts: 1, size, .. }) => output::say_in_words(&format!(
                    "{figure}: one estimate, of all {size} on both sides, so that there is no deviation"
                ))?,
                Some(Spread { parts, size, .. }) => output::say_in_words(&format!(
                    "{figure}: mean ± deviation over {parts} {what} of {size}, drawn by the seed"
                ))?,
                None => {}
            }
        }
        output::say_in_words(&format!(
            "\n{:>5} {:>7} {:>12} {:>16} {:>22} {:>9} {:>7} {:>8} {:>8}",
            "round",
            "n",
            "Fréchet",
            "inception score",
            "kernel distance",
            "precision",
            "recall",
            "density",
            "coverage"
        ))
    }
}

/// A number to four digits or so.
fn readable(v: f64) -> String {
    match v.abs() {
        0.01..1.0 => format!("{v:.4}"),
        1.0..1e4 => format!("{v:.3}"),
        0.0 => "0".to_owned(),
        _ => format!("{v:.2e}"),
    }
}
