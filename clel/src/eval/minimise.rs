//! L-BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980) for smooth convex functions.

use std::collections::VecDeque;

use crate::Result;

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 10;
/// The decrease that a step must bring, as a share of what the slope promises.
const DECREASE: f64 = 1e-4;
/// Halvings of a step before the search ends at rounding's limit.
const HALVINGS: usize = 40;

/// A function: its value and its gradient.
pub(super) type Objective<'a> = dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>)> + 'a;

/// A point, the value there, and the gradient.
pub(super) struct Point {
    pub x: Vec<f64>,
    pub value: f64,
    pub gradient: Vec<f64>,
}

/// Walks down from `x` until no component of the gradient exceeds `tolerance`, for `steps` steps, or until no step goes down any more.
pub(super) fn minimise(
    x: Vec<f64>,
    tolerance: f64,
    steps: usize,
    f: &mut Objective<'_>,
) -> Result<Point> {
    let (value, gradient) = f(&x)?;
    let mut here = Point { x, value, gradient };
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..steps {
        if here.gradient.iter().all(|g| g.abs() <= tolerance) {
            break;
        }
        let direction = direction(&here.gradient, &pairs);
        let slope = dot(&direction, &here.gradient);
        // without memory the first step is as long as the unit
        let mut length = match pairs.is_empty() {
            true => 1.0 / dot(&direction, &direction).sqrt().max(1.0),
            false => 1.0,
        };
        let mut next = None;
        for _ in 0..HALVINGS {
            let x = sum(&here.x, &direction, length);
            let (value, gradient) = f(&x)?;
            if value <= here.value + DECREASE * length * slope {
                next = Some(Point { x, value, gradient });
                break;
            }
            length *= 0.5;
        }
        let Some(next) = next else { break };
        let step = sum(&next.x, &here.x, -1.0);
        let change = sum(&next.gradient, &here.gradient, -1.0);
        if dot(&step, &change) > 1e-300 {
            pairs.push_back((step, change));
            if pairs.len() > MEMORY {
                pairs.pop_front();
            }
        }
        here = next;
    }
    Ok(here)
}

/// −H·g, with the inverse Hessian H that the pairs imply (two-loop recursion).
fn direction(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut weights = Vec::with_capacity(pairs.len());
    for (step, change) in pairs.iter().rev() {
        let weight = dot(step, &q) / dot(step, change);
        q = sum(&q, change, -weight);
        weights.push(weight);
    }
    if let Some((step, change)) = pairs.back() {
        let scale = dot(step, change) / dot(change, change);
        q.iter_mut().for_each(|v| *v *= scale);
    }
    for ((step, change), weight) in pairs.iter().zip(weights.iter().rev()) {
        let back = dot(change, &q) / dot(step, change);
        q = sum(&q, step, weight - back);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// a + scale·b.
fn sum(a: &[f64], b: &[f64], scale: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + scale * b).collect()
}
