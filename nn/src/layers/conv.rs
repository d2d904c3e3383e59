//! Convolution of images.

use clel_autograd::Var;

use super::{Weight, autocast::image, check_dtype, weight::converted};
use crate::{Error, Fill, Init, Layer, Mode, Module, Parameter, Result, Visitor, init::product};

/// How a [`Conv2d`] is made. The default is PyTorch's: stride 1, no padding, a bias, weights and bias uniform on
/// ±1/√fan_in, no spectral norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvOptions {
    /// Distance between windows.
    pub stride: usize,
    /// Zeros around the image.
    pub pad: usize,
    /// The weight's initial values.
    pub weight: Fill,
    /// The bias's initial values; `None` for no bias.
    pub bias: Option<Fill>,
    /// Whether the weight is divided by its largest singular value.
    pub spectral_norm: bool,
}

impl Default for ConvOptions {
    fn default() -> ConvOptions {
        ConvOptions {
            stride: 1,
            pad: 0,
            weight: Fill::FanInUniform,
            bias: Some(Fill::FanInUniform),
            spectral_norm: false,
        }
    }
}

/// `y[n,i,j,o] = Σ_{k,l,c} x[n, i·stride + k − pad, j·stride + l − pad, c] · w[o,k,l,c] + b[o]`:
/// \[N, H, W, C\] → \[N, H', W', O\] with H' = (H + 2·pad − K)/stride + 1.
///
/// ```
/// use clel_nn::{Conv2d, ConvOptions, Init, Layer, Mode};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let options = ConvOptions { stride: 2, pad: 1, ..ConvOptions::default() };
/// let conv = Conv2d::new(&mut init, 3, 16, 3, &options)?;
/// let x = Tensor::zeros(&[4, 8, 8, 3], DType::F32, &Device::Cpu)?;
/// assert_eq!(conv.forward(&x.into(), Mode::Train)?.shape(), [4, 4, 4, 16]);
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Conv2d {
    weight: Weight,
    bias: Option<Parameter>,
    stride: usize,
    pad: usize,
}

impl Conv2d {
    /// A convolution of `c_in` to `c_out` channels with a `kernel`×`kernel` window.
    ///
    /// # Errors
    /// [`Error::Setting`] for a stride or kernel of 0; what the device reports.
    pub fn new(
        init: &mut Init,
        c_in: usize,
        c_out: usize,
        kernel: usize,
        options: &ConvOptions,
    ) -> Result<Conv2d> {
        for (what, value) in [
            ("Conv2d: kernel", kernel),
            ("Conv2d: stride", options.stride),
            ("Conv2d: input channels", c_in),
            ("Conv2d: output channels", c_out),
        ] {
            if value == 0 {
                return Err(Error::Setting {
                    what,
                    value: 0.0,
                    expected: "at least 1",
                });
            }
        }
        let shape = [c_out, kernel, kernel, c_in];
        let weight = Weight::new(init, &shape, options.weight, options.spectral_norm)?;
        let bias = options.bias.map(|fill| {
            let values = init.fill_for(fill, &[c_out], product(&shape[1..]))?;
            Ok::<_, Error>(Parameter::new(values))
        });
        Ok(Conv2d {
            weight,
            bias: bias.transpose()?,
            stride: options.stride,
            pad: options.pad,
        })
    }

    /// The weight \[O, KH, KW, C\].
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    /// The bias \[O\].
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }
}

impl Module for Conv2d {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        self.weight.visit(v);
        if let Some(bias) = &self.bias {
            v.parameter("bias", bias);
        }
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let weight = self.weight.tensor();
        let (kernel, channels) = (weight.shape()[1], weight.shape()[3]);
        let around = self.pad.saturating_mul(2);
        let fits = |len: usize| len.saturating_add(around) >= kernel;
        if !matches!(*x.shape(), [_, h, w, c] if c == channels && fits(h) && fits(w)) {
            let least = kernel.saturating_sub(around);
            return Err(Error::Input {
                layer: "Conv2d",
                shape: x.shape().to_vec(),
                expected: format!("[N, H, W, {channels}] with H, W ≥ {least}"),
            });
        }
        let (x, dtype) = image(x, weight.dtype())?;
        check_dtype("Conv2d", &x, dtype)?;
        let weight = self.weight.value_in(dtype, mode)?;
        let y = x.conv2d(&weight, self.stride, self.pad)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => Ok(y.add(&converted(bias, dtype, || Ok(bias.var()))?)?),
        }
    }
}
