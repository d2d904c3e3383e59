//! How numbers are distributed.

/// Buckets of a histogram, as many as TensorBoard's own writer has.
const BUCKETS: usize = 30;

/// Numbers in buckets of one width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    /// The lowest number.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// How many there are.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// The upper end of each bucket, which itself belongs to the next, except for the last one.
    pub limits: Vec<f64>,
    /// How many numbers are in each bucket.
    pub counts: Vec<f64>,
}

impl Histogram {
    /// The distribution of those of the numbers that are finite; none if there are none.
    pub fn of(values: &[f32]) -> Option<Histogram> {
        let finite = || {
            values
                .iter()
                .filter(|v| v.is_finite())
                .map(|v| f64::from(*v))
        };
        let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        // numbers that are all the same are one bucket
        let buckets = if low < high { BUCKETS } else { 1 };
        let width = (high - low) / buckets as f64;
        let mut found = Histogram {
            low,
            high,
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            limits: (1..=buckets).map(|i| low + i as f64 * width).collect(),
            counts: vec![0.0; buckets],
        };
        // rounding must not leave the highest number out
        found.limits[buckets - 1] = high;
        for value in finite() {
            found.count += 1.0;
            found.sum += value;
            found.squares += value * value;
            let bucket = ((value - low) / width) as usize;
            found.counts[bucket.min(buckets - 1)] += 1.0;
        }
        Some(found)
    }
}
