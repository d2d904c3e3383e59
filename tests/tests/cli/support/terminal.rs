//! A terminal for the program: what is typed goes in, what is drawn comes out.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, native_pty_system};
use vt100::Parser;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a terminal answers when it is asked something, in this order.
pub type Answers = &'static [(&'static str, &'static str)];

/// One that has no pictures.
pub const USUAL: Answers = &[("\x1b[c", "\x1b[?64;1;22c"), ("\x1b[5n", "\x1b[0n")];
/// One that does not say anything.
pub const SILENT: Answers = &[];
/// One with kitty's pictures, and characters of 10×20 pixels.
pub const KITTY: Answers = &[
    ("\x1b[>q", "\x1bP>|kitty(0.41.1)\x1b\\"),
    (
        "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
    ),
    ("\x1b_Gi=32,", "\x1b_Gi=32;OK\x1b\\"),
    ("\x1b[c", "\x1b[?62;22c"),
    ("\x1b[16t", "\x1b[6;20;10t"),
    ("\x1b[5n", "\x1b[0n"),
];
/// One with sixels, and characters of 9×18 pixels.
pub const SIXEL: Answers = &[
    ("\x1b[c", "\x1b[?62;4;22c"),
    ("\x1b[16t", "\x1b[6;18;9t"),
    ("\x1b[5n", "\x1b[0n"),
];

type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

/// A process on a terminal of its own.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Keys,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<Parser>>,
    /// All that came, byte by byte.
    came: Arc<Mutex<Vec<u8>>>,
    hung_up: Arc<AtomicBool>,
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
    /// Starts a program on a terminal as most are.
    pub fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
        Terminal::of(USUAL, program, arguments, variables)
    }

    /// Starts a program on a terminal that gives these answers.
    pub fn of(
        answers: Answers,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Terminal {
        let (columns, rows) = (120, 40);
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        for name in ["CLEL_DEVICE", "CLEL_PICTURES", "COLORTERM", "NO_COLOR"] {
            command.env_remove(name);
        }
        // what says which characters it has
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            command.env_remove(name);
        }
        // what says which terminal it is
        for name in ["TERM_PROGRAM", "TMUX", "STY"] {
            command.env_remove(name);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let before = settings(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(Parser::new(side(rows), side(columns), 1000)));
        let mut output = pair.master.try_clone_reader().expect("its output");
        let keys: Keys = Arc::new(Mutex::new(pair.master.take_writer().expect("its input")));
        let came = Arc::<Mutex<Vec<u8>>>::default();
        let hung_up = Arc::<AtomicBool>::default();
        let reading = {
            let (screen, keys, came) = (screen.clone(), keys.clone(), came.clone());
            let hung_up = hung_up.clone();
            spawn(move || {
                let mut bytes = [0; 4096];
                let mut answers = answers.iter();
                let mut question = answers.next();
                // a terminal without a process fails, or ends
                while let Ok(n @ 1..) = output.read(&mut bytes) {
                    if hung_up.load(Ordering::SeqCst) {
                        return;
                    }
                    let mut all = came.lock().expect("what came");
                    all.extend(&bytes[..n]);
                    while let Some((asked, answer)) = question
                        && find(&all, asked.as_bytes()).is_some()
                    {
                        type_into(&keys, answer);
                        question = answers.next();
                    }
                    drop(all);
                    screen.lock().expect("the screen").process(&bytes[..n]);
                }
            })
        };
        Terminal {
            keys,
            master: pair.master,
            child,
            screen,
            came,
            hung_up,
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

    /// Waits until the screen has this no more.
    pub fn wait_until_gone(&self, part: &str) {
        let begin = Instant::now();
        while self.contents().contains(part) {
            let patient = begin.elapsed() < PATIENCE;
            assert!(patient, "{part:?} is still there:\n{}", self.contents());
            sleep(Duration::from_millis(20));
        }
    }

    /// Whether the program has taken the whole screen.
    pub fn is_taken(&self) -> bool {
        let parser = self.screen.lock().expect("the screen");
        parser.screen().alternate_screen()
    }

    /// Whether it is as it was before the program had it.
    pub fn is_whole(&self) -> bool {
        !self.is_taken() && settings(self.master.as_ref()) == self.before
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        type_into(&self.keys, keys);
    }

    /// All that came so far, once it has this, so many times.
    pub fn wait_for_bytes(&self, part: &str, times: usize) -> Vec<u8> {
        let begin = Instant::now();
        loop {
            let all = self.came.lock().expect("what came").clone();
            let mut left = &all[..];
            let mut found = 0;
            while let Some(at) = find(left, part.as_bytes()) {
                left = &left[at + part.len()..];
                found += 1;
            }
            if found >= times {
                return all;
            }
            assert!(begin.elapsed() < PATIENCE, "{part:?} came {found} times");
            sleep(Duration::from_millis(20));
        }
    }

    /// Goes away, as a connection does that breaks; the process.
    pub fn hang_up(self) -> Box<dyn Child + Send + Sync> {
        self.hung_up.store(true, Ordering::SeqCst);
        // the next frame ends it
        self.reading.join().expect("all that was drawn");
        self.child
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut parser = self.screen.lock().expect("the screen");
        parser.screen_mut().set_size(side(rows), side(columns));
        self.master.resize(size(columns, rows)).expect("a terminal");
    }

    /// Sends a signal to the process in the foreground, the first one of its job.
    pub fn signal(&self, name: &str) {
        let process = self.master.process_group_leader().expect("a process");
        let process = process.to_string();
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

/// A terminal that is no process's own, for what is written to it by name.
pub struct Other {
    pair: PtyPair,
    came: Arc<Mutex<Vec<u8>>>,
}

impl Other {
    /// Makes it.
    pub fn open() -> Other {
        let pair = native_pty_system()
            .openpty(size(120, 40))
            .expect("a pseudo-terminal");
        let mut output = pair.master.try_clone_reader().expect("its output");
        let came = Arc::<Mutex<Vec<u8>>>::default();
        let all = came.clone();
        spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                all.lock().expect("what came").extend(&bytes[..n]);
            }
        });
        Other { pair, came }
    }

    /// The file by which it is written to.
    pub fn name(&self) -> String {
        let name = self.pair.master.tty_name().expect("a name");
        name.display().to_string()
    }

    /// All that has been written to it.
    pub fn text(&self) -> String {
        let all = self.came.lock().expect("what came");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Waits until all these have been written to it.
    pub fn wait_for(&self, parts: &[&str]) {
        let begin = Instant::now();
        while !parts.iter().all(|part| self.text().contains(part)) {
            let text = self.text();
            assert!(begin.elapsed() < PATIENCE, "{parts:?} are not in {text}");
            sleep(Duration::from_millis(20));
        }
    }
}

fn type_into(keys: &Keys, text: &str) {
    let mut keys = keys.lock().expect("a keyboard");
    keys.write_all(text.as_bytes()).expect("a terminal");
}

/// Where a part begins.
pub fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

/// How the terminal treats what is typed and printed.
fn settings(terminal: &dyn MasterPty) -> String {
    let settings = terminal.get_termios().expect("settings of a terminal");
    format!("{settings:?}")
}
