//! The runs of an experiment, one after another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clel_tensor::Device;

use super::file::{Experiment, Variant};
use super::font;
use super::measure::{CURVES, Judge, Measurer, check_outliers, end};
use super::record::{Record, kept};
use super::results::{ExperimentResults, RunResult, State};
use super::{draw_all, markdown};
use crate::config::Config;
use crate::report::{ENDED, Look, Overview, RunDir, State as RunState, face};
use crate::train::{Ended, Job, is_lost, reopen, run_observed};
use crate::{Error, Result, whole_file};

/// What is told of an experiment that was asked to end.
const STOPPED: &str = "stopped; the same command goes on from here";

/// What is told while an experiment goes on.
pub enum Progress<'a> {
    /// Run `number` of `count` is looked at, and gone on with if there is something to do.
    Run {
        /// From 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// The variant's name.
        variant: &'a str,
        /// The run's seed.
        seed: u64,
    },
    /// How it ended, if not with all its figures.
    Trouble(&'a str),
    /// What to do about it.
    Advice(&'a str),
}

/// Does what is not done yet: all variants with the first seed, then all with the next. After each run the results are written into `out`.
/// Once `stop` is true, the run that is going on is saved and the rest left for another time. Runs that go on are shown as [`face`] does.
///
/// # Errors
/// `out` or a file in it cannot be written; data or a network that the file names cannot be read. What ends a run ends that run alone, and is
/// part of the results.
pub fn perform(
    experiment: &Experiment,
    out: &Path,
    device: &Device,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    look: Look,
) -> Result<ExperimentResults> {
    std::fs::create_dir_all(out).map_err(Error::write(out))?;
    whole_file::sweep(out);
    let mut results = ExperimentResults::of(experiment);
    let mut device = device.clone();
    // what the file names wrongly is told before hours have gone by
    let mut judge = match (experiment.variants.first(), experiment.seeds.first()) {
        (Some(variant), Some(seed)) => {
            let config = variant.config(*seed)?;
            let judge = match Judge::new(&config, &experiment.curves, &device, stop) {
                Err(Error::Interrupted) => {
                    tell(Progress::Trouble(STOPPED))?;
                    return Ok(results);
                }
                judge => judge?,
            };
            check_outliers(&experiment.end, &judge.data)?;
            Some(judge)
        }
        _ => None,
    };
    if !font::IN_PIXELS {
        tell(Progress::Trouble(
            "curves come as SVG alone: WebAssembly has no letters for PNG",
        ))?;
    }
    let count = experiment.seeds.len() * experiment.variants.len();
    let mut number = 0;
    for &seed in &experiment.seeds {
        for (index, variant) in experiment.variants.iter().enumerate() {
            number += 1;
            tell(Progress::Run {
                number,
                count,
                variant: &variant.name,
                seed,
            })?;
            let mut one = One {
                experiment,
                path: variant.path(out, seed),
                device: device.clone(),
                stop,
                look,
            };
            let mut advice = None;
            let mut found = one.run(variant, seed, &mut judge, &mut advice);
            // what judges was lost together with the run's device
            if matches!(found.state, State::Failed(_)) && is_lost(&device) {
                judge = None;
                device = reopen(&device)?;
                one.device = device.clone();
                found = one.run(variant, seed, &mut judge, &mut advice);
            }
            match &found.state {
                State::Complete => {}
                State::Unfinished => tell(Progress::Trouble(STOPPED))?,
                State::Sick(why) | State::Failed(why) => tell(Progress::Trouble(why))?,
            }
            if let Some(advice) = &advice {
                tell(Progress::Advice(advice))?;
            }
            results.variants[index].add(found);
            if let Some(judge) = &judge {
                results.measure.clone_from(&judge.measure);
            }
            results.write(&out.join("results.json"))?;
            whole_file::write(&out.join("table.md"), markdown(&results).as_bytes())?;
            draw_all(experiment, &results, out)?;
            if stop.load(Ordering::Relaxed) {
                return Ok(results);
            }
        }
    }
    Ok(results)
}

/// One run.
struct One<'a> {
    experiment: &'a Experiment,
    path: std::path::PathBuf,
    device: Device,
    stop: &'a Arc<AtomicBool>,
    look: Look,
}

impl One<'_> {
    /// Goes on with the run, if there is something to do; an error becomes its state. What to do about a run that falls sick is `advice`.
    fn run(
        &self,
        variant: &Variant,
        seed: u64,
        judge: &mut Option<Judge>,
        advice: &mut Option<String>,
    ) -> RunResult {
        let mut result = RunResult {
            seed,
            directory: self.path.clone(),
            state: State::Unfinished,
            points: Vec::new(),
            end: None,
            interventions: Vec::new(),
        };
        result.state = self
            .go_on(variant, judge, &mut result, advice)
            .unwrap_or_else(|error| match error {
                Error::Interrupted => State::Unfinished,
                other => State::Failed(other.in_one_line()),
            });
        if let Ok(run) = RunDir::open(&self.path) {
            // a file that cannot be read is told by the state
            result.points = Record::read(&run).map(|r| r.points()).unwrap_or_default();
            result.interventions = run.events().unwrap_or_default();
        }
        result
    }

    fn go_on(
        &self,
        variant: &Variant,
        judge: &mut Option<Judge>,
        result: &mut RunResult,
        advice: &mut Option<String>,
    ) -> Result<State> {
        let mut config = variant.config(result.seed)?;
        if !judge.as_ref().is_some_and(|judge| judge.is_for(&config)) {
            // the old one makes room first
            *judge = None;
            let curves = &self.experiment.curves;
            *judge = Some(Judge::new(&config, curves, &self.device, self.stop)?);
        }
        let Some(judge) = judge else {
            return Ok(State::Unfinished);
        };
        let (run, begun) = RunDir::at(&self.path)?;
        if begun {
            config = stored(self.experiment, &run, config)?;
        }
        let record = Record::read(&run)?;
        if let Some(why) = record.sickness() {
            return Ok(State::Sick(why.to_owned()));
        }
        let last = config.train.iterations as u64;
        let done = Overview::of(&self.path).state == RunState::Finished && record.has(last);
        if !done {
            let job = Job {
                config,
                data: judge.data.clone(),
                device: self.device.clone(),
                resume: begun && !run.checkpoints()?.is_empty(),
                run: run.clone(),
                stop_after: None,
                stop: self.stop.clone(),
            };
            let mut measurer = Measurer {
                judge,
                run: run.clone(),
                curves: &self.experiment.curves,
                record,
                device: &self.device,
                stop: self.stop,
                seen: 0,
            };
            let ended = {
                let mut face = face(&run, &self.device, self.stop, self.look);
                run_observed(job, face.as_mut(), &mut measurer)
            };
            match ended {
                Ok(Ended::Finished(_)) => {}
                Ok(Ended::Stopped(_)) => return Ok(State::Unfinished),
                Err(Error::Numbers {
                    what: "training",
                    why: told,
                }) => {
                    let why = diagnosis(&run)?.unwrap_or_else(|| told.clone());
                    *advice = Some(told);
                    measurer.record.sick(&why)?;
                    return Ok(State::Sick(why));
                }
                Err(other) => return Err(other),
            }
        }
        result.end = Some(end(
            &run,
            &self.experiment.end,
            judge,
            &self.device,
            self.stop,
        )?);
        Ok(State::Complete)
    }
}

/// What ended a run that was sick, as its metrics say; without the advice of the error.
fn diagnosis(run: &RunDir) -> Result<Option<String>> {
    let last = run.events()?.pop();
    let why = last.as_deref().and_then(|text| text.strip_prefix("sick: "));
    Ok(why.map(|why| why.replacen(ENDED, "", 1)))
}

/// Refuses a file that says something else than the runs that are in `out`, before anything there is written.
///
/// # Errors
/// [`Error::Mismatch`] with the first run that is not as the file says. One that cannot be read is no reason: that ends this run alone.
pub fn check_unchanged(experiment: &Experiment, out: &Path) -> Result<()> {
    for &seed in &experiment.seeds {
        for variant in &experiment.variants {
            let path = variant.path(out, seed);
            let Ok(run) = RunDir::open(&path) else {
                continue;
            };
            let found = stored(experiment, &run, variant.config(seed)?);
            if let Err(changed @ Error::Mismatch { .. }) = found {
                return Err(changed);
            }
        }
    }
    Ok(())
}

/// A run's own configuration, which must be that of the file with what the data added.
fn stored(experiment: &Experiment, run: &RunDir, mut wanted: Config) -> Result<Config> {
    let mut stored = run.read_config()?;
    stored.data = stored.data.lying_as(&wanted.data);
    let (known, data) = (&stored.data, &mut wanted.data);
    data.shape = data.shape.or(known.shape);
    data.mean = data.mean.take().or_else(|| known.mean.clone());
    data.std = data.std.take().or_else(|| known.std.clone());
    let same_curves = kept(run, CURVES).is_none_or(|c| experiment.curves == c);
    let found = if stored != wanted && !stored.is_rolled_back_from(&wanted) {
        stored.differences(&wanted)
    } else if !same_curves {
        format!("other [curves], in {}", run.path().join(CURVES).display())
    } else {
        return Ok(stored);
    };
    Err(Error::Mismatch {
        what: format!(
            "the run in {}, against the experiment's file",
            run.path().display()
        ),
        found,
        expected: "the file's: undo the change, or choose another --out".to_owned(),
    })
}
