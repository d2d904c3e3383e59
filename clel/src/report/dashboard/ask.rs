//! What the terminal says it is and can show. It is asked once in the life of a process, and is not waited for long.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use ratatui_image::picker::cap_parser::Response;

/// What a terminal has answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answers {
    /// What it can.
    pub can: Vec<Response>,
    /// What it is called, with its version, as in `kitty(0.41.1)` and `Konsole 25.04.2`; empty where it does not say.
    pub name: String,
}

impl Answers {
    /// Whether the terminal has this name, and this version or a newer one.
    pub fn is(&self, name: &str, least: &[u64]) -> bool {
        let Some(version) = self.name.strip_prefix(name) else {
            return false;
        };
        let numbers = version.split(|c: char| !c.is_ascii_digit());
        let numbers = numbers.filter_map(|number| number.parse().ok());
        numbers.take(least.len()).collect::<Vec<u64>>() >= least.to_vec()
    }
}

/// The terminal's answers; none where it gives none in time. Asked where the terminal is in raw mode and nobody else reads from it. Ctrl-C means
/// to `stop` meanwhile what it does to the dashboard.
pub(super) fn answers(stop: &AtomicBool) -> &'static Answers {
    static ANSWERS: OnceLock<Answers> = OnceLock::new();
    ANSWERS.get_or_init(|| ask(stop).unwrap_or_default())
}

/// Its name and version are asked for too, as xterm's manual of control sequences has it (XTVERSION).
#[cfg(unix)]
const NAME: &str = "\x1b[>q";

#[cfg(any(unix, test))]
impl Answers {
    /// Those in what a terminal has sent.
    pub fn of(sent: &[u8]) -> Answers {
        use ratatui_image::picker::cap_parser::Parser;

        let mut parser = Parser::new();
        let can = sent.iter().flat_map(|byte| parser.push(char::from(*byte)));
        let can = can.collect();
        let text = String::from_utf8_lossy(sent);
        let name = text.split_once("\x1bP>|").map(|(_, from)| from);
        let name = name.and_then(|from| from.split_once("\x1b\\"));
        Answers {
            can,
            name: name.map_or(String::new(), |(name, _)| name.to_owned()),
        }
    }

    /// Whether these are all: every terminal answers the last question.
    pub fn are_all(&self) -> bool {
        self.can.contains(&Response::Status)
    }
}

#[cfg(unix)]
fn ask(stop: &AtomicBool) -> std::io::Result<Answers> {
    use std::io::{IsTerminal, Write, stdin, stdout};
    use std::time::{Duration, Instant};

    use ratatui_image::picker::cap_parser::{Parser, QueryStdioOptions};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read};

    /// A terminal far away answers within this.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// What raw mode makes of Ctrl-C; in no answer.
    const CTRL_C: u8 = 3;

    // the library would ask by itself, but in a thread that reads on where no answer comes, and so takes the keys that are pressed later
    let input = stdin();
    if !input.is_terminal() {
        return Ok(Answers::default());
    }
    let options = QueryStdioOptions {
        kitty_compression: true,
        ..QueryStdioOptions::default()
    };
    let mut output = stdout();
    output.write_all(NAME.as_bytes())?;
    output.write_all(Parser::query(false, options).as_bytes())?;
    output.flush()?;
    let mut sent = Vec::new();
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(std::io::Error::other)?;
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut ready, Some(&left)) {
            Ok(0) => break,
            // gone, or of a kind that this system cannot wait for
            Ok(_) if !ready[0].revents().contains(PollFlags::IN) => break,
            Ok(_) => {}
            // a signal, of which others take note
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 64];
        let count = match read(&input, &mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for byte in &bytes[..count] {
            match *byte {
                CTRL_C => super::interrupt(stop)?,
                byte => sent.push(byte),
            }
        }
        if Answers::of(&sent).are_all() {
            break;
        }
    }
    Ok(Answers::of(&sent))
}

/// Elsewhere a terminal that does not answer would be waited for without end.
#[cfg(not(unix))]
fn ask(_: &AtomicBool) -> std::io::Result<Answers> {
    Ok(Answers::default())
}
