//! How far something has come that takes long.

use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::report::{duration, spelled};

/// What is over sooner needs no word.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two words on a terminal.
const PAUSE: Duration = Duration::from_millis(250);
/// Before the first line and between two in a file or pipe.
const PAUSE_OF_LINES: Duration = Duration::from_secs(5);
/// Columns of the line.
const WIDTH: usize = 40;

/// A line on the terminal that messages go to, written over as the work goes on and gone at its end; where they go elsewhere a line of its own now and then.
/// Nothing where what is printed is JSON.
pub(super) struct Progress {
    what: &'static str,
    done: Cell<usize>,
    of: usize,
    started: Instant,
    /// When the next word is due; none where nobody is told.
    due: Cell<Option<Instant>>,
    /// Whether a line is written over the one before.
    over: bool,
    pause: Duration,
    told: Cell<bool>,
}

impl Progress {
    /// Of work that has so many parts.
    pub fn new(what: &'static str, of: usize, json: bool) -> Progress {
        let started = Instant::now();
        let over = stderr().is_terminal();
        let (first, pause) = match over {
            true => (PATIENCE, PAUSE),
            false => (PAUSE_OF_LINES, PAUSE_OF_LINES),
        };
        Progress {
            what,
            done: Cell::new(0),
            of,
            started,
            due: Cell::new((!json).then(|| started + first)),
            over,
            pause,
            told: Cell::new(false),
        }
    }

    /// So many more parts are done.
    pub fn add(&self, parts: usize) {
        self.done.set(self.done.get() + parts);
        let now = Instant::now();
        if self.due.get().is_some_and(|due| now >= due) {
            self.due.set(Some(now + self.pause));
            self.told.set(self.over);
            let line = line(self.what, self.done.get(), self.of, now - self.started);
            // nothing can be done about a terminal that is gone
            let _ = write!(stderr(), "{}", shown(&line, self.over)).and_then(|()| stderr().flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.get() {
            let _ = write!(stderr(), "\r{:WIDTH$}\r", "");
        }
    }
}

/// A line as it is written.
fn shown(line: &str, over: bool) -> String {
    match over {
        true => format!("\r{:<WIDTH$}", spelled(line)),
        false => format!("{line}\n"),
    }
}

/// The share, and the time that is left if it goes on like this.
fn line(what: &str, done: usize, of: usize, spent: Duration) -> String {
    let share = (done as f64 / of.max(1) as f64).clamp(f64::MIN_POSITIVE, 1.0);
    let left = spent.as_secs_f64() * (1.0 - share) / share;
    format!(
        "{what}: {:.0} %, {} left",
        (100.0 * share).floor(),
        duration(left)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_share_and_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(
            line("drawing", 25, 100, minute),
            "drawing: 25 %, 3 min 00 s left"
        );
        // nothing is done until all is
        assert!(line("drawing", 999, 1000, minute).starts_with("drawing: 99 %"));
        assert!(line("drawing", 0, 0, minute).starts_with("drawing: 0 %"));
    }

    #[test]
    fn a_file_has_whole_lines() {
        assert_eq!(shown("drawing: 5 %", false), "drawing: 5 %\n");
        let over = shown("drawing: 5 %", true);
        assert!(over.starts_with("\rdrawing: 5 %") && !over.contains('\n'));
        let told = |json| Progress::new("drawing", 1, json).due.get().is_some();
        assert!(told(false) && !told(true));
    }
}
