//! How well a score tells two sets apart.

use serde::Serialize;

use crate::{Error, Result};

/// The share of inliers that must be kept where FPR95 is read off.
const KEPT: f64 = 0.95;

/// Figures of a score that should be high on inliers, the positives, and low on outliers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranking {
    /// Area under the ROC curve: the probability that an inlier scores above an outlier, ties counting one half.
    pub auroc: f64,
    /// Average precision, Σ (Rₙ − Rₙ₋₁)·Pₙ over thresholds: the area under the precision-recall curve without interpolation.
    pub aupr: f64,
    /// Share of the outliers that still pass at the highest threshold that at least 95 % of the inliers pass.
    pub fpr95: f64,
}

/// The figures of a score, equal ones being one threshold, as scikit-learn's `roc_auc_score`, `average_precision_score` and `roc_curve` have them.
///
/// # Errors
/// An empty side, or a score that is not a number.
pub fn ranking(inliers: &[f32], outliers: &[f32]) -> Result<Ranking> {
    let fault = |why: &str| Error::Numbers {
        what: "ranking of scores",
        why: why.to_owned(),
    };
    if inliers.is_empty() || outliers.is_empty() {
        return Err(fault("needs scores of both sets"));
    }
    let of = |scores: &[f32], inlier| scores.iter().map(move |s| (*s, inlier)).collect::<Vec<_>>();
    let mut all = of(inliers, true);
    all.extend(of(outliers, false));
    if all.iter().any(|(s, _)| s.is_nan()) {
        return Err(fault("a score is NaN"));
    }
    // −0 and 0 are one score
    all.iter_mut().for_each(|(s, _)| *s += 0.0);
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (positives, negatives) = (inliers.len() as f64, outliers.len() as f64);
    let (mut passed, mut wrong) = (0.0, 0.0);
    let mut ranking = Ranking {
        auroc: 0.0,
        aupr: 0.0,
        fpr95: f64::NAN,
    };
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let more = group.iter().filter(|(_, inlier)| *inlier).count() as f64;
        let false_ones = group.len() as f64 - more;
        ranking.auroc += false_ones * (passed + more / 2.0);
        passed += more;
        wrong += false_ones;
        ranking.aupr += more * passed / (passed + wrong);
        if ranking.fpr95.is_nan() && passed / positives >= KEPT {
            ranking.fpr95 = wrong / negatives;
        }
    }
    ranking.auroc /= positives * negatives;
    ranking.aupr /= positives;
    Ok(ranking)
}
