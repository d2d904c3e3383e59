//! Where everything stands on the screen.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, LineGauge, Paragraph, Wrap};

use super::charts;
use super::panel::Panel;
use super::shown::Shown;
use crate::report::lines::short;
use crate::report::names::GROUPS;
use crate::report::pace::duration;

/// Columns of the panel with samples and figures.
const SIDE: u16 = 36;
/// Rows of the panel with samples, at least.
const PICTURE: u16 = 12;
/// Smaller than this, only lines are shown.
const LEAST: (u16, u16) = (60, 16);
/// Events that are shown, the newest.
const EVENTS: usize = 4;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, shown: &Shown, now: Instant, panel: &mut Panel) {
    panel.begin();
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return narrow(frame, area, shown, now);
    }
    let events = shown.events.len().min(EVENTS) as u16;
    let [head, body, news, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(0),
        Constraint::Length(if events > 0 { events + 2 } else { 0 }),
        Constraint::Length(1),
    ])
    .areas(area);
    header(frame, head, shown, now);
    let [curves, side] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(SIDE)]).areas(body);
    charts::draw(frame, curves, shown);
    let wanted = figure_lines(shown).len() as u16 + 2;
    let [picture, figures] =
        Layout::vertical([Constraint::Min(PICTURE), Constraint::Max(wanted)]).areas(side);
    samples(frame, picture, shown, panel);
    frame.render_widget(
        Paragraph::new(figure_lines(shown)).block(Block::bordered().title(" figures ")),
        figures,
    );
    if events > 0 {
        let block = Block::bordered()
            .title(" what happened on the way ")
            .border_style(Style::new().fg(Color::Yellow));
        frame.render_widget(Paragraph::new(event_lines(shown)).block(block), news);
    }
    let help = "Ctrl-C saves and ends · Ctrl-L draws anew";
    frame.render_widget(Paragraph::new(help).dim(), foot);
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
    let text = status(shown, now);
    let [bar, words] = Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length((text.chars().count() as u16 + 1).min(inner.width)),
    ])
    .areas(inner);
    let gauge = LineGauge::default()
        .ratio(done(shown))
        .label(format!("{:>3.0} %", (100.0 * done(shown)).floor()))
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(Style::new().fg(Color::DarkGray));
    frame.render_widget(gauge, bar);
    frame.render_widget(Paragraph::new(text).right_aligned(), words);
}

fn done(shown: &Shown) -> f64 {
    (shown.step as f64 / shown.last.max(1) as f64).min(1.0)
}

/// `training · 510/1500 · 11.4 it/s · 1 min 27 s left · 123 MiB, peak 150 MiB`.
fn status(shown: &Shown, now: Instant) -> String {
    let mut parts = vec![shown.state().to_owned()];
    if shown.last > 0 {
        parts.push(format!("{}/{}", shown.step, shown.last));
    }
    parts.extend(shown.pace.rate_in_words());
    if shown.step < shown.last {
        let left = shown.pace.left(now);
        parts.extend(left.map(|seconds| format!("{} left", duration(seconds))));
    }
    let memory = shown.memory;
    if memory.peak > 0 {
        let [live, peak] = [memory.live, memory.peak].map(bytes);
        parts.push(format!("{live}, peak {peak}"));
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

/// A line for each figure there is; those that this program does not know by name come last.
fn figure_lines(shown: &Shown) -> Vec<Line<'static>> {
    let figures = || GROUPS.iter().flat_map(|group| group.figures);
    let known = figures().filter_map(|f| Some((f.label, shown.value(f.name)?)));
    let others = shown.newest.iter();
    let others = others.filter(|(name, _)| figures().all(|known| known.name != name));
    let others = others.map(|(name, value)| (name.as_str(), *value));
    let line = |(label, value): (&str, f64)| {
        let wide = usize::from(SIDE) - 2 - 12;
        let text = format!("{label:<wide$}{:>12}", short(value));
        match value.is_finite() {
            true => Line::from(text),
            false => Line::from(text).fg(Color::Red),
        }
    };
    known.chain(others).map(line).collect()
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

/// The newest events.
fn event_lines(shown: &Shown) -> Vec<Line<'_>> {
    let first = shown.events.len().saturating_sub(EVENTS);
    let line = |(step, text): &'_ (u64, String)| -> Line<'_> {
        let at = Span::styled(
            format!("from iteration {step}: "),
            Style::new().add_modifier(Modifier::BOLD),
        );
        Line::from(vec![at, Span::raw(text.clone())])
    };
    shown.events[first..].iter().map(line).collect()
}

/// What fits into a small window: words alone.
fn narrow(frame: &mut Frame<'_>, area: Rect, shown: &Shown, now: Instant) {
    let mut lines = vec![
        Line::from(shown.run.clone()).bold(),
        Line::from(status(shown, now)),
    ];
    lines.extend(event_lines(shown).into_iter().rev());
    lines.extend(figure_lines(shown));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
}
