//! Times of repeated runs.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Result;

/// The fewest runs that are measured, unless they take longer than [`PATIENCE`].
const FEWEST: usize = 3;
/// After this time the runs that are done must do.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What repeated runs of the same work took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// Half of the runs took at most this.
    pub median_s: f64,
    /// The fastest run.
    pub min_s: f64,
    /// A tenth of the runs took at most this.
    pub p10_s: f64,
    /// Nine tenths of the runs took at most this.
    pub p90_s: f64,
    /// Runs measured.
    pub runs: usize,
}

impl Times {
    /// Runs the work for a fifth of `time` without a clock, at least once; then for `time`, at least three times (once, if
    /// that takes a minute).
    ///
    /// # Errors
    /// Those of the work.
    pub fn measure(time: Duration, mut run: impl FnMut() -> Result<()>) -> Result<Times> {
        let start = Instant::now();
        while {
            run()?;
            start.elapsed() < time / 5
        } {}
        let (mut all, start) = (Vec::new(), Instant::now());
        loop {
            let begin = Instant::now();
            run()?;
            all.push(begin.elapsed().as_secs_f64());
            let total = start.elapsed();
            if total >= time && (all.len() >= FEWEST || total >= PATIENCE) {
                return Ok(Times::of(&mut all));
            }
        }
    }

    /// From the times of single runs, at least one.
    fn of(seconds: &mut [f64]) -> Times {
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len() - 1;
        let at = |share: f64| seconds[(share * last as f64).round() as usize];
        Times {
            median_s: (seconds[last / 2] + seconds[last.div_ceil(2)]) / 2.0,
            min_s: seconds[0],
            p10_s: at(0.1),
            p90_s: at(0.9),
            runs: seconds.len(),
        }
    }

    /// The times of a part, where one run is `parts` of them.
    pub fn divided(self, parts: usize) -> Times {
        let each = |seconds: f64| seconds / parts as f64;
        Times {
            median_s: each(self.median_s),
            min_s: each(self.min_s),
            p10_s: each(self.p10_s),
            p90_s: each(self.p90_s),
            runs: self.runs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_times() {
        let times = Times::of(&mut [5.0, 1.0, 4.0, 2.0, 3.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0]);
        let of = [times.min_s, times.p10_s, times.median_s, times.p90_s];
        assert_eq!((of, times.runs), ([1.0, 2.0, 6.0, 10.0], 11));
        assert_eq!(Times::of(&mut [4.0, 1.0]).median_s, 2.5);
        assert_eq!(Times::of(&mut [4.0]).divided(2).p90_s, 2.0);
    }

    #[test]
    fn at_least_three_runs_after_one_to_warm_up() {
        let mut runs = 0;
        let times = Times::measure(Duration::ZERO, || {
            runs += 1;
            Ok(())
        });
        assert_eq!((times.unwrap().runs, runs), (3, 4));
    }
}
