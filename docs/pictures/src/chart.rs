//! A chart with axes.

use std::{error::Error, ops::Range};

use plotters::{coord::Shift, prelude::*};

use super::{Chart, Corner, FONT, Shape};

/// Colours of a map.
const STEPS: f64 = 24.0;
/// Height of letters: the book shows pictures of several panels at half their size.
const LETTERS: i32 = 17;

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Draws one chart.
pub(super) fn draw(area: &Area<'_>, title: &str, chart: &Chart) -> Result<(), Box<dyn Error>> {
    let Chart { x, y, layers, .. } = chart;
    let mut drawn = ChartBuilder::on(area)
        .caption(title, (FONT, LETTERS + 3))
        .margin(12)
        .margin_right(24)
        .x_label_area_size(if chart.along.is_empty() { 30 } else { 54 })
        .y_label_area_size(if chart.powers { 86 } else { 54 })
        .build_cartesian_2d(x.clone(), y.clone())?;
    let lines = BLACK.mix(0.08);
    drawn
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(lines)
        .x_labels(7)
        .y_labels(7)
        .x_label_formatter(&|x| number(*x))
        .y_label_formatter(&|y| if chart.powers { power(*y) } else { number(*y) })
        .x_desc(&chart.along)
        .label_style((FONT, LETTERS))
        .draw()?;
    if chart.powers {
        for height in between_powers(y) {
            let line = LineSeries::new([(x.start, height), (x.end, height)], BLACK.mix(0.05));
            drawn.draw_series(line)?;
        }
    }
    let mut labelled = false;
    for layer in layers {
        let colour = layer.label.as_ref().map_or(BLACK, |l| l.1.rgb());
        let series = match &layer.shape {
            Shape::Line(points) => {
                let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
                drawn.draw_series(line)?
            }
            Shape::Points(points) => {
                let dots = points
                    .iter()
                    .map(|p| Circle::new(*p, 2, colour.mix(0.8).filled()));
                drawn.draw_series(dots)?
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
                        (at(x, column, *columns), at(y, row, rows)),
                        (at(x, column + 1, *columns), at(y, row + 1, rows)),
                    ];
                    Rectangle::new(corners, colour.filled())
                });
                drawn.draw_series(cells)?
            }
        };
        if let Some((text, _)) = layer.label.as_ref().filter(|l| !l.0.is_empty()) {
            labelled = true;
            // with a rim, without which white would not be seen on white
            series.label(text).legend(move |(x, y)| {
                EmptyElement::at((x + 8, y))
                    + Circle::new((0, 0), 5, colour.filled())
                    + Circle::new((0, 0), 5, BLACK.mix(0.4))
            });
        }
    }
    if labelled {
        drawn
            .configure_series_labels()
            .position(match chart.legend {
                Corner::LowerRight => SeriesLabelPosition::LowerRight,
                Corner::UpperRight => SeriesLabelPosition::UpperRight,
            })
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, LETTERS))
            .legend_area_size(20)
            .draw()?;
    }
    Ok(())
}

/// A number at an axis, without digits that say nothing.
fn number(value: f64) -> String {
    // a sum with 0 is never −0
    ((value * 1e6).round() / 1e6 + 0.0).to_string()
}

/// The power of ten of which this is the exponent; nothing between two. The font has no raised minus.
fn power(exponent: f64) -> String {
    let whole = exponent.round();
    match whole as i32 {
        _ if (exponent - whole).abs() > 1e-6 => String::new(),
        -6..=3 => number(10f64.powf(whole)),
        ..-6 => format!("1e{whole}"),
        _ => format!(
            "10{}",
            whole.to_string().chars().map(raised).collect::<String>()
        ),
    }
}

fn raised(digit: char) -> char {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = digit.to_digit(10).map(|digit| digits[digit as usize]);
    digit.unwrap_or(' ')
}

/// Twice to nine times each power of ten, where there are few of those.
fn between_powers(y: &Range<f64>) -> Vec<f64> {
    if y.end - y.start > 6.0 {
        return Vec::new();
    }
    let powers = y.start.floor() as i32..y.end.ceil() as i32;
    let lines = powers.flat_map(|n| (2..10).map(move |k| f64::from(n) + f64::from(k).log10()));
    lines.filter(|line| y.contains(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_an_axis_have_no_digits_that_say_nothing() {
        let axis = [-2.0, -0.5, -0.0, 0.1 + 0.2, 100.0].map(number);
        assert_eq!(axis, ["-2", "-0.5", "0", "0.3", "100"]);
        let axis = [-6.0, -3.0, -2.5, 0.0, 3.0, 20.0].map(power);
        assert_eq!(axis, ["0.000001", "0.001", "", "1", "1000", "10²⁰"]);
    }

    #[test]
    fn lines_between_powers_are_multiples_of_them() {
        let lines = between_powers(&(-3.0..-2.0));
        let values: Vec<f64> = lines
            .iter()
            .map(|line| (10f64.powf(*line) * 1e4).round())
            .collect();
        assert_eq!(values, [20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]);
        assert!(between_powers(&(-5.0..23.0)).is_empty());
    }
}
