//! What the dashboard knows of the run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::picture::{Palette, Picture};
use crate::awake;
use crate::report::curve::Curve;
use crate::report::face::{Memory, Stretch};
use crate::report::pace::Pace;

/// All that is on the screen.
#[derive(Debug)]
pub(super) struct Shown {
    /// The run directory.
    pub run: String,
    /// Where it computes.
    pub device: String,
    /// Once true, the run ends after its iteration.
    pub stop: Arc<AtomicBool>,
    /// What is done, if it is not iterations.
    pub doing: Option<String>,
    /// Iterations done before.
    pub first: u64,
    /// Iterations done.
    pub step: u64,
    /// The last one.
    pub last: u64,
    pub pace: Pace,
    /// When it began to be shown.
    pub begun: Instant,
    /// Seconds of training before, of a run that goes on.
    pub before: f64,
    /// The iteration of the newest checkpoint, and when it was written, if that has been seen.
    pub saved: Option<(u64, Option<Instant>)>,
    pub memory: Memory,
    /// The course of each figure.
    pub curves: BTreeMap<String, Curve>,
    /// The newest figures, in the order of the metrics; those that are not in each line keep their last value.
    pub newest: Vec<(String, f64)>,
    /// What happened to the run, and after which iteration.
    pub events: Vec<(u64, String)>,
    /// Samples, and after which iteration.
    pub samples: Option<(u64, Arc<Picture>)>,
    pub palette: Palette,
    /// The page that was turned to, counted on beyond the last and before the first one.
    pub page: isize,
}

impl Shown {
    /// Before anything is known.
    pub fn new(run: &str, device: &str, stop: &Arc<AtomicBool>, palette: Palette) -> Shown {
        Shown {
            run: run.to_owned(),
            device: device.to_owned(),
            stop: stop.clone(),
            doing: Some("preparing".to_owned()),
            first: 0,
            step: 0,
            last: 0,
            pace: Pace::new(0, 0, awake::now()),
            begun: awake::now(),
            before: 0.0,
            saved: None,
            memory: Memory::default(),
            curves: BTreeMap::new(),
            newest: Vec::new(),
            events: Vec::new(),
            samples: None,
            palette,
            page: 0,
        }
    }

    /// Iterations begin; what came after them, before the run went back, is gone.
    pub fn begin(&mut self, stretch: &Stretch<'_>, now: Instant) {
        (self.first, self.step, self.last) = (stretch.first, stretch.first, stretch.last);
        self.pace = Pace::new(stretch.first, stretch.last, now);
        self.doing = None;
        let known = self.saved.filter(|(step, _)| *step == stretch.first);
        // iterations go on from a checkpoint
        self.saved = known.or((stretch.first > 0).then_some((stretch.first, None)));
        self.curves.clear();
        self.newest.clear();
        self.events.clear();
        for (step, text) in stretch.history.events() {
            self.event(*step, text);
        }
        for name in stretch.history.names() {
            for (step, value) in stretch.history.points(name) {
                self.figure(step, name, value);
            }
        }
    }

    /// An iteration is done.
    pub fn iteration(&mut self, step: u64, memory: Memory, now: Instant) {
        (self.step, self.memory, self.doing) = (step, memory, None);
        self.pace.done(step, now);
    }

    /// One figure of an iteration.
    pub fn figure(&mut self, step: u64, name: &str, value: f64) {
        match self.newest.iter_mut().find(|known| known.0 == name) {
            Some(known) => known.1 = value,
            None => self.newest.push((name.to_owned(), value)),
        }
        let curve = self.curves.entry(name.to_owned()).or_default();
        curve.push(step, value);
    }

    /// Something happened.
    pub fn event(&mut self, step: u64, text: &str) {
        self.events.push((step, text.to_owned()));
    }

    /// The newest value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.newest.iter().find(|f| f.0 == name).map(|f| f.1)
    }

    /// What goes on, in a word or two.
    pub fn state(&self) -> Cow<'_, str> {
        match &self.doing {
            Some(what) => what.into(),
            None if self.stop.load(Ordering::Relaxed) => "stopping after this iteration".into(),
            None if self.step == self.first && self.step > 0 => {
                format!("going on from iteration {}", self.first).into()
            }
            None => "training".into(),
        }
    }
}
