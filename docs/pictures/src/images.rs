//! A grid of small images.

use std::error::Error;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Colour, FONT};

pub(super) struct Images {
    pub columns: usize,
    pub size: [usize; 2],
    pub values: Vec<f32>,
    pub captions: Vec<(String, Colour)>,
}

/// Height of a caption.
const CAPTION: usize = 17;
/// Space around the grid and between its images.
const MARGIN: usize = 12;
const GAP: usize = 6;

impl Images {
    pub fn draw(
        &self,
        area: &DrawingArea<BitMapBackend<'_>, Shift>,
        title: &str,
    ) -> Result<(), Box<dyn Error>> {
        let area = area
            .margin(MARGIN as u32, 0, 0, 0)
            .titled(title, (FONT, 15))?;
        let (width, height) = area.dim_in_pixel();
        let [h, w] = self.size;
        let count = self.values.len() / (h * w).max(1);
        let rows = count.div_ceil(self.columns.max(1)).max(1);
        let caption = if self.captions.is_empty() { 0 } else { CAPTION };
        let room = |side: u32, n: usize| (side as usize).saturating_sub(2 * MARGIN) / n.max(1);
        let across = room(width, self.columns).saturating_sub(GAP) / w.max(1);
        let down = room(height, rows).saturating_sub(GAP + caption) / h.max(1);
        let scale = across.min(down).max(1);
        let cell = [h * scale + GAP + caption, w * scale + GAP];
        // the middle, with a ground that is neither ink nor paper
        let origin = (width as usize).saturating_sub(self.columns * cell[1]) / 2;
        let end = (origin + self.columns * cell[1], MARGIN + rows * cell[0]);
        let corners = [
            ((origin - GAP) as i32, (MARGIN - GAP) as i32),
            (end.0 as i32, end.1 as i32),
        ];
        if caption == 0 {
            area.draw(&Rectangle::new(corners, RGBColor(120, 130, 150).filled()))?;
        }
        for (n, image) in self.values.chunks_exact(h * w).enumerate() {
            let left = (origin + n % self.columns * cell[1]) as i32;
            let top = (MARGIN + n / self.columns * cell[0]) as i32;
            for (i, value) in image.iter().enumerate() {
                let grey = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                let (x, y) = (left + (i % w * scale) as i32, top + (i / w * scale) as i32);
                let end = (x + scale as i32, y + scale as i32);
                let colour = RGBColor(grey, grey, grey);
                area.draw(&Rectangle::new([(x, y), end], colour.filled()))?;
            }
            if let Some((text, colour)) = self.captions.get(n) {
                let bottom = top + (h * scale) as i32;
                let style = (FONT, 13)
                    .into_font()
                    .color(&colour.rgb())
                    .pos(Pos::new(HPos::Center, VPos::Top));
                let middle = left + (w * scale / 2) as i32;
                area.draw_text(text, &style, (middle, bottom + 3))?;
                let corners = [(left - 2, top - 2), (left + (w * scale) as i32, bottom)];
                area.draw(&Rectangle::new(corners, colour.rgb().stroke_width(2)))?;
            }
        }
        Ok(())
    }
}
