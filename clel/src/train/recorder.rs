//! Writes the files of a run directory while the run goes on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clel_nn::Module;

use super::{Outcome, Trainer, figures::Figures, summary::fresh_samples};
use crate::{
    Result, awake,
    config::Config,
    data::write_samples,
    report::{End, Events, Grid, History, Memory, Metrics, RunDir},
};

/// Writes the run's files.
pub(super) struct Recorder<'a> {
    run: &'a RunDir,
    metrics: Metrics,
    events: Events,
    /// What is not in the metrics and should be.
    missing: Option<String>,
    /// The metrics from before the first figures that are written, until somebody asks for them.
    history: Option<History>,
    /// When the last line of metrics was written, after which iteration.
    written: Option<(Instant, u64)>,
}

impl<'a> Recorder<'a> {
    /// For a run that goes on after iteration `step`, and has a line of metrics each `every` iterations, 0 for none.
    pub fn new(run: &'a RunDir, step: u64, every: usize) -> Result<Recorder<'a>> {
        // first, since the metrics forget how the run had ended
        let mut events = Events::create(&run.path().join("events"))?;
        let mut metrics = run.metrics(step)?;
        events.start(step)?;
        // TensorBoard has just forgotten them
        for text in metrics.moved() {
            events.text(step, text)?;
        }
        let history = metrics.history();
        Ok(Recorder {
            run,
            metrics,
            events,
            missing: missing(run, &history, step, every),
            history: Some(history),
            written: None,
        })
    }

    /// A line of metrics, and for TensorBoard how the energies are distributed behind the means, and what the run costs, which no line of metrics
    /// has: those are the same whenever the run is repeated.
    pub fn metrics(
        &mut self,
        step: u64,
        figures: &Figures,
        outcome: &Outcome,
        memory: Memory,
    ) -> Result<()> {
        self.metrics.write(step, figures)?;
        self.events.scalars(step, figures)?;
        let now = awake::now();
        if let Some((then, before)) = self.written.replace((now, step)) {
            let seconds = now.saturating_duration_since(then).as_secs_f64();
            let rate = step.saturating_sub(before) as f64 / seconds;
            if rate.is_finite() {
                let speed = [("speed/iterations per second", rate)];
                self.events.scalars(step, &speed)?;
            }
        }
        if memory.peak > 0 {
            let arrays = memory.live as f64 / f64::from(1 << 20);
            self.events
                .scalars(step, &[("speed/memory of arrays, MiB", arrays)])?;
        }
        for (name, energies) in [("data", &outcome.data), ("samples", &outcome.samples)] {
            let energies = energies.to_vec::<f32>()?;
            let name = format!("energies/{name}");
            self.events.histogram(step, &name, &energies)?;
        }
        Ok(())
    }

    /// Has the lines of metrics on the disk.
    pub fn sync(&self) -> Result<()> {
        self.metrics.sync()
    }

    /// What is gone from the metrics and must be told.
    pub fn lost(&mut self) -> Vec<String> {
        let lost = self.metrics.lost();
        let told = lost.iter().any(|lost| lost.figures);
        let missing = self.missing.take().filter(|_| !told);
        let lost = lost.into_iter().map(|lost| lost.text);
        lost.chain(missing).collect()
    }

    /// The metrics that the run goes on from, with what has happened since. Tells them once, before any figures are written: they are many
    /// where a run is long.
    pub fn history(&mut self) -> History {
        self.history.take().unwrap_or_default()
    }

    /// Something that happened to the run.
    pub fn event(&mut self, step: u64, text: &str) -> Result<()> {
        self.metrics.event(step, text)?;
        if let Some(history) = &mut self.history {
            history.add_event(step, step, text);
        }
        self.events.text(step, text)
    }

    /// The run ends before its end.
    pub fn end(&mut self, step: u64, text: &str, end: End) -> Result<()> {
        self.metrics.end(step, text, end)?;
        self.events.text(step, text)
    }

    /// Chains of the untrained network, for comparison at the end, unless `stop` becomes true before they are drawn.
    pub fn before(&mut self, trainer: &Trainer, stop: &AtomicBool) -> Result<()> {
        let config = &trainer.config;
        let samples = fresh_samples(
            config,
            &trainer.live.energy,
            config.eval.samples,
            1,
            &trainer.device,
            stop,
        )?;
        let [h, w, c] = config.data.shape.unwrap_or_default();
        let count = samples.len() / (h * w * c).max(1);
        write_samples(&before_path(self.run), [count, h, w, c], &samples)?;
        draw(config, &self.run.picture_path("before-training"), &samples)?;
        Ok(())
    }

    /// Draws the buffer's first chains; \[N, H, W, C\] and their numbers. For TensorBoard, the distribution of each of the energy network's
    /// parameters goes with it.
    pub fn grid(&mut self, trainer: &Trainer) -> Result<([usize; 4], Vec<f32>)> {
        let (config, step) = (&trainer.config, trainer.step());
        let (shape, chains) = shown(trainer)?;
        let (size, png) = draw(config, &self.run.samples_path(step), &chains)?;
        self.events.png(step, "samples", size, &png)?;
        for (name, parameter) in trainer.live.energy.parameters() {
            let values = parameter.tensor().to_vec::<f32>()?;
            let name = format!("weights/{name}");
            self.events.histogram(step, &name, &values)?;
        }
        Ok((shape, chains))
    }
}

/// The buffer's chains that a grid shows; \[N, H, W, C\] and their numbers.
pub(super) fn shown(trainer: &Trainer) -> Result<([usize; 4], Vec<f32>)> {
    let config = &trainer.config;
    let chains = first_chains(trainer, config.log.grid_images)?;
    let [h, w, c] = config.data.shape.unwrap_or_default();
    Ok(([chains.len() / (h * w * c).max(1), h, w, c], chains))
}

/// Which lines of metrics up to iteration `step` are gone from these, unless the run has been told.
fn missing(run: &RunDir, history: &History, step: u64, every: usize) -> Option<String> {
    let there: BTreeSet<u64> = history.steps().iter().copied().collect();
    // a run that began with an import has no lines of what was before, and no samples of an untrained network
    let first = match before_path(run).exists() {
        true => 0,
        false => there.first().copied().unwrap_or(step),
    };
    let every = every as u64;
    let expected = (1..=step.checked_div(every).unwrap_or(0)).map(|n| n * every);
    let gone: Vec<u64> = expected
        .filter(|at| *at > first && !there.contains(at))
        .collect();
    let (from, to) = (gone.first()?, gone.last()?);
    let which = match gone.len() {
        1 => format!("the line of iteration {from}"),
        n => format!("{n} of its lines, of iterations {from} to {to}"),
    };
    let text = format!(
        "metrics.jsonl has lost {which}, which curves and what is known of the run's health do without"
    );
    let known = history.events().iter().any(|(_, event)| *event == text);
    (!known).then_some(text)
}

/// The first chains of the replay buffer, at most `count`; row-major \[N, H, W, C\].
pub(super) fn first_chains(trainer: &Trainer, count: usize) -> Result<Vec<f32>> {
    let count = count.min(trainer.buffer.len());
    let chains = trainer.buffer.images().slice(0, 0, count)?;
    Ok(chains.to_vec()?)
}

/// Draws the first of these images, as many as a grid has, into a PNG file; width and height of the picture, and the file's bytes.
pub(super) fn draw(config: &Config, path: &Path, images: &[f32]) -> Result<((u32, u32), Vec<u8>)> {
    let [h, w, c] = config.data.shape.unwrap_or_default();
    let len = h * w * c;
    let count = config.log.grid_images.min(images.len() / len.max(1));
    let shape = [count, h, w, c];
    let grid = Grid::for_images(shape);
    let png = grid.write_png(path, shape, &images[..count * len])?;
    Ok((grid.size(shape), png))
}

pub(super) fn before_path(run: &RunDir) -> PathBuf {
    run.samples_folder().join("before-training.safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorBoard forgets what was told of later steps where a run goes on, so that is told again.
    #[test]
    fn what_happened_later_is_told_to_tensorboard_again() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(&dir.path().join("run")).unwrap();
        let mut recorder = Recorder::new(&run, 0, 0).unwrap();
        recorder.event(10, "early").unwrap();
        recorder.event(30, "late").unwrap();
        recorder.end(40, "the device is gone", End::Failed).unwrap();
        drop(recorder);
        let told = || {
            let files = std::fs::read_dir(run.path().join("events")).unwrap();
            let newest = files.map(|file| file.unwrap().path()).max().unwrap();
            let bytes = std::fs::read(newest).unwrap();
            let holds = |text: &str| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            };
            ["early", "late", "the device is gone"].map(holds)
        };
        let mut recorder = Recorder::new(&run, 20, 0).unwrap();
        assert_eq!(told(), [false, true, false]);
        for text in recorder.lost() {
            recorder.event(20, &text).unwrap();
        }
        assert_eq!(told(), [false, true, true]);
        // what was read once is what is there
        let (known, there) = (recorder.history(), run.history().unwrap());
        assert_eq!(known.events(), there.events());
        assert_eq!((known.steps(), known.events().len()), (there.steps(), 3));
    }
}
