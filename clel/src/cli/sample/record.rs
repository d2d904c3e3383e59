//! What was done, so that it can be done again.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ensemble::Other;
use super::plan::Plan;
use super::{Sample, pictures};
use crate::cli::models::Member;
use crate::config::{Augmentation, Source};
use crate::data::SAMPLES;
use crate::generate::{Agreement, Film};
use crate::report::spelled;
use crate::train::Models;
use crate::words::counted;
use crate::{Result, whole_file};

/// More classes than these make no table on a screen.
const MOST_COLUMNS: usize = 16;

/// All that the samples depend on, where they are, and what they are taken for.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    samples: usize,
    steps: usize,
    /// After so many steps a schedule begins anew, and chains are augmented.
    steps_a_round: usize,
    iteration: u64,
    picture: PathBuf,
    tensors: PathBuf,
    checkpoint: &'a Path,
    /// Further models.
    ensemble: Vec<LedMember>,
    seed: u64,
    step_size: f64,
    noise: f64,
    schedule: String,
    clip: Option<f64>,
    augmentation: Augmentation,
    /// β; none where nothing leads the chains.
    guidance: Option<f64>,
    conditions: Vec<Condition<'a>>,
    /// Where the classes are from, if not from the run's own data.
    data: Option<Source>,
    data_path: Option<&'a Path>,
    class_images: usize,
    init: Option<&'a Path>,
    inpaint: Option<&'a Path>,
    mask: Option<&'a Path>,
    denoise: Option<&'a Path>,
    sigma: Option<f64>,
    over_time: Option<OverTime<'a>>,
    agreement: Option<Agreement>,
}

/// A further model of an ensemble.
#[derive(Serialize)]
struct LedMember {
    #[serde(flatten)]
    model: Member,
    guidance: Option<f64>,
}

/// What a row was led by, or a column of an interpolation.
#[derive(Serialize)]
struct Condition<'a> {
    asked: &'a str,
    class: Option<usize>,
    weights: Vec<f64>,
}

/// Chains over time.
#[derive(Serialize)]
struct OverTime<'a> {
    picture: PathBuf,
    /// Its rows.
    chains: Vec<usize>,
    /// After how many steps each of its columns was taken.
    steps: Vec<usize>,
    animation: Option<&'a Path>,
    /// The first chains are in it.
    animated: usize,
    frames: Vec<usize>,
}

impl<'a> Record<'a> {
    pub fn new(
        arguments: &'a Sample,
        models: &Models,
        others: &[Other<'_>],
        plan: &'a Plan,
        film: Option<&Film>,
        agreement: Option<Agreement>,
    ) -> Record<'a> {
        let model = models.first();
        let rounds = arguments.rounds(model);
        let out = |name: &str| arguments.out.join(name);
        let conditions = plan.asked.iter().map(|a| Condition {
            asked: &a.name,
            class: a.class().map(|class| class.label),
            weights: a.terms.iter().map(|term| term.weight).collect(),
        });
        let images = &arguments.images;
        Record {
            samples: plan.count,
            steps: rounds.steps,
            steps_a_round: rounds.langevin.steps,
            iteration: model.step,
            picture: out("samples.png"),
            tensors: out(SAMPLES),
            checkpoint: &arguments.checkpoint,
            ensemble: arguments
                .further
                .members(models)
                .into_iter()
                .zip(others)
                .map(|(model, other)| LedMember {
                    model,
                    guidance: (!plan.asked.is_empty()).then(|| arguments.beta(other.model)),
                })
                .collect(),
            seed: arguments.seed,
            step_size: rounds.langevin.step_size,
            noise: rounds.langevin.noise,
            schedule: rounds.langevin.schedule.to_string(),
            clip: rounds.langevin.clip,
            augmentation: arguments.augment,
            guidance: (!plan.asked.is_empty()).then(|| arguments.beta(model)),
            conditions: conditions.collect(),
            data: arguments.conditions.data,
            data_path: arguments.conditions.path.as_deref(),
            class_images: arguments.conditions.class_images(),
            init: arguments.init.as_deref(),
            inpaint: images.inpaint.as_deref(),
            mask: images.mask.as_deref(),
            denoise: images.denoise.as_deref(),
            sigma: images.sigma,
            over_time: film.map(|film| {
                let frames = film.steps();
                OverTime {
                    picture: out("over-time.png"),
                    chains: pictures::chains(plan, film),
                    steps: pictures::moments(film).iter().map(|i| frames[*i]).collect(),
                    animation: arguments.watching.animate.as_deref(),
                    animated: film.chains(),
                    frames,
                }
            }),
            agreement,
        }
    }

    /// Writes it as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        whole_file::write_json(path, self)
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "{}, {} each, from the averaged networks of iteration {}",
            counted(self.samples, "sample"),
            counted(self.steps, "step"),
            self.iteration
        )];
        lines.extend(self.ensemble.iter().map(|other| other.model.text()));
        if let Some(beta) = self.guidance {
            let asked: Vec<&str> = self.conditions.iter().map(|c| c.asked).collect();
            lines.push(format!("asked for, with β = {beta}: {}", asked.join(", ")));
        }
        if let Some(agreement) = &self.agreement {
            lines.push(String::new());
            lines.extend(table(agreement));
            lines.push(format!(
                "sampler     {} of size {}, noise {}, {}seed {}\n",
                counted(self.steps, "step"),
                self.step_size,
                self.noise,
                match self.schedule.as_str() {
                    "constant" => String::new(),
                    schedule => format!("{schedule} over each {} steps, ", self.steps_a_round),
                },
                self.seed
            ));
        }
        lines.join("\n")
    }

    /// The pictures and arrays that have been written, a path a line.
    pub fn files(&self) -> String {
        let mut files = vec![&*self.picture, &*self.tensors];
        if let Some(over_time) = &self.over_time {
            files.push(&over_time.picture);
            files.extend(over_time.animation);
        }
        let lines = files.iter().map(|path| path.display().to_string());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The confusion matrix, and the share on its diagonal.
fn table(agreement: &Agreement) -> Vec<String> {
    let mut lines = vec![format!("judge       {}", agreement.judge)];
    let classes = agreement.rows.first().map_or(0, |row| row.taken.len());
    let asked = |name: &str| spelled(name).into_owned();
    let width = agreement
        .rows
        .iter()
        .map(|row| asked(&row.asked).chars().count());
    let width = width.max().unwrap_or(0).max("asked for".len());
    if classes <= MOST_COLUMNS {
        let head = |class| match agreement.nothing == Some(class) {
            true => format!("{:>6}", "none"),
            false => format!("{class:>6}"),
        };
        let heads: String = (0..classes).map(head).collect();
        lines.push(format!("{:<width$}  taken for{heads}", "asked for"));
    } else {
        lines.push(format!("{:<width$}  taken for it", "asked for"));
    }
    for row in &agreement.rows {
        let n: usize = row.taken.iter().sum();
        let share = match row.classes.is_empty() {
            true => "-".to_owned(),
            false => format!("{:.0} %", 100.0 * row.agreed() as f64 / n.max(1) as f64),
        };
        let counts: String = match classes <= MOST_COLUMNS {
            true => row
                .taken
                .iter()
                .map(|count| format!("{count:>6}"))
                .collect(),
            false => String::new(),
        };
        lines.push(format!("{:<width$}  {share:>9}{counts}", asked(&row.asked)));
    }
    if agreement.nothing.is_some() {
        lines.push("none: for nothing that has a class".to_owned());
    }
    if let Some(accuracy) = agreement.accuracy {
        lines.push(format!(
            "{} of {} ({:.1} %) are taken for {}",
            agreement.agreed,
            counted(agreement.n, "sample"),
            100.0 * accuracy,
            match agreement.rows.iter().any(|row| row.classes.len() > 1) {
                true => "a class asked for; where several are, for any of them",
                false => "the class asked for",
            }
        ));
    }
    lines
}
