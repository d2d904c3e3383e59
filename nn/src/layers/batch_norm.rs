//! Batch normalisation (Ioffe and Szegedy, "Batch normalization", ICML 2015).

use clel_autograd::Var;
use clel_tensor::Tensor;

use super::{autocast::widened, check_dtype};
use crate::optim::check_settings;
use crate::{Error, Fill, Init, Layer, Mode, Module, Parameter, Result, State, Visitor};

/// `y = (x − μ)/√(σ² + ε) · γ + β` for each channel, the last axis; PyTorch's BatchNorm1d on \[N, C\] and
/// BatchNorm2d on \[N, H, W, C\].
///
/// In training μ and σ² are the batch's mean and biased variance, and the running statistics move towards them by
/// `momentum`, the variance with the unbiased estimate. In evaluation μ and σ² are the running statistics.
///
/// ```
/// use clel_nn::{BatchNorm, Init, Layer, Mode, Module};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let norm = BatchNorm::new(&mut init, 1)?;
/// let x = Tensor::from_slice(&[1.0f32, 3.0], &[2, 1], &Device::Cpu)?;
/// norm.forward(&x.into(), Mode::Train)?; // mean 2, unbiased variance 2
/// assert_eq!(norm.states()[0].1.tensor().item()?, f64::from(0.2f32));
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchNorm {
    weight: Parameter,
    bias: Parameter,
    running_mean: State,
    running_var: State,
    /// ε ≥ 0, 1e-5.
    pub eps: f64,
    /// Share of the new statistics in the running ones, from 0 to 1, 0.1.
    pub momentum: f64,
}

impl BatchNorm {
    /// For `channels` channels: γ = 1, β = 0, running mean 0 and variance 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for no channels; what the device reports.
    pub fn new(init: &mut Init, channels: usize) -> Result<BatchNorm> {
        BatchNorm::with_scale(init, channels, Fill::ONES)
    }

    /// With another initial γ: zeros at the end of a residual branch make the block start as the identity.
    ///
    /// # Errors
    /// Those of [`new`](BatchNorm::new).
    pub fn with_scale(init: &mut Init, channels: usize, scale: Fill) -> Result<BatchNorm> {
        if channels == 0 {
            return Err(Error::Setting {
                what: "BatchNorm: channels",
                value: 0.0,
                expected: "at least 1",
            });
        }
        let shape = [channels];
        Ok(BatchNorm {
            weight: Parameter::new(init.fill(scale, &shape)?),
            bias: Parameter::new(init.fill(Fill::ZEROS, &shape)?),
            running_mean: State::new(init.fill(Fill::ZEROS, &shape)?),
            running_var: State::new(init.fill(Fill::ONES, &shape)?),
            eps: 1e-5,
            momentum: 0.1,
        })
    }

    fn batch_statistics(&self, x: &Var) -> Result<(Var, Var)> {
        let axes: Vec<usize> = (0..x.rank() - 1).collect();
        let count: usize = axes.iter().map(|&a| x.shape()[a]).product();
        if count < 2 {
            return Err(Error::BatchOfOne {
                shape: x.shape().to_vec(),
            });
        }
        let mean = x.mean(&axes, false)?;
        let centred = x.sub(&mean)?;
        let var = centred.mul(&centred)?.mean(&axes, false)?;
        let unbiased = count as f64 / (count - 1) as f64;
        let new_mean = self.moved(&self.running_mean, mean.tensor(), 1.0)?;
        let new_var = self.moved(&self.running_var, var.tensor(), unbiased)?;
        Tensor::realize_all(&[&new_mean, &new_var])?;
        self.running_mean.set(new_mean)?;
        self.running_var.set(new_var)?;
        Ok((centred, var))
    }

    fn moved(&self, running: &State, batch: &Tensor, factor: f64) -> Result<Tensor> {
        let kept = running.tensor().mul_scalar(1.0 - self.momentum)?;
        Ok(kept.add(&batch.mul_scalar(self.momentum * factor)?)?)
    }
}

impl Module for BatchNorm {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.parameter("weight", &self.weight);
        v.parameter("bias", &self.bias);
        v.state("running_mean", &self.running_mean);
        v.state("running_var", &self.running_var);
    }
}

impl Layer for BatchNorm {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let channels = self.running_mean.tensor().len();
        if x.rank() < 2 || x.shape().last() != Some(&channels) {
            return Err(Error::Input {
                layer: "BatchNorm",
                shape: x.shape().to_vec(),
                expected: format!("[N, …, {channels}]"),
            });
        }
        check_settings(&[
            (
                "BatchNorm: ε",
                self.eps,
                self.eps.is_finite() && self.eps >= 0.0,
                "a finite number ≥ 0",
            ),
            (
                "BatchNorm: momentum",
                self.momentum,
                (0.0..=1.0).contains(&self.momentum),
                "0 ≤ momentum ≤ 1",
            ),
        ])?;
        let dtype = self.weight.tensor().dtype();
        let x = &widened(x, dtype)?;
        check_dtype("BatchNorm", x, dtype)?;
        let (centred, var) = match mode {
            Mode::Train => self.batch_statistics(x)?,
            Mode::Eval => (
                x.sub(&self.running_mean.tensor().into())?,
                self.running_var.tensor().into(),
            ),
        };
        let scale = self.weight.var().div(&var.add_scalar(self.eps)?.sqrt()?)?;
        Ok(centred.mul(&scale)?.add(&self.bias.var())?)
    }
}
