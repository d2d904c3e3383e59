//! Small images in a terminal: as pixels, or as two of them a character, one above the other.

use image::DynamicImage;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::Widget;

use crate::data::to_byte;
use crate::report::Grid;

/// Images that are kept for showing; no panel has room for more.
const MOST: usize = 64;

/// Images to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    shape: [usize; 4],
    bytes: Vec<u8>,
}

/// How images lie in a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Pixels of an image, in both directions, that are one on the screen.
    pub shrink: usize,
    /// Images in a row.
    pub columns: usize,
    /// Rows of images.
    pub rows: usize,
}

impl Picture {
    /// Of images \[N, H, W, C\] with values in \[0, 1\].
    pub fn new(shape: [usize; 4], values: &[f32]) -> Picture {
        let [n, h, w, c] = shape;
        let n = n.min(MOST);
        let bytes = values.iter().take(n * h * w * c).map(|v| to_byte(*v));
        Picture {
            shape: [n, h, w, c],
            bytes: bytes.collect(),
        }
    }

    /// The images as a grid of at most so many pixels: as large as all of them can be, each pixel a square; if they are too many, as many as there is
    /// room for, and at least four, if need be made smaller. None where there is no room at all.
    pub fn pixels(&self, width: u32, height: u32) -> Option<DynamicImage> {
        let [n, h, w, c] = self.shape;
        let (wide, high) = (width as usize, height as usize);
        let border = 2;
        let fit = |room: usize, side: usize| room.saturating_sub(border) / (side + border);
        let holds = |scale: usize| (fit(wide, w * scale), fit(high, h * scale));
        let scales = (1..=wide.min(high)).rev();
        let mut scales = scales.map(|scale| (scale, holds(scale)));
        let all = scales.find(|(_, (columns, rows))| columns * rows >= n);
        let (scale, (columns, rows)) = all.unwrap_or((1, holds(1)));
        let (columns, shown) = match columns * rows >= n.min(4) {
            true => (columns.min(n), n.min(columns * rows)),
            false => (2, n.min(4)),
        };
        let grid = Grid {
            columns,
            scale,
            border,
        };
        // the middle of each byte's range
        let values = self.bytes[..shown * h * w * c].iter();
        let values: Vec<f32> = values.map(|b| (f32::from(*b) + 0.5) / 256.0).collect();
        let image = grid.draw([shown, h, w, c], &values).ok()?;
        let fits = image.width() <= width && image.height() <= height;
        match fits {
            true => Some(image),
            false if width > 0 && height > 0 => Some(image.thumbnail(width, height)),
            false => None,
        }
    }

    /// As many images as fit into so many pixels, with a pixel between them: at least four if there are four, shrunk if need be.
    pub fn layout(&self, width: usize, height: usize) -> Layout {
        let [n, h, w, _] = self.shape;
        let wanted = n.min(4);
        let mut layout = Layout {
            shrink: 1,
            columns: 0,
            rows: 0,
        };
        loop {
            let fit = |room: usize, side: usize| (room + 1) / (side / layout.shrink + 1);
            (layout.columns, layout.rows) = (fit(width, w), fit(height, h));
            if layout.columns * layout.rows >= wanted || layout.shrink >= h.min(w) {
                layout.columns = layout.columns.min(n);
                return layout;
            }
            layout.shrink += 1;
        }
    }

    /// The colour at a place of the screen; none between images.
    fn pixel(&self, layout: Layout, x: usize, y: usize) -> Option<[u8; 3]> {
        let [n, h, w, c] = self.shape;
        let k = layout.shrink;
        let (wide, high) = (w / k, h / k);
        let (column, dx) = (x / (wide + 1), x % (wide + 1));
        let (row, dy) = (y / (high + 1), y % (high + 1));
        let image = row * layout.columns + column;
        let inside = column < layout.columns && row < layout.rows && dx < wide && dy < high;
        if !inside || image >= n {
            return None;
        }
        let mean = |channel: usize| {
            let at = |i: usize| ((image * h + dy * k + i / k) * w + dx * k + i % k) * c + channel;
            let sum: usize = (0..k * k).map(|i| usize::from(self.bytes[at(i)])).sum();
            (sum / (k * k)) as u8
        };
        Some(if c == 3 {
            [mean(0), mean(1), mean(2)]
        } else {
            [mean(0); 3]
        })
    }
}

/// Which colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Palette {
    /// All of 8 bits a channel.
    Full,
    /// The usual 256: 24 greys, and 6 steps of each channel.
    Indexed,
    /// None, where nobody wants them.
    None,
}

/// How much of a character is light.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

impl Palette {
    /// What the terminal says of itself, and its owner.
    pub fn of_terminal() -> Palette {
        // as crossterm reads it, which then leaves colours out
        if std::env::var("NO_COLOR").is_ok_and(|said| !said.is_empty()) {
            return Palette::None;
        }
        let said = std::env::var("COLORTERM").unwrap_or_default();
        match said.as_str() {
            "truecolor" | "24bit" => Palette::Full,
            _ => Palette::Indexed,
        }
    }

    fn colour(self, [r, g, b]: [u8; 3]) -> Color {
        let step = |v: u8| (u16::from(v) * 5 + 127) / 255;
        match self {
            Palette::Full => Color::Rgb(r, g, b),
            Palette::None => Color::Reset,
            // 16 and 231 are black and white, 232 to 255 what lies between
            Palette::Indexed if r == g && g == b => match (u16::from(r) * 25 + 127) / 255 {
                0 => Color::Indexed(16),
                25 => Color::Indexed(231),
                grey => Color::Indexed(231 + grey as u8),
            },
            Palette::Indexed => Color::Indexed((16 + 36 * step(r) + 6 * step(g) + step(b)) as u8),
        }
    }
}

/// Draws a picture in some colours.
pub(super) struct Half<'a>(pub &'a Picture, pub Palette);

impl Widget for Half<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let layout = self.0.layout(width, 2 * height);
        for y in 0..height {
            for x in 0..width {
                let at = |y| self.0.pixel(layout, x, y);
                let cell = &mut buffer[(area.x + x as u16, area.y + y as u16)];
                if self.1 == Palette::None {
                    cell.set_char(shade([at(2 * y), at(2 * y + 1)]));
                    continue;
                }
                let at = |y| at(y).map(|p| self.1.colour(p));
                match (at(2 * y), at(2 * y + 1)) {
                    (None, None) => {}
                    (Some(above), None) => {
                        cell.set_char('▀').set_fg(above);
                    }
                    (None, Some(below)) => {
                        cell.set_char('▄').set_fg(below);
                    }
                    (Some(above), Some(below)) => {
                        cell.set_char('▀').set_fg(above).set_bg(below);
                    }
                }
            }
        }
    }
}

/// The character that is about as light as two pixels, one above the other.
fn shade(pixels: [Option<[u8; 3]>; 2]) -> char {
    let levels = pixels.iter().flatten().flatten().map(|v| usize::from(*v));
    let sum: usize = levels.sum();
    SHADES[(sum * (SHADES.len() - 1) + 3 * 255) / (6 * 255)]
}
