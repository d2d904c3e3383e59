//! The charts that the examples draw: panels side by side in one PNG file, with curves, points, heat maps and grids of
//! small images. The font is part of the program, so a picture looks the same everywhere.

mod chart;
mod font;
mod images;
mod output;
mod place;

use std::{error::Error, ops::Range, path::PathBuf};

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::prelude::*;

use font::FONT;
pub use output::Output;

/// Height of a picture, and width of a panel, in pixels.
const SIDE: u32 = 460;
/// Width of a wide panel: that of the book's text.
const WIDE: u32 = 750;

/// Colours that people with any kind of colour vision tell apart (Okabe and Ito).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "a colour is its name")]
pub enum Colour {
    Black,
    Blue,
    Green,
    Orange,
    Red,
    White,
}

impl Colour {
    fn rgb(self) -> RGBColor {
        match self {
            Colour::Black => RGBColor(0, 0, 0),
            Colour::Blue => RGBColor(0, 114, 178),
            Colour::Green => RGBColor(0, 158, 115),
            Colour::Orange => RGBColor(230, 159, 0),
            Colour::Red => RGBColor(213, 60, 40),
            Colour::White => RGBColor(255, 255, 255),
        }
    }
}

/// Where the legend of a chart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "a corner is its name")]
pub enum Corner {
    LowerRight,
    UpperRight,
}

/// One chart.
pub struct Panel {
    title: String,
    width: u32,
    content: Content,
}

enum Content {
    Chart(Chart),
    Images(images::Images),
}

struct Chart {
    x: Range<f64>,
    y: Range<f64>,
    /// What the horizontal axis is.
    along: String,
    /// Whether heights are exponents of ten.
    powers: bool,
    legend: Corner,
    layers: Vec<Layer>,
}

struct Layer {
    label: Option<(String, Colour)>,
    shape: Shape,
}

enum Shape {
    Line(Vec<(f64, f64)>),
    Points(Vec<(f64, f64)>),
    /// Rows from the bottom up, each from left to right; black to yellow between the two bounds.
    Heat {
        columns: usize,
        values: Vec<f64>,
        bounds: Range<f64>,
    },
}

impl Panel {
    /// An empty chart of these ranges.
    pub fn new(title: &str, x: Range<f64>, y: Range<f64>) -> Panel {
        Panel {
            title: title.to_owned(),
            width: SIDE,
            content: Content::Chart(Chart {
                x,
                y,
                along: String::new(),
                powers: false,
                legend: Corner::LowerRight,
                layers: Vec::new(),
            }),
        }
    }

    /// Small images \[N, height, width\] of values in \[0, 1\] (black to white) in rows of `columns`. Each may have a caption and the
    /// colour of its frame.
    pub fn images(
        title: &str,
        columns: usize,
        size: [usize; 2],
        values: Vec<f32>,
        captions: Vec<(String, Colour)>,
    ) -> Panel {
        Panel {
            title: title.to_owned(),
            width: SIDE,
            content: Content::Images(images::Images {
                columns,
                size,
                values,
                captions,
            }),
        }
    }

    /// As wide as the book's text.
    #[must_use]
    pub fn wide(mut self) -> Panel {
        self.width = WIDE;
        self
    }

    /// With the name of what goes from left to right.
    #[must_use]
    pub fn along(self, name: &str) -> Panel {
        self.chart(|chart| chart.along = name.to_owned())
    }

    /// Heights are logarithms to base 10 of what the axis tells.
    #[must_use]
    pub fn powers_of_ten(self) -> Panel {
        self.chart(|chart| chart.powers = true)
    }

    /// With the legend in this corner; without, it is in the lower right one.
    #[must_use]
    pub fn legend(self, corner: Corner) -> Panel {
        self.chart(|chart| chart.legend = corner)
    }

    /// With a curve through these points.
    #[must_use]
    pub fn line(self, label: &str, colour: Colour, points: Vec<(f64, f64)>) -> Panel {
        self.layer(Some((label.to_owned(), colour)), Shape::Line(points))
    }

    /// With these points.
    #[must_use]
    pub fn points(self, label: &str, colour: Colour, points: Vec<(f64, f64)>) -> Panel {
        self.layer(Some((label.to_owned(), colour)), Shape::Points(points))
    }

    /// With a map of values over the whole chart: rows from the bottom up, each of `columns` values from left to right; the bounds and
    /// what lies beyond are dark and bright.
    #[must_use]
    pub fn heat(self, columns: usize, values: Vec<f64>, bounds: Range<f64>) -> Panel {
        let shape = Shape::Heat {
            columns,
            values,
            bounds,
        };
        self.layer(None, shape)
    }

    fn layer(self, label: Option<(String, Colour)>, shape: Shape) -> Panel {
        self.chart(|chart| chart.layers.push(Layer { label, shape }))
    }

    /// Changes the chart, if it is one.
    fn chart(mut self, change: impl FnOnce(&mut Chart)) -> Panel {
        if let Content::Chart(chart) = &mut self.content {
            change(chart);
        }
        self
    }
}

/// Points from their coordinates x, y, x, y, …
pub fn pairs(flat: &[f32]) -> Vec<(f64, f64)> {
    flat.chunks_exact(2)
        .map(|p| (p[0].into(), p[1].into()))
        .collect()
}

/// The coordinates x, y, x, y, … of the middles of `side` × `side` cells of a square, in the order of [`Panel::heat`].
pub fn cells(range: Range<f64>, side: usize) -> Vec<f32> {
    let at = |i: usize| range.start + (range.end - range.start) * (i as f64 + 0.5) / side as f64;
    (0..side * side)
        .flat_map(|i| [at(i % side) as f32, at(i / side) as f32])
        .collect()
}

/// A picture that is to be drawn: the program's first argument, or `target/examples-out/NAME.png`.
pub struct Picture {
    path: PathBuf,
}

impl Picture {
    /// Made before the work of which it is the picture, so that a place that will not do costs none.
    ///
    /// # Errors
    /// No file can be written there.
    pub fn new(name: &str) -> Result<Picture, Box<dyn Error>> {
        let path = place::of(name);
        place::check(&path)?;
        Ok(Picture { path })
    }

    /// Draws the panels side by side, and says where; on WebAssembly, that it cannot.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn draw(&self, panels: &[Panel]) -> Result<(), Box<dyn Error>> {
        if !font::register()? {
            writeln!(Output, "no picture: WebAssembly has no letters for it")?;
            return Ok(());
        }
        let width = panels.iter().map(|panel| panel.width).sum();
        let mut pixels = vec![255u8; (width * SIDE * 3) as usize];
        {
            let canvas = BitMapBackend::with_buffer(&mut pixels, (width, SIDE)).into_drawing_area();
            let mut rest = canvas.clone();
            for panel in panels {
                let (area, right) = rest.split_horizontally(panel.width);
                rest = right;
                match &panel.content {
                    Content::Chart(chart) => chart::draw(&area, &panel.title, chart)?,
                    Content::Images(images) => images.draw(&area, &panel.title)?,
                }
            }
            canvas.present()?;
        }
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive)
            .write_image(&pixels, width, SIDE, image::ExtendedColorType::Rgb8)?;
        std::fs::write(&self.path, png).map_err(|error| place::Unusable::new(&self.path, error))?;
        writeln!(Output, "drew {}", self.path.canonicalize()?.display())?;
        Ok(())
    }
}
