//! Curves of figures.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph, Wrap};

use super::picture::Palette;
use super::shown::Shown;
use crate::report::axis::Values;
use crate::report::curve::Curve;
use crate::report::names::{GROUPS, Group};

/// A chart is at least so large.
pub(super) const LEAST: (u16, u16) = (26, 6);
/// A chart of this height says its iterations too.
const TALL: u16 = 9;
const COLOURS: [Color; 3] = [Color::Cyan, Color::LightRed, Color::Green];
/// How curves differ that have no colours.
const MARKERS: [(Marker, &str); 3] = [
    (Marker::Braille, "⠒"),
    (Marker::Dot, "•"),
    (Marker::Block, "█"),
];

/// Curves that are drawn together, with their names, under a title.
type Together<'a> = (&'static str, Vec<(&'a Curve, &'static str)>);

/// Those that there are.
fn groups(shown: &Shown) -> Vec<Together<'_>> {
    let drawn = |group: &'static Group| {
        let curves = group.figures.iter();
        let curves =
            curves.filter_map(|figure| Some((shown.curves.get(figure.name)?, figure.curve)));
        let curves: Vec<(&Curve, &'static str)> = curves.collect();
        (!curves.is_empty()).then_some((group.short, curves))
    };
    GROUPS.iter().filter_map(drawn).collect()
}

/// Columns and rows of so many charts, as many as there is room for.
fn cut(area: Rect, count: usize) -> (usize, usize) {
    let columns = usize::from(area.width / LEAST.0).clamp(1, 3);
    let most = usize::from(area.height / LEAST.1).max(1);
    let rows = count.div_ceil(columns).clamp(1, most);
    (count.div_ceil(rows).clamp(1, columns), rows)
}

/// Pages that all charts take, at least one.
pub(super) fn pages(area: Rect, shown: &Shown) -> usize {
    let count = groups(shown).len();
    let (columns, rows) = cut(area, count);
    count.div_ceil(columns * rows).max(1)
}

/// Draws a page of the charts.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, shown: &Shown, page: usize) {
    let groups = groups(shown);
    if groups.is_empty() {
        let text = "curves begin with the first line of metrics";
        let text = Paragraph::new(text).wrap(Wrap { trim: true });
        frame.render_widget(text.dim(), area);
        return;
    }
    let (columns, rows) = cut(area, groups.len());
    // the last page is as full as the others
    let count = columns * rows;
    let first = (page * count).min(groups.len().saturating_sub(count));
    let groups = &groups[first..groups.len().min(first + count)];
    let coloured = shown.palette != Palette::None;
    let strips = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
    for (row, strip) in groups.chunks(columns).zip(strips.iter()) {
        let places = Layout::horizontal(vec![Constraint::Fill(1); row.len()]).split(*strip);
        for ((title, curves), place) in row.iter().zip(places.iter()) {
            chart(frame, *place, title, curves, coloured);
        }
    }
}

fn chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    curves: &[(&Curve, &str)],
    coloured: bool,
) {
    let mut heading = Vec::new();
    if !title.is_empty() {
        heading.push(Span::raw(format!("{title}  ")));
    }
    for (((_, label), colour), (_, sign)) in curves.iter().zip(COLOURS).zip(MARKERS) {
        let text = match coloured || curves.len() == 1 {
            true => format!("{label} "),
            false => format!("{label}{sign} "),
        };
        heading.push(Span::styled(text, Style::new().fg(colour)));
    }
    let values = Values::of(curves.iter().map(|(curve, _)| *curve));
    let mut block = Block::bordered().title(Line::from(heading));
    if values.is_some_and(|values| values.logarithmic) {
        // at the foot of the axis, where no title takes its room
        block = block.title_bottom("log".dim());
    }
    let Some(values) = values else {
        return frame.render_widget(block, area);
    };
    let points = curves.iter().flat_map(|(curve, _)| {
        let points = curve.points();
        [points.first(), points.last()]
    });
    let steps: Vec<f64> = points.flatten().map(|point| point.0).collect();
    let first = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let last = steps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // one iteration is in the middle
    let ends = match first < last {
        true => vec![format!("{first}"), format!("{last}")],
        false => vec![String::new(), format!("{first}"), String::new()],
    };
    let span = match first < last {
        true => [first, last],
        false => [first - 1.0, last + 1.0],
    };
    let drawn = curves.iter().map(|(curve, _)| {
        let points = curve.points().iter();
        points.map(|(step, value)| (*step, values.place(*value)))
    });
    let drawn: Vec<Vec<(f64, f64)>> = drawn.map(Iterator::collect).collect();
    let looks = COLOURS.into_iter().zip(MARKERS);
    let datasets = drawn.iter().zip(looks).map(|(points, look)| {
        let (colour, (marker, _)) = look;
        let kind = match points.len() {
            1 => GraphType::Scatter,
            _ => GraphType::Line,
        };
        Dataset::default()
            .marker(if coloured { Marker::Braille } else { marker })
            .graph_type(kind)
            .style(Style::new().fg(colour))
            .data(points)
    });
    let soft = Style::new().fg(Color::DarkGray);
    let mut x = Axis::default().bounds(span).style(soft);
    if area.height >= TALL {
        x = x.labels(ends);
    }
    let y = Axis::default()
        .bounds(values.bounds())
        .labels(values.ticks(usize::from(area.width.saturating_sub(2) / 3)))
        .style(soft);
    // the last one drawn lies on top: samples over data, which they come near, and both over noise
    let mut datasets: Vec<_> = datasets.collect();
    if datasets.len() > 2 {
        datasets.rotate_right(1);
    }
    let chart = Chart::new(datasets)
        .block(block)
        .x_axis(x)
        .y_axis(y)
        .legend_position(None);
    frame.render_widget(chart, area);
}
