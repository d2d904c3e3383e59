//! A network learns a curve from noisy points of it.
//!
//!     cargo run --example 04_fitting_a_curve

use std::error::Error;

use clel_autograd::{Var, no_grad};
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{
    Activation, Fill, Init, Layer, Linear, LinearOptions, Mode, Module, Parameter, Result,
    Sequential, Visitor,
};
use clel_pictures::{Colour, Output, Panel, Picture};
use clel_tensor::{DType, Device, RngKey, Tensor};

const POINTS: usize = 120;
const STEPS: u64 = 1500;

/// What is to be found: sin 3x + x/2.
fn truth(x: f64) -> f64 {
    (3.0 * x).sin() + x / 2.0
}

// ANCHOR: layer
/// A layer of one's own: `y = x · γ`, with one γ, at first 1, for each feature.
struct Scale {
    weight: Parameter,
}

impl Scale {
    fn new(init: &mut Init, features: usize) -> Result<Scale> {
        let weight = Parameter::new(init.fill(Fill::ONES, &[features])?);
        Ok(Scale { weight })
    }
}

impl Module for Scale {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.parameter("weight", &self.weight);
    }
}

impl Layer for Scale {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.mul(&self.weight.var())?)
    }
}
// ANCHOR_END: layer

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let picture = Picture::new("04_fitting_a_curve")?;
    let device = Device::Cpu;

    // ANCHOR: network
    // 1 → 32 → 32 → 1; every random number comes from a key
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &device);
    let options = LinearOptions::default();
    let network = Sequential::new()
        .push(Linear::new(&mut init, 1, 32, &options)?)
        .push(Activation::Silu)
        .push(Linear::new(&mut init, 32, 32, &options)?)
        .push(Activation::Silu)
        .push(Scale::new(&mut init, 32)?)
        .push(Linear::new(&mut init, 32, 1, &options)?);
    writeln!(Output, "{} parameters:", network.parameter_count())?;
    for (name, parameter) in network.parameters() {
        writeln!(Output, "  {name} {:?}", parameter.tensor().shape())?;
    }
    // ANCHOR_END: network

    // points on [−2, 2), moved up and down by normal noise of standard deviation 0.2
    let x = Tensor::uniform(&[POINTS, 1], RngKey::new(1, 1), &device)?;
    let x = x.mul_scalar(4.0)?.sub_scalar(2.0)?;
    let exact = x.mul_scalar(3.0)?.sin()?.add(&x.mul_scalar(0.5)?)?;
    let noise = Tensor::normal(&[POINTS, 1], RngKey::new(1, 2), &device)?;
    let y = exact.add(&noise.mul_scalar(0.2)?)?;
    Tensor::realize_all(&[&x, &y])?;
    let (inputs, targets) = (Var::constant(x.clone()), Var::constant(y.clone()));

    // ANCHOR: training
    let mut adam = Adam::default();
    let schedule = Schedule::Cosine { steps: STEPS };
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let error = network.forward(&inputs, Mode::Train)?.sub(&targets)?;
        let loss = error.mul(&error)?.mean_all()?;
        losses.push((step as f64, loss.tensor().item()?.log10()));
        let parameters = network.parameters();
        let gradients = gradients(loss, &parameters)?;
        adam.step(&parameters, &gradients, 0.01 * schedule.factor(step))?;
    }
    // ANCHOR_END: training

    let grid: Vec<f32> = (0..200).map(|i| i as f32 * 0.02 - 2.0).collect();
    let asked = Var::constant(Tensor::from_slice(&grid, &[200, 1], &device)?);
    let found = no_grad(|| network.forward(&asked, Mode::Eval))?;
    let found = found.tensor().to_vec::<f32>()?;
    let found: Vec<(f64, f64)> = pairs(&grid, &found);
    let square: f64 = found.iter().map(|(x, y)| (y - truth(*x)).powi(2)).sum();
    let distance = (square / 200.0).sqrt();
    writeln!(
        Output,
        "noise moved the points by 0.2 (standard deviation); the network is {distance:.3} off the curve"
    )?;
    assert!(distance < 0.1, "the curve was not found");

    let (x, y) = (x.to_vec::<f32>()?, y.to_vec::<f32>()?);
    let exact = grid.iter().map(|&x| (x.into(), truth(x.into()))).collect();
    let fit = Panel::new("a curve from noisy points of it", -2.0..2.0, -2.2..2.2)
        .points("what the network sees", Colour::Black, pairs(&x, &y))
        .line("the curve", Colour::Green, exact)
        .line("what the network says", Colour::Red, found);
    let curve = Panel::new("loss, step by step", 0.0..STEPS as f64, -2.0..0.5)
        .along("step")
        .powers_of_ten()
        .line("", Colour::Blue, losses);
    picture.draw(&[fit, curve])
}

fn pairs(x: &[f32], y: &[f32]) -> Vec<(f64, f64)> {
    x.iter()
        .zip(y)
        .map(|(x, y)| ((*x).into(), (*y).into()))
        .collect()
}
