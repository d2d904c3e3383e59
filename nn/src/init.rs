//! Initial values of parameters.

use clel_tensor::{DType, Device, RngKey, Tensor};

use crate::{Error, Result};

/// A rule for initial values. `fan_in` is the number of inputs that one output sums over: the product of all axes
/// of the weight but the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// One number everywhere.
    Constant(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform on \[−b, b).
    Uniform(f64),
    /// Kaiming-normal, fan_in: normal with standard deviation gain/√fan_in (He et al., "Delving deep into rectifiers",
    /// ICCV 2015, eq. 10; the gain is √2 for ReLU, 1 for none).
    KaimingNormal {
        /// The gain.
        gain: f64,
    },
    /// Uniform on ±1/√fan_in: what PyTorch's Linear and Conv2d start with, weights (as `kaiming_uniform` with
    /// a = √5) and biases alike.
    FanInUniform,
}

impl Fill {
    /// Zeros.
    pub const ZEROS: Fill = Fill::Constant(0.0);
    /// Ones.
    pub const ONES: Fill = Fill::Constant(1.0);

    /// Refuses NaN, infinities and negative widths.
    fn check(self) -> Result<()> {
        let (what, value, least) = match self {
            Fill::Constant(v) => ("Fill::Constant", v, f64::MIN),
            Fill::Normal(std) => ("Fill::Normal: standard deviation", std, 0.0),
            Fill::Uniform(bound) => ("Fill::Uniform: bound", bound, 0.0),
            Fill::KaimingNormal { gain } => ("Fill::KaimingNormal: gain", gain, 0.0),
            Fill::FanInUniform => return Ok(()),
        };
        if value.is_finite() && value >= least {
            return Ok(());
        }
        Err(Error::Setting {
            what,
            value,
            expected: match least {
                0.0 => "a finite number ≥ 0",
                _ => "a finite number",
            },
        })
    }
}

/// Makes the initial values of one network: each array from its own draw of a counter-based random stream, so that
/// they are the same on every device.
///
/// ```
/// use clel_nn::{Fill, Init};
/// use clel_tensor::{DType, Device, RngKey};
/// let mut init = Init::new(RngKey::new(42, 7), DType::F32, &Device::Cpu);
/// let weight = init.fill(Fill::KaimingNormal { gain: 1.0 }, &[64, 3, 3, 16])?;
/// assert_eq!(weight.shape(), [64, 3, 3, 16]);
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Init {
    key: RngKey,
    dtype: DType,
    device: Device,
    /// How many values it may still make, if that is limited.
    left: Option<usize>,
}

impl Init {
    /// Values of type `dtype` (f32, f64 or f16) on `device`, drawn from the steps of `key`'s stream from `key.step` on.
    pub fn new(key: RngKey, dtype: DType, device: &Device) -> Init {
        Init {
            key,
            dtype,
            device: device.clone(),
            left: None,
        }
    }

    /// Makes so many values at most, so that a network whose sizes come from a file takes no more memory than that file has values.
    pub fn at_most(self, values: usize) -> Init {
        Init {
            left: Some(values),
            ..self
        }
    }

    /// Where the values go.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Their type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// An array of `shape`, whose fan_in is the product of all its axes but the first.
    ///
    /// # Errors
    /// [`Error::DType`] unless the type is a float; [`Error::Setting`] for NaN, an infinity or a negative width; [`Error::InitialValues`] beyond what [`at_most`](Init::at_most) allows; what the device
    /// reports, for more values than can be counted say.
    pub fn fill(&mut self, fill: Fill, shape: &[usize]) -> Result<Tensor> {
        let fan_in = product(shape.get(1..).unwrap_or_default());
        self.fill_for(fill, shape, fan_in)
    }

    /// As [`fill`](Init::fill) with the fan_in given: a bias takes that of its weight.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn fill_for(&mut self, fill: Fill, shape: &[usize], fan_in: usize) -> Result<Tensor> {
        if !self.dtype.is_float() {
            return Err(Error::DType {
                what: "initial values",
                found: self.dtype,
            });
        }
        fill.check()?;
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(product(shape)) else {
                return Err(Error::InitialValues {
                    shape: shape.to_vec(),
                    left: *left,
                });
            };
            *left = rest;
        }
        let root = (fan_in.max(1) as f64).sqrt();
        let values = match fill {
            Fill::Constant(v) => Tensor::full(shape, v, self.dtype, &self.device)?,
            Fill::Normal(std) => self.normal(shape, std)?,
            Fill::KaimingNormal { gain } => self.normal(shape, gain / root)?,
            Fill::Uniform(bound) => self.uniform(shape, bound)?,
            Fill::FanInUniform => self.uniform(shape, 1.0 / root)?,
        };
        values.realize()?;
        Ok(values)
    }

    fn normal(&mut self, shape: &[usize], std: f64) -> Result<Tensor> {
        let z = Tensor::normal(shape, self.next_key(), &self.device)?;
        Ok(z.to_dtype(self.dtype)?.mul_scalar(std)?)
    }

    fn uniform(&mut self, shape: &[usize], bound: f64) -> Result<Tensor> {
        let u = Tensor::uniform(shape, self.next_key(), &self.device)?;
        let u = u.to_dtype(self.dtype)?;
        Ok(u.mul_scalar(2.0 * bound)?.sub_scalar(bound)?)
    }

    fn next_key(&mut self) -> RngKey {
        let key = self.key;
        self.key = key.at(key.step + 1);
        key
    }
}

/// The product of lengths, or the largest number where it is larger.
pub(crate) fn product(lengths: &[usize]) -> usize {
    lengths.iter().fold(1, |all, n| all.saturating_mul(*n))
}
