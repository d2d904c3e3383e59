//! A terminal for the program: what is typed goes in, what is drawn comes out.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process on a terminal of its own.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<Parser>>,
    reading: JoinHandle<()>,
    before: String,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Left {
    /// Exit code.
    pub code: u32,
    /// What is on the screen, and has been before it.
    pub text: String,
    /// Whether the terminal is as it was: its own screen, a cursor, echo, line by line.
    pub whole: bool,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal with a screen")
}

impl Terminal {
    /// Starts a program.
    pub fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
        let (columns, rows) = (120, 40);
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        command.env_remove("CLEL_DEVICE");
        command.env_remove("COLORTERM");
        for (name, value) in variables {
            command.env(name, value);
        }
        let before = settings(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(Parser::new(side(rows), side(columns), 1000)));
        let mut output = pair.master.try_clone_reader().expect("its output");
        let drawn = screen.clone();
        let reading = spawn(move || {
            let mut bytes = [0; 4096];
            // a terminal without a process fails, or ends
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                drawn.lock().expect("the screen").process(&bytes[..n]);
            }
        });
        Terminal {
            keys: pair.master.take_writer().expect("its input"),
            master: pair.master,
            child,
            screen,
            reading,
            before,
        }
    }

    fn contents(&self) -> String {
        self.screen.lock().expect("the screen").screen().contents()
    }

    /// What is on the screen now, once it has all these parts.
    pub fn wait_for(&self, parts: &[&str]) -> String {
        let begin = Instant::now();
        loop {
            let text = self.contents();
            if parts.iter().all(|part| text.contains(part)) {
                return text;
            }
            let patient = begin.elapsed() < PATIENCE;
            assert!(patient, "{parts:?} are not all on the screen:\n{text}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Whether the program has taken the whole screen.
    pub fn is_taken(&self) -> bool {
        let parser = self.screen.lock().expect("the screen");
        parser.screen().alternate_screen()
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut parser = self.screen.lock().expect("the screen");
        parser.screen_mut().set_size(side(rows), side(columns));
        self.master.resize(size(columns, rows)).expect("a terminal");
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let process = self.child.process_id().expect("a process").to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &process])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for the program's end.
    pub fn end(mut self) -> Left {
        let begin = Instant::now();
        let code = loop {
            match self.child.try_wait().expect("a process") {
                Some(status) => break status.exit_code(),
                None if begin.elapsed() < PATIENCE => sleep(Duration::from_millis(20)),
                None => {
                    self.child.kill().expect("a process");
                    panic!("no end:\n{}", self.contents());
                }
            }
        };
        let after = settings(self.master.as_ref());
        drop((self.master, self.keys));
        self.reading.join().expect("all that was drawn");
        let mut parser = self.screen.lock().expect("the screen");
        let screen = parser.screen_mut();
        let whole = !screen.alternate_screen() && !screen.hide_cursor() && after == self.before;
        let mut text = screen.contents();
        screen.set_scrollback(usize::MAX);
        text.insert_str(0, &screen.contents());
        Left { code, text, whole }
    }
}

/// How the terminal treats what is typed and printed.
fn settings(terminal: &dyn MasterPty) -> String {
    let settings = terminal.get_termios().expect("settings of a terminal");
    format!("{settings:?}")
}
