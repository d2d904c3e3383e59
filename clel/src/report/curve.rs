//! The course of one figure.

/// More points than this are thinned out.
const MOST: usize = 2048;

/// Values by iteration, thinned out where there are many more than a terminal has columns; highest and lowest ones stay.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// Adds a value; one that is not finite cannot be drawn.
    pub fn push(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.points.push((step as f64, value));
        if self.points.len() >= MOST {
            let extremes = self.points.chunks(4).flat_map(|four| {
                let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
                let low = four.iter().min_by(by_value).copied();
                let high = four.iter().max_by(by_value).copied();
                let [low, high] = [low, high].map(Option::unwrap_or_default);
                if low.0 <= high.0 {
                    [low, high]
                } else {
                    [high, low]
                }
            });
            self.points = extremes.collect();
            self.points.dedup();
        }
    }

    /// (iteration, value), by iteration.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> Option<[f64; 2]> {
        let values = || self.points.iter().map(|point| point.1);
        Some([values().reduce(f64::min)?, values().reduce(f64::max)?])
    }
}
