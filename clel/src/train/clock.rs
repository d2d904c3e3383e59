//! How long a run takes, over all its parts.

use std::time::Instant;

use clel_tensor::Device;
use jiff::Timestamp;

use crate::{
    Result,
    report::{RunDir, Spent, Summary},
    tune::described,
};

/// Counts the seconds of a run, from those of its parts before.
pub(super) struct Clock {
    /// What the run had spent when this part began.
    before: Spent,
    started: Instant,
}

impl Clock {
    /// For a part that has gone on since `started`, on a device; `first` if it is the run's first one. A file that is damaged, and another device than before,
    /// are told in `warnings`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the date of a beginning, from which nothing is measured"
    )]
    pub fn new(
        run: &RunDir,
        device: &Device,
        first: bool,
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
                ..before
            },
            started,
        }
    }

    /// Seconds of training in all.
    pub fn seconds(&self) -> f64 {
        self.before.seconds + self.started.elapsed().as_secs_f64()
    }

    /// Writes down what has been spent by now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, run: &RunDir) -> Result<()> {
        let spent = Spent {
            seconds: self.seconds(),
            ..self.before.clone()
        };
        spent.write(&run.time_path())
    }
}
