//! A whole run: data, trainer, and a directory that holds what happened.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use clel_autograd::{Var, no_grad};
use clel_nn::Mode;
use clel_tensor::{DType, Device, RngKey, Tensor};

use super::{
    Trainer,
    back::{go_back, last_state, load},
    changed::take_over,
    clock::Clock,
    device::{MOST_LOSSES, check_memory, is_lost, no_room, reopen, too_large, unmet},
    done::{judged_before, nothing_left},
    figures::figures,
    health::Health,
    kept::Kept,
    quality::quality,
    recorder::{Recorder, shown},
    sick::{hopeless, last_words, may_go_back},
    streams,
    summary::summarise,
    unread::unread,
    usable::newest_usable,
};
use crate::{
    Error, Result, awake,
    config::{CHANGEABLE, Config},
    data::{Ahead, Dataset, Order},
    report::{ENDED, End, Face, Memory, RunDir, Stretch as Iterations, Summary},
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
    /// Go on from the newest checkpoint in it that is whole, or from the beginning if it has none yet.
    pub resume: bool,
    /// Stop after this iteration, before the configuration's last; schedules do not change.
    pub stop_after: Option<u64>,
    /// Once true, the run saves a checkpoint after the iteration that it is in, and ends; samples before and after training are not drawn to the end.
    pub stop: Arc<AtomicBool>,
}

impl Job {
    /// The iteration to stop after.
    pub(super) fn last_step(&self) -> u64 {
        let last = self.config.train.iterations as u64;
        self.stop_after.map_or(last, |stop| stop.min(last))
    }
}

/// How a run ended.
pub enum Ended {
    /// With its last iteration.
    Finished(Summary),
    /// Because it was told to, after this iteration; a checkpoint holds it, unless it is 0, before which there is nothing to hold.
    Stopped(u64),
}

/// Looks at a run while it goes on.
pub trait Observer {
    /// The state where a stretch of the run begins, with `None`, and each state of which a checkpoint has been written as planned, with the
    /// seconds since the look before, without what that and judging checkpoints took. After a run has gone back, states come again.
    ///
    /// # Errors
    /// Whatever is to end the run.
    fn look(&mut self, trainer: &Trainer, seconds: Option<f64>) -> Result<()>;
}

/// How a stretch of a run without interruption ended.
pub(super) enum Stretch {
    Finished(Summary),
    Stopped,
    /// What was found wrong.
    Sick(String),
    /// An iteration does not fit the device's memory.
    Full(clel_tensor::Error),
}

/// Trains, from the start or from a checkpoint, to the end.
///
/// # Errors
/// Another process has the run; settings that make no sense, or images and labels that do not fit each other; checkpoints that cannot be used; a file that cannot be written; a run that is sick and may not go back;
/// what the device reports.
pub fn run(job: Job, face: &mut dyn Face) -> Result<Ended> {
    watched(
        job,
        Watching {
            face,
            observer: None,
        },
    )
}

/// The same, while somebody looks.
///
/// # Errors
/// Those of [`run`], and the observer's.
pub fn run_observed(job: Job, face: &mut dyn Face, observer: &mut dyn Observer) -> Result<Ended> {
    let observer: Option<&mut dyn Observer> = Some(observer);
    watched(job, Watching { face, observer })
}

fn watched(job: Job, watching: Watching<'_>) -> Result<Ended> {
    let settings = job.config.train.clone();
    settings.with_kernels(|| train(job, watching))
}

/// Those who watch a run.
struct Watching<'a> {
    face: &'a mut dyn Face,
    observer: Option<&'a mut dyn Observer>,
}

impl Watching<'_> {
    /// Lets the observer look, if there is one.
    fn look(&mut self, trainer: &Trainer, seconds: Option<f64>) -> Result<()> {
        let Some(observer) = &mut self.observer else {
            return Ok(());
        };
        self.face.doing("measuring");
        observer.look(trainer, seconds)
    }
}

fn train(mut job: Job, mut watching: Watching<'_>) -> Result<Ended> {
    let started = awake::now();
    let lock = job.run.lock()?;
    if let Some(warning) = lock.warning() {
        watching.face.event(0, warning);
    }
    let mut warnings = Vec::new();
    // so that a process that is killed from here on leaves a run
    let first = !job.resume && !job.run.config_path().exists();
    let begun = can_learn(&job.data).and_then(|()| {
        match first {
            true => job.run.write_config(&job.config)?,
            false => job.run.make_folders()?,
        }
        describe_data(&mut job.config, &job.data)?;
        // what the run has been told before is no news to those who read of it later
        let warned = unmet(&job.config, &job.device);
        let told = match warned.is_empty() {
            true => Vec::new(),
            false => job.run.events().unwrap_or_default(),
        };
        let (known, new) = warned
            .into_iter()
            .partition(|warning| told.contains(warning));
        warnings = new;
        let known: Vec<String> = known;
        known.iter().for_each(|w| watching.face.event(0, w));
        if job.resume && has_saved(&job)? {
            return go_on(&job, &mut warnings);
        }
        if job.resume {
            warnings.push("no checkpoint yet: the run begins at iteration 0".to_owned());
        }
        check_memory(&job.config, &job.device, 1)
            .and_then(|()| begin(&job.config, &job.device, &job.run))
            .map_err(|error| no_room(&job.config, &job.data, &job.device, error))
    });
    let trainer = match begun {
        Ok(trainer) => trainer,
        Err(error) => {
            if first {
                // there is nothing else in it
                job.run.take_back(lock);
            }
            return Err(error);
        }
    };
    // an observer wants to look at it
    if watching.observer.is_none()
        && let Some(why) = nothing_left(&job, trainer.step())
    {
        let summary = judged_before(&job, &trainer).filter(|_| warnings.is_empty());
        let then = match &summary {
            Some(_) => "",
            None => ". What came of them is judged",
        };
        let text = format!("no iteration is left to do: {why}{then}");
        watching.face.event(trainer.step(), &text);
        if let Some(summary) = summary {
            // a process may have been killed before it did so
            let history = job.run.history()?;
            Kept::of(&job.run, &trainer.config, trainer.step(), &history)?;
            keep_settings(&job.run, &trainer.config)?;
            return Ok(Ended::Finished(summary));
        }
    }
    let first = !job.resume;
    let until = job.last_step();
    let clock = Clock::new(&job.run, &job.device, first, until, started, &mut warnings);
    to_the_end(&mut job, trainer, warnings, &clock, &mut watching)
}

/// Whether the run has a checkpoint or had one, by its figures: then nothing is to be written over, even where it is gone.
fn has_saved(job: &Job) -> Result<bool> {
    if !job.run.checkpoints()?.is_empty() || job.run.summary_path().exists() {
        return Ok(true);
    }
    // metrics are written before the checkpoint of the same iteration
    let first = match job.config.log.checkpoint_every {
        0 => job.config.train.iterations,
        every => every,
    } as u64;
    Ok(job.run.history()?.highest() > first)
}

/// Iterations and evaluation, which go on from an earlier state where the run is sick or its device was lost. If it is sick for good or its device
/// fails, that is the last line of its metrics.
fn to_the_end(
    job: &mut Job,
    mut trainer: Trainer,
    mut warnings: Vec<String>,
    clock: &Clock,
    watching: &mut Watching<'_>,
) -> Result<Ended> {
    let run = job.run.clone();
    let mut losses = 0;
    loop {
        let mut recorder = Recorder::new(&run, trainer.step(), trainer.config.log.metrics_every)?;
        // from here on the run goes on
        keep_settings(&run, &trainer.config)?;
        run.remove_summary()?;
        warnings.extend(recorder.lost());
        warnings.extend(trainer.go_on_with(&job.data));
        for warning in warnings.drain(..) {
            watching.face.event(trainer.step(), &warning);
            recorder.event(trainer.step(), &warning)?;
        }
        clock.keep(&run)?;
        let done = stretch(job, &mut trainer, &mut recorder, clock, watching);
        if !matches!(done, Ok(Stretch::Finished(_))) {
            // what is in the way of the run comes first
            let _ = clock.keep(&run);
        }
        let (config, step) = (trainer.config.clone(), trainer.step());
        let next = match done {
            Ok(Stretch::Finished(summary)) => {
                summary.write(&run.summary_path())?;
                clock.keep(&run)?;
                return Ok(Ended::Finished(summary));
            }
            // what takes long beside iterations begins with a state that is saved, or before the first
            Ok(Stretch::Stopped) | Err(Error::Interrupted) => return Ok(Ended::Stopped(step)),
            Ok(Stretch::Sick(why)) if !may_go_back(&config) => {
                let text = last_words(&config, &why);
                watching.face.event(step, &text);
                // a full disk is no reason to keep the diagnosis
                let told = recorder.end(step, &text, End::Sick);
                let error = hopeless(&config, &run, &why)?;
                if let Err(untold) = told {
                    watching.face.event(step, &untold.to_string());
                }
                return Err(error);
            }
            Ok(Stretch::Sick(why)) => {
                drop(trainer);
                go_back(job, &config, &why, &mut warnings)
            }
            Ok(Stretch::Full(failure)) => {
                // it makes room for trials
                drop(trainer);
                Err(too_large(&config, &job.data, &job.device, failure))
            }
            Err(error) => {
                drop(trainer);
                Err(error)
            }
        };
        let next = match next {
            Err(loss) if losses < MOST_LOSSES => {
                losses += 1;
                after_loss(job, config, loss, &mut warnings)
            }
            next => next,
        };
        trainer = match next {
            Ok(next) => next,
            Err(error) => {
                if error.is_of_device() || matches!(error, Error::Unread { .. }) {
                    let text = format!("failed: {}{ENDED}", error.in_one_line());
                    // nor is it one to keep the device's error, which whoever runs the program is told in full
                    if let Err(untold) = recorder.end(step, &text, End::Failed) {
                        watching.face.event(step, &untold.in_one_line());
                    }
                }
                return Err(error);
            }
        };
    }
}

/// The last state on the device opened again, if that was lost, told in `warnings`; else the error. What is in the way then is part of how the device
/// was lost.
fn after_loss(
    job: &mut Job,
    config: Config,
    error: Error,
    warnings: &mut Vec<String>,
) -> Result<Trainer> {
    use clel_tensor::Error as Arrays;
    let (device, why) = match (&error, error.of_arrays()) {
        (_, Some(Arrays::DeviceLost { device, why })) => (device, why.clone()),
        (Error::TooLarge { .. }, _) => return Err(error),
        (_, Some(full @ Arrays::OutOfMemory { device, .. })) if is_lost(&job.device) => {
            (device, full.to_string())
        }
        _ => return Err(error),
    };
    let lost = |then: String| clel_tensor::Error::DeviceLost {
        device: device.clone(),
        why: format!("{why}; {then}"),
    };
    job.device = reopen(&job.device)
        .map_err(|refused| lost(format!("it does not open again: {refused}")))?;
    let mut trainer = last_state(job, &config, warnings).map_err(|untold| {
        let untold = untold.in_one_line();
        lost(format!(
            "it is open again, but no state of the run: {untold}"
        ))
    })?;
    trainer.config = config;
    let step = trainer.step();
    warnings.push(format!(
        "{error}; it is open again, and the run goes on from iteration {step}"
    ));
    Ok(trainer)
}

/// Iterations up to the last one and evaluation, or until something is in the way.
fn stretch(
    job: &Job,
    trainer: &mut Trainer,
    recorder: &mut Recorder<'_>,
    clock: &Clock,
    watching: &mut Watching<'_>,
) -> Result<Stretch> {
    let config = trainer.config.clone();
    let first = trainer.step();
    let last = job.last_step();
    if first == 0 {
        watching.face.doing("drawing samples before training");
        recorder.before(trainer, &job.stop)?;
    }
    watching.look(trainer, None)?;
    let mut since = awake::now();
    let mut saved = awake::now();
    let key = RngKey::new(config.drawing_seed(), streams::ORDER);
    let mut order = Order::new(job.data.train.images.len(), config.train.batch, key);
    let batches = Ahead::new(&job.data.train.images, move |i| {
        (first + i < last).then(|| order.batch(first + i).to_vec())
    });
    let history = recorder.history();
    let mut kept = Kept::of(&job.run, &config, first, &history)?;
    let mut health = Health::new(&config.health, &history);
    watching.face.begin(&Iterations {
        first,
        last,
        history: &history,
    });
    drop(history);
    if first > 0 {
        // the next grid may be far away
        let (shape, chains) = shown(trainer)?;
        watching.face.samples(first, shape, &chains);
    }
    for images in batches {
        let images = match images {
            Ok(images) => images,
            Err(error) => return unread(job, trainer, recorder, clock, &mut kept, error),
        };
        let outcome = match trainer
            .draw(&images)
            .and_then(|batch| trainer.iterate(&batch))
        {
            Ok(outcome) => outcome,
            Err(error) => match error.of_arrays() {
                // what has fitted before fits again on the device opened anew, if want of memory ended it
                Some(full @ clel_tensor::Error::OutOfMemory { .. })
                    if trainer.step() == first || !is_lost(&job.device) =>
                {
                    return Ok(Stretch::Full(full.clone()));
                }
                _ => return Err(error),
            },
        };
        let step = trainer.step();
        let stopped = job.stop.load(Ordering::Relaxed);
        let planned =
            due(config.log.checkpoint_every, step) || step == config.train.iterations as u64;
        let told = due(config.log.metrics_every, step) || planned;
        let minutes = config.log.checkpoint_minutes;
        let late = minutes > 0.0 && awake::since(saved).as_secs_f64() >= 60.0 * minutes;
        let ends = stopped || step == last;
        let by_clock = late && !planned && !ends;
        let mut save = planned || ends || by_clock;
        let mut unjudged = None;
        // no checkpoint is written, and no older one removed, unless the numbers are sound
        if told || save {
            let mut all = figures(trainer, &outcome)?;
            if planned {
                let begun = awake::now();
                match quality(trainer, &job.data, kept.samples()) {
                    Ok(quality) => {
                        all.extend(&quality.figures);
                        kept.judge(step, quality);
                    }
                    // it is told once the state is saved
                    Err(error) if error.is_of_file() => unjudged = Some(error),
                    Err(error) => return Err(error),
                }
                since += awake::since(begun);
            }
            // a run that was stopped and resumed writes what an uninterrupted one does
            if told {
                recorder.metrics(step, &all, &outcome, Memory::of(&trainer.device))?;
            }
            // a run must not depend on the clock or on when it was stopped, nor on what no line tells when it is resumed
            let sick = match told {
                true => health.diagnose(&all),
                false if by_clock || step == last => health.clone().diagnose(&all),
                false => None,
            };
            // what the encoder's step did shows in no figure of this iteration
            let sick = sick.or(match save {
                true => trainer.not_finite()?,
                false => None,
            });
            watching.face.figures(step, &all);
            if by_clock && sick.is_some() && !told {
                save = false;
            } else if let Some(why) = sick {
                return Ok(Stretch::Sick(format!("{why} after iteration {step}")));
            }
        }
        watching.face.iteration(step, Memory::of(&trainer.device));
        clock.keep_if_due(&job.run);
        if due(config.log.grid_every, step) || step == last {
            let (shape, chains) = recorder.grid(trainer)?;
            watching.face.samples(step, shape, &chains);
        }
        if save {
            // what a checkpoint goes on from must not be lost with the machine
            recorder.sync()?;
            trainer.save(&job.run.checkpoint_path(step))?;
            clock.keep(&job.run)?;
            kept.saved(step, by_clock)?;
            saved = awake::now();
            watching.face.saved(step);
        }
        if let Some(error) = unjudged {
            return unread(job, trainer, recorder, clock, &mut kept, error);
        }
        if planned {
            watching.look(trainer, Some(awake::since(since).as_secs_f64()))?;
            since = awake::now();
        }
        if stopped && step < last {
            return Ok(Stretch::Stopped);
        }
    }
    let summary = summarise(trainer, job, clock, watching.face)?;
    Ok(Stretch::Finished(summary))
}

/// A new trainer that has seen one image, so that networks and data are known to fit, and its configuration in the run directory.
fn begin(config: &Config, device: &Device, run: &RunDir) -> Result<Trainer> {
    let trainer = Trainer::new(config, device)?;
    let [h, w, c] = config.data.shape.unwrap_or_default();
    let image: Var = Tensor::zeros(&[1, h, w, c], DType::F32, device)?.into();
    let energy = no_grad(|| trainer.live.energy.energy(&image, Mode::Eval))?;
    let latent = no_grad(|| trainer.live.encoder.latent(&image, Mode::Eval))?;
    Tensor::realize_all(&[energy.tensor(), latent.tensor()])?;
    run.write_config(config)?;
    Ok(trainer)
}

/// A trainer from the newest checkpoint that is whole, whose configuration must be the run's but for what may change; what has, and what was passed
/// over, is added to `warnings`.
fn go_on(job: &Job, warnings: &mut Vec<String>) -> Result<Trainer> {
    let found = newest_usable(&job.run, |path| load(job, path))?;
    warnings.extend(found.warnings);
    let mut trainer = found.value;
    take_over(job, &mut trainer, warnings)?;
    // the process may have ended between going back and the next checkpoint
    if job.config.is_rolled_back_from(&trainer.config) {
        trainer.config = job.config.clone();
        let health = &job.config.health;
        let time = format!("(time {} of {})", health.rolled_back, health.rollbacks);
        if !job.run.events()?.iter().any(|told| told.contains(&time)) {
            warnings.push(format!(
                "sick, and ended while it went back: it goes on from iteration {} with other random numbers and lower rates {time}",
                trainer.step()
            ));
        }
    }
    if trainer.config == job.config {
        return Ok(trainer);
    }
    Err(Error::Mismatch {
        what: format!("config.toml of the run, against {}", found.path.display()),
        found: job.config.differences(&trainer.config),
        expected: format!(
            "what the checkpoint was trained with: undo the change, or start a new run. Where a run goes on, these may change: {CHANGEABLE}"
        ),
    })
}

/// Has the run's file say what it goes on with.
fn keep_settings(run: &RunDir, config: &Config) -> Result<()> {
    match run.read_config()? == *config {
        true => Ok(()),
        false => run.write_config(config),
    }
}

/// Whether an interval of so many iterations, 0 for never, ends with this one.
pub(super) fn due(every: usize, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every as u64)
}

/// Refuses a set that fills no batch, or whose parts do not fit each other: the run would come to that at its end.
fn can_learn(data: &Dataset) -> Result<()> {
    let (name, train, test) = (&data.name, &data.train, &data.test);
    train.check(&format!("the training images of {name}"))?;
    test.check(&format!("the test images of {name}"))?;
    let [learnt, held] = [train, test].map(|part| part.images.shape());
    if held[0] > 0 && held[1..] != learnt[1..] {
        let size = |[_, h, w, c]: [usize; 4]| format!("{h}×{w}×{c}");
        return Err(Error::Mismatch {
            what: format!("size of the test images of {name}"),
            found: size(held),
            expected: format!("{}, as the training images", size(learnt)),
        });
    }
    match train.images.len() {
        n @ (0 | 1) => Err(Error::Mismatch {
            what: format!("training images of {}", data.name),
            found: n.to_string(),
            expected: "at least 2: BatchNorm and the contrastive loss compare images".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Writes into the configuration what the networks take from the data.
fn describe_data(config: &mut Config, data: &Dataset) -> Result<()> {
    let [_, h, w, c] = data.train.images.shape();
    config.check_size([h, w])?;
    let known = &mut config.data;
    known.shape = Some([h, w, c]);
    // a set that is not in memory is read for them, so only where they are not known
    if known.mean.is_none() || known.std.is_none() {
        let (mean, std) = data.train.images.channel_statistics()?;
        known.mean.get_or_insert(mean);
        known.std.get_or_insert(std);
    }
    config.check()
}
