//! How fast a run goes, and how long it will take. Its times are of a monotonic clock, a run's own those of [`awake`](crate::awake): nobody who sets the time of day or stops
//! the process changes a rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A rate is that of the last so many seconds: what was long ago says little about what is left.
const WINDOW: Duration = Duration::from_secs(60);
/// Between two moments that are remembered.
const APART: Duration = Duration::from_millis(500);

/// The pace of iterations.
#[derive(Debug)]
pub(super) struct Pace {
    /// When which iteration was done, at the beginning of the window or later; never empty.
    moments: VecDeque<(Instant, u64)>,
    /// The last iteration that was done.
    now: (Instant, u64),
    last: u64,
}

impl Pace {
    /// After iteration `first`, on the way to `last`.
    pub fn new(first: u64, last: u64, now: Instant) -> Pace {
        Pace {
            moments: VecDeque::from([(now, first)]),
            now: (now, first),
            last,
        }
    }

    /// Iteration `step` is done.
    pub fn done(&mut self, step: u64, now: Instant) {
        self.now = (now, step);
        let newest = self.moments.back().map_or(now, |moment| moment.0);
        if now.saturating_duration_since(newest) >= APART {
            self.moments.push_back(self.now);
        }
        while self.moments.len() > 1 && now.saturating_duration_since(self.moments[1].0) >= WINDOW {
            self.moments.pop_front();
        }
    }

    /// Iterations a second; none before one is done.
    pub fn rate(&self) -> Option<f64> {
        let (then, before) = self.moments.front()?;
        let seconds = self.now.0.saturating_duration_since(*then).as_secs_f64();
        let rate = self.now.1.saturating_sub(*before) as f64 / seconds;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Seconds to the end, from `now` on.
    pub fn left(&self, now: Instant) -> Option<f64> {
        let left = self.last.saturating_sub(self.now.1) as f64 / self.rate()?;
        let since = now.saturating_duration_since(self.now.0).as_secs_f64();
        Some((left - since).max(0.0))
    }

    /// `12.3 it/s`, `4.0 s/it`.
    pub fn rate_in_words(&self) -> Option<String> {
        let rate = self.rate()?;
        Some(if rate >= 1.0 {
            format!("{rate:.1} it/s")
        } else {
            format!("{:.1} s/it", 1.0 / rate)
        })
    }
}

/// Seconds as people say them.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}
