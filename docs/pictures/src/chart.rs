//! A chart with axes.

use std::{error::Error, ops::Range};

use plotters::{coord::Shift, prelude::*};

use super::{FONT, Layer, Shape};

/// Colours of a map.
const STEPS: f64 = 24.0;

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Draws one chart.
pub(super) fn draw(
    area: &Area<'_>,
    title: &str,
    x: Range<f64>,
    y: Range<f64>,
    layers: &[Layer],
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 15))
        .margin(12)
        .margin_right(20)
        .x_label_area_size(26)
        .y_label_area_size(44)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let lines = BLACK.mix(0.08);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(lines)
        .x_labels(7)
        .y_labels(7)
        .label_style((FONT, 12))
        .draw()?;
    let mut labelled = false;
    for layer in layers {
        let colour = layer.label.as_ref().map_or(BLACK, |l| l.1.rgb());
        let series = match &layer.shape {
            Shape::Line(points) => {
                let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
                chart.draw_series(line)?
            }
            Shape::Points(points) => {
                let dots = points
                    .iter()
                    .map(|p| Circle::new(*p, 2, colour.mix(0.8).filled()));
                chart.draw_series(dots)?
            }
            Shape::Heat {
                columns,
                values,
                bounds,
            } => {
                let rows = values.len() / columns;
                let at = |range: &Range<f64>, i: usize, n: usize| {
                    range.start + (range.end - range.start) * i as f64 / n as f64
                };
                let cells = values.iter().enumerate().map(|(i, v)| {
                    let (row, column) = (i / columns, i % columns);
                    let share = (v - bounds.start) / (bounds.end - bounds.start);
                    // in steps, which the eye takes for lines of equal height
                    let step = (share.clamp(0.0, 1.0) * STEPS).round() / STEPS;
                    let colour = ViridisRGB::get_color(step as f32);
                    let corners = [
                        (at(&x, column, *columns), at(&y, row, rows)),
                        (at(&x, column + 1, *columns), at(&y, row + 1, rows)),
                    ];
                    Rectangle::new(corners, colour.filled())
                });
                chart.draw_series(cells)?
            }
        };
        if let Some((text, _)) = layer.label.as_ref().filter(|l| !l.0.is_empty()) {
            labelled = true;
            series
                .label(text)
                .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
        }
    }
    if labelled {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 13))
            .legend_area_size(18)
            .draw()?;
    }
    Ok(())
}
