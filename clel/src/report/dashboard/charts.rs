//! Curves of figures.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType};

use super::curve::Curve;
use super::shown::Shown;
use crate::report::names::{GROUPS, Group};

/// A chart is at least so large.
const LEAST: (u16, u16) = (28, 7);
/// A chart of this height says its iterations too.
const TALL: u16 = 9;
const COLOURS: [Color; 3] = [Color::Cyan, Color::LightRed, Color::Green];

/// More would be too small.
const MOST: usize = 9;

/// Draws as many charts as there is room for.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, shown: &Shown) {
    let drawn = |group: &'static Group| {
        let curves = group.figures.iter();
        let curves =
            curves.filter_map(|figure| Some((shown.curves.get(figure.name)?, figure.curve)));
        let curves: Vec<(&Curve, &'static str)> = curves.collect();
        (!curves.is_empty()).then_some((group.short, curves))
    };
    let groups: Vec<_> = GROUPS.iter().filter_map(drawn).take(MOST).collect();
    if groups.is_empty() {
        let text = "curves begin with the first line of metrics";
        frame.render_widget(Line::from(text).dim(), area);
        return;
    }
    let columns = usize::from(area.width / LEAST.0).clamp(1, 3);
    let most = usize::from(area.height / LEAST.1).max(1);
    let rows = groups.len().div_ceil(columns).min(most);
    let columns = groups.len().div_ceil(rows).min(columns);
    let strips = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
    for (row, strip) in groups.chunks(columns).zip(strips.iter()) {
        let places = Layout::horizontal(vec![Constraint::Fill(1); row.len()]).split(*strip);
        for ((title, curves), place) in row.iter().zip(places.iter()) {
            chart(frame, *place, title, curves);
        }
    }
}

fn chart(frame: &mut Frame<'_>, area: Rect, title: &str, curves: &[(&Curve, &str)]) {
    let mut heading = vec![Span::raw(" ")];
    if !title.is_empty() {
        heading.push(Span::raw(format!("{title}  ")));
    }
    for ((_, label), colour) in curves.iter().zip(COLOURS) {
        heading.push(Span::styled(format!("{label} "), Style::new().fg(colour)));
    }
    let block = Block::bordered().title(Line::from(heading));
    let ends = curves.iter().flat_map(|(curve, _)| {
        let points = curve.points();
        [points.first(), points.last()]
    });
    let steps: Vec<f64> = ends.flatten().map(|point| point.0).collect();
    let first = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let last = steps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ranges = curves.iter().filter_map(|(curve, _)| curve.range());
    let range = ranges.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    let Some([low, high]) = range else {
        // no number that could be drawn
        return frame.render_widget(block, area);
    };
    // one point, or the same number again and again, in the middle
    let [low, high] = if low < high {
        [low, high]
    } else {
        let around = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
        [low - around, high + around]
    };
    let datasets = curves.iter().zip(COLOURS).map(|((curve, _), colour)| {
        let kind = match curve.points().len() {
            1 => GraphType::Scatter,
            _ => GraphType::Line,
        };
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(kind)
            .style(Style::new().fg(colour))
            .data(curve.points())
    });
    let soft = Style::new().fg(Color::DarkGray);
    let mut x = Axis::default()
        .bounds([first, last.max(first + 1.0)])
        .style(soft);
    if area.height >= TALL {
        x = x.labels([format!("{first}"), format!("{last}")]);
    }
    let y = Axis::default()
        .bounds([low, high])
        .labels([tick(low), tick(high)])
        .style(soft);
    let chart = Chart::new(datasets.collect())
        .block(block)
        .x_axis(x)
        .y_axis(y)
        .legend_position(None);
    frame.render_widget(chart, area);
}

/// Three digits, always of the same width.
fn tick(value: f64) -> String {
    let text = match value.abs() {
        size if size == 0.0 || (1e-2..1e4).contains(&size) => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    };
    format!("{text:>7}")
}
