//! Curves with bands.

use std::io::Cursor;
use std::ops::Range;

use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::element::{PathElement, Polygon, Text};
use plotters::prelude::{
    BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, IntoLogRange, SVGBackend,
};
use plotters::series::LineSeries;
use plotters::style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle, WHITE};

use super::font::{self, FAMILY};
use super::results::Spread;
use crate::{Error, Result};

const SIZE: (u32, u32) = (900, 480);
/// Width of the names at the right.
const NAMES: u32 = 200;
/// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(140, 140, 140),
];
/// From this ratio of the largest to the smallest value on, an axis is logarithmic.
const LOGARITHMIC: f64 = 20.0;

/// Lines through means, with bands from least to most.
pub(super) struct Plot {
    /// Two lines above.
    pub title: [String; 2],
    /// What the horizontal axis has.
    pub x: String,
    /// What the vertical axis has.
    pub y: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// One line.
pub(super) struct Series {
    /// What it is called.
    pub name: String,
    /// Place and values, from left to right.
    pub points: Vec<(f64, Spread)>,
}

/// An axis.
struct Scale {
    range: Range<f64>,
    logarithmic: bool,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone, margin: f64) -> Scale {
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
            (a.min(v), b.max(v))
        });
        if least > 0.0 && most > LOGARITHMIC * least {
            let room = (most / least).powf(margin);
            return Scale {
                range: least / room..most * room,
                logarithmic: true,
            };
        }
        // a single value has a range too
        let room = margin * (most - least).max(1e-9 + most.abs() * 1e-3);
        Scale {
            range: least - room..most + room,
            logarithmic: false,
        }
    }
}

impl Plot {
    /// As SVG text.
    ///
    /// # Errors
    /// The library cannot draw it.
    pub fn svg(&self) -> Result<String> {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, SIZE).into_drawing_area())?;
        Ok(text)
    }

    /// As a PNG file.
    ///
    /// # Errors
    /// The library cannot draw it.
    pub fn png(&self) -> Result<Vec<u8>> {
        let (w, h) = SIZE;
        let mut pixels = vec![0; (w * h * 3) as usize];
        self.draw(BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area())?;
        let picture =
            RgbImage::from_raw(w, h, pixels).ok_or_else(|| fault("a buffer too small"))?;
        let mut file = Cursor::new(Vec::new());
        let encoder =
            PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::NoFilter);
        picture.write_with_encoder(encoder).map_err(fault)?;
        Ok(file.into_inner())
    }

    fn draw<B: DrawingBackend>(&self, area: DrawingArea<B, Shift>) -> Result<()> {
        font::register()?;
        let points = || self.series.iter().flat_map(|s| &s.points);
        let x = Scale::of(points().map(|(x, _)| *x), 0.0);
        let y = Scale::of(points().flat_map(|(_, s)| [s.least, s.most]), 0.04);
        let (xs, ys) = (x.range, y.range);
        match (x.logarithmic, y.logarithmic) {
            (false, false) => self.chart(&area, xs, ys),
            (false, true) => self.chart(&area, xs, ys.log_scale()),
            (true, false) => self.chart(&area, xs.log_scale(), ys),
            (true, true) => self.chart(&area, xs.log_scale(), ys.log_scale()),
        }
        .and_then(|()| area.present())
        .map_err(fault)
    }

    fn chart<B: DrawingBackend, X, Y>(
        &self,
        area: &DrawingArea<B, Shift>,
        x: X,
        y: Y,
    ) -> std::result::Result<(), plotters::drawing::DrawingAreaErrorKind<B::ErrorType>>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let font = |size: u32| (FAMILY, size).into_font();
        area.fill(&WHITE)?;
        for (line, (text, size)) in self.title.iter().zip([18, 13]).enumerate() {
            let place = (20, 12 + 24 * line as i32);
            area.draw(&Text::new(text.as_str(), place, font(size)))?;
        }
        let (plot, names) = area.margin(54, 0, 0, 0).split_horizontally(SIZE.0 - NAMES);
        let mut chart = ChartBuilder::on(&plot)
            .margin_right(16)
            .margin_top(6)
            .margin_bottom(8)
            .margin_left(8)
            .set_label_area_size(LabelAreaPosition::Left, 70)
            .set_label_area_size(LabelAreaPosition::Bottom, 44)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x.as_str())
            .y_desc(self.y.as_str())
            .x_label_formatter(&|v| tick(*v))
            .y_label_formatter(&|v| tick(*v))
            .label_style(font(13))
            .axis_desc_style(font(14))
            .bold_line_style(BLACK.mix(0.12))
            .max_light_lines(1)
            .light_line_style(WHITE)
            .axis_style(BLACK.mix(0.6))
            .draw()?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let up = series.points.iter().map(|(x, s)| (*x, s.most));
            let down = series.points.iter().rev().map(|(x, s)| (*x, s.least));
            let band: Vec<_> = up.chain(down).collect();
            if series.points.len() > 1 {
                chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
            }
        }
        for (i, (series, colour)) in self.series.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let style = ShapeStyle::from(colour).stroke_width(2);
            let line = series.points.iter().map(|(x, s)| (*x, s.mean));
            chart.draw_series(LineSeries::new(line, style).point_size(2))?;
            let height = 14 + 22 * i as i32;
            let sample = vec![(0, height), (22, height)];
            names.draw(&PathElement::new(sample, style.stroke_width(3)))?;
            names.draw(&Text::new(series.name.as_str(), (30, height - 7), font(13)))?;
        }
        Ok(())
    }
}

/// A number at an axis, without needless digits.
fn tick(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.0e}");
    }
    let decimals = if size >= 100.0 { 0 } else { 4 };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

pub(super) fn fault(why: impl ToString) -> Error {
    Error::Numbers {
        what: "drawing curves",
        why: why.to_string(),
    }
}
