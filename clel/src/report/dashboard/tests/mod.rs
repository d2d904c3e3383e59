//! What is on the screen for given figures.

mod curves;
mod pixels;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::Widget;
use serde_json::json;

use super::panel::Panel;
use super::picture::{Half, Layout, Palette, Picture};
use super::shown::Shown;
use super::{look_until, view};
use crate::report::History;
use crate::report::curve::Curve;
use crate::report::face::{Memory, Stretch};

/// A run at iteration 510 of 1500, ten iterations a second, that went back once.
fn run() -> (Shown, Instant) {
    let start = Instant::now();
    let mut shown = Shown::new("runs/digits-001", "cpu", &Arc::default(), Palette::Full);
    let figures = (1..=50).map(|i| {
            let t = f64::from(i) / 50.0;
            json!({
                "step": 10 * i, "E(data)": 2e-3 * t, "E(samples)": 2e-3 * t * t, "E(noise)": 6e-3 * t,
                "gap": 2e-3 * (t - t * t), "gradient_first": 7e-5, "gradient_last": 4e-5, "moved": 0.06 * t,
                "saturated": 0.21, "mean_age": 40.0 * t, "energy_loss": -1e-3, "encoder_loss": "NaN",
            })
        });
    let event = json!({"step": 500, "event": "sick: the gap is wide; went back to iteration 500"});
    let history = History::of_lines(figures.chain([event]));
    let stretch = Stretch {
        first: 500,
        last: 1500,
        history: &history,
    };
    shown.begin(&stretch, start);
    let now = start + Duration::from_secs(1);
    let memory = Memory {
        live: 123 << 20,
        peak: 3 << 29,
    };
    shown.iteration(510, memory, now);
    shown.figure(510, "E(data)", 1.25e-3);
    // a white frame around black
    let frame = |i: usize| {
        f32::from(u8::from(
            [0, 7].contains(&(i % 8)) || [0, 7].contains(&(i / 8)),
        ))
    };
    let values: Vec<f32> = (0..9 * 64).map(|i| frame(i % 64)).collect();
    shown.samples = Some((500, Arc::new(Picture::new([9, 8, 8, 1], &values))));
    (shown, now)
}

/// The screen's characters, a string a line.
fn screen(shown: &Shown, now: Instant, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| view::draw(frame, shown, now, &mut Panel::default()))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect();
    (0..height).map(row).collect()
}

#[test]
fn everything_is_on_the_screen() {
    let (shown, now) = run();
    let lines = screen(&shown, now, 140, 42);
    let text = lines.join("\n");
    println!("{text}");
    for part in [
        " clel train runs/digits-001 ",
        "training · 510/1500 · 10.0 it/s · 1 s so far, 1 min 39 s left",
        " memory 123 MiB, peak 1.50 GiB · checkpoint 500 ┘",
        " 34 % ",
        "E(x)  data samples noise",
        "gap E(data) − E(samples)",
        "mean |∇E| at step  1 K",
        "mean |x_K − x_0|",
        "pixels at 0 or 1",
        " samples, iteration 500 ",
        "1.25e-3│",
        "0.2100│",
        "NaN│",
        "from iteration 500: sick: the gap is wide; went back to iteration 500",
        "Ctrl-C saves and ends",
        // the ends of the axes
        "6.0e-3",
        "510",
    ] {
        assert!(text.contains(part), "{part:?} is not on\n{text}");
    }
    let braille = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
    assert!(text.chars().filter(|c| braille(*c)).count() > 100, "curves");
}

#[test]
fn a_window_of_any_size_is_drawn() {
    let (full, now) = run();
    let empty = Shown::new("runs/digits-001", "cpu", &Arc::default(), Palette::Full);
    for shown in [&full, &empty] {
        for width in [1, 3, 29, 59, 60, 61, 80, 100, 200, 400] {
            for height in [1, 2, 5, 15, 16, 17, 24, 50, 120] {
                screen(shown, now, width, height);
            }
        }
    }
    let small = screen(&full, now, 40, 10).join("\n");
    assert!(
        small.contains("510/1500") && small.contains("went back"),
        "{small}"
    );
}

/// Everything that is known of a run can be turned to, however small the window is, also after something happened.
#[test]
fn every_figure_can_be_turned_to() {
    let (mut shown, now) = run();
    for name in [
        "nearest_neighbour",
        "relative_frechet",
        "best_relative_frechet",
        "similarity",
        "energy_rate",
        "encoder_rate",
        "new",
    ] {
        shown.figure(500, name, 0.75);
        shown.figure(510, name, 0.5);
    }
    shown.figure(510, "encoder_loss", 2.0);
    let figures = [
        "E(data)",
        "E(samples)",
        "E(noise)",
        "gap",
        "|∇E| first step",
        "|∇E| last step",
        "|x_K − x_0|",
        "saturated pixels",
        "1-NN accuracy",
        "Fréchet, relative",
        "Fréchet, best",
        "loss, energy",
        "loss, encoder",
        "cos(direction, z)",
        "mean age, steps",
        "rate, energy",
        "rate, encoder",
        "new",
    ];
    let curves = [
        "E(x)  data samples noise",
        "gap E(data) − E(samples)",
        "mean |∇E| at step  1 K",
        "┌mean |x_K − x_0|",
        "pixels at 0 or 1",
        "┌1-NN accuracy",
        "┌Fréchet  newest best",
        "┌loss of the energy",
        "┌loss of the encoder",
        "┌cos(direction, z)",
        "┌mean age, steps",
        "┌rate  energy encoder",
    ];
    let told = shown.events.clone();
    for (width, height) in [
        (140, 42),
        (80, 24),
        (70, 50),
        (70, 18),
        (60, 16),
        (60, 15),
        (50, 30),
        (140, 12),
        (40, 12),
        (40, 10),
        (20, 8),
        (40, 7),
        (26, 5),
    ] {
        // titles are cut where there is no room for all of them
        let cut = |part: &str| -> String { part.chars().take(width as usize / 2 - 2).collect() };
        for events in [Vec::new(), told.clone()] {
            shown.events = events;
            let page = |page: isize, shown: &mut Shown| {
                shown.page = page;
                screen(shown, now, width, height).join("\n") + "\n"
            };
            let seen: String = (0..60).map(|at| page(at, &mut shown)).collect();
            let pixels = "samples, iteration 500";
            let drawn = curves.iter().chain([&pixels, &"└log", &"▀▀"]);
            let drawn = drawn.filter(|_| width >= 20 && height >= 8);
            for part in figures.iter().chain(drawn) {
                let part = cut(part);
                assert!(
                    seen.contains(&part),
                    "{part} is not at {width}x{height}:\n{seen}"
                );
            }
            let first = page(0, &mut shown);
            let one = width == 140 && height == 42;
            assert!(
                one || width < 20
                    || first.contains("Tab") && first.contains(" 1/") && first.contains("510/1500"),
                "{first}"
            );
        }
    }
    // from the first one back to the last one
    shown.page = 0;
    let first = screen(&shown, now, 80, 24);
    assert!(first[23].contains("Tab: page 1/"), "{first:?}");
    shown.page = -1;
    let last = screen(&shown, now, 80, 24);
    let (_, pages) = last[23].split_once("page ").unwrap();
    let (page, pages) = pages.split_once(' ').unwrap().0.split_once('/').unwrap();
    assert_eq!(page, pages);
}

/// In a small window words are left out, and none is cut.
#[test]
fn keys_are_told_in_whole_words() {
    let (mut shown, now) = run();
    let foot = |shown: &Shown, width, height| {
        let lines = screen(shown, now, width, height);
        lines[usize::from(height) - 1].trim_end().to_owned()
    };
    for page in [0, 11] {
        shown.page = page;
        for height in [8, 16, 40] {
            for width in 17..=200 {
                let foot = foot(&shown, width, height);
                let whole = ["ends", "draws anew"].iter().any(|end| foot.ends_with(end));
                assert!(whole, "{width}x{height}: {foot}");
                assert_eq!(foot.contains("Tab"), foot.contains('/'), "{foot}");
            }
        }
    }
    shown.page = 0;
    for (width, expected) in [
        (20, "Tab: 1/13 · ^C ends"),
        (24, "Tab: 1/13 · Ctrl-C ends"),
        (40, "Tab: page 1/13 · Ctrl-C saves and ends"),
    ] {
        assert_eq!(foot(&shown, width, 8), expected);
    }
    assert!(foot(&shown, 8, 8).starts_with("Tab "));
    // nor above what is on a page of its own
    shown.page = 1;
    for (width, expected) in [
        (20, "training · 510/1500"),
        (34, "training · 510/1500 · 10.0 it/s"),
    ] {
        assert_eq!(screen(&shown, now, width, 8)[0].trim_end(), expected);
    }
    let mut empty = Shown::new("runs/digits-001", "cpu", &Arc::default(), Palette::Full);
    empty.page = 1;
    let text = screen(&empty, now, 20, 8).join(" ");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("curves begin with the first line of metrics"),
        "{text}"
    );
}

/// Where the title has all its words, and where it has not.
#[test]
fn a_logarithmic_axis_is_marked_wherever_it_is_drawn() {
    let (mut shown, now) = run();
    shown.curves.clear();
    shown.figure(500, "E(data)", 1e-3);
    shown.figure(510, "E(data)", 1e-1);
    for (width, height) in [(140, 42), (80, 24), (60, 16), (60, 15), (140, 12), (20, 12)] {
        for palette in [Palette::Full, Palette::None] {
            shown.palette = palette;
            let mut text = String::new();
            for page in 0..2 {
                shown.page = page;
                text += &screen(&shown, now, width, height).join("\n");
            }
            assert!(text.contains("└log"), "{width}x{height}\n{text}");
        }
    }
    shown.figure(520, "E(data)", -1e-1);
    let text = screen(&shown, now, 80, 24).join("\n");
    assert!(!text.contains("log"), "{text}");
}

#[test]
fn times_memory_and_checkpoint_are_told() {
    let (mut shown, now) = run();
    let later = now + Duration::from_secs(130);
    shown.iteration(520, shown.memory, later);
    shown.saved = Some((510, Some(now)));
    for (width, height) in [(140, 42), (80, 24), (70, 24), (62, 24), (60, 16), (50, 30)] {
        let text = screen(&shown, later, width, height).join(" ");
        for part in [
            "2 min 11 s so far",
            "left",
            "memory 123 MiB",
            "checkpoint 510",
        ] {
            // a small window breaks lines
            let words: Vec<&str> = text.split_whitespace().collect();
            let found = words.join(" ").contains(part);
            assert!(found, "{part} is not at {width}\n{text}");
        }
    }
    let wide = screen(&shown, later, 140, 42).join("\n");
    assert!(
        wide.contains("memory 123 MiB, peak 1.50 GiB · checkpoint 510, 2 min 10 s ago"),
        "{wide}"
    );
}

#[test]
fn what_happened_is_told_to_its_last_word() {
    let (mut shown, now) = run();
    let words: Vec<String> = (0..40).map(|i| format!("word{i}")).collect();
    shown.event(505, &words.join(" "));
    for (width, height) in [(80, 24), (140, 42), (50, 30)] {
        let text = screen(&shown, now, width, height).join("\n");
        for word in &words {
            assert!(text.contains(word), "{word} is not on\n{text}");
        }
    }
    // the newest first, and that it goes on where there is no room for all of it
    shown.event(510, &words.join(" ").repeat(9));
    let text = screen(&shown, now, 80, 24).join("\n");
    assert!(
        text.contains("from iteration 510") && text.contains('…'),
        "{text}"
    );
    assert!(!text.contains("from iteration 500"), "{text}");
}

#[test]
fn one_point_has_one_number_an_axis() {
    let (mut shown, now) = run();
    shown.curves.clear();
    shown.memory = Memory::default();
    shown.figure(50, "gap", 0.906);
    let text = screen(&shown, now, 80, 24).join("\n");
    assert!(text.contains("0.906"), "{text}");
    for part in ["1.359", "0.453"] {
        assert!(!text.contains(part), "{part}\n{text}");
    }
    assert_eq!(
        text.matches("50 ").count() - text.matches("150 ").count(),
        1,
        "{text}"
    );
}

#[test]
fn what_a_run_went_back_from_is_gone() {
    let (mut shown, now) = run();
    shown.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(shown.state(), "stopping after this iteration");
    assert_eq!(shown.curves["E(data)"].points().len(), 51);
    let history = History::of_lines([json!({"step": 10, "E(data)": 0.5})]);
    let stretch = Stretch {
        first: 10,
        last: 1500,
        history: &history,
    };
    shown.begin(&stretch, now);
    assert_eq!(shown.curves["E(data)"].points(), [(10.0, 0.5)]);
    shown
        .stop
        .store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(shown.state(), "going on from iteration 10");
    assert!(shown.events.is_empty() && shown.curves.len() == 1);
}

#[test]
fn a_long_curve_keeps_its_extremes() {
    let mut curve = Curve::default();
    for step in 0..100_000_u64 {
        let value = match step {
            12_345 => 7.0,
            54_321 => -3.0,
            _ => (step as f64 / 1000.0).sin(),
        };
        curve.push(step, value);
    }
    curve.push(100_000, f64::NAN);
    let points = curve.points();
    assert!(points.len() < 2048, "{}", points.len());
    assert!(points.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(curve.range(), Some([-3.0, 7.0]));
    assert!(points.contains(&(12_345.0, 7.0)) && points.contains(&(54_321.0, -3.0)));
}

#[test]
fn two_pixels_are_a_character() {
    // two images of 2×3 pixels, three channels: red over blue, then white
    let (red, blue, white) = ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0; 3]);
    let pixels = [[red; 3], [blue; 3], [white; 3], [white; 3]];
    let values: Vec<f32> = pixels.iter().flatten().flatten().copied().collect();
    let picture = Picture::new([2, 2, 3, 3], &values);
    let layout = picture.layout(10, 4);
    let expected = Layout {
        shrink: 1,
        columns: 2,
        rows: 1,
    };
    assert_eq!(layout, expected);
    let area = Rect::new(0, 0, 10, 2);
    let mut buffer = Buffer::empty(area);
    Half(&picture, Palette::Full).render(area, &mut buffer);
    let [red, blue, white] =
        [(255, 0, 0), (0, 0, 255), (255, 255, 255)].map(|(r, g, b)| Color::Rgb(r, g, b));
    for (x, colours) in [
        (0, Some((red, blue))),
        (3, None),
        (4, Some((white, white))),
        (7, None),
    ] {
        let cell = &buffer[(x, 0)];
        match colours {
            None => assert_eq!(cell.symbol(), " ", "column {x}"),
            Some(c) => assert_eq!((cell.symbol(), (cell.fg, cell.bg)), ("▀", c), "column {x}"),
        }
        assert_eq!(buffer[(x, 1)].symbol(), " ");
    }
    // without all colours, the nearest of the usual 256
    Half(&picture, Palette::Indexed).render(area, &mut buffer);
    let cell = &buffer[(0, 0)];
    assert_eq!(
        (cell.fg, cell.bg),
        (Color::Indexed(196), Color::Indexed(21))
    );
    assert_eq!(buffer[(4, 0)].fg, Color::Indexed(231));
    // without any, as light as the two are
    let mut buffer = Buffer::empty(area);
    Half(&picture, Palette::None).render(area, &mut buffer);
    let shades: Vec<&str> = [0, 3, 4].map(|x| buffer[(x, 0)].symbol()).into();
    assert_eq!(
        (shades, buffer[(4, 0)].fg),
        (vec!["░", " ", "█"], Color::Reset)
    );
}

#[test]
fn large_images_are_shrunk_until_four_fit() {
    let picture = Picture::new([9, 32, 32, 1], &vec![0.5; 9 * 1024]);
    let layout = picture.layout(34, 40);
    assert_eq!((layout.shrink, layout.columns, layout.rows), (2, 2, 2));
    let area = Rect::new(0, 0, 34, 20);
    let mut buffer = Buffer::empty(area);
    Half(&picture, Palette::Full).render(area, &mut buffer);
    assert_eq!(buffer[(0, 0)].fg, Color::Rgb(128, 128, 128));
    let one = Picture::new([1, 32, 32, 1], &vec![0.5; 1024]);
    assert_eq!(one.layout(34, 40).shrink, 1);
}

/// A frame may take longer than there is between two, over a slow line.
#[test]
fn keys_are_looked_at_once_where_no_time_is_left() {
    let mut looks = Vec::new();
    let look = |left| {
        looks.push(left);
        Ok(())
    };
    look_until(Instant::now(), look).unwrap();
    assert_eq!(looks, [Duration::ZERO]);
}
