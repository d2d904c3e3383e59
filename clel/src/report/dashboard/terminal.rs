//! The terminal while it is the dashboard's, and how it comes back whole, whatever ends the dashboard.

use std::io::{self, Stdout, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::{Frame, Terminal};

/// Whether the terminal is the dashboard's. There is one terminal a process.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Held while something is written to the terminal.
static WRITING: Mutex<()> = Mutex::new(());
static HOOK: Once = Once::new();
/// When a panic gave the terminal back.
static PANICKED: Mutex<Option<Instant>> = Mutex::new(None);
/// A process that lives on for so long after a panic has caught it: wgpu's, say, when a device is lost and opened again.
const CAUGHT: Duration = Duration::from_secs(2);

/// A terminal with a screen of its own, without echo and cursor.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Whether the terminal is left to the shell, after a stop of the process, until the process is in the foreground again.
    #[cfg(unix)]
    away: bool,
}

/// Whether the terminal listens to this process. The system stops one in the background that changes how its terminal works.
#[cfg(unix)]
fn is_ours() -> bool {
    use rustix::{process::getpgrp, termios::tcgetpgrp};
    tcgetpgrp(stdout()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Whether the console can be drawn on: not Windows' legacy one.
#[cfg(not(unix))]
fn is_ours() -> bool {
    ratatui::crossterm::ansi_support::supports_ansi()
}

impl Screen {
    /// Takes the terminal; what was on it is there again afterwards if it has a second screen.
    pub fn take() -> io::Result<Screen> {
        if !is_ours() {
            return Err(io::Error::other("not for this process to draw on"));
        }
        if columns().is_none() {
            return Err(io::Error::other("of no size that it tells"));
        }
        HOOK.call_once(|| {
            let told = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if TAKEN.load(Ordering::SeqCst) {
                    give_back();
                    *panicked() = Some(Instant::now());
                }
                told(panic);
            }));
        });
        let terminal = enter()
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())))
            .inspect_err(|_| give_back())?;
        #[cfg(unix)]
        super::suspend::take(true);
        let mut screen = Screen {
            terminal,
            #[cfg(unix)]
            away: false,
        };
        // a terminal without a second screen has something on it
        screen.clear()?;
        Ok(screen)
    }

    /// Draws, unless the terminal has been given back; whether it was taken again for that, with nothing on it.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        let _writing = WRITING.lock().map_err(|_| io::Error::other("poisoned"))?;
        let given_back = !TAKEN.load(Ordering::SeqCst);
        if given_back {
            let caught = panicked().take_if(|at| at.elapsed() >= CAUGHT);
            if caught.is_none() {
                return Ok(false);
            }
            enter()?;
            self.clear()?;
        }
        self.terminal.draw(draw).map(|_| given_back)
    }

    /// Waits for keys, at most so long; whether there may be some.
    ///
    /// # Errors
    /// The terminal is gone.
    #[cfg(unix)]
    pub fn wait(time: Duration) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use rustix::io::Errno;

        // crossterm, which waits for keys too, would read a terminal that has hung up again and again and never return
        let most = Timespec::try_from(time).map_err(io::Error::other)?;
        let output = stdout();
        let mut watched = [PollFd::new(&output, PollFlags::IN)];
        match poll(&mut watched, Some(&most)) {
            Ok(0) | Err(Errno::INTR) => Ok(false),
            Ok(_) => match watched[0].revents() {
                found if found.intersects(PollFlags::HUP | PollFlags::ERR) => {
                    Err(io::Error::other("the terminal is gone"))
                }
                // some systems cannot wait for terminals like this
                found if found.contains(PollFlags::NVAL) => Ok(wait_for_event(time)),
                _ => Ok(true),
            },
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(unix))]
    pub fn wait(time: Duration) -> io::Result<bool> {
        Ok(wait_for_event(time))
    }

    /// Does what a shell's Ctrl-Z asks for: gives the terminal back and stops the process, and takes the terminal again once the shell has let
    /// it have that. Whether it has just been taken, with nothing on it.
    ///
    /// # Errors
    /// The terminal is gone.
    #[cfg(unix)]
    pub fn follow_shell(&mut self) -> io::Result<bool> {
        use super::suspend::{are_all_to_stop, goes_on, is_to_stop, stop, stop_all};

        // the shell has the terminal as soon as whoever waits for this process has stopped
        if are_all_to_stop() {
            give_back();
            self.away = true;
            stop_all()?;
        }
        if is_to_stop() {
            give_back();
            self.away = true;
            // the shell may have been quicker
            if !goes_on() {
                stop()?;
            }
        }
        // a stop that none is told of leaves the terminal as the shell wants it
        if goes_on() && is_taken() {
            TAKEN.store(false, Ordering::SeqCst);
            self.away = true;
        }
        if !self.away {
            return Ok(false);
        }
        // one that hangs up tells its processes to go on, too
        Self::wait(Duration::ZERO)?;
        if !is_ours() {
            return Ok(false);
        }
        self.away = false;
        let _writing = WRITING.lock().map_err(|_| io::Error::other("poisoned"))?;
        // crossterm would believe that nothing has changed
        disable_raw_mode()?;
        enter()?;
        self.clear()?;
        Ok(true)
    }

    #[cfg(not(unix))]
    pub fn follow_shell(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether keys are for this process: the system stops one in the background that reads what is typed to the shell.
    #[cfg(unix)]
    pub fn listens(&self) -> bool {
        !self.away && is_ours()
    }

    #[cfg(not(unix))]
    pub fn listens(&self) -> bool {
        true
    }

    /// Forgets what is on the screen, lest something that others wrote there stay; unless the terminal has been given back.
    pub fn forget(&mut self) -> io::Result<()> {
        let _writing = WRITING.lock().map_err(|_| io::Error::other("poisoned"))?;
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.clear()
    }

    fn clear(&mut self) -> io::Result<()> {
        // not `Terminal::clear`, which waits for the terminal to say where its cursor is
        self.terminal.backend_mut().clear()?;
        self.terminal.swap_buffers();
        Ok(())
    }
}

/// The same by crossterm; where that has no keys, there are none.
fn wait_for_event(time: Duration) -> bool {
    event::poll(time).unwrap_or_else(|_| {
        sleep(time);
        false
    })
}

/// How wide the terminal is; none where it does not say, or says 0, as one does that nobody has told.
pub(crate) fn columns() -> Option<usize> {
    let (columns, _) = size().ok()?;
    (columns > 0).then_some(columns.into())
}

/// Makes the terminal the dashboard's.
fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(stdout(), EnterAlternateScreen, Hide)
}

fn panicked() -> MutexGuard<'static, Option<Instant>> {
    PANICKED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        #[cfg(unix)]
        super::suspend::take(false);
    }
}

/// Whether the dashboard has the terminal.
pub(crate) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Gives the terminal back, if the dashboard has it: for every way in which a process ends.
pub(crate) fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // a frame that is being written comes first; one that panicked half-way is not waited for
    let mut writing = WRITING.try_lock();
    for _ in 0..20 {
        if !matches!(writing, Err(TryLockError::WouldBlock)) {
            break;
        }
        sleep(Duration::from_millis(10));
        writing = WRITING.try_lock();
    }
    // nothing can be done about a terminal that is gone
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
