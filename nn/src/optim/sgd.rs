//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use clel_tensor::{Expr, Tensor};

use super::{
    Optimizer, check_gradients, check_names, check_rate, check_settings,
    moments::{Moments, check_known},
    set_all, values, with_decay,
};
use crate::{Parameter, Result};

/// Gradient descent as PyTorch computes it: with g the gradient plus `weight_decay`·p,
/// b ← momentum·b + g, p ← p − rate·b. Without momentum no b is kept. A step over all parameters is one launch, as long as one array of the device can hold them all.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    velocity: Moments,
}

impl Sgd {
    /// With momentum in \[0, 1) and weight decay ≥ 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for numbers outside these ranges.
    pub fn new(momentum: f64, weight_decay: f64) -> Result<Sgd> {
        check_settings(&[
            (
                "SGD: momentum",
                momentum,
                (0.0..1.0).contains(&momentum),
                "0 ≤ momentum < 1",
            ),
            (
                "SGD: weight decay",
                weight_decay,
                weight_decay >= 0.0,
                "a number ≥ 0",
            ),
        ])?;
        Ok(Sgd {
            momentum,
            weight_decay,
            velocity: Moments::new("momentum"),
        })
    }
}

impl Optimizer for Sgd {
    fn step(
        &mut self,
        parameters: &[(String, &Parameter)],
        gradients: &[Tensor],
        rate: f64,
    ) -> Result<()> {
        check_gradients(parameters, gradients)?;
        check_rate("SGD: learning rate", rate)?;
        // inputs: p, g, b
        let [p, g, b] = [0, 1, 2].map(Expr::input);
        let g = with_decay(g, &p, self.weight_decay);
        let velocity = match self.momentum {
            0.0 => g,
            momentum => b * momentum + g,
        };
        let new = p - velocity.clone() * rate;
        let old = values(parameters);
        if self.momentum == 0.0 {
            let [new] = Tensor::pointwise_lists([&new], &[&old, gradients])?;
            return set_all(parameters, new);
        }
        let old_velocity = self.velocity.of(parameters)?;
        let lists: [&[Tensor]; 3] = [&old, gradients, &old_velocity];
        let [new, velocity] = Tensor::pointwise_lists([&new, &velocity], &lists)?;
        set_all(parameters, new)?;
        self.velocity.set(parameters, velocity);
        Ok(())
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(self.velocity.state().collect())
    }

    fn load_state(
        &mut self,
        parameters: &[(String, &Parameter)],
        state: &BTreeMap<String, Tensor>,
    ) -> Result<()> {
        check_names(parameters)?;
        // before the first step there is nothing; afterwards everything
        let started = !state.is_empty();
        let velocity = self.velocity.read(parameters, state, started)?;
        check_known(&[&velocity], &[], state)?;
        self.velocity = velocity;
        Ok(())
    }
}
