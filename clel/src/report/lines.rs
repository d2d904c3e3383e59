//! A run as plain lines, for files, pipes and those who want them.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::face::{Face, Memory, Stretch};
use super::locale::{printable, spelled};
use super::pace::{Pace, duration};
use crate::awake;

/// Between two lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// Prints a line on standard error now and then.
#[derive(Debug, Default)]
pub struct Lines {
    stretch: Option<(Pace, u64)>,
    /// When the last line was printed.
    printed: Option<Instant>,
    energies: Vec<(String, f64)>,
    /// What was said to be done.
    doing: String,
}

impl Face for Lines {
    fn begin(&mut self, stretch: &Stretch<'_>) {
        if stretch.first > 0 {
            say(&format!("going on from iteration {}", stretch.first));
        }
        let pace = Pace::new(stretch.first, stretch.last, awake::now());
        *self = Lines {
            stretch: Some((pace, stretch.last)),
            ..Lines::default()
        };
    }

    fn iteration(&mut self, step: u64, _: Memory) {
        let Some((pace, last)) = &mut self.stretch else {
            return;
        };
        let now = awake::now();
        pace.done(step, now);
        if is_due(self.printed, now) || step >= *last {
            self.printed = Some(now);
            let text = line(pace, now, &self.energies);
            say(&format!("step {step}/{last} · {text}"));
        }
    }

    fn figures(&mut self, _: u64, figures: &[(&str, f64)]) {
        let energies = figures.iter().filter(|(name, _)| name.starts_with("E("));
        self.energies = energies.map(|(n, v)| ((*n).to_owned(), *v)).collect();
    }

    fn samples(&mut self, _: u64, _: [usize; 4], _: &[f32]) {}

    fn event(&mut self, _: u64, text: &str) {
        say(&format!("warning: {text}"));
    }

    fn doing(&mut self, what: &str) {
        let now = awake::now();
        // what comes again and again is not said each time
        if self.doing != what || is_due(self.printed, now) {
            self.printed = Some(now);
            self.doing = what.to_owned();
            say(what);
        }
    }
}

/// Whether it is time for another line.
fn is_due(printed: Option<Instant>, now: Instant) -> bool {
    printed.is_none_or(|printed| now.saturating_duration_since(printed) >= INTERVAL)
}

/// Nobody to tell is no reason to end.
pub(super) fn say(text: &str) {
    let stderr = std::io::stderr();
    let text = printable(text);
    let text = match stderr.is_terminal() {
        true => spelled(&text),
        false => text,
    };
    let _ = writeln!(stderr.lock(), "{text}");
}

/// `E(data) -1.20e-3 · E(samples) 3.10e-3 · 12.3 it/s · 1 min 20 s left`.
pub(super) fn line(pace: &Pace, now: Instant, figures: &[(String, f64)]) -> String {
    let figures = figures.iter();
    let figures = figures.map(|(name, value)| format!("{name} {}", short(*value)));
    let left = pace.left(now).map(|s| format!("{} left", duration(s)));
    let parts = figures.chain(pace.rate_in_words()).chain(left);
    parts.collect::<Vec<_>>().join(" · ")
}

/// Some five digits; powers of ten where the number is small or large.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-2..10.0 => format!("{value:.4}"),
        10.0..100.0 => format!("{value:.3}"),
        100.0..1e3 => format!("{value:.2}"),
        1e3..1e5 => format!("{value:.0}"),
        _ => format!("{value:.2e}"),
    }
}
