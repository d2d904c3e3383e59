//! Curves, as the page draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::slice::Chunks;

use serde::Serialize;

use crate::report::axis::Values;
use crate::report::curve::Curve;
use crate::report::history::History;
use crate::report::names::{GROUPS, figures};

/// Stretches that a long curve is cut into. The lowest and the highest value of each are drawn, so that nothing that stands out is lost.
const STRETCHES: usize = 1000;
/// Sizes so far from the middle one flatten the rest on a linear scale.
const FAR: f64 = 100.0;

/// Curves that are drawn together.
#[derive(Serialize)]
pub(super) struct Plot {
    title: String,
    /// Whether they lie between 0 and 1, which the axis does not leave.
    share: bool,
    /// The scale of the values where the reader does not choose.
    scale: Scale,
    /// Whether all values are positive, so that their logarithms can be drawn.
    positive: bool,
    /// The middle one of the sizes; a scale that is logarithmic in both directions is linear about zero up to it.
    middle: Option<f64>,
    courses: Vec<Course>,
    /// What cannot be drawn.
    told: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Scale {
    Linear,
    Logarithmic,
    /// Logarithmic in both directions from zero.
    Symmetric,
}

/// One curve.
#[derive(Serialize)]
struct Course {
    /// Curves of one name, as those of the runs of a variant, have one colour, and are hidden together.
    label: String,
    /// Which colour: the same in all plots for one run or variant.
    place: usize,
    steps: Vec<u64>,
    /// None where it is no finite number, which ends the line.
    values: Vec<Option<f64>>,
    /// What was made of more values than these, if it was.
    means: Option<Means>,
}

/// The mean of each stretch of a curve that was thinned out, at its middle; none of one that has a value that is not finite.
#[derive(Serialize)]
struct Means {
    steps: Vec<u64>,
    values: Vec<Option<f64>>,
}

/// What is drawn of a run among others.
pub(super) struct Curves(BTreeMap<String, Found>);

impl Curves {
    /// What a run of this name has come to, drawn under a label, which all runs of a variant share, in the colour of a place.
    pub fn of(history: &History, run: &str, label: &str, place: usize) -> Curves {
        let found = history.names().filter_map(|name| {
            let figure = figures().find(|figure| figure.name == name);
            let spoken = format!("{run}: {}", figure.map_or(name, |f| f.label));
            let found = Found::of(history, name, (label, &spoken), place)?;
            Some((name.to_owned(), found))
        });
        Curves(found.collect())
    }
}

/// The plots of one run: what belongs together in one, and what has no place among the known groups by itself, under its own name.
pub(super) fn of_run(history: &History) -> Vec<Plot> {
    let known = GROUPS.iter().map(|group| {
        let figures = group.figures.iter().enumerate();
        let found =
            figures.filter_map(|(place, f)| Found::of(history, f.name, (f.label, f.label), place));
        let share = group.is_of_shares();
        plot(group.title.to_owned(), share, found.collect())
    });
    let others = unknown(history.names()).into_iter().map(|name| {
        let found = Found::of(history, name, (name, name), 0);
        plot(name.to_owned(), false, found.into_iter().collect())
    });
    known.chain(others).flatten().collect()
}

/// The plots of several runs: a figure in each, with a curve for each run.
pub(super) fn of_several(mut runs: Vec<Curves>) -> Vec<Plot> {
    let known = figures().map(|figure| (figure.name, figure.label, figure.is_share()));
    let names = runs.iter().flat_map(|run| run.0.keys());
    let others = unknown(names.map(String::as_str)).into_iter();
    let others: Vec<String> = others.map(str::to_owned).collect();
    let others = others.iter().map(|name| (&name[..], &name[..], false));
    let drawn = known.chain(others).filter_map(|(name, label, share)| {
        let found = runs.iter_mut().filter_map(|run| run.0.remove(name));
        plot(label.to_owned(), share, found.collect())
    });
    drawn.collect()
}

/// The figures that no group names.
fn unknown<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let is_known = |name: &str| figures().any(|figure| figure.name == name);
    names.filter(|name| !is_known(name)).collect()
}

/// A figure of a run.
struct Found {
    course: Course,
    /// How many values it has.
    count: usize,
    /// What of it cannot be drawn.
    told: Option<String>,
}

impl Found {
    /// None if no line has it. `label` stands in the legend, `spoken` in a sentence.
    fn of(
        history: &History,
        name: &str,
        (label, spoken): (&str, &str),
        place: usize,
    ) -> Option<Found> {
        let mut points: Vec<(u64, Option<f64>)> = Vec::new();
        let mut first_gap = None;
        for (step, value) in history.points(name) {
            // a damaged file may go back, which a curve cannot
            if points.last().is_some_and(|last| last.0 >= step) {
                continue;
            }
            if !value.is_finite() {
                first_gap.get_or_insert((step, value));
            }
            points.push((step, value.is_finite().then_some(value)));
        }
        let told = first_gap.map(|(step, value)| {
            let gaps = points.iter().filter(|point| point.1.is_none()).count();
            let all = points.len();
            format!(
                "{spoken} is not finite in {gaps} of {all} lines of metrics, first at iteration {step} ({value}): the curve has a gap there"
            )
        });
        (!points.is_empty()).then(|| Found {
            count: points.len(),
            course: Course::of(label, place, points),
            told,
        })
    }
}

/// A plot, if there is more to draw than a point.
fn plot(title: String, share: bool, found: Vec<Found>) -> Option<Plot> {
    if found.iter().all(|found| found.count < 2) {
        return None;
    }
    let parts = found.into_iter().map(|found| (found.course, found.told));
    let (courses, told): (Vec<Course>, Vec<Option<String>>) = parts.unzip();
    let told = told.into_iter().flatten().collect();
    let curves: Vec<Curve> = courses.iter().map(Course::curve).collect();
    let values: Vec<f64> = curves
        .iter()
        .flat_map(|curve| curve.points().iter().map(|point| point.1))
        .collect();
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    sizes.retain(|size| *size > 0.0);
    sizes.sort_by(f64::total_cmp);
    let middle = sizes.get(sizes.len() / 2).copied();
    let far = middle.zip(sizes.last());
    let scale = if Values::of(curves.iter()).is_some_and(|values| values.logarithmic) {
        Scale::Logarithmic
    } else if far.is_some_and(|(middle, highest)| *highest > FAR * middle) {
        Scale::Symmetric
    } else {
        Scale::Linear
    };
    Some(Plot {
        title,
        share,
        scale,
        positive: values.iter().all(|value| *value > 0.0),
        middle,
        courses,
        told,
    })
}

impl Course {
    fn of(label: &str, place: usize, points: Vec<(u64, Option<f64>)>) -> Course {
        let means = means(&points);
        let (steps, values) = thinned(points).into_iter().unzip();
        Course {
            label: label.to_owned(),
            place,
            means,
            steps,
            values,
        }
    }

    fn curve(&self) -> Curve {
        let mut curve = Curve::default();
        for (step, value) in self.steps.iter().zip(&self.values) {
            if let Some(value) = value {
                curve.push(*step, *value);
            }
        }
        curve
    }
}

/// The stretches of a curve that is too long to be drawn as it is.
fn stretches(points: &[(u64, Option<f64>)]) -> Option<Chunks<'_, (u64, Option<f64>)>> {
    let long = points.len() > 2 * STRETCHES;
    long.then(|| points.chunks(points.len().div_ceil(STRETCHES)))
}

fn means(points: &[(u64, Option<f64>)]) -> Option<Means> {
    let mean = |stretch: &[(u64, Option<f64>)]| {
        let sum: Option<f64> = stretch.iter().map(|point| point.1).sum();
        let mean = sum.map(|sum| sum / stretch.len() as f64);
        (stretch[stretch.len() / 2].0, mean.filter(|m| m.is_finite()))
    };
    let (steps, values) = stretches(points)?.map(mean).unzip();
    Some(Means { steps, values })
}

/// The lowest and the highest value of each stretch, one that is not finite if there is one, and the newest of all.
fn thinned(points: Vec<(u64, Option<f64>)>) -> Vec<(u64, Option<f64>)> {
    let Some(stretches) = stretches(&points) else {
        return points;
    };
    let mut kept = Vec::new();
    for stretch in stretches {
        let finite = || stretch.iter().filter(|point| point.1.is_some());
        let by_value = |a: &&(u64, Option<f64>), b: &&(u64, Option<f64>)| {
            f64::total_cmp(&number(a), &number(b))
        };
        let gap = stretch.iter().find(|point| point.1.is_none());
        let chosen = [finite().min_by(by_value), finite().max_by(by_value), gap];
        kept.extend(chosen.into_iter().flatten().copied());
    }
    kept.extend(points.last().copied());
    kept.sort_by_key(|point| point.0);
    kept.dedup_by_key(|point| point.0);
    kept
}

fn number(point: &(u64, Option<f64>)) -> f64 {
    point.1.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn history(values: impl IntoIterator<Item = Value>) -> History {
        let values = values.into_iter().enumerate();
        History::of_lines(values.map(|(i, value)| json!({ "step": i + 1, "gap": value })))
    }

    fn one(values: impl IntoIterator<Item = Value>) -> Plot {
        let mut plots = of_run(&history(values));
        assert_eq!(plots.len(), 1);
        plots.remove(0)
    }

    /// The sizes of a sick run: small ones, and one that is not.
    fn spike(sign: f64) -> Plot {
        one((1..=40).map(|i| (if i == 40 { sign * 7e5 } else { 1e-3 }).into()))
    }

    #[test]
    fn scales_fit_what_they_show() {
        let scale = |plot: Plot| (plot.scale, plot.positive);
        assert_eq!(scale(spike(1.0)), (Scale::Logarithmic, true));
        assert_eq!(scale(spike(-1.0)), (Scale::Symmetric, false));
        let calm = one((1..=40).map(|i| (f64::from(i) - 20.0).into()));
        assert_eq!(scale(calm), (Scale::Linear, false));
        let same = one((1..=40).map(|_| 0.5.into()));
        assert_eq!(scale(same), (Scale::Linear, true));
        let zero = one((1..=40).map(|_| 0.0.into()));
        assert_eq!((zero.middle, zero.scale), (None, Scale::Linear));
        // values are handed over with their sign
        assert_eq!(spike(-1.0).courses[0].values[39], Some(-7e5));
    }

    #[test]
    fn what_is_not_finite_is_a_gap_that_is_told() {
        let plot = one([json!(1.0), json!("NaN"), json!(2.0), json!("inf")]);
        let course = &plot.courses[0];
        assert_eq!(course.values, [Some(1.0), None, Some(2.0), None]);
        let told = "gap is not finite in 2 of 4 lines of metrics, first at iteration 2 (NaN)";
        assert!(plot.told[0].starts_with(told), "{:?}", plot.told);
    }

    #[test]
    fn a_long_curve_keeps_what_stands_out() {
        let value = |i: u32| match i {
            31_415 => json!(-5.0),
            41_421 => json!(7.0),
            51_000 => json!("NaN"),
            i => json!(f64::from(i % 10) / 10.0),
        };
        let plot = one((1..=60_000).map(value));
        let course = &plot.courses[0];
        assert!(course.steps.len() <= 2 * STRETCHES + 2);
        assert!(course.steps.is_sorted_by(|a, b| a < b));
        assert_eq!(course.steps.last(), Some(&60_000));
        for (step, expected) in [(31_415, Some(-5.0)), (41_421, Some(7.0)), (51_000, None)] {
            let place = course.steps.binary_search(&step).unwrap();
            assert_eq!(course.values[place], expected);
        }
        let means = course.means.as_ref().unwrap();
        assert_eq!(means.steps.len(), STRETCHES);
        // 0.0 to 0.9, six times over
        let mean = means.values[10].unwrap();
        assert!((mean - 0.45).abs() < 1e-12, "{mean}");
        // the 60 values up to 51 000 have none
        assert_eq!(means.values.iter().position(Option::is_none), Some(849));
        let few = one((1..=2000).map(value));
        assert!(few.courses[0].means.is_none());
    }

    #[test]
    fn one_point_is_no_curve() {
        assert!(of_run(&history([json!(1.0)])).is_empty());
        let [a, b] = [history([json!(1.0)]), history([json!(1.0), json!(2.0)])];
        let runs = [("a", &a), ("b", &b)].map(|(run, of)| Curves::of(of, run, run, 0));
        let plots = of_several(runs.into());
        let labels = plots[0].courses.iter().map(|course| &course.label);
        assert_eq!(labels.collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((plots.len(), &plots[0].title[..]), (1, "gap"));
    }
}
