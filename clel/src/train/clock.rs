//! How long a run takes, over all its parts.

use std::cell::Cell;
use std::time::{Duration, Instant};

use clel_tensor::Device;
use jiff::Timestamp;

use crate::{
    Result, awake,
    report::{RunDir, Spent, Summary},
    tune::described,
};

/// Those who look at a run that goes on see a time that is no older.
const KEEP: Duration = Duration::from_secs(30);

/// Counts the seconds of a run, from those of its parts before.
pub(super) struct Clock {
    /// What the run had spent when this part began.
    before: Spent,
    started: Instant,
    /// When it was last written down.
    kept: Cell<Instant>,
}

impl Clock {
    /// For a part that has gone on since `started`, on a device, up to iteration `until`; `first` if it is the run's first one. A file that is damaged, and another device than before,
    /// are told in `warnings`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the date of a beginning, from which nothing is measured"
    )]
    pub fn new(
        run: &RunDir,
        device: &Device,
        first: bool,
        until: u64,
        started: Instant,
        warnings: &mut Vec<String>,
    ) -> Clock {
        let known = Spent::read(&run.time_path());
        let known = known
            .inspect_err(|error| warnings.push(error.in_one_line()))
            .ok();
        let before = known.flatten().unwrap_or_else(|| Spent {
            begun: first.then(Timestamp::now),
            // older versions have that of the last part alone
            seconds: Summary::read(&run.summary_path())
                .ok()
                .flatten()
                .map_or(0.0, |summary| summary.seconds),
            device: String::new(),
            version: String::new(),
            until: None,
        });
        let (old, new) = (&before.device, described(device));
        if !old.is_empty() && *old != new {
            warnings.push(format!(
                "the run goes on with {new}, and had {old} before: sums are rounded otherwise, so that it comes to other numbers"
            ));
        }
        Clock {
            before: Spent {
                device: new,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                until: Some(until),
                ..before
            },
            started,
            kept: Cell::new(started),
        }
    }

    /// Seconds of training in all.
    pub fn seconds(&self) -> f64 {
        self.before.seconds + awake::since(self.started).as_secs_f64()
    }

    /// Writes down what has been spent by now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, run: &RunDir) -> Result<()> {
        self.kept.set(awake::now());
        let spent = Spent {
            seconds: self.seconds(),
            ..self.before.clone()
        };
        spent.write(&run.time_path())
    }

    /// The same now and then. Where it cannot be written the next checkpoint cannot be either, which says so.
    pub fn keep_if_due(&self, run: &RunDir) {
        if awake::since(self.kept.get()) >= KEEP {
            let _ = self.keep(run);
        }
    }
}
