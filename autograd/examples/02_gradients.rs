//! Gradients: of one number with respect to many, and what going down along them does.
//!
//!     cargo run --example 02_gradients

use std::error::Error;

use clel_autograd::{GradOptions, Result, Var, check_grad, grad};
use clel_pictures::{Colour, Output, Panel, Picture, cells};
use clel_tensor::{DType, Device, Tensor};

/// Himmelblau's function of points \[n, 2\], for each: (x² + y − 11)² + (x + y² − 7)². It is 0 at four places.
fn himmelblau(points: &Var) -> Result<Var> {
    let (x, y) = (points.slice(1, 0, 1)?, points.slice(1, 1, 1)?);
    let a = x.mul(&x)?.add(&y)?.sub_scalar(11.0)?;
    let b = x.add(&y.mul(&y)?)?.sub_scalar(7.0)?;
    a.mul(&a)?.add(&b.mul(&b)?)?.sum(&[1], false)
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let picture = Picture::new("02_gradients")?;
    let device = Device::Cpu;

    // ANCHOR: gradient
    // a leaf is what can be differentiated with respect to; each point's value depends on that point alone, so the gradient of
    // the sum is every point's own gradient
    let x = Var::leaf(Tensor::from_slice(&[1.0f32, 1.0], &[1, 2], &device)?);
    let g = grad(&[&himmelblau(&x)?], &[&x], &GradOptions::default())?.remove(0);
    let g = g.tensor().to_vec::<f32>()?;
    writeln!(Output, "gradient at (1, 1): {g:?}")?;
    assert_eq!(g, [-46.0, -38.0]);
    // ANCHOR_END: gradient

    // the rules against central differences, in f64, to the second order
    let somewhere = Tensor::from_slice(&[0.3f64, -1.2, 2.5, 1.7], &[2, 2], &device)?;
    check_grad(&|v| himmelblau(&v[0]), &[somewhere], 2)?;
    writeln!(Output, "gradient check to the second order: passed")?;

    // what it says when something cannot be: a constant has no gradient
    let constant = Var::constant(Tensor::zeros(&[1, 2], DType::F32, &device)?);
    let refused = grad(&[&himmelblau(&x)?], &[&constant], &GradOptions::default());
    writeln!(Output, "an error: {}", refused.unwrap_err())?;

    // forty balls roll down, each along its own gradient
    let starts: Vec<f32> = (0..40)
        .flat_map(|i| {
            let angle = i as f32 * std::f32::consts::TAU / 40.0;
            [1.2 * angle.cos() - 0.2, 1.2 * angle.sin() - 0.6]
        })
        .collect();
    let mut place = Tensor::from_slice(&starts, &[40, 2], &device)?;
    let mut paths: Vec<Vec<(f64, f64)>> = vec![Vec::new(); 40];
    for _ in 0..300 {
        for (path, xy) in paths.iter_mut().zip(place.to_vec::<f32>()?.chunks_exact(2)) {
            path.push((xy[0].into(), xy[1].into()));
        }
        let x = Var::leaf(place.clone());
        let g = grad(&[&himmelblau(&x)?], &[&x], &GradOptions::default())?.remove(0);
        place = place.sub(&g.tensor().mul_scalar(0.005)?)?;
        place.realize()?;
    }
    let ends = himmelblau(&Var::constant(place))?
        .tensor()
        .to_vec::<f32>()?;
    let largest = ends.iter().copied().fold(0.0, f32::max);
    writeln!(
        Output,
        "after 300 steps the highest ball lies at {largest:.1e}"
    )?;
    assert!(largest < 1e-3);

    const SIDE: usize = 120;
    let grid = cells(-6.0..6.0, SIDE);
    let grid = Var::constant(Tensor::from_slice(&grid, &[SIDE * SIDE, 2], &device)?);
    let heights = himmelblau(&grid)?
        .add_scalar(1.0)?
        .ln()?
        .tensor()
        .to_vec::<f32>()?;
    let heights = heights.into_iter().map(f64::from).collect();
    let mut panel = Panel::new("forty balls roll into four valleys", -6.0..6.0, -6.0..6.0).heat(
        SIDE,
        heights,
        0.0..7.5,
    );
    let ends = paths.iter().filter_map(|p| p.last().copied()).collect();
    let starts = paths.iter().map(|p| p[0]).collect();
    for path in paths {
        panel = panel.line("", Colour::White, path);
    }
    let panel = panel
        .points("starts", Colour::Orange, starts)
        .points("ends", Colour::Red, ends);
    picture.draw(&[panel])
}
