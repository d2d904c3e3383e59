//! A run on a terminal: curves, samples, figures, what happened.
//!
//! A thread of its own draws, a few times a second and only what is known anyway, so that training does not wait for a terminal.

mod charts;
mod curve;
mod picture;
mod shown;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use clel_tensor::Device;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::raise;

use super::RunDir;
use super::face::{Face, Memory, Stretch};
use super::lines::say;
use picture::{Palette, Picture};
use shown::Shown;
use terminal::Screen;
pub(crate) use terminal::give_back;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// Between two frames if nothing has come but time.
const IDLE: Duration = Duration::from_secs(1);

/// Shows a run on the whole terminal, until it is dropped.
pub(super) struct Dashboard {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
    /// Events since the start, for the screen that is left.
    told: Vec<String>,
}

struct Shared {
    shown: Mutex<Shown>,
    changed: AtomicBool,
    over: AtomicBool,
}

impl Shared {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        // what a panic left half-told is no danger
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown());
        self.changed.store(true, Ordering::Relaxed);
    }
}

impl Dashboard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn start(run: &RunDir, device: &Device, stop: &Arc<AtomicBool>) -> io::Result<Dashboard> {
        let run = run.path().display().to_string();
        let shown = Shown::new(&run, &device.to_string(), stop, Palette::of_terminal());
        let shared = Arc::new(Shared {
            shown: Mutex::new(shown),
            changed: AtomicBool::new(true),
            over: AtomicBool::new(false),
        });
        let screen = Screen::take()?;
        let drawn = shared.clone();
        Ok(Dashboard {
            shared,
            drawing: Some(spawn(move || draw_on(screen, &drawn))),
            told: Vec::new(),
        })
    }
}

impl Face for Dashboard {
    fn begin(&mut self, stretch: &Stretch<'_>) {
        self.shared.change(|s| s.begin(stretch, Instant::now()));
    }

    fn iteration(&mut self, step: u64, memory: Memory) {
        let now = Instant::now();
        self.shared.change(|s| s.iteration(step, memory, now));
    }

    fn figures(&mut self, step: u64, figures: &[(&str, f64)]) {
        self.shared.change(|s| {
            for (name, value) in figures {
                s.figure(step, name, *value);
            }
        });
    }

    fn samples(&mut self, step: u64, shape: [usize; 4], values: &[f32]) {
        let picture = Picture::new(shape, values);
        self.shared.change(|s| s.samples = Some((step, picture)));
    }

    fn event(&mut self, step: u64, text: &str) {
        self.told.push(text.to_owned());
        self.shared.change(|s| s.event(step, text));
    }

    fn doing(&mut self, what: &str) {
        self.shared.change(|s| s.doing = Some(what.to_owned()));
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            // one that panicked has given the terminal back
            let _ = drawing.join();
        }
        for text in &self.told {
            say(&format!("warning: {text}"));
        }
    }
}

/// Draws until the run is over, or the terminal is gone.
fn draw_on(mut screen: Screen, shared: &Shared) {
    let mut drawn: Option<Instant> = None;
    while !shared.over.load(Ordering::Relaxed) {
        let now = Instant::now();
        let old = drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= IDLE);
        if shared.changed.swap(false, Ordering::Relaxed) || old {
            let frame = screen.draw(|frame| view::draw(frame, &shared.shown(), now));
            if frame.is_err() {
                return;
            }
            drawn = Some(now);
        }
        let until = now + FRAME;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match event::poll(left).and_then(|some| some.then(event::read).transpose()) {
                Ok(None) => break,
                Ok(Some(event)) => answer(&event, &mut screen, shared),
                // no keys, then; the picture goes on
                Err(_) => {
                    sleep(left);
                    break;
                }
            }
        }
    }
}

/// Does what a key asks for.
fn answer(event: &Event, screen: &mut Screen, shared: &Shared) {
    shared.changed.store(true, Ordering::Relaxed);
    let Event::Key(KeyEvent {
        code: KeyCode::Char(key),
        modifiers: KeyModifiers::CONTROL,
        kind: KeyEventKind::Press,
        ..
    }) = event
    else {
        return;
    };
    match key {
        // what the terminal itself does where keys are not read
        'c' => {
            let _ = raise(SIGINT);
        }
        // a screen that cannot be cleared is told by the next frame
        'l' => {
            let _ = screen.forget();
        }
        _ => {}
    }
}
