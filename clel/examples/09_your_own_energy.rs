//! An energy of your own on data of your own, with the sampler and the replay buffer of `clel`: the free energy of a restricted
//! Boltzmann machine, on bars and stripes.
//!
//!     E(x) = −⟨b, x⟩ − Σⱼ ln(1 + exp(cⱼ + ⟨wⱼ, x⟩)),    p(x) ∝ exp(−E(x))
//!
//! (Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 16.1). Training pushes it down at the
//! data and up at the samples; nothing else is needed.
//!
//!     cargo run --example 09_your_own_energy

use std::error::Error;

use clel::sampler::{Draw, Langevin, Numbers, ReplayBuffer};
use clel_autograd::Var;
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{Fill, Init, Layer, Linear, LinearOptions, Mode, Module, Parameter, Visitor};
use clel_pictures::{Output, Panel, Picture};
use clel_tensor::{DType, Device, Expr, RngKey, Tensor};

const SIDE: usize = 6;
const PIXELS: usize = SIDE * SIDE;
const BATCH: usize = 64;
const ITERATIONS: u64 = 1500;

/// One image: some rows, or some columns, are white.
fn bars(number: u32) -> Vec<f32> {
    let (lying, lines) = (number.is_multiple_of(2), number / 2);
    let white = |i: usize| lines >> (if lying { i / SIDE } else { i % SIDE }) & 1;
    (0..PIXELS).map(|i| white(i) as f32).collect()
}

/// Images \[n, SIDE, SIDE, 1\], drawn by a key.
fn batch(n: usize, key: RngKey) -> Vec<f32> {
    let kinds = 2 << SIDE;
    (0..n as u32)
        .flat_map(|i| bars(key.block(i)[0] % kinds))
        .collect()
}

/// The number of pixels in which an image differs from the nearest image of the data.
fn mistakes(image: &[f32]) -> usize {
    let differ = |number| {
        bars(number)
            .iter()
            .zip(image)
            .filter(|(a, b)| (**a > 0.5) != (**b > 0.5))
            .count()
    };
    (0..2 << SIDE).map(differ).min().unwrap_or(PIXELS)
}

// ANCHOR: energy
struct FreeEnergy {
    /// w and c.
    hidden: Linear,
    /// b.
    visible: Parameter,
}

impl Module for FreeEnergy {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("hidden", &self.hidden);
        v.parameter("visible", &self.visible);
    }
}

impl FreeEnergy {
    fn new(hidden: usize, init: &mut Init) -> clel_nn::Result<FreeEnergy> {
        Ok(FreeEnergy {
            hidden: Linear::new(init, PIXELS, hidden, &LinearOptions::default())?,
            visible: Parameter::new(init.fill(Fill::ZEROS, &[PIXELS])?),
        })
    }

    /// Energies \[n\] of images \[n, SIDE, SIDE, 1\].
    fn of(&self, images: &Var) -> clel::Result<Var> {
        // pixels −1 and 1 rather than 0 and 1
        let x = images.flatten(1)?.mul_scalar(2.0)?.sub_scalar(1.0)?;
        let inputs = self.hidden.forward(&x, Mode::Train)?;
        // ln(1 + eᵃ) that does not overflow: max(a, 0) + ln(1 + e^−|a|)
        let a = || Expr::input(0);
        let softplus = a().maximum(0.0) + ((-a().abs()).exp() + 1.0).ln();
        let hidden = Var::pointwise(&softplus, &[&inputs])?.sum(&[1], false)?;
        let visible = x.mul(&self.visible.var())?.sum(&[1], false)?;
        Ok(hidden.add(&visible)?.neg()?)
    }
}
// ANCHOR_END: energy

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("09_your_own_energy")?;
    let device = Device::Cpu;
    let key = |stream| RngKey::new(9, stream);
    let mut init = Init::new(key(0), DType::F32, &device);
    let energy = FreeEnergy::new(64, &mut init)?;
    let of = |x: &Var| energy.of(x);

    // ANCHOR: training
    let langevin = Langevin {
        steps: 20,
        step_size: 0.01,
        noise: 0.02f64.sqrt(), // σ² = 2λ: the temperature is 1
        ..Langevin::default()
    };
    let mut buffer = ReplayBuffer::fresh(1000, [SIDE, SIDE, 1], key(1), &device)?;
    let before = buffer.images().to_vec::<f32>()?;
    let mut adam = Adam::new([0.0, 0.999], 1e-8, 0.0)?;
    let schedule = Schedule::Cosine { steps: ITERATIONS };
    for i in 0..ITERATIONS {
        let draw = Draw::random(BATCH, buffer.len(), 0.02, key(2).at(i));
        let start = buffer.start(&draw, Numbers::Drawn(key(3).at(i)))?;
        let chains = langevin.run(&of, &start, key(4).at(i))?;
        buffer.write(&draw, &chains.images, langevin.steps as u64)?;

        let shape = [BATCH, SIDE, SIDE, 1];
        let data = Tensor::from_slice(&batch(BATCH, key(5).at(i)), &shape, &device)?;
        let data = energy.of(&data.into())?.mean_all()?;
        let samples = energy.of(&chains.images.into())?.mean_all()?;
        let parameters = energy.parameters();
        let gradients = gradients(data.sub(&samples)?, &parameters)?;
        adam.step(&parameters, &gradients, 0.01 * schedule.factor(i))?;
    }
    // ANCHOR_END: training

    let after = buffer.images().to_vec::<f32>()?;
    let mean = |images: &[f32]| {
        let n = images.len() / PIXELS;
        images.chunks_exact(PIXELS).map(mistakes).sum::<usize>() as f64 / n as f64
    };
    let (first, last) = (mean(&before), mean(&after));
    writeln!(
        Output,
        "pixels, of {PIXELS}, in which chains differ from the nearest bars: {first:.1} before, {last:.2} after"
    )?;
    assert!(last < 1.5, "the bars were not learnt");

    let grid = |title: &str, images: &[f32]| {
        Panel::images(title, 8, [SIDE; 2], images[..64 * PIXELS].to_vec(), vec![])
    };
    picture.draw(&[
        grid("data: bars and stripes", &batch(64, key(6))),
        grid("chains before training", &before),
        grid("the same chains after it", &after),
    ])
}
