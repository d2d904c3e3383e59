//! How much of one set lies among the other: precision and recall, density and coverage.

use serde::Serialize;

use super::rows::{Nearest, Rows, distances};
use crate::Result;

/// Neighbours that decide how far a vector's surroundings reach: of precision and recall, and of density and coverage.
const NEAR: [usize; 2] = [3, 5];
/// Vectors that a set has at least, so that each has as many neighbours.
pub const MANIFOLD_VECTORS: usize = NEAR[1] + 1;

/// Shares of vectors that lie in the surroundings of the other set's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Manifold {
    /// Share of the samples within the ball of some reference vector, whose radius is the distance to its third neighbour.
    pub precision: f64,
    /// Share of the reference within such a ball of some sample.
    pub recall: f64,
    /// Reference balls (to the fifth neighbour) that a sample lies in, on average, over five; may exceed 1.
    pub density: f64,
    /// Share of the reference balls with a sample in them.
    pub coverage: f64,
}

/// Improved precision and recall with k = 3 (Kynkäänniemi et al., NeurIPS 2019), density and coverage with k = 5 (Naeem et al., ICML 2020), of
/// samples against a reference, row-major \[n, d\] each. Neighbours are those within one set, a vector not being its own.
///
/// # Errors
/// Less than six vectors on a side, or a number that is not finite.
pub fn manifold(samples: &[f32], reference: &[f32], d: usize) -> Result<Manifold> {
    const WHAT: &str = "precision and recall";
    let samples = Rows::new(WHAT, samples, d, MANIFOLD_VECTORS)?;
    let reference = Rows::new(WHAT, reference, d, MANIFOLD_VECTORS)?;
    let of_reference = radii(reference)?;
    let of_samples = radii(samples)?;
    let mut precise = vec![false; samples.len()];
    let mut recalled = vec![false; reference.len()];
    let mut covered = vec![false; reference.len()];
    let mut inside: u64 = 0;
    distances(reference, samples, |i, start, row| {
        for (j, distance) in row.iter().enumerate() {
            let j = start + j;
            precise[j] |= *distance <= of_reference[i][0];
            recalled[i] |= *distance <= of_samples[j][0];
            if *distance < of_reference[i][1] {
                inside += 1;
                covered[i] = true;
            }
        }
        Ok(())
    })?;
    let share = |flags: &[bool]| flags.iter().filter(|f| **f).count() as f64 / flags.len() as f64;
    Ok(Manifold {
        precision: share(&precise),
        recall: share(&recalled),
        density: inside as f64 / (NEAR[1] * samples.len()) as f64,
        coverage: share(&covered),
    })
}

/// Of each vector, the distances to its third and its fifth neighbour within the set.
fn radii(rows: Rows<'_>) -> Result<Vec<[f64; 2]>> {
    let mut nearest = vec![Nearest::new(NEAR[1]); rows.len()];
    distances(rows, rows, |i, start, row| {
        for (j, distance) in row.iter().enumerate() {
            if start + j != i {
                nearest[i].offer(*distance, start + j);
            }
        }
        Ok(())
    })?;
    let radius = |n: &Nearest| NEAR.map(|k| n.found()[k - 1].0);
    Ok(nearest.iter().map(radius).collect())
}
