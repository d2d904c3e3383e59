//! The charts that the examples draw: panels side by side in one PNG file, with curves, points, heat maps and grids of
//! small images. The font is part of the program, so a picture looks the same everywhere.

mod chart;
mod font;
mod images;

use std::{
    error::Error,
    ops::Range,
    path::{Path, PathBuf},
};

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::prelude::*;

use font::FONT;

/// Height of a picture, and width of a panel, in pixels.
const SIDE: u32 = 460;

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

/// One chart.
pub struct Panel {
    title: String,
    content: Content,
}

enum Content {
    Chart {
        x: Range<f64>,
        y: Range<f64>,
        layers: Vec<Layer>,
    },
    Images(images::Images),
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
            content: Content::Chart {
                x,
                y,
                layers: Vec::new(),
            },
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
            content: Content::Images(images::Images {
                columns,
                size,
                values,
                captions,
            }),
        }
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

    fn layer(mut self, label: Option<(String, Colour)>, shape: Shape) -> Panel {
        if let Content::Chart { layers, .. } = &mut self.content {
            layers.push(Layer { label, shape });
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

/// Where an example's picture goes: the program's first argument, or `target/examples-out/NAME.png`.
fn path(name: &str) -> PathBuf {
    match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../target/examples-out")
            .join(format!("{name}.png")),
    }
}

/// Draws the panels side by side into the program's first argument, or `target/examples-out/NAME.png`, and says so; on WebAssembly, that it cannot.
///
/// # Errors
/// The file cannot be written.
pub fn draw(name: &str, panels: &[Panel]) -> Result<(), Box<dyn Error>> {
    if !font::register()? {
        println!("no picture: WebAssembly has no letters for it");
        return Ok(());
    }
    let path = path(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (width, height) = (SIDE * panels.len().max(1) as u32, SIDE);
    let mut pixels = vec![255u8; (width * height * 3) as usize];
    {
        let canvas = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        for (panel, area) in panels.iter().zip(canvas.split_evenly((1, panels.len()))) {
            match &panel.content {
                Content::Chart { x, y, layers } => {
                    chart::draw(&area, &panel.title, x.clone(), y.clone(), layers)?;
                }
                Content::Images(images) => images.draw(&area, &panel.title)?,
            }
        }
        canvas.present()?;
    }
    let file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive).write_image(
        &pixels,
        width,
        height,
        image::ExtendedColorType::Rgb8,
    )?;
    println!("drew {}", path.canonicalize()?.display());
    Ok(())
}
