//! A run on a terminal: curves, samples, figures, what happened.
//!
//! A thread of its own draws, a few times a second and only what is known anyway, so that training does not wait for a terminal.

mod ask;
mod body;
mod charts;
mod figures;
mod graphics;
mod panel;
mod picture;
mod shown;
mod status;
#[cfg(unix)]
mod suspend;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::env::var;
use std::io::{self, IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use clel_tensor::Device;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::size;

use super::face::{Face, Memory, Stretch};
use super::lines::{Lines, say};
use super::{History, Pictures, RunDir, Spent};
use crate::awake;
use ask::Answers;
use graphics::Graphics;
use panel::Panel;
use picture::{Palette, Picture};
use shown::Shown;
use terminal::Screen;
pub(crate) use terminal::{columns, give_back, is_taken};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// Between two frames if nothing has come but time.
const IDLE: Duration = Duration::from_secs(1);

/// Between two looks for keys that may be there.
const LOOK: Duration = Duration::from_millis(20);

/// Shows a run on the whole terminal, until it is dropped; should the terminal fail, lines go on.
pub(super) struct Dashboard {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<io::Result<()>>>,
    /// Events since the start that are yet to be told, for the screen that is left.
    told: Vec<String>,
    /// What goes on where the terminal has failed.
    lines: Option<Lines>,
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
    pub fn start(
        run: &RunDir,
        device: &Device,
        stop: &Arc<AtomicBool>,
        pictures: Pictures,
    ) -> io::Result<Dashboard> {
        let spent = Spent::read(&run.time_path()).ok().flatten();
        let run = run.path().display().to_string();
        let mut shown = Shown::new(&run, &device.to_string(), stop, Palette::of_terminal());
        shown.before = spent.map_or(0.0, |spent| spent.seconds);
        let shared = Arc::new(Shared {
            shown: Mutex::new(shown),
            changed: AtomicBool::new(true),
            over: AtomicBool::new(false),
        });
        let screen = Screen::take()?;
        let variable = |name: &str| var(name).unwrap_or_default();
        let answers = match Graphics::must_ask(pictures, &variable) {
            true => ask::answers(stop),
            false => &Answers::default(),
        };
        let panel = Panel::new(Graphics::choose(pictures, answers, &variable));
        let drawn = shared.clone();
        Ok(Dashboard {
            shared,
            drawing: Some(spawn(move || draw_on(screen, panel, &drawn))),
            told: Vec::new(),
            lines: None,
        })
    }

    /// Lines, if the terminal has failed.
    fn lines(&mut self) -> Option<&mut Lines> {
        if let Some(failed) = self.drawing.take_if(|drawing| drawing.is_finished()) {
            self.tell();
            let why = match failed.join() {
                Ok(Ok(())) => "it was ended".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "drawing panicked".to_owned(),
            };
            say(&format!("warning: there is no dashboard any more: {why}"));
            let mut lines = Lines::default();
            let (first, last) = {
                let shown = self.shared.shown();
                (shown.step, shown.last)
            };
            if last > 0 {
                let history = &History::default();
                lines.begin(&Stretch {
                    first,
                    last,
                    history,
                });
            }
            self.lines = Some(lines);
        }
        self.lines.as_mut()
    }

    /// Tells what happened while the screen was not where people look later, or just now where messages do not go to a screen.
    fn tell(&mut self) {
        for text in self.told.drain(..) {
            say(&format!("warning: {text}"));
        }
    }
}

impl Face for Dashboard {
    fn begin(&mut self, stretch: &Stretch<'_>) {
        if let Some(lines) = self.lines() {
            return lines.begin(stretch);
        }
        self.shared.change(|s| s.begin(stretch, awake::now()));
    }

    fn iteration(&mut self, step: u64, memory: Memory) {
        if let Some(lines) = self.lines() {
            return lines.iteration(step, memory);
        }
        let now = awake::now();
        self.shared.change(|s| s.iteration(step, memory, now));
    }

    fn figures(&mut self, step: u64, figures: &[(&str, f64)]) {
        if let Some(lines) = self.lines() {
            return lines.figures(step, figures);
        }
        self.shared.change(|s| {
            for (name, value) in figures {
                s.figure(step, name, *value);
            }
        });
    }

    fn samples(&mut self, step: u64, shape: [usize; 4], values: &[f32]) {
        if let Some(lines) = self.lines() {
            return lines.samples(step, shape, values);
        }
        let picture = Arc::new(Picture::new(shape, values));
        self.shared.change(|s| s.samples = Some((step, picture)));
    }

    fn event(&mut self, step: u64, text: &str) {
        if let Some(lines) = self.lines() {
            return lines.event(step, text);
        }
        self.told.push(text.to_owned());
        if !stderr().is_terminal() {
            self.tell();
        }
        self.shared.change(|s| s.event(step, text));
    }

    fn saved(&mut self, step: u64) {
        if self.lines().is_none() {
            self.shared
                .change(|s| s.saved = Some((step, Some(awake::now()))));
        }
    }

    fn doing(&mut self, what: &str) {
        if let Some(lines) = self.lines() {
            return lines.doing(what);
        }
        self.shared.change(|s| s.doing = Some(what.to_owned()));
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            // what failed has given the terminal back, and nothing is left to be drawn
            let _ = drawing.join();
        }
        self.tell();
    }
}

/// Draws until the run is over.
///
/// # Errors
/// The terminal is gone.
fn draw_on(mut screen: Screen, mut panel: Panel, shared: &Shared) -> io::Result<()> {
    let mut drawn: Option<Instant> = None;
    let mut window = size()?;
    let mut unsettled = false;
    while !shared.over.load(Ordering::Relaxed) {
        if screen.follow_shell()? {
            panel.forget();
            drawn = None;
        }
        let now = Instant::now();
        let mut until = now + FRAME;
        let old = drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= IDLE);
        if shared.changed.swap(false, Ordering::Relaxed) || old {
            let anew = screen
                .draw(|frame| view::draw(frame, &shared.shown(), awake::now(), &mut panel))?;
            drawn = Some(now);
            let cleared = panel.has_left_pixels();
            if cleared {
                screen.forget()?;
            }
            if anew || cleared {
                panel.forget();
            }
            // pixels come with the next frame, at once
            if panel.make() || anew || cleared {
                drawn = None;
                until = now;
            }
        }
        look_until(until, |left| {
            if !screen.listens() {
                sleep(left);
                return Ok(());
            }
            let ready = Screen::wait(left)?;
            let now = size()?;
            let resized = now != window;
            // crossterm tells of a new size, and then of a key that waits beside it only with the next one: the size must not wait for a key. Its
            // signal may come a little later
            if ready || resized || unsettled {
                let mut heard = false;
                loop {
                    // the terminal may have gone since, which crossterm must not come to see
                    Screen::wait(Duration::ZERO)?;
                    let Ok(true) = event::poll(Duration::ZERO) else {
                        break;
                    };
                    let Ok(event) = event::read() else {
                        break;
                    };
                    answer(&event, &mut screen, &mut panel, shared)?;
                    heard = true;
                }
                if ready && !heard {
                    // what has come is not for this program, or not whole yet
                    sleep(left.min(LOOK));
                }
            }
            unsettled = resized;
            if resized {
                window = now;
                let event = Event::Resize(now.0, now.1);
                answer(&event, &mut screen, &mut panel, shared)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Looks for keys, each time for as long as is left, until nothing is; once where there was no time from the beginning, as drawing may take longer than
/// there is between two frames.
fn look_until(until: Instant, mut look: impl FnMut(Duration) -> io::Result<()>) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        look(left)?;
        if left.is_zero() {
            return Ok(());
        }
    }
}

/// Does what a key asks for.
fn answer(
    event: &Event,
    screen: &mut Screen,
    panel: &mut Panel,
    shared: &Shared,
) -> io::Result<()> {
    shared.changed.store(true, Ordering::Relaxed);
    match event {
        Event::Resize(..) => panel.forget(),
        Event::Key(KeyEvent {
            code: KeyCode::Char(key),
            modifiers: KeyModifiers::CONTROL,
            kind: KeyEventKind::Press,
            ..
        }) => match key {
            'c' => {
                let stop = shared.shown().stop.clone();
                interrupt(&stop)?;
            }
            #[cfg(unix)]
            'z' => suspend::ask_all_to_stop(),
            'l' => {
                screen.forget()?;
                panel.forget();
            }
            _ => {}
        },
        Event::Key(KeyEvent {
            code,
            kind: KeyEventKind::Press,
            ..
        }) => shared.shown().page += turned(*code),
        _ => {}
    }
    Ok(())
}

/// Pages that a key turns.
fn turned(key: KeyCode) -> isize {
    match key {
        KeyCode::Tab | KeyCode::Right | KeyCode::PageDown | KeyCode::Char(' ') => 1,
        KeyCode::BackTab | KeyCode::Left | KeyCode::PageUp => -1,
        _ => 0,
    }
}

/// Ctrl-C has been pressed: the run is asked to stop. Again, it is what the terminal makes of it where keys are not read; who does not handle
/// that ends here.
fn interrupt(stop: &AtomicBool) -> io::Result<()> {
    if stop.swap(true, Ordering::SeqCst) {
        give_back();
        end()?;
    }
    Ok(())
}

#[cfg(unix)]
fn end() -> io::Result<()> {
    signal_hook::low_level::raise(signal_hook::consts::SIGINT)
}

/// Where there are no signals, as the program ends when it hears Ctrl-C again.
#[cfg(not(unix))]
fn end() -> io::Result<()> {
    std::process::exit(1)
}
