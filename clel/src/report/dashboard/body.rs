//! Curves, samples and figures: which of them stand where, and on how many pages.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::widgets::{Block, Paragraph};

use super::charts;
use super::figures::{CELL, Figures};
use super::panel::Panel;
use super::shown::Shown;

/// Rows of the panel with samples beside all figures, at least.
const PICTURE: u16 = 12;
/// In less room than this, neither a curve nor a picture says anything.
const LEAST: (u16, u16) = (20, charts::LEAST.1);

/// What is drawn of a run in a part of the screen, on as many pages as it takes.
pub(super) struct Body<'a> {
    shown: &'a Shown,
    figures: Figures,
    /// All there is, as pages with figures alone have it.
    area: Rect,
    /// Where curves are.
    curves: Rect,
    /// Where samples are, if that is beside the curves.
    picture: Option<Rect>,
    /// Where all figures are, if that is on each page of curves and samples.
    place: Option<Rect>,
    /// Pages with curves, with figures alone, with samples alone.
    pages: [usize; 3],
}

impl<'a> Body<'a> {
    /// In this part of the screen.
    pub fn of(shown: &'a Shown, area: Rect) -> Body<'a> {
        let figures = Figures::of(shown);
        let mut body = Body {
            shown,
            figures,
            area,
            curves: area,
            picture: None,
            place: None,
            pages: [0; 3],
        };
        if body.has_room() {
            body.divide();
        }
        body.count();
        body
    }

    /// Whether there is room for curves and samples.
    pub fn has_room(&self) -> bool {
        self.area.width >= LEAST.0 && self.area.height >= LEAST.1
    }

    /// Pages in all, at least one.
    pub fn pages(&self) -> usize {
        self.pages.iter().sum()
    }

    /// Gives everything its place.
    fn divide(&mut self) {
        let area = self.area;
        // a quarter or so; of a large window enough for a good many samples
        let side = (area.width * 3 / 10).clamp(CELL + 2, 72);
        // samples are on a page of their own where two charts would not fit beside them
        let beside = area.width.saturating_sub(side) >= 2 * charts::LEAST.0;
        let list = self.figures.0.len() as u16 + 2;
        let strip = self.figures.lines(area.width - 2) + 2;
        // figures are beside the curves, below them, or on pages of their own
        let listed = beside && area.height >= PICTURE + list;
        if !listed && area.height >= charts::LEAST.1 + strip {
            let [above, place] =
                Layout::vertical([Constraint::Min(0), Constraint::Length(strip)]).areas(area);
            (self.curves, self.place) = (above, Some(place));
        }
        if !beside {
            return;
        }
        let [curves, picture] =
            Layout::horizontal([Constraint::Min(0), Constraint::Length(side)]).areas(self.curves);
        (self.curves, self.picture) = (curves, Some(picture));
        if listed {
            let [picture, place] =
                Layout::vertical([Constraint::Min(PICTURE), Constraint::Length(list)])
                    .areas(picture);
            (self.picture, self.place) = (Some(picture), Some(place));
        }
    }

    fn count(&mut self) {
        let frame = self.frame();
        let (width, height) = (self.area.width, self.area.height);
        let of_figures = self
            .figures
            .pages(width.saturating_sub(frame), height.saturating_sub(frame));
        self.pages = match (self.has_room(), self.place) {
            (false, _) => [0, of_figures, 0],
            (true, place) => [
                charts::pages(self.curves, self.shown),
                if place.is_none() { of_figures } else { 0 },
                usize::from(self.picture.is_none()),
            ],
        };
    }

    /// Rows and columns that a frame around figures takes; where there is little room there is none.
    fn frame(&self) -> u16 {
        if self.has_room() { 2 } else { 0 }
    }

    /// Draws one of its pages.
    pub fn draw(&self, frame: &mut Frame<'_>, page: usize, panel: &mut Panel) {
        let [of_curves, of_figures, _] = self.pages;
        if page >= of_curves && page < of_curves + of_figures {
            let page = page - of_curves;
            return match self.frame() {
                0 => self.figures.columns(frame, self.area, page),
                _ => self.figures.draw(frame, self.area, page),
            };
        }
        if page < of_curves {
            charts::draw(frame, self.curves, self.shown, page);
            if let Some(picture) = self.picture {
                samples(frame, picture, self.shown, panel);
            }
        } else {
            samples(frame, self.curves, self.shown, panel);
        }
        if let Some(place) = self.place {
            self.figures.draw(frame, place, 0);
        }
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
