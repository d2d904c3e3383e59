//! How a terminal shows pixels.

use ratatui::crossterm::terminal::window_size;
use ratatui::layout::Size;
use ratatui_image::picker::cap_parser::Response;
use ratatui_image::protocol::{Protocol, iterm2::Iterm2, kitty::Kitty, sixel::Sixel};

use super::ask::Answers;
use super::picture::Picture;
use crate::report::Pictures;

/// A protocol, and how large the terminal's characters are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Graphics {
    protocol: Pictures,
    /// Width and height of a character, in pixels.
    cell: (u16, u16),
    /// Whether kitty's data may be compressed.
    compress: bool,
    /// Whether tmux must be told to hand on what is not for it.
    tmux: bool,
    /// Pictures so far.
    count: u32,
}

/// A character's size where the terminal does not tell but the protocol was asked for.
const USUAL: (u16, u16) = (10, 20);

impl Graphics {
    /// Whether the terminal is to be asked.
    pub fn must_ask(wanted: Pictures, variable: &dyn Fn(&str) -> String) -> bool {
        match wanted {
            Pictures::Blocks => false,
            Pictures::Auto | Pictures::Kitty | Pictures::Sixel | Pictures::Iterm2 => {
                !is_within(variable)
            }
        }
    }

    /// What is wanted or, if that is left to the terminal, can be; none for blocks.
    pub fn choose(
        wanted: Pictures,
        answers: &Answers,
        variable: &dyn Fn(&str) -> String,
    ) -> Option<Graphics> {
        let told = answers.can.iter().find_map(|answer| match answer {
            Response::CellSize(Some(cell)) => Some(*cell),
            _ => None,
        });
        let cell = told.or_else(of_window);
        let can = |what| answers.can.contains(&what);
        let (protocol, cell) = match wanted {
            Pictures::Auto => {
                let protocol = match () {
                    () if answers.can.is_empty() => return None,
                    () if has_iterm2(answers, variable) => Pictures::Iterm2,
                    () if can(Response::Kitty) && has_placeholders(answers) => Pictures::Kitty,
                    () if can(Response::Sixel) => Pictures::Sixel,
                    () => return None,
                };
                (protocol, cell?)
            }
            Pictures::Blocks => return None,
            protocol => (protocol, cell.unwrap_or(USUAL)),
        };
        Some(Graphics {
            protocol,
            cell,
            compress: can(Response::KittyCompression),
            tmux: is_tmux(variable),
            count: 0,
        })
    }

    /// The terminal's window has changed, and perhaps its characters.
    pub fn measure(&mut self) {
        self.cell = of_window().unwrap_or(self.cell);
    }

    /// Whether pixels stay where no character is drawn over them.
    pub fn stay(&self) -> bool {
        self.protocol != Pictures::Kitty
    }

    /// The picture in at most so many characters; none if that cannot be.
    pub fn encode(&mut self, picture: &Picture, room: Size) -> Option<Protocol> {
        let (wide, high) = self.cell;
        let pixels = |count: u16, side: u16| u32::from(count) * u32::from(side);
        let image = picture.pixels(pixels(room.width, wide), pixels(room.height, high))?;
        let cells = |pixels: u32, side: u16| pixels.div_ceil(u32::from(side)) as u16;
        let size = Size::new(cells(image.width(), wide), cells(image.height(), high));
        self.count = self.count.wrapping_add(1);
        match self.protocol {
            Pictures::Auto | Pictures::Blocks => None,
            Pictures::Sixel => Sixel::new(image, size, self.tmux).ok().map(Protocol::Sixel),
            Pictures::Iterm2 => Iterm2::new(image, size, self.tmux)
                .ok()
                .map(Protocol::ITerm2),
            Pictures::Kitty => {
                // two names by turns: the terminal keeps two pictures, however many are shown, and draws every character of a new one anew
                let name = std::process::id() << 1 | self.count & 1;
                let made = Kitty::new(image, size, name, self.tmux, self.compress);
                made.ok().map(Protocol::Kitty)
            }
        }
    }
}

/// Whether a terminal shows pictures of iTerm2's protocol. It may claim the others too, of which it has a part.
fn has_iterm2(answers: &Answers, variable: &dyn Fn(&str) -> String) -> bool {
    let program = variable("TERM_PROGRAM");
    let said = program.contains("iTerm") || program.contains("WezTerm");
    let named = [("iTerm2", &[][..]), ("WezTerm", &[]), ("Konsole", &[22, 4])];
    said || named.iter().any(|(name, least)| answers.is(name, least))
}

/// Whether a terminal with kitty's protocol shows pictures where characters stand for them. Older and other ones have the protocol without these, and
/// show the characters.
fn has_placeholders(answers: &Answers) -> bool {
    answers.is("kitty", &[0, 28]) || answers.is("ghostty", &[])
}

/// Whether another program draws on the terminal what this one does.
fn is_within(variable: &dyn Fn(&str) -> String) -> bool {
    let term = variable("TERM");
    is_tmux(variable) || term.starts_with("screen") || !variable("STY").is_empty()
}

fn is_tmux(variable: &dyn Fn(&str) -> String) -> bool {
    let named = variable("TERM_PROGRAM") == "tmux" || variable("TERM").starts_with("tmux");
    named || !variable("TMUX").is_empty()
}

/// A character's size by that of the window, where the system knows it.
fn of_window() -> Option<(u16, u16)> {
    let window = window_size().ok()?;
    let side = |pixels: u16, count: u16| pixels.checked_div(count).filter(|side| *side > 0);
    Some((
        side(window.width, window.columns)?,
        side(window.height, window.rows)?,
    ))
}
