//! Gradients of gradients: a third derivative, and Newton's method, which sees how a valley is curved.
//!
//!     cargo run --example 03_second_order

use std::error::Error;

use clel_autograd::{GradOptions, Result, Var, grad};
use clel_pictures::{Colour, Output, Panel, Picture};
use clel_tensor::{Device, Tensor};

/// Rosenbrock's valley at a point \[2\]: (1 − x)² + 20 (y − x²)², lowest at (1, 1).
fn valley(point: &Var) -> Result<Var> {
    let (x, y) = (point.slice(0, 0, 1)?, point.slice(0, 1, 1)?);
    let along = x.sub_scalar(1.0)?;
    let across = y.sub(&x.mul(&x)?)?;
    let across = across.mul(&across)?.mul_scalar(20.0)?;
    along.mul(&along)?.add(&across)?.sum_all()
}

fn leaf(at: &[f64]) -> Result<Var> {
    Ok(Var::leaf(Tensor::from_slice(
        at,
        &[at.len()],
        &Device::Cpu,
    )?))
}

// ANCHOR: newton
/// The gradient and the matrix of second derivatives: each row is the gradient of one component of the gradient.
fn curvature(at: [f64; 2]) -> Result<([f64; 2], [[f64; 2]; 2])> {
    let x = leaf(&at)?;
    let g = grad(&[&valley(&x)?], &[&x], &GradOptions::recorded())?.remove(0);
    let mut rows = [[0.0; 2]; 2];
    for (i, row) in rows.iter_mut().enumerate() {
        let component = g.slice(0, i, 1)?.sum_all()?;
        let h = grad(&[&component], &[&x], &GradOptions::default())?.remove(0);
        row.copy_from_slice(&h.tensor().to_vec::<f64>()?);
    }
    let g = g.tensor().to_vec::<f64>()?;
    Ok(([g[0], g[1]], rows))
}

/// x − H⁻¹·g.
fn newton_step(at: [f64; 2]) -> Result<[f64; 2]> {
    let (g, [[a, b], [c, d]]) = curvature(at)?;
    let determinant = a * d - b * c;
    Ok([
        at[0] - (d * g[0] - b * g[1]) / determinant,
        at[1] - (a * g[1] - c * g[0]) / determinant,
    ])
}
// ANCHOR_END: newton

fn path(steps: usize, next: impl Fn([f64; 2]) -> Result<[f64; 2]>) -> Result<Vec<(f64, f64)>> {
    let mut at = [-1.2, 1.0];
    let mut path = vec![(at[0], at[1])];
    for _ in 0..steps {
        at = next(at)?;
        path.push((at[0], at[1]));
    }
    Ok(path)
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let picture = Picture::new("03_second_order")?;
    // as many times as one likes: of Σ x⁴ first 4x³, then 12x², then 24x
    let x = leaf(&[1.0, 2.0])?;
    let mut derivative = x.mul(&x)?.mul(&x)?.mul(&x)?;
    for order in 1..=3 {
        derivative = grad(&[&derivative], &[&x], &GradOptions::recorded())?.remove(0);
        writeln!(
            Output,
            "derivative {order} of x⁴ at 1 and 2: {:?}",
            derivative.tensor().to_vec::<f64>()?
        )?;
    }
    assert_eq!(derivative.tensor().to_vec::<f64>()?, [24.0, 48.0]);

    let downhill = path(200, |at| {
        let (g, _) = curvature(at)?;
        Ok([at[0] - 0.008 * g[0], at[1] - 0.008 * g[1]])
    })?;
    let newton = path(7, newton_step)?;
    let height =
        |p: &(f64, f64)| -> Result<f64> { Ok(valley(&leaf(&[p.0, p.1])?)?.tensor().item()?) };
    let ends = [height(&downhill[200])?, height(&newton[7])?];
    writeln!(
        Output,
        "200 steps downhill end at height {:.1e}, 7 of Newton's at {:.1e}",
        ends[0], ends[1]
    )?;
    assert!(ends[1] < 1e-9 && ends[1] < ends[0]);

    const SIDE: usize = 120;
    let mut heights = Vec::with_capacity(SIDE * SIDE);
    for i in 0..SIDE * SIDE {
        let at =
            |k: usize, low: f64, high: f64| low + (high - low) * (k as f64 + 0.5) / SIDE as f64;
        let (x, y) = (at(i % SIDE, -1.6, 1.6), at(i / SIDE, -3.2, 2.0));
        heights.push(((1.0 - x).powi(2) + 20.0 * (y - x * x).powi(2)).ln());
    }
    let panel = Panel::new("downhill, and with the curvature", -1.6..1.6, -3.2..2.0)
        .heat(SIDE, heights, -3.0..6.5)
        .line("200 steps downhill", Colour::Orange, downhill.clone())
        .line("7 steps of Newton's method", Colour::Red, newton.clone())
        .points("", Colour::Red, newton)
        .points("the lowest point", Colour::White, vec![(1.0, 1.0)]);
    picture.draw(&[panel])
}
