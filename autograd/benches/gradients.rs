//! What differentiation costs beside the arithmetic: `cargo bench -p clel-autograd [-- FILTER]`.
//!
//! Chains of pointwise operations and convolutions so small that making and walking the graph decides.

use std::time::Duration;

use clel_autograd::{GradOptions, Result, Var, grad};
use clel_tensor::{Device, RngKey, Tensor};
use criterion::Criterion;

fn leaf(shape: &[usize], stream: u32) -> Result<Var> {
    let x = Tensor::normal(shape, RngKey::new(0, stream), &Device::Cpu)?;
    x.realize()?;
    Ok(Var::leaf(x))
}

/// Eight convolutions of one image, each with an activation.
fn convolutions(x: &Var, weight: &Var) -> Result<Var> {
    let mut h = x.clone();
    for _ in 0..8 {
        let y = h.conv2d(weight, 1, 1)?;
        h = y.maximum(&y.mul_scalar(0.2)?)?;
    }
    h.sum_all()
}

fn polynomial(x: &Var) -> Result<Var> {
    let mut y = x.clone();
    for _ in 0..20 {
        y = y.mul(x)?.add_scalar(1.0)?;
    }
    y.sum_all()
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    let (x, w) = (leaf(&[1, 4, 4, 8], 0)?, leaf(&[8, 3, 3, 8], 1)?);
    let v = leaf(&[16], 2)?;
    let first = |y: Result<Var>, leaves: &[&Var]| -> Result<()> {
        for g in grad(&[&y?], leaves, &GradOptions::default())? {
            g.tensor().realize()?;
        }
        Ok(())
    };
    let second = |y: Result<Var>, x: &Var| -> Result<()> {
        let g = grad(&[&y?], &[x], &GradOptions::recorded())?.remove(0);
        first(Ok(g.mul(&g)?.sum_all()?), &[x])
    };
    type Case<'a> = (&'a str, Box<dyn Fn() -> Result<()> + 'a>);
    let cases: Vec<Case<'_>> = vec![
        (
            "8 convolutions, forward",
            Box::new(|| {
                convolutions(&x, &w)?
                    .tensor()
                    .realize()
                    .map(drop)
                    .map_err(Into::into)
            }),
        ),
        (
            "8 convolutions, gradient to x",
            Box::new(|| first(convolutions(&x, &w), &[&x])),
        ),
        (
            "8 convolutions, gradients to x and weight",
            Box::new(|| first(convolutions(&x, &w), &[&x, &w])),
        ),
        (
            "polynomial of degree 21, gradient",
            Box::new(|| first(polynomial(&v), &[&v])),
        ),
        (
            "polynomial of degree 21, gradient of the gradient's square",
            Box::new(|| second(polynomial(&v), &v)),
        ),
    ];
    for (name, run) in cases {
        // what cannot run is an error, not a panic in the loop below
        run()?;
        criterion.bench_function(name, |b| b.iter(|| run().expect("has run before")));
    }
    criterion.final_summary();
    Ok(())
}
