//! Where everything stands on the screen.

use std::collections::VecDeque;
use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::line::{HORIZONTAL, THICK_HORIZONTAL};
use ratatui::text::Line;
use ratatui::widgets::{Block, LineGauge, Paragraph};

use super::body::Body;
use super::panel::Panel;
use super::shown::Shown;
use super::status::{course, in_one_line, rest, wide};

/// A smaller window has no boxes around words.
const LEAST: (u16, u16) = (60, 16);
/// Columns for the share that is done, and a space, at least.
const BAR: u16 = 8;
/// Rows for what happened on the way, at most.
const NEWS: u16 = 8;
const SAVES: &str = "Ctrl-C saves and ends";

/// Draws everything; what there is no room for is on pages to turn to.
pub(super) fn draw(frame: &mut Frame<'_>, shown: &Shown, now: Instant, panel: &mut Panel) {
    panel.begin();
    let area = frame.area();
    match area.width >= LEAST.0 && area.height >= LEAST.1 {
        true => large(frame, area, shown, now, panel),
        false => small(frame, area, shown, now, panel),
    }
}

fn large(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant, panel: &mut Panel) {
    let events = news(shown, area.width - 2, (area.height / 4).min(NEWS));
    let [head, middle, below, foot] = Layout::vertical([
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
    let body = Body::of(shown, middle);
    let page = page(shown, body.pages());
    body.draw(frame, page, panel);
    let keys = format!("{SAVES} · Ctrl-L draws anew");
    footer(frame, foot, [page, body.pages()], &keys);
}

/// The page that was turned to.
fn page(shown: &Shown, pages: usize) -> usize {
    shown.page.rem_euclid(pages as isize) as usize
}

/// What keys do.
fn footer(frame: &mut Frame<'_>, area: Rect, [page, pages]: [usize; 2], keys: &str) {
    let number = page + 1;
    let turning = match pages {
        1 => [const { String::new() }; 3],
        _ => [
            format!("Tab: page {number}/{pages} · "),
            format!("Tab: {number}/{pages} · "),
            format!("Tab {number}/{pages} "),
        ],
    };
    let [long, short, least] = &turning;
    // the most words that fit
    let choices = [
        (long, keys),
        (long, SAVES),
        (short, SAVES),
        (short, "Ctrl-C ends"),
        (short, "^C ends"),
        (least, "^C ends"),
        (least, ""),
    ];
    let texts = choices.map(|(turning, keys)| format!("{turning}{keys}"));
    let fits = |text: &&String| wide(text) <= usize::from(area.width);
    let text = texts.iter().find(fits).unwrap_or(&texts[choices.len() - 1]);
    frame.render_widget(Paragraph::new(text.as_str()).dim(), area);
}

/// Name, state, how far, how fast, how long.
fn header(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant) {
    let title = Line::from(vec![
        " clel train ".bold(),
        format!("{} ", shown.run).into(),
    ]);
    let room = usize::from(area.width.saturating_sub(2 + BAR));
    let text = course(shown, now, room);
    let device = Line::from(format!(" {} ", shown.device)).right_aligned();
    let mut block = Block::bordered().title(title).title(device);
    // between the corners, with a space on either side
    let rest = rest(shown, now, &text, usize::from(area.width.saturating_sub(4)));
    if !rest.is_empty() {
        block = block.title_bottom(Line::from(format!(" {rest} ")).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [bar, words] = Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length((wide(&text) as u16 + 1).min(inner.width)),
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

/// Words above the rest. Where they would leave no room for curves and samples, they have the first page.
fn small(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant, panel: &mut Panel) {
    let below = |lines: u16| -> [Rect; 3] {
        Layout::vertical([
            Constraint::Length(lines),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(area)
    };
    let told = [true, false].map(|all| words(shown, now, area, all));
    let room = |words: &Vec<Line<'_>>| Body::of(shown, below(words.len() as u16)[1]).has_room();
    let fitting = told.iter().find(|words| room(words));
    let words = fitting.unwrap_or(&told[0]).clone();
    let [above, middle, foot] = below(words.len() as u16);
    let body = Body::of(shown, middle);
    let (body, alone) = match fitting {
        Some(_) => (body, 0),
        None => {
            let [_, middle, _] = below(1);
            let other = Body::of(shown, middle);
            // figures that are all on the first page need no others
            match other.has_room() || body.pages() > 1 || middle.height == 0 {
                true => (other, 1),
                false => (body, 0),
            }
        }
    };
    let pages = body.pages() + alone;
    let page = page(shown, pages);
    if page >= alone {
        body.draw(frame, page - alone, panel);
    } else {
        Body::of(shown, middle).draw(frame, 0, panel);
    }
    if alone == 0 || page == 0 {
        frame.render_widget(Paragraph::new(words), above);
    } else {
        let line = Rect { height: 1, ..area };
        let text = in_one_line(shown, now, usize::from(line.width));
        frame.render_widget(Paragraph::new(text), line);
    }
    footer(frame, foot, [page, pages], SAVES);
}

/// The run, how it stands and what happened, in no boxes; `all` of it, or what is missed least left out.
fn words(shown: &Shown, now: Instant, area: Rect, all: bool) -> Vec<Line<'static>> {
    let width = usize::from(area.width.max(1));
    let text = course(shown, now, if all { usize::MAX } else { 0 });
    let rest = match all {
        true => rest(shown, now, &text, usize::MAX),
        false => String::new(),
    };
    let parts = [text, rest].into_iter().filter(|part| !part.is_empty());
    let text = parts.collect::<Vec<_>>().join(" · ");
    let run = shown.run.clone();
    let mut lines = match wide(&run) + 3 + wide(&text) <= width {
        true => vec![Line::from(vec![run.bold(), format!(" · {text}").into()])],
        false => {
            let wrapped = textwrap::wrap(&text, width).into_iter();
            let wrapped = wrapped.map(|line| Line::from(line.into_owned()));
            std::iter::once(Line::from(run).bold())
                .chain(wrapped)
                .collect()
        }
    };
    lines.extend(news(shown, area.width, area.height / 3));
    lines
}
