//! Accuracy of nearest neighbours.

use std::sync::atomic::AtomicBool;

use super::rows::{Nearest, Rows, distances};
use crate::{Error, Result, error::going_on};

/// Share of the `test` vectors whose `k` nearest `train` vectors (Euclidean) are mostly of the same label; of equally near ones the first
/// counts, of equally frequent labels the smallest. Both are row-major \[n, d\] with one label a row.
///
/// For unit vectors the nearest is also the one of largest cosine.
///
/// # Errors
/// A number of labels or features that does not fit, an empty side, a number that is not finite, or a k that is not in 1 ..= number of train vectors.
pub fn neighbour_accuracy(
    train: (&[f32], &[u32]),
    test: (&[f32], &[u32]),
    d: usize,
    k: usize,
) -> Result<f64> {
    neighbour_accuracy_until(&AtomicBool::new(false), train, test, d, k)
}

/// [`neighbour_accuracy`], until `stop` is true.
///
/// # Errors
/// [`Error::Interrupted`] then; those of [`neighbour_accuracy`].
pub(crate) fn neighbour_accuracy_until(
    stop: &AtomicBool,
    (train, train_labels): (&[f32], &[u32]),
    (test, test_labels): (&[f32], &[u32]),
    d: usize,
    k: usize,
) -> Result<f64> {
    for (what, values, labels) in [("train", train, train_labels), ("test", test, test_labels)] {
        if values.len() != labels.len() * d || labels.is_empty() || d == 0 {
            return Err(Error::Mismatch {
                what: format!("features of the {what} part"),
                found: format!("{} numbers", values.len()),
                expected: format!("{} labels × {d}, neither zero", labels.len()),
            });
        }
    }
    check_neighbours(k, train_labels.len())?;
    const WHAT: &str = "nearest neighbours";
    let mut nearest = vec![Nearest::new(k); test_labels.len()];
    distances(
        Rows::new(WHAT, test, d, 1)?,
        Rows::new(WHAT, train, d, k)?,
        |i, start, row| {
            for (j, distance) in row.iter().enumerate() {
                nearest[i].offer(*distance, start + j);
            }
            going_on(stop)
        },
    )?;
    let right = nearest.iter().zip(test_labels).filter(|(n, label)| {
        let votes: Vec<u32> = n.found().iter().map(|(_, j)| train_labels[*j]).collect();
        most_frequent(votes) == Some(**label)
    });
    Ok(right.count() as f64 / test_labels.len() as f64)
}

/// Refuses a number of neighbours that so many labelled vectors do not have.
///
/// # Errors
/// [`Error::Mismatch`].
pub fn check_neighbours(k: usize, labelled: usize) -> Result<()> {
    if (1..=labelled).contains(&k) {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: "number of nearest neighbours".to_owned(),
        found: k.to_string(),
        expected: format!("1 to {labelled}, the labelled vectors"),
    })
}

/// The smallest of the labels that occur most.
fn most_frequent(mut votes: Vec<u32>) -> Option<u32> {
    votes.sort_unstable();
    let groups = votes.chunk_by(|a, b| a == b);
    let best = groups.rev().max_by_key(|group| group.len());
    best.map(|group| group[0])
}
