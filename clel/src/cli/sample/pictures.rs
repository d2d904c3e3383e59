//! The pictures that `clel sample` writes.

use std::path::Path;

use super::plan::Plan;
use crate::Result;
use crate::generate::{Film, Given};
use crate::report::{Animation, Grid};

/// Images in the picture at most; the tensor holds all.
const MOST_DRAWN: usize = 10_000;
/// Chains and moments in the picture of chains over time at most.
const CHAINS: usize = 10;
const MOMENTS: usize = 16;
/// What stands for a pixel that is not known.
const UNKNOWN: f32 = 0.5;

/// The grid of samples: a row for each condition, if there are several.
pub(super) fn samples(path: &Path, plan: &Plan, shape: [usize; 4], values: &[f32]) -> Result<()> {
    let [n, h, w, c] = shape;
    let drawn = [n.min(MOST_DRAWN), h, w, c];
    let size: usize = drawn.iter().product();
    grid(plan, drawn).write_png(path, drawn, &values[..size])?;
    Ok(())
}

/// What was known, in the places of the samples.
pub(super) fn given(path: &Path, plan: &Plan, given: &Given, shape: [usize; 4]) -> Result<()> {
    let [_, h, w, c] = shape;
    match given {
        Given::Noisy { images, .. } => samples(path, plan, shape, images),
        Given::Pixels { images, known } => {
            let mut images = images.clone();
            let pixels = images.chunks_exact_mut(c.max(1)).enumerate();
            for (i, pixel) in pixels {
                if !known[i % (h * w)] {
                    pixel.fill(UNKNOWN);
                }
            }
            samples(path, plan, shape, &images)
        }
    }
}

/// The grid of samples as it comes about.
pub(super) fn animation(path: &Path, plan: &Plan, film: &Film, shape: [usize; 4]) -> Result<()> {
    // the arguments were looked at before
    let kind = Animation::of(path).unwrap_or(Animation::Gif);
    let [_, h, w, c] = shape;
    let shape = [film.chains(), h, w, c];
    let still = grid(plan, shape);
    // half as large as a picture, or a GIF of a hundred chains takes megabytes
    let grid = Grid {
        scale: still.scale.div_ceil(2),
        ..still
    };
    kind.write(path, &grid, shape, film.frames())
}

/// Some chains, a row each, from their start to their end.
pub(super) fn over_time(path: &Path, plan: &Plan, film: &Film, shape: [usize; 4]) -> Result<()> {
    let [_, h, w, c] = shape;
    let size = h * w * c;
    let (chains, moments) = (chains(plan, film), moments(film));
    let mut values = Vec::with_capacity(chains.len() * moments.len() * size);
    for chain in &chains {
        for moment in &moments {
            values.extend(&film.frames()[*moment][chain * size..][..size]);
        }
    }
    let shape = [chains.len() * moments.len(), h, w, c];
    let grid = Grid {
        columns: moments.len(),
        ..Grid::for_images(shape)
    };
    grid.write_png(path, shape, &values)?;
    Ok(())
}

/// The chains of its rows: the first of each condition, or the first ones.
pub(super) fn chains(plan: &Plan, film: &Film) -> Vec<usize> {
    let step = match (plan.columns, plan.by_column) {
        (Some(columns), false) => columns,
        _ => 1,
    };
    let places = (0..film.chains()).step_by(step);
    places.take(CHAINS).collect()
}

/// The frames of its columns, evenly taken, the first and the last among them.
pub(super) fn moments(film: &Film) -> Vec<usize> {
    let n = film.frames().len();
    let columns = n.min(MOMENTS);
    (0..columns)
        .map(|i| i * (n - 1) / (columns - 1).max(1))
        .collect()
}

fn grid(plan: &Plan, shape: [usize; 4]) -> Grid {
    let usual = Grid::for_images(shape);
    Grid {
        columns: plan.columns.unwrap_or(usual.columns),
        ..usual
    }
}
