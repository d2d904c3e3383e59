//! An energy-based model of points in the plane: two moons, their landscape, and chains that walk in it.
//!
//! p(x) ∝ exp(−E(x)), E a network. The gradient of −ln p is ∇E(data) − ∇E(samples of the model), so training pushes the energy
//! down at the data and up where Langevin chains end; in equilibrium they end where the data are.
//!
//!     cargo run --example 05_two_dimensional_energy

use std::error::Error;

use clel_autograd::{GradOptions, Var, grad, no_grad};
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{
    Activation, Fill, Init, Layer, Linear, LinearOptions, Mode, Module, Result, Sequential,
};
use clel_pictures::{Colour, Output, Panel, Picture, cells, pairs};
use clel_tensor::{DType, Device, RngKey, Tensor};

const N: usize = 256;
const ITERATIONS: u64 = 1200;
/// Langevin: x ← x − ½ε²·∇E + ε·noise, exact as ε → 0.
const EPSILON: f64 = 0.08;

/// Two half circles of radius 1, one upside down, blurred by 0.08.
fn moons(key: RngKey) -> Result<Tensor> {
    let t = Tensor::uniform(&[N], key, &Device::Cpu)?.mul_scalar(std::f64::consts::TAU)?;
    let (cos, sin) = (t.cos()?, t.sin()?);
    // the lower half circle moves to the right and up
    let lower = sin.less_than_scalar(0.0)?;
    let x = cos.sub_scalar(0.5)?.add(&lower)?;
    let y = sin.sub_scalar(0.25)?.add(&lower.mul_scalar(0.5)?)?;
    let points = Tensor::concat(&[&x.reshape(&[N, 1])?, &y.reshape(&[N, 1])?], 1)?;
    let noise = Tensor::normal(&[N, 2], key.at(key.step | 1 << 32), &Device::Cpu)?;
    Ok(points.add(&noise.mul_scalar(0.08)?)?)
}

/// How far a point is from the nearer of the two half circles.
fn distance(&(x, y): &(f64, f64)) -> f64 {
    let arc = |x: f64, y: f64| match y >= 0.0 {
        true => (x.hypot(y) - 1.0).abs(),
        false => (x.abs() - 1.0).hypot(y),
    };
    arc(x + 0.5, y + 0.25).min(arc(x - 0.5, 0.25 - y))
}

struct Energy(Sequential);

impl Energy {
    fn of(&self, x: &Var) -> Result<Var> {
        Ok(self.0.forward(x, Mode::Train)?.sum(&[1], false)?)
    }

    // ANCHOR: langevin
    /// Chains that start at `x` \[n, 2\].
    fn langevin(&self, mut x: Tensor, steps: u64, key: RngKey) -> Result<Tensor> {
        for k in 0..steps {
            let at = Var::leaf(x.clone());
            let slope = grad(&[&self.of(&at)?], &[&at], &GradOptions::default())?.remove(0);
            let noise = Tensor::normal(x.shape(), key.at(key.step * 1000 + k), &Device::Cpu)?;
            x = x
                .sub(&slope.tensor().mul_scalar(EPSILON * EPSILON / 2.0)?)?
                .add(&noise.mul_scalar(EPSILON)?)?;
            x.realize()?;
        }
        Ok(x)
    }
    // ANCHOR_END: langevin
}

/// Where chains start that have no past: anywhere in the square from −2 to 2.
fn anywhere(key: RngKey) -> Result<Tensor> {
    Ok(Tensor::uniform(&[N, 2], key, &Device::Cpu)?
        .mul_scalar(4.0)?
        .sub_scalar(2.0)?)
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let picture = Picture::new("05_two_dimensional_energy")?;
    let mut init = Init::new(RngKey::new(3, 0), DType::F32, &Device::Cpu);
    let usual = LinearOptions::default();
    // a first layer that already sees details
    let sharp = LinearOptions {
        weight: Fill::Uniform(3.0),
        ..usual
    };
    let energy = Energy(
        Sequential::new()
            .push(Linear::new(&mut init, 2, 64, &sharp)?)
            .push(Activation::Silu)
            .push(Linear::new(&mut init, 64, 64, &usual)?)
            .push(Activation::Silu)
            .push(Linear::new(&mut init, 64, 1, &usual)?),
    );
    let mut adam = Adam::new([0.0, 0.999], 1e-8, 0.0)?;
    let schedule = Schedule::Cosine { steps: ITERATIONS };

    // ANCHOR: training
    let mut chains = anywhere(RngKey::new(3, 1))?;
    for i in 0..ITERATIONS {
        // chains go on where they were: that is what makes ten steps enough
        chains = energy.langevin(chains, 10, RngKey::new(3, 2).at(i))?;
        let data = energy.of(&Var::constant(moons(RngKey::new(3, 3).at(i))?))?;
        let samples = energy.of(&Var::constant(chains.clone()))?;
        // the squares keep energies near 0, which the difference alone leaves free
        let squares = data.mul(&data)?.add(&samples.mul(&samples)?)?.mean_all()?;
        let gap = data.sub(&samples)?.mean_all()?;
        let loss = gap.add(&squares.mul_scalar(0.001)?)?;
        let parameters = energy.0.parameters();
        let gradients = gradients(loss, &parameters)?;
        adam.step(&parameters, &gradients, 3e-3 * schedule.factor(i))?;
    }
    // ANCHOR_END: training

    let fresh = energy.langevin(anywhere(RngKey::new(3, 4))?, 1000, RngKey::new(3, 5))?;
    let [start, fresh, data] = [
        anywhere(RngKey::new(3, 4))?,
        fresh,
        moons(RngKey::new(3, 6))?,
    ]
    .map(|t| t.to_vec::<f32>().map(|flat| pairs(&flat)));
    let (start, fresh, data) = (start?, fresh?, data?);
    let mean = |p: &[(f64, f64)]| p.iter().map(distance).sum::<f64>() / p.len() as f64;
    let (before, after, ideal) = (mean(&start), mean(&fresh), mean(&data));
    writeln!(
        Output,
        "mean distance to the moons: {before:.3} at the start, {after:.3} after 1000 steps, {ideal:.3} for the data"
    )?;
    assert!(after < 0.15, "the samples are not on the moons");

    const SIDE: usize = 120;
    let grid = cells(-2.0..2.0, SIDE);
    let grid = Var::constant(Tensor::from_slice(&grid, &[SIDE * SIDE, 2], &Device::Cpu)?);
    let heights = no_grad(|| energy.of(&grid))?.tensor().to_vec::<f32>()?;
    let low = heights.iter().copied().fold(f32::INFINITY, f32::min).into();
    let heights = heights.into_iter().map(f64::from).collect();
    let square = |title| Panel::new(title, -2.0..2.0, -2.0..2.0);
    picture.draw(&[
        square("data").points("", Colour::Black, data),
        square("energy (dark = low = likely), starts")
            .heat(SIDE, heights, low..low + 8.0)
            .points("", Colour::White, start),
        square("where they are after 1000 steps").points("", Colour::Red, fresh),
    ])
}
