//! The energy of rings in the plane without any sampling: score matching, which needs gradients of gradients.
//!
//! Hyvärinen (JMLR 2005): with the score s(x) = −∇E(x), the mean over the data of ½‖s‖² + Σᵢ ∂sᵢ/∂xᵢ is, up to a constant, half the mean
//! square between s and the data's own score. Its gradient with respect to the weights is a third derivative of E.
//!
//!     cargo run --example 07_score_matching

use std::error::Error;

use clel_autograd::{GradOptions, Var, grad, no_grad};
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{
    Activation, Fill, Init, Layer, Linear, LinearOptions, Mode, Module, Result, Sequential,
};
use clel_pictures::{Colour, Output, Panel, Picture, cells, pairs};
use clel_tensor::{DType, Device, RngKey, Tensor};

const N: usize = 256;
const ITERATIONS: u64 = 1500;
const RADII: [f64; 2] = [0.6, 1.5];
/// Langevin: x ← x − ½ε²·∇E + ε·noise.
const EPSILON: f64 = 0.08;

/// Points on two rings around the origin, blurred by 0.12.
fn rings(key: RngKey) -> Result<Tensor> {
    let u = Tensor::uniform(&[N, 2], key, &Device::Cpu)?;
    let turn = u.slice(1, 1, 1)?.mul_scalar(std::f64::consts::TAU)?;
    // in proportion to their length
    let [inner, outer] = RADII;
    let which = u
        .slice(1, 0, 1)?
        .less_than_scalar(inner / (inner + outer))?;
    let radius = which.mul_scalar(inner - outer)?.add_scalar(outer)?;
    let points = Tensor::concat(&[&radius.mul(&turn.cos()?)?, &radius.mul(&turn.sin()?)?], 1)?;
    let noise = Tensor::normal(&[N, 2], key.at(key.step | 1 << 32), &Device::Cpu)?;
    Ok(points.add(&noise.mul_scalar(0.12)?)?)
}

fn distance(&(x, y): &(f64, f64)) -> f64 {
    let [inner, outer] = RADII.map(|r| (x.hypot(y) - r).abs());
    inner.min(outer)
}

struct Energy(Sequential);

impl Energy {
    /// A network, and a wide bowl that keeps chains from wandering off to where there were no data.
    fn of(&self, x: &Var) -> Result<Var> {
        let bowl = x.mul(x)?.sum(&[1], false)?.mul_scalar(0.5)?;
        let learnt = self.0.forward(x, Mode::Train)?.sum(&[1], false)?;
        Ok(learnt.add(&bowl)?)
    }

    // ANCHOR: loss
    /// Mean over the points x \[n, 2\] of ½‖∇E‖² − Σᵢ ∂²E/∂xᵢ².
    fn score_matching(&self, x: &Tensor) -> Result<Var> {
        let x = Var::leaf(x.clone());
        let recorded = GradOptions::recorded();
        let slope = grad(&[&self.of(&x)?], &[&x], &recorded)?.remove(0);
        let mut loss = slope.mul(&slope)?.sum_all()?.mul_scalar(0.5)?;
        for i in 0..2 {
            // each point's slope depends on that point alone, so the gradient of the sum has every point's ∂²E/∂xᵢ∂xⱼ
            let curvature = grad(&[&slope.slice(1, i, 1)?], &[&x], &recorded)?.remove(0);
            loss = loss.sub(&curvature.slice(1, i, 1)?.sum_all()?)?;
        }
        Ok(loss.mul_scalar(1.0 / x.shape()[0] as f64)?)
    }
    // ANCHOR_END: loss

    fn langevin(&self, mut x: Tensor, steps: u64, key: RngKey) -> Result<Tensor> {
        for k in 0..steps {
            let at = Var::leaf(x.clone());
            let slope = grad(&[&self.of(&at)?], &[&at], &GradOptions::default())?.remove(0);
            let noise = Tensor::normal(x.shape(), key.at(k), &Device::Cpu)?;
            x = x
                .sub(&slope.tensor().mul_scalar(EPSILON * EPSILON / 2.0)?)?
                .add(&noise.mul_scalar(EPSILON)?)?;
            x.realize()?;
        }
        Ok(x)
    }

    /// Of points x, y, x, y, …
    fn energies(&self, flat: &[f32]) -> Result<Vec<f64>> {
        let points = Tensor::from_slice(flat, &[flat.len() / 2, 2], &Device::Cpu)?;
        let x = Var::constant(points);
        let energies = no_grad(|| self.of(&x))?.tensor().to_vec::<f32>()?;
        Ok(energies.into_iter().map(f64::from).collect())
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let picture = Picture::new("07_score_matching")?;
    let mut init = Init::new(RngKey::new(5, 0), DType::F32, &Device::Cpu);
    let usual = LinearOptions::default();
    let (mut sharp, mut without_bias) = (usual, usual);
    sharp.weight = Fill::Uniform(2.0);
    // a constant added to the energy changes no score
    without_bias.bias = None;
    let energy = Energy(
        Sequential::new()
            .push(Linear::new(&mut init, 2, 64, &sharp)?)
            .push(Activation::Silu)
            .push(Linear::new(&mut init, 64, 64, &usual)?)
            .push(Activation::Silu)
            .push(Linear::new(&mut init, 64, 1, &without_bias)?),
    );
    let (mut adam, schedule) = (Adam::default(), Schedule::Cosine { steps: ITERATIONS });
    for i in 0..ITERATIONS {
        let loss = energy.score_matching(&rings(RngKey::new(5, 1).at(i))?)?;
        let parameters = energy.0.parameters();
        let gradients = gradients(loss, &parameters)?;
        adam.step(&parameters, &gradients, 5e-3 * schedule.factor(i))?;
    }

    let start = Tensor::uniform(&[2 * N, 2], RngKey::new(5, 2), &Device::Cpu)?;
    let start = start.mul_scalar(4.0)?.sub_scalar(2.0)?;
    let ends = energy.langevin(start.clone(), 1000, RngKey::new(5, 3))?;
    let data = rings(RngKey::new(5, 4))?.to_vec::<f32>()?;
    let (start, ends) = (start.to_vec::<f32>()?, ends.to_vec::<f32>()?);

    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let [likely, unlikely] = [&data, &start].map(|p| energy.energies(p).map(|e| mean(&e)));
    let (likely, unlikely) = (likely?, unlikely?);
    writeln!(
        Output,
        "mean energy: {likely:.2} of data, {unlikely:.2} anywhere"
    )?;
    assert!(likely + 1.0 < unlikely, "the data are no likelier");
    let [before, after, ideal] =
        [&start, &ends, &data].map(|p| mean(&pairs(p).iter().map(distance).collect::<Vec<_>>()));
    writeln!(
        Output,
        "mean distance to the rings: {before:.3}, after 1000 steps {after:.3}; data {ideal:.3}"
    )?;
    assert!(after < 0.15, "the samples are not on the rings");

    const SIDE: usize = 120;
    let heights = energy.energies(&cells(-2.2..2.2, SIDE))?;
    let low = heights.iter().copied().fold(f64::INFINITY, f64::min);
    let square = |title| Panel::new(title, -2.2..2.2, -2.2..2.2);
    let landscape = square("energy (dark = low = likely), starts");
    picture.draw(&[
        square("data").points("", Colour::Black, pairs(&data)),
        landscape
            .heat(SIDE, heights, low..low + 8.0)
            .points("", Colour::White, pairs(&start)),
        square("where they are after 1000 steps").points("", Colour::Red, pairs(&ends)),
    ])
}
