//! Normalisation of a network's input.

use clel_autograd::Var;
use clel_nn::{Init, Layer, Mode, Module, State, Visitor};
use clel_tensor::{Expr, Tensor};

use crate::config::DataConfig;
use crate::{Error, Result};

/// Mean and standard deviation of each channel of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// Mean of each channel.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel, above 0.
    pub std: Vec<f64>,
}

impl Normalisation {
    /// What the configuration says, once it is filled in from the data.
    ///
    /// # Errors
    /// [`Error::Mismatch`] unless `data.mean` and `data.std` are there, one number a channel each.
    pub fn of(data: &DataConfig) -> Result<Normalisation> {
        match (&data.mean, &data.std) {
            (Some(mean), Some(std)) if mean.len() == std.len() => Ok(Normalisation {
                mean: mean.clone(),
                std: std.clone(),
            }),
            (mean, std) => Err(Error::Mismatch {
                what: "data.mean and data.std".into(),
                found: {
                    let numbers = |v: &Option<Vec<f64>>| v.as_ref().map_or(0, Vec::len);
                    format!("{} and {} numbers", numbers(mean), numbers(std))
                },
                expected: "one number a channel each".into(),
            }),
        }
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }
}

/// `(x − mean) / std` for each channel; both are states, so that a checkpoint holds them.
pub(crate) struct Normalize {
    mean: State,
    std: State,
}

impl Normalize {
    pub fn new(normalisation: &Normalisation, init: &Init) -> Result<Normalize> {
        let row = |values: &[f64]| -> Result<State> {
            let values = Tensor::from_slice(
                &values.iter().map(|v| *v as f32).collect::<Vec<_>>(),
                &[values.len()],
                init.device(),
            )?;
            Ok(State::new(values.to_dtype(init.dtype())?))
        };
        Ok(Normalize {
            mean: row(&normalisation.mean)?,
            std: row(&normalisation.std)?,
        })
    }
}

impl Module for Normalize {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.state("mean", &self.mean);
        v.state("std", &self.std);
    }
}

impl Layer for Normalize {
    fn forward(&self, x: &Var, _: Mode) -> clel_nn::Result<Var> {
        let mean = self.mean.tensor();
        if x.rank() != 4 || x.shape()[3] != mean.len() {
            return Err(clel_nn::Error::Input {
                layer: "input normalisation",
                shape: x.shape().to_vec(),
                expected: format!("[N, H, W, {}]", mean.len()),
            });
        }
        let normalised = (Expr::input(0) - Expr::input(1)) / Expr::input(2);
        let (mean, std) = (mean.into(), self.std.tensor().into());
        Ok(Var::pointwise(&normalised, &[x, &mean, &std])?)
    }
}
