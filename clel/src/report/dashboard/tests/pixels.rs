//! Pixels on a terminal that has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Rect, Size};
use ratatui_image::protocol::Protocol;

use super::super::ask::Answers;
use super::super::graphics::Graphics;
use super::super::panel::Panel;
use super::super::picture::{Palette, Picture};
use crate::report::Pictures;

/// What is chosen on a terminal that sends this and has these variables, by the kind of picture that comes of it; and whether it was asked.
fn chosen(
    wanted: Pictures,
    sent: &str,
    variables: &[(&str, &str)],
) -> (bool, Option<&'static str>) {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| {
        variables
            .get(name)
            .map_or(String::new(), ToString::to_string)
    };
    let asked = Graphics::must_ask(wanted, &variable);
    let answers = Answers::of(if asked { sent.as_bytes() } else { b"" });
    let graphics = Graphics::choose(wanted, &answers, &variable);
    let made = graphics.and_then(|mut graphics| graphics.encode(&digits(4), Size::new(34, 20)));
    let kind = made.map(|made| match made {
        Protocol::Kitty(_) => "kitty",
        Protocol::Sixel(_) => "sixel",
        Protocol::ITerm2(_) => "iterm2",
        Protocol::Halfblocks(_) => "blocks",
    });
    (asked, kind)
}

/// So many images of 8×8 pixels.
fn digits(count: usize) -> Picture {
    let values: Vec<f32> = (0..64 * count).map(|i| (i % 64) as f32 / 64.0).collect();
    Picture::new([count, 8, 8, 1], &values)
}

/// What kitty 0.41.1 sends, after its name.
const KITTY: &str = "\x1b_Gi=31;OK\x1b\\\x1b[?62;c\x1b[6;18;9t\x1b[0n";

/// After what the terminals sent that `docs/src/training.md` names, two versions of one taken for alike; one xterm has no size of a character, and Konsole 21.12 and
/// those that follow are after their manuals.
#[test]
fn each_terminal_gets_what_it_shows() {
    let named = |name: &str, rest: &str| format!("\x1bP>|{name}\x1b\\{rest}");
    let both = "\x1b_Gi=31;OK\x1b\\\x1b[?62;1;4c\x1b[6;14;7t\x1b[0n";
    let xterm = "\x1b[?63;1;2;4;6;9;15;16;22;28c\x1b[6;13;6t\x1b[0n";
    let mlterm = "\x1b[?63;1;2;3;4;6;7;15;18;22;29c\x1b[6;19;10t\x1b[0n";
    for (sent, expected) in [
        (named("kitty(0.41.1)", KITTY), Some("kitty")),
        // which has kitty's protocol, but shows no picture where characters stand for it
        (named("kitty(0.26.5)", KITTY), None),
        (named("Konsole 25.04.2", both), Some("iterm2")),
        (named("Konsole 22.12.3", both), Some("iterm2")),
        (named("XTerm(379)", xterm), Some("sixel")),
        (named("XTerm(379)", "\x1b[?64;1;2c\x1b[0n"), None),
        (mlterm.to_owned(), Some("sixel")),
        (named("Konsole 21.12.0", both), Some("sixel")),
        (named("ghostty 1.1.3", KITTY), Some("kitty")),
        (named("WezTerm 20240203-110809", both), Some("iterm2")),
        (named("iTerm2 3.5.0", both), Some("iterm2")),
        (named("tomorrow 1.0", both), Some("sixel")),
        (named("tomorrow 1.0", KITTY), None),
        // a picture cannot be made for characters of unknown size
        ("\x1b[?62;4c\x1b[0n".to_owned(), None),
        (String::new(), None),
    ] {
        let found = chosen(Pictures::Auto, &sent, &[]);
        assert_eq!(found, (true, expected), "{sent:?}");
    }
    assert!(Answers::of(mlterm.as_bytes()).are_all());
    assert!(!Answers::of(&mlterm.as_bytes()[..mlterm.len() - 1]).are_all());
}

#[test]
fn variables_count_too() {
    let kitty = format!("\x1bP>|kitty(0.41.1)\x1b\\{KITTY}");
    for program in ["iTerm.app", "WezTerm"] {
        let found = chosen(Pictures::Auto, KITTY, &[("TERM_PROGRAM", program)]);
        assert_eq!(found, (true, Some("iterm2")));
    }
    for variable in [
        ("TMUX", "/tmp/tmux-0/default,1,0"),
        ("TERM", "screen-256color"),
        ("STY", "1234.pts-0.host"),
    ] {
        let found = chosen(Pictures::Auto, &kitty, &[variable]);
        assert_eq!(found, (false, None), "{variable:?}");
    }
    // who says what it is has it, whatever the terminal says
    assert_eq!(chosen(Pictures::Blocks, &kitty, &[]), (false, None));
    assert_eq!(chosen(Pictures::Sixel, &kitty, &[]), (true, Some("sixel")));
    assert_eq!(chosen(Pictures::Iterm2, "", &[]), (true, Some("iterm2")));
    let within = [("TMUX", "/tmp/tmux-0/default,1,0")];
    let found = chosen(Pictures::Kitty, &kitty, &within);
    assert_eq!(found, (false, Some("kitty")));
}

#[test]
fn all_images_are_shown_as_large_as_they_can_be() {
    // at 5 times their size 8 images and their borders are a row of 338 pixels, and 9 such rows 380; with less, 9 rows of 9 at 4 times
    let picture = digits(64);
    let image = picture.pixels(340, 380).unwrap();
    assert_eq!((image.width(), image.height()), (8 * 42 + 2, 8 * 42 + 2));
    let image = picture.pixels(340, 335).unwrap();
    assert_eq!((image.width(), image.height()), (9 * 34 + 2, 8 * 34 + 2));
    // the first pixel of the second image, and the border before it
    let grey = image.to_luma8();
    assert_eq!(grey.get_pixel(36, 2).0, [0]);
    assert_eq!(grey.get_pixel(40, 2).0, [4]);
    assert_eq!(grey.get_pixel(35, 2).0, [96]);
    // too many: as many as there is room for, and no fewer than four
    let many = Picture::new([64, 32, 32, 3], &vec![0.5; 64 * 32 * 32 * 3]);
    let image = many.pixels(100, 70).unwrap();
    assert_eq!((image.width(), image.height()), (2 * 34 + 2, 2 * 34 + 2));
    let image = many.pixels(35, 35).unwrap();
    assert_eq!((image.width(), image.height()), (35, 35));
    assert!(many.pixels(0, 35).is_none() && digits(0).pixels(0, 0).is_none());
}

/// What a frame of so many columns draws.
fn draw(
    terminal: &mut Terminal<TestBackend>,
    panel: &mut Panel,
    area: Rect,
    picture: &Arc<Picture>,
) {
    terminal
        .draw(|frame| {
            panel.begin();
            panel.draw(frame, area, picture, Palette::Full);
        })
        .unwrap();
}

#[test]
fn pixels_come_with_the_next_frame_and_leave_nothing_behind() {
    let answers = Answers::of(b"\x1b[?62;4c\x1b[6;20;10t\x1b[0n");
    let graphics = Graphics::choose(Pictures::Auto, &answers, &|_| String::new());
    let mut panel = Panel::new(graphics);
    let mut terminal = Terminal::new(TestBackend::new(80, 30)).unwrap();
    let symbol = |terminal: &Terminal<TestBackend>, x: u16, y: u16| {
        terminal.backend().buffer()[(x, y)].symbol().to_owned()
    };
    let (first, second) = (Arc::new(digits(4)), Arc::new(digits(9)));
    let place = Rect::new(40, 2, 34, 20);
    draw(&mut terminal, &mut panel, place, &first);
    assert_eq!(symbol(&terminal, 40, 2), " ");
    assert!(panel.make() && !panel.make());
    draw(&mut terminal, &mut panel, place, &first);
    let shown = symbol(&terminal, 40, 2);
    assert!(shown.contains("\x1bP") && !panel.has_left_pixels());
    assert!(!panel.make(), "it is there already");
    // a new picture: the old one stays until it is made
    draw(&mut terminal, &mut panel, place, &second);
    assert_eq!(symbol(&terminal, 40, 2), shown);
    assert!(panel.make());
    draw(&mut terminal, &mut panel, place, &second);
    assert_ne!(symbol(&terminal, 40, 2), shown);
    // elsewhere: what is left must be cleared away
    let other = Rect::new(40, 2, 34, 10);
    draw(&mut terminal, &mut panel, other, &second);
    assert!(panel.has_left_pixels());
    panel.forget();
    draw(&mut terminal, &mut panel, other, &second);
    assert!(!panel.has_left_pixels() && panel.make());
}
