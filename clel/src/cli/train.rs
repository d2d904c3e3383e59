//! `clel train`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::signals::{STOPPING, stop_on_signals};
use super::{DeviceArgument, LookArguments, STOPPED, output};
use crate::{
    Error, Result,
    config::{CHANGEABLE, Config, DEFAULT_PRESET, Layers, PRESETS, Source},
    data::{self, SetArgument},
    error::as_argument,
    experiment::is_experiment,
    report::{Overview, RunDir, State, Summary, experiment_of, face},
    train::{Ended, Job, restore_settings, run},
    tune,
};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel train                                   the embedded digits, in minutes, into runs/digits-001
  clel train --data fashion                    Fashion-MNIST of Debian's package dataset-fashion-mnist
  clel train --steps 200 --device wgpu         a short run on the first WebGPU adapter
  clel train --data cifar10 --path cifar-10-binary.tar.gz --preset cifar10-small --out runs/cifar
  clel train --data celeba --path celeba/ --set data.attribute=Smiling
  clel train --data images --path photos/ --set data.size=[32,32] --preset cifar10
  clel train --set sampler.steps=40 --set train.ebm.lr=5e-4 --set seed=3
  clel train --set encoder.latents=frozen --set encoder.file=runs/digits-001    guided by that run's encoder
  clel train --resume runs/digits-001          goes on from the newest checkpoint
  clel train --resume runs/digits-001 --set train.iterations=3000    beyond its end
  clel train --plain                           lines instead of the dashboard";

/// Trains a model.
///
/// Everything about the run goes into one directory. Ctrl-C ends it after the iteration, saved; `--resume` goes on.
///
/// On a terminal a dashboard shows the curves of the figures in metrics.jsonl, samples whenever a grid of them is written, rate, time so far
/// and left, the memory of arrays on the device, when the last checkpoint was written, and what happened to the run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Train {
    /// Settings to start from [default: those for the data set, else digits].
    #[arg(long, value_name = "NAME", value_parser = presets(), conflicts_with_all = ["config", "resume"])]
    preset: Option<String>,
    /// Settings to start from: a TOML file, over the preset that its key `preset` names.
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    config: Option<PathBuf>,
    /// The data set (data.source).
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "resume")]
    data: Option<Source>,
    /// Its folder or file (data.path).
    #[arg(long, value_name = "PATH", conflicts_with = "resume")]
    path: Option<PathBuf>,
    /// Overrides one setting; may be repeated. The configuration printed at the start shows all keys, `clel settings` what they mean. With --resume, only what an
    /// iteration does not depend on: train.iterations, if no fewer than are done, data.path, data.memory, health.* but rate_factor and rolled_back, log.grid_every,
    /// log.checkpoint_minutes and log.checkpoints_kept.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The run directory, which must not exist yet, or be empty [default: runs/NAME-001 and so on].
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Goes on with the run in this directory from its newest checkpoint, or from the beginning if it has none yet, with the settings it has.
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Stops after this many iterations in all, if the run has as many (train.iterations); schedules, and intervals of metrics, stay those of the whole run. A grid of samples and a checkpoint are written at the last.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Print nothing on standard output but one JSON object at the end, also where the run falls sick or fails: its directory, how it ended, its figures. Plain
    /// lines go to standard error meanwhile.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: LookArguments,
    #[command(flatten)]
    device: DeviceArgument,
}

/// The presets, which shells then complete too.
fn presets() -> PossibleValuesParser {
    PossibleValuesParser::new(PRESETS.iter().map(|(name, _)| *name))
}

/// How a run ended, as JSON has it.
#[derive(Serialize)]
struct Outcome<'a> {
    /// The directory; none if nothing was written into it.
    run: Option<&'a Path>,
    /// Whether all iterations of the configuration are done.
    finished: bool,
    /// The same word as `clel runs` has.
    state: State,
    /// Iterations done.
    iteration: u64,
    /// Why it ended before its end, by itself.
    why: Option<String>,
    summary: Option<&'a Summary>,
}

impl<'a> Outcome<'a> {
    fn of(run: &'a Path, planned: u64, ended: &'a Result<Ended>) -> Outcome<'a> {
        let (iteration, summary) = match ended {
            Ok(Ended::Finished(summary)) => (summary.iterations, Some(summary)),
            Ok(Ended::Stopped(step)) => (*step, None),
            Err(_) => (Overview::of(run).iterations, None),
        };
        let finished = summary.is_some() && iteration >= planned;
        let state = match (ended, finished) {
            (Ok(_), true) => State::Finished,
            (Ok(_), false) => State::Unfinished,
            (Err(_), _) => match Overview::of(run).state {
                State::Sick => State::Sick,
                _ => State::Failed,
            },
        };
        Outcome {
            run: run.exists().then_some(run),
            finished,
            state,
            iteration,
            why: ended.as_ref().err().map(Error::in_one_line),
            summary,
        }
    }
}

impl Train {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let job = match &self.resume {
            Some(directory) => self.resumed(directory)?,
            None => self.new_run()?,
        };
        if !self.json {
            announce(&job).inspect_err(|_| {
                if !job.resume {
                    job.run.discard();
                }
            })?;
        }
        let directory = job.run.path().to_owned();
        let planned = job.config.train.iterations as u64;
        stop_on_signals(&job.stop, Some(STOPPING));
        let ended = {
            // the terminal is whole again before anything else is said
            let look = self.look.look(self.json);
            let mut face = face(&job.run, &job.device, &job.stop, look);
            run(job, face.as_mut()).map_err(|error| gone(error, &directory))
        };
        if let Err(Error::Write { source, .. }) = &ended
            && source.kind() == ErrorKind::StorageFull
            && let Ok((step, _)) = RunDir::open(&directory).and_then(|run| run.latest_checkpoint())
        {
            output::error(&format!(
                "iteration {step} is saved: with room on the disk, `clel train --resume {}` goes on from there",
                as_argument(&directory)
            ));
        }
        if self.json {
            output::say(&output::json(&Outcome::of(&directory, planned, &ended))?)?;
        }
        let (code, text) = match ended? {
            Ended::Finished(summary) => (ExitCode::SUCCESS, format!("\n{summary}")),
            Ended::Stopped(step) => {
                let state = match step {
                    0 => "before the first iteration; begin".to_owned(),
                    _ => format!("after iteration {step}, which is saved; go on"),
                };
                let directory = as_argument(&directory);
                let text = format!("\nstopped {state} with `clel train --resume {directory}`");
                (ExitCode::from(STOPPED), text)
            }
        };
        if !self.json {
            output::say_in_words(&output::wrapped(&text, 2))?;
        }
        Ok(code)
    }

    fn new_run(&self) -> Result<Job> {
        let (mut layers, name) = match &self.config {
            Some(file) => {
                let name = file
                    .file_stem()
                    .map_or("run".into(), |s| s.to_string_lossy().into_owned());
                (layers_of(file)?, name)
            }
            None => {
                let usual = self.data.map_or(DEFAULT_PRESET, Source::preset);
                let preset = self.preset.as_deref().unwrap_or(usual);
                let name = self.preset.as_deref().or(self.data.map(Source::name));
                (Layers::preset(preset)?, name.unwrap_or(preset).to_owned())
            }
        };
        if let Some(name) = &self.data {
            layers.set_text(
                "data.source",
                name.name(),
                format!("--data {}", name.name()),
            );
        }
        if let Some(path) = &self.path {
            let origin = format!("--path {}", path.display());
            match path.to_str() {
                Some(text) => layers.set_text("data.path", text, origin),
                None => {
                    return Err(Error::Argument {
                        argument: origin,
                        why: "must be UTF-8, as the configuration that keeps it".to_owned(),
                    });
                }
            }
        }
        for assignment in &self.set {
            layers.set(assignment)?;
        }
        let config: Config = layers.build()?;
        check_data(&config)?;
        if let Some(out) = &self.out {
            output::check_name(out)?;
        }
        // what can fail comes first: a directory is not made for nothing
        let device = self.device.open()?;
        let data = data::load(&config.data, config.seed)?;
        let [_, h, w, _] = data.train.images.shape();
        config.check_size([h, w])?;
        let run = match &self.out {
            Some(path) => RunDir::create(path)?,
            None => RunDir::create_numbered("runs".as_ref(), &name)?,
        };
        Ok(Job {
            config,
            data,
            device,
            run,
            resume: false,
            stop_after: self.steps,
            stop: Arc::default(),
        })
    }

    /// The settings that a run goes on with.
    fn changed(&self, run: &RunDir) -> Result<Config> {
        let before = run.read_config()?;
        if self.set.is_empty() {
            return Ok(before);
        }
        let mut layers = Layers::stored(&run.config_path())?;
        for assignment in &self.set {
            layers.set(assignment)?;
        }
        let wanted: Config = layers.build()?;
        check_data(&wanted)?;
        let argument = format!("--set, with --resume {}", as_argument(run.path()));
        if let Some(experiment) = experiment_of(run.path()) {
            return Err(Error::Argument {
                argument,
                why: format!(
                    "the settings of the run are those of its experiment: change {}",
                    as_argument(&experiment)
                ),
            });
        }
        let done = run.checkpoints()?.last().map_or(0, |newest| newest.0);
        if (wanted.train.iterations as u64) < done {
            return Err(Error::Argument {
                argument,
                why: format!(
                    "train.iterations = {}, and {done} are done",
                    wanted.train.iterations
                ),
            });
        }
        let refused = wanted.differences(&before.changed_to(&wanted, done));
        match refused.is_empty() {
            true => Ok(wanted),
            false => Err(Error::Argument {
                argument,
                why: format!(
                    "{refused}, which may not change where a run goes on. These may: {CHANGEABLE}; with other ones, start a new run"
                ),
            }),
        }
    }

    fn resumed(&self, directory: &Path) -> Result<Job> {
        let run = RunDir::open(directory)?;
        // before anything is said or read; whoever comes in between is refused when the run is locked
        if run.is_training() {
            return Err(Error::RunBusy {
                path: directory.to_owned(),
            });
        }
        if let Some(checkpoint) = restore_settings(&run)? {
            output::error(&format!(
                "warning: {} was empty; it has the settings of {} again",
                run.config_path().display(),
                checkpoint.display()
            ));
        }
        let config = self.changed(&run)?;
        Ok(Job {
            data: data::load_stored(directory, &config.data, config.seed, || {
                format!(
                    "where they lie now, say with `clel train --resume {} --set data.path=…`",
                    as_argument(directory)
                )
            })?,
            config,
            device: self.device.open()?,
            run,
            resume: true,
            stop_after: self.steps,
            stop: Arc::default(),
        })
    }
}

/// Refuses a path of images that lie in none.
fn check_data(config: &Config) -> Result<()> {
    let data = SetArgument {
        source: config.data.source,
        path: config.data.path.clone(),
    };
    data.check()
}

/// The error, or what is behind one that misses a file: nobody has typed the name of that.
fn gone(error: Error, run: &Path) -> Error {
    let (path, source) = match &error {
        Error::Read { path, source }
        | Error::Write { path, source }
        | Error::Network(clel_nn::Error::Io {
            file: path, source, ..
        }) => (path, source),
        _ => return error,
    };
    // a run that cannot begin takes its directory back itself
    match path.starts_with(run) && source.kind() == ErrorKind::NotFound && !run.exists() {
        true => Error::RunGone(run.to_owned()),
        false => error,
    }
}

/// The settings of a file, which is not to be an experiment's.
fn layers_of(file: &Path) -> Result<Layers> {
    Layers::file(file).map_err(|error| match error {
        Error::UnknownKey { .. } if is_experiment(file) => Error::Argument {
            argument: format!("--config {}", file.display()),
            why: format!(
                "is an experiment; run it with `clel experiment {}`",
                as_argument(file)
            ),
        },
        other => other,
    })
}

/// What is to be known of `--steps` beyond the last iteration.
fn beyond_the_last(job: &Job) -> Option<String> {
    let planned = job.config.train.iterations;
    let steps = job.stop_after.filter(|steps| *steps > planned as u64)?;
    Some(format!(
        "--steps {steps}: the run ends with iteration {planned}, its last (train.iterations); `--set train.iterations={steps}` makes it longer"
    ))
}

/// The configuration, where the run computes, and what takes time before it begins.
fn announce(job: &Job) -> Result<()> {
    output::say(&job.config.to_toml())?;
    output::say_in_words(&format!(
        "training on {}, into {}",
        tune::described(&job.device),
        job.run.path().display()
    ))?;
    if let Some(text) = beyond_the_last(job) {
        output::say_in_words(&output::wrapped(&text, 2))?;
    }
    let held_out = match job.data.test.images.len() {
        0 => "none held out".to_owned(),
        n => format!("{n} held out"),
    };
    output::say_in_words(&format!(
        "{}: {} training images, {held_out}",
        job.data.name,
        job.data.train.images.len()
    ))?;
    let (known, images) = (&job.config.data, &job.data.train.images);
    if images.in_memory().is_none() && (known.mean.is_none() || known.std.is_none()) {
        let n = images.len();
        output::say_in_words(&format!(
            "reading {n} images once for data.mean and data.std"
        ))?;
    }
    Ok(())
}
