//! What shows a run while it goes on.

use std::io::{IsTerminal, stdout};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clel_tensor::{Device, cpu::cpu_memory};

use super::dashboard::Dashboard;
use super::locale::is_utf8;
use super::{History, Lines, RunDir};

/// Shows a run to a person while it goes on. The trainer tells; it does not know to whom.
pub trait Face {
    /// Iterations begin, anew or after something was in the way.
    fn begin(&mut self, stretch: &Stretch<'_>);
    /// An iteration is done.
    fn iteration(&mut self, step: u64, memory: Memory);
    /// Figures of an iteration, as its line of metrics has them.
    fn figures(&mut self, step: u64, figures: &[(&str, f64)]);
    /// Samples of the replay buffer, row-major \[N, H, W, C\] in \[0, 1\].
    fn samples(&mut self, step: u64, shape: [usize; 4], values: &[f32]);
    /// Something happened to the run that its owner must know.
    fn event(&mut self, step: u64, text: &str);
    /// A checkpoint of an iteration has been written.
    fn saved(&mut self, _step: u64) {}
    /// What is done from now on until the next iteration.
    fn doing(&mut self, what: &str);
}

/// Iterations that follow one another.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Iterations done before.
    pub first: u64,
    /// The one that the run ends with.
    pub last: u64,
    /// The metrics so far.
    pub history: &'a History,
}

/// What arrays occupy on a device, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub live: u64,
    /// The most so far.
    pub peak: u64,
}

impl Memory {
    /// That of a device; asks no driver.
    pub fn of(device: &Device) -> Memory {
        match device {
            Device::Cpu => {
                let memory = cpu_memory();
                Memory {
                    live: memory.live as u64,
                    peak: memory.peak as u64,
                }
            }
            Device::Wgpu(gpu) => {
                let memory = gpu.memory();
                Memory {
                    live: memory.live,
                    peak: memory.peak,
                }
            }
        }
    }
}

/// How samples are shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum Pictures {
    /// As the terminal says it can, which is asked once; as blocks where it does not say, on Windows, and within tmux and screen.
    #[default]
    Auto,
    /// Two pixels a character, on any terminal.
    Blocks,
    /// By kitty's protocol, with characters that stand for parts of a picture (kitty 0.28 and newer, Ghostty).
    Kitty,
    /// As sixels (foot, mlterm, Windows Terminal, xterm -ti vt340, and others).
    Sixel,
    /// By iTerm2's protocol (iTerm2, Konsole 22.04 and newer, WezTerm).
    Iterm2,
}

/// How a run is to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Lines, whatever the terminal can.
    pub plain: bool,
    /// How a dashboard shows samples.
    pub pictures: Pictures,
}

/// A dashboard, where standard output is a terminal with the characters for it and plain lines were not asked for; else lines. What happens to the run it tells on standard
/// error too: at once where that is no terminal, else when it is dropped. It has the terminal until it is dropped, says
/// so when `stop` is true, and makes it true when Ctrl-C is pressed, also while this function asks the terminal what it can show. When it is pressed
/// again the terminal is given back and the process gets SIGINT, as without a dashboard; on Windows it ends with code 1. Other signals are the program's own: one that SIGTERM
/// ends, because there is no handler that sees to it that the face is dropped, leaves the terminal as the dashboard has it.
pub fn face(run: &RunDir, device: &Device, stop: &Arc<AtomicBool>, look: Look) -> Box<dyn Face> {
    let term = std::env::var("TERM").ok();
    let dumb = is_dumb(term.as_deref()) || !is_utf8();
    if !look.plain && !dumb && stdout().is_terminal() {
        // a terminal that cannot be had has room for lines
        if let Ok(dashboard) = Dashboard::start(run, device, stop, look.pictures) {
            return Box::new(dashboard);
        }
    }
    Box::new(Lines::default())
}

/// Whether a terminal, by its name, cannot be drawn on. That it has none, or an empty one, says the same, as it does to Git; on Windows none has one.
/// A name that nobody knows says nothing, as to other programs that draw by crossterm, which asks for none.
fn is_dumb(term: Option<&str>) -> bool {
    let term = term.unwrap_or_default();
    term == "dumb" || cfg!(unix) && term.is_empty()
}
