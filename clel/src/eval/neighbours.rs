//! Accuracy of the nearest neighbour.

use nalgebra::DMatrix;

use crate::{Error, Result};

/// Rows compared at a time: bounds the table of distances.
const BLOCK: usize = 512;

/// Share of the `test` vectors whose nearest `train` vector (Euclidean) has the same label; of
/// equally near ones the first counts. Both are row-major \[n, d\] with one label a row.
///
/// For unit vectors the nearest is also the one of largest cosine.
///
/// # Errors
/// A number of labels or features that does not fit, or an empty side.
pub fn nearest_neighbour_accuracy(
    train: &[f32],
    train_labels: &[u32],
    test: &[f32],
    test_labels: &[u32],
    d: usize,
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
    let train = DMatrix::from_column_slice(d, train_labels.len(), train);
    let norms: Vec<f32> = train.column_iter().map(|c| c.norm_squared()).collect();
    let mut right = 0;
    for (rows, labels) in test.chunks(BLOCK * d).zip(test_labels.chunks(BLOCK)) {
        let block = DMatrix::from_column_slice(d, labels.len(), rows);
        // ‖a − b‖² = ‖a‖² − 2⟨a, b⟩ + ‖b‖², and ‖b‖² is the same for all candidates.
        let products = train.tr_mul(&block);
        for (column, label) in products.column_iter().zip(labels) {
            let nearest = column
                .iter()
                .zip(&norms)
                .map(|(product, norm)| norm - 2.0 * product)
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(&b.1));
            right += usize::from(nearest.is_some_and(|(i, _)| train_labels[i] == *label));
        }
    }
    Ok(right as f64 / test_labels.len() as f64)
}
