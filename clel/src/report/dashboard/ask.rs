//! What the terminal says it can show. It is asked once in the life of a process, and is not waited for long.

use std::sync::OnceLock;

use ratatui_image::picker::cap_parser::Response;

/// The terminal's answers; none where it gives none in time. Asked where the terminal is in raw mode and nobody else reads from it.
pub(super) fn answers() -> &'static [Response] {
    static ANSWERS: OnceLock<Vec<Response>> = OnceLock::new();
    ANSWERS.get_or_init(|| ask().unwrap_or_default())
}

#[cfg(unix)]
fn ask() -> std::io::Result<Vec<Response>> {
    use std::io::{IsTerminal, Write, stdin, stdout};
    use std::time::{Duration, Instant};

    use ratatui_image::picker::cap_parser::{Parser, QueryStdioOptions};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read};
    use rustix::termios::{
        LocalModes, OptionalActions::Now, SpecialCodeIndex, tcgetattr, tcsetattr,
    };

    /// A terminal far away answers within this.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// What POSIX calls _POSIX_VDISABLE.
    const DISABLED: u8 = if cfg!(any(target_os = "linux", target_os = "android")) {
        0
    } else {
        0xff
    };

    // the library would ask by itself, but in a thread that reads on where no answer comes, and so takes the keys that are pressed later
    let input = stdin();
    if !input.is_terminal() {
        return Ok(Vec::new());
    }
    let raw = tcgetattr(&input)?;
    // meanwhile Ctrl-C is the terminal's own, so that it is not lost among the answers
    let mut asking = raw.clone();
    asking.local_modes |= LocalModes::ISIG;
    // but no other key's signal, which would leave the terminal as it is now
    for code in [SpecialCodeIndex::VSUSP, SpecialCodeIndex::VQUIT] {
        asking.special_codes[code] = DISABLED;
    }
    tcsetattr(&input, Now, &asking)?;
    let converse = || {
        let options = QueryStdioOptions {
            kitty_compression: true,
            ..QueryStdioOptions::default()
        };
        let mut output = stdout();
        output.write_all(Parser::query(false, options).as_bytes())?;
        output.flush()?;
        let (mut parser, mut said) = (Parser::new(), Vec::new());
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(std::io::Error::other)?;
            let mut ready = [PollFd::new(&input, PollFlags::IN)];
            match poll(&mut ready, Some(&left)) {
                Ok(0) => return Ok(said),
                // gone, or of a kind that this system cannot wait for
                Ok(_) if !ready[0].revents().contains(PollFlags::IN) => return Ok(said),
                Ok(_) => {}
                // a signal, of which others take note
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let mut bytes = [0; 64];
            let count = match read(&input, &mut bytes) {
                Ok(0) => return Ok(said),
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for byte in &bytes[..count] {
                let news = parser.push(char::from(*byte));
                // every terminal answers this question, the last one
                let over = news.contains(&Response::Status);
                said.extend(news);
                if over {
                    return Ok(said);
                }
            }
        }
    };
    let said = converse();
    tcsetattr(&input, Now, &raw)?;
    said
}

/// Elsewhere a terminal that does not answer would be waited for without end.
#[cfg(not(unix))]
fn ask() -> std::io::Result<Vec<Response>> {
    Ok(Vec::new())
}
