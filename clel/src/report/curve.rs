//! The course of one figure.

/// More points than this are thinned out.
const MOST: usize = 2048;

/// Values by iteration, thinned out where there are many more than a terminal has columns: of stretches of equally many values each, the lowest and the
/// highest stay, so that what was long ago is known as well as what is new.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    /// Two of each whole stretch, then all of the one that goes on.
    points: Vec<(f64, f64)>,
    /// How many of them are of whole stretches.
    whole: usize,
    /// How often stretches have become twice as long.
    doublings: u32,
}

impl Curve {
    /// Adds a value; one that is not finite cannot be drawn.
    pub fn push(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.points.push((step as f64, value));
        if self.points.len() - self.whole < 2 << self.doublings {
            return;
        }
        let stretch = extremes(&self.points[self.whole..]);
        self.points.truncate(self.whole);
        self.points.extend(stretch);
        if self.points.len() >= MOST {
            self.points = self.points.chunks(4).flat_map(extremes).collect();
            self.doublings += 1;
        }
        self.whole = self.points.len();
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

/// The lowest and the highest of at least two points, by iteration.
fn extremes(points: &[(f64, f64)]) -> [(f64, f64); 2] {
    let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let low = points.iter().min_by(by_value).copied();
    let high = points.iter().max_by(by_value).copied();
    let mut both = [low, high].map(Option::unwrap_or_default);
    both.sort_by(|a, b| a.0.total_cmp(&b.0));
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However long a run is, each tenth of it has its share of points, and peaks stay.
    #[test]
    fn what_was_long_ago_stays() {
        let mut curve = Curve::default();
        let last = 60_000;
        for step in 1..=last {
            let value = match step {
                777 => 9.0,
                55_555 => -9.0,
                _ => (step % 7) as f64,
            };
            curve.push(step, value);
            curve.push(step, f64::NAN);
        }
        let points = curve.points();
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert!(points.len() < MOST + 64, "{}", points.len());
        for tenth in 0..10 {
            let from = (tenth * last / 10) as f64;
            let there = points.iter().filter(|p| p.0 > from && p.0 <= from + 6000.0);
            let there = there.count();
            assert!((MOST / 20..MOST / 8).contains(&there), "{tenth}: {there}");
        }
        assert_eq!(curve.range(), Some([-9.0, 9.0]));
        assert!(points.contains(&(777.0, 9.0)) && points.contains(&(55_555.0, -9.0)));
    }
}
