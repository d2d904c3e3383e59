//! What a terminal shows while a run goes on.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error; plain lines where that is not a terminal.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    first: u64,
    started: Instant,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// When the last line was printed.
    Lines(Option<Instant>),
}

/// Between two plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

impl Progress {
    /// From step `first` (0, or where a resumed run goes on) to `total`.
    pub fn start(first: u64, total: u64) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(total).with_position(first);
            let template = "{bar:24} {pos}/{len} · {msg}";
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.reset_eta();
            Shown::Bar(bar)
        } else {
            Shown::Lines(None)
        };
        Progress {
            total,
            first,
            started: Instant::now(),
            shown,
        }
    }

    /// Step `step` is done; `figures` are shown in the order given.
    pub fn update(&mut self, step: u64, figures: &[(&str, f64)]) {
        let elapsed = self.started.elapsed();
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(line(self.first, step, self.total, elapsed, figures));
                bar.set_position(step);
            }
            Shown::Lines(last) => {
                let due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
                if due || step >= self.total {
                    *last = Some(Instant::now());
                    let text = line(self.first, step, self.total, elapsed, figures);
                    eprintln!("step {step}/{} · {text}", self.total);
                }
            }
        }
    }

    /// Prints a line that stays.
    pub fn note(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(text),
            Shown::Lines(_) => eprintln!("{text}"),
        }
    }

    /// The run is over; the bar stays as it is.
    pub fn finish(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.abandon();
        }
    }
}

/// `E(data) -1.20e-3 · E(samples) 3.10e-3 · 12.3 it/s · 1 min 20 s left`.
pub(super) fn line(
    first: u64,
    step: u64,
    total: u64,
    elapsed: Duration,
    figures: &[(&str, f64)],
) -> String {
    let mut parts: Vec<String> = figures
        .iter()
        .map(|(name, value)| format!("{name} {}", short(*value)))
        .collect();
    let rate = step.saturating_sub(first) as f64 / elapsed.as_secs_f64();
    if rate.is_finite() && rate > 0.0 {
        parts.push(if rate >= 1.0 {
            format!("{rate:.1} it/s")
        } else {
            format!("{:.1} s/it", 1.0 / rate)
        });
        let left = total.saturating_sub(step) as f64 / rate;
        parts.push(format!("{} left", duration(left)));
    }
    parts.join(" · ")
}

/// Four digits after the point; powers of ten where the number is small.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || size >= 1e-2 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}
