//! Which values an axis shows, and on what scale.

use super::curve::Curve;

/// Positive figures that span so many powers of ten are drawn on a logarithmic scale, so that one that is far from the others flattens nothing.
const WIDE: f64 = 0.75;
/// The limits are those of the newer half where all that there ever was takes so many times as much. On a linear scale a steady course takes
/// twice as much, and one that comes to rest a few times.
const FAR: f64 = 5.0;
/// The same on a logarithmic one.
const FAR_BY_POWERS: f64 = 2.0;
/// Fewer values than this have no newer half.
const FEW: usize = 16;
/// The share of values on either side that makes no limits.
const RARE: f64 = 0.02;

/// The values of one chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    /// Places of the lowest and the highest value.
    limits: [f64; 2],
    /// Whether it is the logarithms that are drawn.
    pub logarithmic: bool,
}

#[cfg_attr(
    target_family = "wasm",
    expect(dead_code, reason = "some of it is for the dashboard alone")
)]
impl Values {
    /// For curves that are drawn together; none if there is no number that could be.
    pub fn of<'a>(curves: impl Iterator<Item = &'a Curve> + Clone) -> Option<Values> {
        let [low, _] = curves.clone().filter_map(Curve::range).reduce(union)?;
        let on = |logarithmic: bool| {
            let limits = limits(curves.clone(), logarithmic)?;
            Some(Values {
                limits,
                logarithmic,
            })
        };
        let wide = |values: &Values| values.limits[1] - values.limits[0] >= WIDE;
        let logarithmic = on(low > 0.0).filter(|values| values.logarithmic && wide(values));
        logarithmic.or_else(|| on(false))
    }

    /// Where a value stands between the bounds.
    pub fn place(&self, value: f64) -> f64 {
        place(value, self.logarithmic)
    }

    /// The places of the ends. One value, or the same again and again, is in the middle.
    pub fn bounds(&self) -> [f64; 2] {
        let [low, high] = self.limits;
        if low < high {
            return self.limits;
        }
        let size = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
        [low - size, high + size]
    }

    /// What is written at even distances, from below, each in so many columns if they are not too few for any number.
    pub fn ticks(&self, room: usize) -> Vec<String> {
        let [low, high] = self.limits;
        let tick = |value| tick(value, room);
        match (low < high, self.logarithmic) {
            (false, _) => vec![String::new(), tick(low), String::new()],
            (true, false) => [low, high].map(tick).into(),
            // with the middle, which tells the scale
            (true, true) => [low, f64::midpoint(low, high), high]
                .map(|power| tick(10.0_f64.powf(power)))
                .into(),
        }
    }
}

fn place(value: f64, logarithmic: bool) -> f64 {
    match logarithmic {
        true => value.log10(),
        false => value,
    }
}

/// Between what places curves are shown.
fn limits<'a>(
    curves: impl Iterator<Item = &'a Curve> + Clone,
    logarithmic: bool,
) -> Option<[f64; 2]> {
    let whole = curves.clone().filter_map(Curve::range).reduce(union)?;
    let whole = whole.map(|value| place(value, logarithmic));
    let [low, high] = curves
        .filter_map(recent)
        .reduce(union)?
        .map(|value| place(value, logarithmic));
    let size = high - low;
    let far = if logarithmic { FAR_BY_POWERS } else { FAR };
    if size <= 0.0 || whole[1] - whole[0] <= far * size {
        return Some(whole);
    }
    let room = size / 8.0;
    Some([(low - room).max(whole[0]), (high + room).min(whole[1])])
}

fn union(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

/// Between what the values of the newer half are, but for rare ones; with the newest one, whatever that is.
fn recent(curve: &Curve) -> Option<[f64; 2]> {
    let points = curve.points();
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < FEW {
        return curve.range();
    }
    let middle = f64::midpoint(first.0, last.0);
    let newer = points.iter().filter(|point| point.0 >= middle);
    let mut values: Vec<f64> = newer.map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    let rare = (RARE * values.len() as f64).ceil() as usize;
    let rare = rare.min((values.len() - 1) / 2);
    let limits = [values[rare], values[values.len() - 1 - rare]];
    Some(union(limits, [last.1; 2]))
}

/// Columns of a number on an axis where there is room.
pub(super) const TICK: usize = 7;

/// Three digits, or as many as there is room for, always of the same width.
fn tick(value: f64, room: usize) -> String {
    let room = room.min(TICK);
    let text = |digits: usize| match value.abs() {
        size if size == 0.0 || (1e-2..1e4).contains(&size) => format!("{value:.digits$}"),
        _ => format!("{value:.*e}", digits.min(1)),
    };
    let texts = [3, 2, 1, 0].map(text);
    let fitting = texts.iter().find(|text| text.len() <= room);
    let text = fitting.unwrap_or(&texts[3]);
    format!("{text:>room$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(value: impl Fn(u64) -> f64) -> Curve {
        let mut curve = Curve::default();
        for step in 0..200 {
            curve.push(step, value(step));
        }
        curve
    }

    #[test]
    fn what_is_positive_and_far_apart_is_drawn_by_its_logarithm() {
        let spike = |step: u64| if step == 20 { 1e6 } else { 100.0 };
        let (near, far) = (curve(|_| 0.25), curve(spike));
        let of = |curves: &[&Curve]| Values::of(curves.iter().copied()).unwrap();
        let both = of(&[&near, &far]);
        assert!(both.logarithmic);
        let [low, high] = both.bounds();
        assert_eq!(low, 0.25_f64.log10());
        assert!((2.0..3.0).contains(&high), "without the spike, {high}");
        assert_eq!(
            of(&[&near, &curve(|_| 100.0)]).ticks(TICK),
            ["  0.250", "  5.000", "100.000"]
        );
        assert_eq!(both.ticks(6)[0], " 0.250");
        let deep = of(&[&curve(|step| -2e-3 * (step + 1) as f64)]);
        assert_eq!(deep.ticks(7), [" -0.400", "-2.0e-3"]);
        assert_eq!(deep.ticks(6), ["-0.400", " -2e-3"]);
        for few in [
            &[&near][..],
            &[&far, &curve(|_| 0.0)],
            &[&near, &curve(|_| 1.0)],
        ] {
            assert!(!of(few).logarithmic, "{few:?}");
        }
    }

    #[test]
    fn what_was_long_ago_or_rare_does_not_flatten_the_rest() {
        let calm = |step: u64| (step as f64).sin();
        let of = |value: &dyn Fn(u64) -> f64| {
            let curve = curve(value);
            let [low, high] = Values::of([&curve].into_iter()).unwrap().bounds();
            assert!(low < high);
            [low, high]
        };
        assert!(of(&calm).iter().all(|end| end.abs() <= 1.0));
        for spike in [20, 150] {
            let [low, high] = of(&|step| if step == spike { -1e3 } else { calm(step) });
            assert!(
                (-2.0..0.0).contains(&low) && (0.0..2.0).contains(&high),
                "{low} {high}"
            );
        }
        // what it comes to now is never out of sight
        assert_eq!(
            of(&|step| if step == 199 { -1e3 } else { calm(step) })[0],
            -1e3
        );
        assert_eq!(Values::of(std::iter::empty()), None);
    }
}
