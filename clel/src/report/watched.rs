//! The pace of a run that another process trains, by when its lines of metrics come. No line tells the time.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use clel_nn::files::open_regular;

use super::RunDir;
use super::metric_line::Line;
use super::pace::{Pace, duration};

/// A line is seen up to some tenths of a second late, which a rate over less than this would tell.
const LEAST: Duration = Duration::from_secs(5);
/// A line may be this much later than the latest one so far before the rate counts as unknown.
const LATE: Duration = Duration::from_secs(10);
/// Bytes at the end of the metrics in which the last line is looked for.
const TAIL: u64 = 16 << 10;

/// What has been seen of a run.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The last iteration that there is a line of.
    step: Option<u64>,
    /// Lines that came while somebody looked.
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    pace: Pace,
    first: Instant,
    newest: Instant,
    /// The longest time between two lines.
    longest: Duration,
    /// The iteration with which the part ends.
    until: Option<u64>,
}

impl Seen {
    /// A line that comes later than so long after the newest one was kept from coming.
    fn latest(&self) -> Duration {
        2 * self.longest + LATE
    }
}

impl Watched {
    /// Nobody is training: what comes later is of another part, and says nothing about the time in between.
    pub fn rests(&mut self) {
        *self = Watched::default();
    }

    /// The last line of metrics is of an iteration; `until`, the iteration with which it ends, is asked for where the pace of a part begins.
    pub fn at(&mut self, step: u64, now: Instant, until: impl FnOnce() -> Option<u64>) {
        let before = self.step.replace(step);
        match before {
            // when that one was written nobody knows
            None => {}
            Some(before) if step == before => {}
            // the run went back
            Some(before) if step < before => self.seen = None,
            Some(_) => self.seen(step, now, until),
        }
    }

    fn seen(&mut self, step: u64, now: Instant, until: impl FnOnce() -> Option<u64>) {
        match &mut self.seen {
            // training was stopped in between
            Some(seen) if now.saturating_duration_since(seen.newest) > seen.latest() => {
                self.seen = None;
                self.seen(step, now, until);
            }
            Some(seen) => {
                seen.pace.done(step, now);
                let since = now.saturating_duration_since(seen.newest);
                seen.longest = seen.longest.max(since);
                seen.newest = now;
            }
            none => {
                let until = until();
                *none = Some(Seen {
                    pace: Pace::new(step, until.unwrap_or(0), now),
                    first: now,
                    newest: now,
                    longest: Duration::ZERO,
                    until,
                });
            }
        }
    }

    /// `11.4 it/s · 1 min 27 s left`; nothing where that cannot be told.
    pub fn told(&self, now: Instant) -> String {
        self.parts(now).unwrap_or_default().join(" · ")
    }

    fn parts(&self, now: Instant) -> Option<Vec<String>> {
        let (seen, step) = (self.seen.as_ref()?, self.step?);
        let ended = seen.until.is_some_and(|until| step >= until);
        let late = now.saturating_duration_since(seen.newest) > seen.latest();
        let short = seen.newest.saturating_duration_since(seen.first) < LEAST;
        if ended || late || short {
            return None;
        }
        let rate = seen.pace.rate_in_words()?;
        let left = seen.until.and_then(|_| seen.pace.left(now));
        let left = left.map(|seconds| format!("{} left", duration(seconds)));
        Some(std::iter::once(rate).chain(left).collect())
    }
}

impl RunDir {
    /// The last iteration that the metrics have a line of figures of, without reading all of them.
    pub(super) fn last_step(&self) -> Option<u64> {
        let tail = tail(&self.metrics_path()).ok()?;
        let whole = &tail[..=tail.iter().rposition(|byte| *byte == b'\n')?];
        let figures = |line| {
            let line = Line::of(line)?;
            (!line.is_event()).then_some(line.step)
        };
        whole.rsplit(|byte| *byte == b'\n').find_map(figures)
    }
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let long = file.metadata()?.len();
    file.seek(SeekFrom::Start(long.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
}
