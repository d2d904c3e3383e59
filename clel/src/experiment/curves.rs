//! The curves of an experiment as files.

use std::path::Path;

use super::draw::{Plot, Series};
use super::file::Experiment;
use super::font;
use super::measure::{BUFFER, FRESH, NEIGHBOUR};
use super::results::{ExperimentResults, Spread, VariantResult};
use crate::{Result, whole_file};

/// What a curve is drawn against.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Iterations,
    Seconds,
}

/// Draws the curves of all figures, as far as there are complete runs, into `out`: each as SVG and, where there are letters for it, as PNG.
///
/// # Errors
/// A file cannot be written.
pub fn draw_all(experiment: &Experiment, results: &ExperimentResults, out: &Path) -> Result<()> {
    for (group, shown) in &experiment.figures {
        let shown: Vec<&VariantResult> = shown.iter().map(|i| &results.variants[*i]).collect();
        for (figure, word, axis) in [
            (BUFFER, "buffer", Axis::Iterations),
            (BUFFER, "buffer", Axis::Seconds),
            (FRESH, "fresh", Axis::Iterations),
            (FRESH, "fresh", Axis::Seconds),
            (NEIGHBOUR, "neighbours", Axis::Iterations),
        ] {
            let series = shown.iter().map(|v| curve(v, figure, axis));
            let (of, ending) = match axis {
                Axis::Iterations => ("iterations", "iterations"),
                Axis::Seconds => ("seconds of training", "seconds"),
            };
            let plot = Plot {
                title: title(results),
                x: of.to_owned(),
                y: figure.to_owned(),
                series: series.collect(),
            };
            write(&plot, out, &format!("{group}-{word}-{ending}"))?;
        }
        let rounds = &experiment.end.chains;
        let series = shown.iter().map(|v| {
            let at = |i: usize| v.at_end(|end| end.chains.get(i).copied());
            let points = rounds.iter().enumerate();
            series(v, points.filter_map(|(i, n)| Some((*n as f64, at(i)?))))
        });
        let plot = Plot {
            title: title(results),
            x: "age of the chains, in rounds".to_owned(),
            y: "Fréchet, chains from noise".to_owned(),
            series: series.collect(),
        };
        write(&plot, out, &format!("{group}-chains"))?;
    }
    Ok(())
}

fn title(results: &ExperimentResults) -> [String; 2] {
    let n = results.variants.iter().map(|v| v.complete().count()).max();
    let n = n.unwrap_or_default();
    let band = format!("mean, and range over up to {n} seeds");
    [results.title.clone(), band]
}

fn curve(variant: &VariantResult, figure: &str, axis: Axis) -> Series {
    let scale = match axis {
        Axis::Iterations => Some(1.0),
        Axis::Seconds => variant.seconds_per_iteration,
    };
    let points = variant
        .iterations(figure)
        .into_iter()
        .filter_map(|i| Some((i as f64 * scale?, variant.at(figure, i)?)));
    series(variant, points)
}

fn series(variant: &VariantResult, points: impl Iterator<Item = (f64, Spread)>) -> Series {
    Series {
        name: variant.name.clone(),
        points: points.collect(),
    }
}

/// Writes the files, if there is something to draw.
fn write(plot: &Plot, out: &Path, name: &str) -> Result<()> {
    if plot.series.iter().all(|s| s.points.is_empty()) {
        return Ok(());
    }
    whole_file::write(&out.join(format!("{name}.svg")), plot.svg()?.as_bytes())?;
    if font::IN_PIXELS {
        whole_file::write(&out.join(format!("{name}.png")), &plot.png()?)?;
    }
    Ok(())
}
