//! Where everything stands on the screen.

use std::collections::VecDeque;
use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::line::{HORIZONTAL, THICK_HORIZONTAL};
use ratatui::text::Line;
use ratatui::widgets::{Block, LineGauge, Paragraph};

use super::charts;
use super::figures::{CELL, Figures};
use super::panel::Panel;
use super::shown::Shown;
use crate::report::pace::duration;

/// Rows of the panel with samples beside all figures, at least.
const PICTURE: u16 = 12;
/// Smaller than this, only words are shown.
const LEAST: (u16, u16) = (60, 16);
/// Columns for the share that is done, and a space, at least.
const BAR: u16 = 8;
/// Rows for what happened on the way, at most.
const NEWS: u16 = 8;

/// Draws everything; what there is no room for is on pages to turn to.
pub(super) fn draw(frame: &mut Frame<'_>, shown: &Shown, now: Instant, panel: &mut Panel) {
    panel.begin();
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return narrow(frame, area, shown, now);
    }
    let events = news(shown, area.width - 2, (area.height / 4).min(NEWS));
    let [head, body, below, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(0),
        Constraint::Length(match events.len() as u16 {
            0 => 0,
            lines => lines + 2,
        }),
        Constraint::Length(1),
    ])
    .areas(area);
    header(frame, head, shown, now);
    if !events.is_empty() {
        let block = Block::bordered()
            .title(" what happened on the way ")
            .border_style(Style::new().fg(Color::Yellow));
        frame.render_widget(Paragraph::new(events).block(block), below);
    }
    let (page, pages) = middle(frame, body, shown, panel);
    let help = "Ctrl-C saves and ends · Ctrl-L draws anew";
    let help = match pages {
        1 => help.to_owned(),
        _ => format!("Tab: page {}/{pages} · {help}", page + 1),
    };
    frame.render_widget(Paragraph::new(help).dim(), foot);
}

/// Curves, samples, figures; which page of how many it is.
fn middle(frame: &mut Frame<'_>, area: Rect, shown: &Shown, panel: &mut Panel) -> (usize, usize) {
    let figures = Figures::of(shown);
    // a quarter or so; of a large window enough for a good many samples
    let side = (area.width * 3 / 10).clamp(CELL + 2, 72);
    let across = |area: Rect| -> [Rect; 2] {
        Layout::horizontal([Constraint::Min(0), Constraint::Length(side)]).areas(area)
    };
    let list = figures.0.len() as u16 + 2;
    let strip = figures.lines(area.width - 2) + 2;
    let room = area.height;
    // samples are on a page of their own where two charts would not fit beside them
    let beside = area.width - side >= 2 * charts::LEAST.0;
    // figures are beside the curves, below them, or on pages of their own
    let (above, place) = if beside && room >= PICTURE + list {
        let [above, side] = across(area);
        let [_, place] =
            Layout::vertical([Constraint::Min(PICTURE), Constraint::Length(list)]).areas(side);
        (
            Rect {
                width: area.width,
                ..above
            },
            Some(place),
        )
    } else if room >= charts::LEAST.1 + strip {
        let [above, place] =
            Layout::vertical([Constraint::Min(0), Constraint::Length(strip)]).areas(area);
        (above, Some(place))
    } else {
        (area, None)
    };
    let (curves, picture) = match (beside, across(above)) {
        (true, [curves, mut picture]) => {
            if let Some(place) = place.filter(|place| place.x == picture.x) {
                picture.height -= place.height;
            }
            (curves, Some(picture))
        }
        (false, _) => (above, None),
    };
    let of_curves = charts::pages(curves, shown);
    let of_figures = match place {
        Some(_) => 0,
        None => figures.pages(area.width - 2, area.height.saturating_sub(2)),
    };
    let pages = of_curves + of_figures + usize::from(!beside);
    let page = shown.page.rem_euclid(pages as isize) as usize;
    if page < of_curves {
        charts::draw(frame, curves, shown, page);
        if let Some(picture) = picture {
            samples(frame, picture, shown, panel);
        }
    } else if page < of_curves + of_figures {
        figures.draw(frame, area, page - of_curves);
        return (page, pages);
    } else {
        samples(frame, above, shown, panel);
    }
    if let Some(place) = place {
        figures.draw(frame, place, 0);
    }
    (page, pages)
}

/// Name, state, how far, how fast, how long.
fn header(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant) {
    let title = Line::from(vec![
        " clel train ".bold(),
        format!("{} ", shown.run).into(),
    ]);
    let block = Block::bordered().title(title);
    let device = Line::from(format!(" {} ", shown.device)).right_aligned();
    let block = block.title(device);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    // of what there is no room for, the memory is missed least
    let room = usize::from(inner.width.saturating_sub(BAR));
    let texts = [Told::All, Told::NoPeak, Told::NoMemory].map(|what| status(shown, now, what));
    let [_, _, shortest] = &texts;
    let fitting = texts.iter().find(|text| text.chars().count() <= room);
    let text = fitting.unwrap_or(shortest).clone();
    let [bar, words] = Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length((text.chars().count() as u16 + 1).min(inner.width)),
    ])
    .areas(inner);
    let gauge = LineGauge::default()
        .ratio(done(shown))
        .label(format!("{:>3.0} %", (100.0 * done(shown)).floor()))
        .filled_symbol(THICK_HORIZONTAL)
        .unfilled_symbol(HORIZONTAL)
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(Style::new().fg(Color::DarkGray));
    frame.render_widget(gauge, bar);
    frame.render_widget(Paragraph::new(text).right_aligned(), words);
}

fn done(shown: &Shown) -> f64 {
    (shown.step as f64 / shown.last.max(1) as f64).min(1.0)
}

/// How much is told of how it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    NoPeak,
    NoMemory,
}

/// `training · 510/1500 · 11.4 it/s · 1 min 27 s left · memory 123 MiB, peak 150 MiB`.
fn status(shown: &Shown, now: Instant, what: Told) -> String {
    let mut parts = vec![shown.state().into_owned()];
    if shown.last > 0 {
        parts.push(format!("{}/{}", shown.step, shown.last));
    }
    parts.extend(shown.pace.rate_in_words());
    if shown.step < shown.last {
        let left = shown.pace.left(now);
        parts.extend(left.map(|seconds| format!("{} left", duration(seconds))));
    }
    let memory = shown.memory;
    if memory.peak > 0 && what != Told::NoMemory {
        let [live, peak] = [memory.live, memory.peak].map(bytes);
        parts.push(match what {
            Told::All => format!("memory {live}, peak {peak}"),
            _ => format!("memory {live}"),
        });
    }
    parts.join(" · ")
}

/// Bytes as people say them.
fn bytes(count: u64) -> String {
    let kib = count as f64 / 1024.0;
    match kib {
        0.0..1024.0 => format!("{kib:.0} KiB"),
        1024.0..1_048_576.0 => format!("{:.0} MiB", kib / 1024.0),
        _ => format!("{:.2} GiB", kib / 1_048_576.0),
    }
}

/// The replay buffer's first chains.
fn samples(frame: &mut Frame<'_>, area: Rect, shown: &Shown, panel: &mut Panel) {
    let title = match &shown.samples {
        Some((step, _)) => format!(" samples, iteration {step} "),
        None => " samples ".to_owned(),
    };
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    match &shown.samples {
        Some((_, picture)) => panel.draw(frame, inner, picture, shown.palette),
        None => frame.render_widget(Paragraph::new("none drawn yet").dim(), inner),
    }
}

/// The newest events in lines that are not too wide, at most so many.
fn news(shown: &Shown, width: u16, most: u16) -> Vec<Line<'static>> {
    let most = usize::from(most.max(1));
    let mut lines = VecDeque::new();
    for (step, text) in shown.events.iter().rev() {
        let at = format!("from iteration {step}: ");
        let text = format!("{at}{text}");
        let mut wrapped = textwrap::wrap(&text, usize::from(width.max(1)));
        if lines.is_empty() && wrapped.len() > most {
            wrapped.truncate(most);
            let last = &mut wrapped[most - 1];
            let kept = last
                .chars()
                .count()
                .min(usize::from(width).saturating_sub(1));
            *last = last.chars().take(kept).chain(['…']).collect();
        }
        if lines.len() + wrapped.len() > most {
            break;
        }
        for (i, line) in wrapped.iter().enumerate().rev() {
            // where each begins can be seen
            let bold = if i == 0 { at.len().min(line.len()) } else { 0 };
            let (bold, rest) = line.split_at_checked(bold).unwrap_or(("", line));
            lines.push_front(Line::from(vec![
                bold.to_owned().bold(),
                rest.to_owned().into(),
            ]));
        }
    }
    lines.into()
}

/// What fits into a small window: words alone.
fn narrow(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant) {
    let width = usize::from(area.width.max(1));
    let mut lines = vec![Line::from(shown.run.clone()).bold()];
    let status = status(shown, now, Told::All);
    let status = textwrap::wrap(&status, width);
    lines.extend(status.into_iter().map(|line| Line::from(line.into_owned())));
    lines.extend(news(shown, area.width, area.height / 3));
    let [above, below] =
        Layout::vertical([Constraint::Length(lines.len() as u16), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(lines), above);
    let figures = Figures::of(shown);
    let [table, foot] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(below);
    let pages = figures.pages(table.width, table.height);
    let page = shown.page.rem_euclid(pages as isize) as usize;
    figures.columns(frame, table, page);
    let help = match pages {
        1 => "Ctrl-C saves and ends".to_owned(),
        _ => format!("Tab: page {}/{pages} · Ctrl-C saves and ends", page + 1),
    };
    frame.render_widget(Paragraph::new(help).dim(), foot);
}
