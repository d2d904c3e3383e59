//! Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1).

use std::collections::BTreeMap;

use clel_tensor::{DType, Expr, Tensor};

use super::{
    Optimizer, check_gradients, check_names, check_rate, check_settings,
    moments::{Moments, check_known, describe},
    set_all, values, with_decay,
};
use crate::{Error, Parameter, Result};

const STEPS: &str = "steps";

/// Adam as PyTorch computes it, at step t = 1, 2, … for gradient g (to which `weight_decay`·p is added):
///
/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
///
/// All parameters have the same t, so each step is over the same ones: an optimiser of its own for those that come later. With β₁ = 0 no m is kept. A step over all parameters is one launch, as long as one array of the device can hold them all.
#[derive(Debug)]
pub struct Adam {
    /// β₁ and β₂.
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    steps: u64,
    first: Moments,
    second: Moments,
}

impl Default for Adam {
    /// β = (0.9, 0.999), ε = 1e-8, no weight decay.
    fn default() -> Adam {
        Adam {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            steps: 0,
            first: Moments::new("first_moment"),
            second: Moments::new("second_moment"),
        }
    }
}

impl Adam {
    /// With the given β₁ and β₂, each in \[0, 1), ε > 0 and weight decay ≥ 0.
    ///
    /// # Errors
    /// [`Error::Setting`] for numbers outside these ranges.
    pub fn new(betas: [f64; 2], eps: f64, weight_decay: f64) -> Result<Adam> {
        check_settings(&[
            (
                "Adam: β₁",
                betas[0],
                (0.0..1.0).contains(&betas[0]),
                "0 ≤ β₁ < 1",
            ),
            (
                "Adam: β₂",
                betas[1],
                (0.0..1.0).contains(&betas[1]),
                "0 ≤ β₂ < 1",
            ),
            ("Adam: ε", eps, eps > 0.0, "ε > 0"),
            (
                "Adam: weight decay",
                weight_decay,
                weight_decay >= 0.0,
                "a number ≥ 0",
            ),
        ])?;
        Ok(Adam {
            betas,
            eps,
            weight_decay,
            ..Adam::default()
        })
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

impl Optimizer for Adam {
    fn step(
        &mut self,
        parameters: &[(String, &Parameter)],
        gradients: &[Tensor],
        rate: f64,
    ) -> Result<()> {
        check_gradients(parameters, gradients)?;
        check_rate("Adam: learning rate", rate)?;
        self.second.check_same(parameters)?;
        let t = (self.steps + 1) as f64;
        let [b1, b2] = self.betas;
        let size = rate / (1.0 - b1.powf(t));
        let correction = (1.0 - b2.powf(t)).sqrt();
        // inputs: p, g, v, m
        let [p, g, v, m] = [0, 1, 2, 3].map(Expr::input);
        let g = with_decay(g, &p, self.weight_decay);
        let v = v * b2 + g.clone() * g.clone() * (1.0 - b2);
        let m = if b1 == 0.0 {
            g
        } else {
            m * b1 + g * (1.0 - b1)
        };
        let new = p - m.clone() * size / (v.clone().sqrt() / correction + self.eps);
        let old = values(parameters);
        let old_v = self.second.of(parameters)?;
        if b1 == 0.0 {
            let lists: [&[Tensor]; 3] = [&old, gradients, &old_v];
            let [new, v] = Tensor::pointwise_lists([&new, &v], &lists)?;
            set_all(parameters, new)?;
            self.second.set(parameters, v);
        } else {
            let old_m = self.first.of(parameters)?;
            let lists: [&[Tensor]; 4] = [&old, gradients, &old_v, &old_m];
            let [new, v, m] = Tensor::pointwise_lists([&new, &v, &m], &lists)?;
            set_all(parameters, new)?;
            self.second.set(parameters, v);
            self.first.set(parameters, m);
        }
        self.steps += 1;
        Ok(())
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let words = [self.steps as u32, (self.steps >> 32) as u32];
        let steps = Tensor::from_slice(&words, &[2], &clel_tensor::Device::Cpu)?;
        let moments = self.first.state().chain(self.second.state());
        Ok(moments.chain([(STEPS.to_owned(), steps)]).collect())
    }

    fn load_state(
        &mut self,
        parameters: &[(String, &Parameter)],
        state: &BTreeMap<String, Tensor>,
    ) -> Result<()> {
        check_names(parameters)?;
        let steps = match state.get(STEPS) {
            Some(t) if t.shape() == [2] && t.dtype() == DType::U32 => {
                let words = t.to_vec::<u32>()?;
                u64::from(words[0]) | u64::from(words[1]) << 32
            }
            found => {
                return Err(Error::OptimizerState {
                    key: STEPS.into(),
                    expected: "u32 [2]".into(),
                    found: found.map_or("nothing".into(), describe),
                });
            }
        };
        let first = self
            .first
            .read(parameters, state, steps > 0 && self.betas[0] != 0.0)?;
        let second = self.second.read(parameters, state, steps > 0)?;
        check_known(&[&first, &second], &[STEPS], state)?;
        (self.first, self.second, self.steps) = (first, second, steps);
        Ok(())
    }
}
