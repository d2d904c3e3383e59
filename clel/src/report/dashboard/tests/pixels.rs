//! Pixels on a terminal that has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Rect, Size};
use ratatui_image::picker::cap_parser::Response;
use ratatui_image::protocol::Protocol;

use super::super::graphics::{Graphics, Pictures};
use super::super::panel::Panel;
use super::super::picture::{Palette, Picture};

/// What is chosen on a terminal with these answers and variables, by the kind of picture that comes of it; and whether it was asked.
fn chosen(
    wanted: Pictures,
    answers: &[Response],
    variables: &[(&str, &str)],
) -> (bool, Option<&'static str>) {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| {
        variables
            .get(name)
            .map_or(String::new(), ToString::to_string)
    };
    let asked = Graphics::must_ask(wanted, &variable);
    let answers = if asked { answers } else { &[] };
    let graphics = Graphics::choose(wanted, answers, &variable);
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

#[test]
fn a_terminal_gets_what_it_can() {
    let size = Response::CellSize(Some((10, 20)));
    let both = [Response::Kitty, Response::Sixel, size.clone()];
    let sixel = [Response::Sixel, size.clone()];
    let neither = [Response::RectangularOps, size];
    let auto = |answers: &[Response], variables: &[(&str, &str)]| {
        chosen(Pictures::Auto, answers, variables)
    };
    assert_eq!(auto(&both, &[]), (true, Some("kitty")));
    assert_eq!(auto(&sixel, &[]), (true, Some("sixel")));
    assert_eq!(auto(&neither, &[]), (true, None));
    assert_eq!(auto(&[], &[]), (true, None));
    // they answer as if they could what they do otherwise, or not well
    for program in ["iTerm.app", "WezTerm"] {
        let found = auto(&both, &[("TERM_PROGRAM", program)]);
        assert_eq!(found, (true, Some("iterm2")));
    }
    for variable in [
        ("KONSOLE_VERSION", "230804"),
        ("TMUX", "/tmp/tmux-0/default,1,0"),
        ("TERM", "screen-256color"),
        ("STY", "1234.pts-0.host"),
    ] {
        assert_eq!(auto(&both, &[variable]), (false, None), "{variable:?}");
    }
    // who says what it is has it, whatever the terminal says
    assert_eq!(chosen(Pictures::Blocks, &both, &[]), (false, None));
    assert_eq!(chosen(Pictures::Sixel, &both, &[]), (true, Some("sixel")));
    assert_eq!(chosen(Pictures::Iterm2, &[], &[]), (true, Some("iterm2")));
    let within = [("TMUX", "/tmp/tmux-0/default,1,0")];
    assert_eq!(
        chosen(Pictures::Kitty, &both, &within),
        (false, Some("kitty"))
    );
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
    let answers = [Response::Sixel, Response::CellSize(Some((10, 20)))];
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
