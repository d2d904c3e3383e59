//! The newest figures, as a table.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph};

use super::shown::Shown;
use crate::report::lines::short;
use crate::report::names::GROUPS;

/// Columns of the screen that a figure has, with a space before the next one.
pub(super) const CELL: u16 = 26;

/// Names and values.
pub(super) struct Figures(pub Vec<(String, f64)>);

impl Figures {
    /// All that there are; those that this program does not know by name come last.
    pub fn of(shown: &Shown) -> Figures {
        let figures = || GROUPS.iter().flat_map(|group| group.figures);
        let known = figures().filter_map(|f| Some((f.label.to_owned(), shown.value(f.name)?)));
        let others = shown.newest.iter();
        let others = others.filter(|(name, _)| figures().all(|known| known.name != name));
        Figures(known.chain(others.cloned()).collect())
    }

    /// How many stand beside one another.
    fn across(width: u16) -> u16 {
        // none follows the last one
        ((width + 1) / CELL).max(1)
    }

    /// Lines that all of them take.
    pub fn lines(&self, width: u16) -> u16 {
        (self.0.len() as u16).div_ceil(Figures::across(width))
    }

    /// Pages that all of them take, at least one.
    pub fn pages(&self, width: u16, height: u16) -> usize {
        usize::from(self.lines(width).div_ceil(height.max(1)).max(1))
    }

    /// Draws a page of them in a box.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect, page: usize) {
        let block = Block::bordered().title(" figures ");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        self.columns(frame, inner, page);
    }

    /// Draws a page of them, one below the other, then beside that.
    pub fn columns(&self, frame: &mut Frame<'_>, area: Rect, page: usize) {
        let across = Figures::across(area.width);
        let height = area.height.min(self.lines(area.width));
        if height == 0 {
            return;
        }
        let count = usize::from(across * height);
        let shown = self.0.iter().skip(page * count).take(count);
        let shown: Vec<&(String, f64)> = shown.collect();
        let places = Layout::horizontal(vec![Constraint::Fill(1); usize::from(across)]).split(area);
        for (i, (column, place)) in shown
            .chunks(usize::from(height))
            .zip(places.iter())
            .enumerate()
        {
            let last = i + 1 == usize::from(across);
            let wide = usize::from(place.width) - usize::from(!last && place.width > 0);
            let lines: Vec<Line<'_>> = column.iter().map(|f| line(f, wide)).collect();
            frame.render_widget(Paragraph::new(lines), *place);
        }
    }
}

/// The name to the left, as much of it as there is room for, and the value to the right.
fn line((name, value): &(String, f64), wide: usize) -> Line<'static> {
    let number = short(*value);
    let room = wide.saturating_sub(number.len() + 1);
    let name: String = name.chars().take(room).collect();
    let text = format!("{name:<room$} {number}");
    match value.is_finite() {
        true => Line::from(text),
        false => Line::from(text).fg(Color::Red),
    }
}
