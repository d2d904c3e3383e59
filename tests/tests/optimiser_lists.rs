//! Optimisers and averages, which change all parameters in one launch, against their formulas for one parameter after the other: the same
//! bits on both devices, whatever the shapes, and also from a saved state.

use std::collections::BTreeMap;

use clel_nn::optim::{Adam, Ema, Optimizer, Sgd};
use clel_nn::{Module, Parameter, State, Visitor};
use clel_tensor::{Device, Expr, RngKey, Tensor};
use clel_tests::devices;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RATE: f64 = 0.03;

fn numbers(shape: &[usize], stream: u32, device: &Device) -> Outcome<Tensor> {
    let x = Tensor::normal(shape, RngKey::new(31, stream), &Device::Cpu)?;
    Ok(x.to_device(device)?)
}

fn bits(t: &Tensor) -> Outcome<Vec<u32>> {
    Ok(t.to_vec::<f32>()?.iter().map(|x| x.to_bits()).collect())
}

/// Some shapes: empty, of one number, odd, a convolution's, larger than a block of any kernel.
fn shapes(case: u32) -> Vec<Vec<usize>> {
    let random = RngKey::new(41, 0).block(case);
    let count = 1 + random[0] as usize % 9;
    let shape = |i: usize| {
        let words = RngKey::new(41, 1 + case).block(i as u32);
        let side = |n: usize, most: u32| (words[n] % most) as usize;
        match words[3] % 6 {
            0 => vec![],
            1 => vec![side(0, 4), side(1, 5)],
            2 => vec![side(0, 6), 3, 3, side(1, 6)],
            3 => vec![64 * side(0, 4)],
            4 => vec![40 + side(0, 60), 40 + side(1, 60)],
            _ => vec![side(0, 200)],
        }
    };
    (0..count).map(shape).collect()
}

/// What an optimiser remembers of one parameter, and how it changes it.
struct Plain {
    value: Tensor,
    moments: [Tensor; 2],
}

impl Plain {
    fn new(value: Tensor) -> Outcome<Plain> {
        let zeros = Tensor::zeros(value.shape(), value.dtype(), value.device())?;
        Ok(Plain {
            value,
            moments: [zeros.clone(), zeros],
        })
    }

    /// The step t = 1, 2, … of Adam, as Kingma and Ba give it.
    fn adam(&mut self, g: &Tensor, t: f64, [b1, b2]: [f64; 2], decay: f64) -> Outcome {
        let [p, g_, m, v] = [0, 1, 2, 3].map(Expr::input);
        let g_ = g_ + p.clone() * decay;
        let v = v * b2 + g_.clone() * g_.clone() * (1.0 - b2);
        let m = match b1 {
            0.0 => g_,
            _ => m * b1 + g_ * (1.0 - b1),
        };
        let (size, correction) = (RATE / (1.0 - b1.powf(t)), (1.0 - b2.powf(t)).sqrt());
        let new = p - m.clone() * size / (v.clone().sqrt() / correction + 1e-8);
        self.change(g, [&new, &m, &v])
    }

    fn sgd(&mut self, g: &Tensor, momentum: f64, decay: f64) -> Outcome {
        let [p, g_, b] = [0, 1, 2].map(Expr::input);
        let b = b * momentum + (g_ + p.clone() * decay);
        let new = p - b.clone() * RATE;
        self.change(g, [&new, &b, &Expr::input(3)])
    }

    fn change(&mut self, g: &Tensor, [new, first, second]: [&Expr; 3]) -> Outcome {
        let inputs = [&self.value, g, &self.moments[0], &self.moments[1]];
        let [new, first, second] = [new, first, second].map(|e| Tensor::pointwise(e, &inputs));
        let (new, first, second) = (new?, first?, second?);
        Tensor::realize_all(&[&new, &first, &second])?;
        (self.value, self.moments) = (new, [first, second]);
        Ok(())
    }
}

/// Five steps, the last two by an optimiser that goes on from a saved state, the fourth without the first parameter.
fn compare<O: Optimizer>(
    device: &Device,
    case: u32,
    make: impl Fn() -> clel_nn::Result<O>,
    step: impl Fn(&mut Plain, &Tensor, f64) -> Outcome,
) -> Outcome {
    let shapes = shapes(case);
    let (mut held, mut plain) = (Vec::new(), Vec::new());
    for (i, shape) in shapes.iter().enumerate() {
        let value = numbers(shape, i as u32, device)?;
        held.push((format!("p{i}"), Parameter::new(value.clone())));
        plain.push(Plain::new(value)?);
    }
    let parameters: Vec<(String, &Parameter)> =
        held.iter().map(|(name, p)| (name.clone(), p)).collect();
    let mut optimiser = make()?;
    for t in 1..=5u32 {
        if t == 4 {
            let state: BTreeMap<String, Tensor> = optimiser.state()?.into_iter().collect();
            optimiser = make()?;
            optimiser.load_state(&parameters, &state)?;
        }
        let from = usize::from(t == 4);
        let gradients = shapes[from..].iter().enumerate();
        let gradients = gradients.map(|(i, s)| numbers(s, 100 * t + i as u32, device));
        let gradients = gradients.collect::<Outcome<Vec<_>>>()?;
        optimiser.step(&parameters[from..], &gradients, RATE)?;
        for (plain, g) in plain[from..].iter_mut().zip(&gradients) {
            step(plain, g, t.into())?;
        }
    }
    for ((name, p), plain) in parameters.iter().zip(&plain) {
        let what = format!("{device}, case {case}: {name} {:?}", plain.value.shape());
        assert_eq!(bits(&p.tensor())?, bits(&plain.value)?, "{what}");
    }
    Ok(())
}

#[test]
fn a_step_over_all_parameters_has_the_bits_of_single_steps() -> Outcome {
    for device in devices() {
        for case in 0..12 {
            for (betas, decay) in [([0.9, 0.999], 0.0), ([0.0, 0.99], 0.0), ([0.5, 0.9], 0.1)] {
                compare(
                    device,
                    case,
                    || Adam::new(betas, 1e-8, decay),
                    |plain, g, t| plain.adam(g, t, betas, decay),
                )?;
            }
            for (momentum, decay) in [(0.9, 5e-4), (0.0, 0.0)] {
                compare(
                    device,
                    case,
                    || Sgd::new(momentum, decay),
                    |plain, g, _| plain.sgd(g, momentum, decay),
                )?;
            }
        }
    }
    Ok(())
}

/// A module of parameters and a state of these shapes.
struct Holder {
    parameters: Vec<Parameter>,
    state: State,
}

impl Holder {
    fn new(shapes: &[Vec<usize>], stream: u32, device: &Device) -> Outcome<Holder> {
        let all = shapes.iter().enumerate();
        let all = all.map(|(i, s)| Ok(Parameter::new(numbers(s, stream + i as u32, device)?)));
        Ok(Holder {
            parameters: all.collect::<Outcome<_>>()?,
            state: State::new(numbers(&[3], stream, device)?),
        })
    }
}

impl Module for Holder {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        for (i, p) in self.parameters.iter().enumerate() {
            v.parameter(&format!("p{i}"), p);
            if i == 0 {
                v.state("state", &self.state);
            }
        }
    }
}

#[test]
fn averages_of_all_parameters_have_the_bits_of_single_ones() -> Outcome {
    for device in devices() {
        for case in 0..12 {
            let shapes = shapes(case);
            let average = Holder::new(&shapes, 0, device)?;
            let mut plain: Vec<Tensor> = average.parameters.iter().map(Parameter::tensor).collect();
            for (t, decay) in [0.9, 0.0, 0.5, 0.75].into_iter().enumerate() {
                let live = Holder::new(&shapes, 100 + 10 * t as u32, device)?;
                Ema::update(&live, &average, decay)?;
                let mix = Expr::input(0) * decay + Expr::input(1) * (1.0 - decay);
                for (plain, live) in plain.iter_mut().zip(&live.parameters) {
                    *plain = match decay {
                        0.0 => live.tensor(),
                        _ => Tensor::pointwise(&mix, &[plain, &live.tensor()])?,
                    };
                    plain.realize()?;
                }
                for (found, plain) in average.parameters.iter().zip(&plain) {
                    let what = format!("{device}, case {case}: {:?}", plain.shape());
                    assert_eq!(bits(&found.tensor())?, bits(plain)?, "{what}");
                }
                assert_eq!(bits(&average.state.tensor())?, bits(&live.state.tensor())?);
            }
        }
    }
    Ok(())
}
