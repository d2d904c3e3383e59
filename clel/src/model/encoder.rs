//! The encoder h.

use clel_autograd::Var;
use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, Fill, Init, Layer, Linear, LinearOptions, Mode,
    Module, Sequential, Visitor,
};

use super::direction;
use super::normalize::{Normalisation, Normalize};
use super::resnet18::ResNet18;
use super::tiny_encoder::TinyEncoder;
use crate::Result;
use crate::config::{EncoderConfig, EncoderNetwork};

/// h: \[N, H, W, C\] → \[N, latent\]. `forward` gives h(x), not normalised; [`latent`](Encoder::latent) normalises it.
///
/// The input is normalised by the data's mean and deviation; convolutions with BatchNorm and ReLU; global average; an MLP with
/// BatchNorm and ReLU.
pub struct Encoder(Box<dyn Layer>);

impl Encoder {
    /// An encoder with random weights: convolutions Kaiming-normal (fan out, gain √2), linears uniform on ±1/√inputs as in
    /// PyTorch; the last BatchNorm of each residual branch starts at 0.
    ///
    /// # Errors
    /// A width of 0; what the device reports.
    pub fn new(
        config: &EncoderConfig,
        latent: usize,
        normalisation: &Normalisation,
        init: &mut Init,
    ) -> Result<Encoder> {
        Ok(Encoder(match config.network {
            EncoderNetwork::Tiny => {
                Box::new(TinyEncoder::new(config, latent, normalisation, init)?)
            }
            EncoderNetwork::Resnet18 => {
                Box::new(ResNet18::new(config, latent, normalisation, init)?)
            }
        }))
    }

    /// z = h(x)/‖h(x)‖: \[N, latent\].
    ///
    /// # Errors
    /// Images of another number of channels; in training a batch of one image; what the device reports.
    pub fn latent(&self, images: &Var, mode: Mode) -> Result<Var> {
        direction(&self.forward(images, mode)?)
    }
}

impl Module for Encoder {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        self.0.visit(v);
    }
}

impl Layer for Encoder {
    fn forward(&self, images: &Var, mode: Mode) -> clel_nn::Result<Var> {
        self.0.forward(images, mode)
    }
}

/// A convolution without bias, Kaiming-normal by the number of its outputs.
pub(super) fn convolution(
    init: &mut Init,
    [c_in, c_out]: [usize; 2],
    kernel: usize,
    stride: usize,
) -> clel_nn::Result<Conv2d> {
    let fan_out = (c_out * kernel * kernel).max(1) as f64;
    let options = ConvOptions {
        stride,
        pad: kernel / 2,
        weight: Fill::Normal((2.0 / fan_out).sqrt()),
        bias: None,
        spectral_norm: false,
    };
    Conv2d::new(init, c_in, c_out, kernel, &options)
}

/// Normalisation of the input and the first convolution.
pub(super) fn stem(
    config: &EncoderConfig,
    normalisation: &Normalisation,
    init: &mut Init,
) -> Result<Sequential> {
    let [side, stride] = config.stem.kernel();
    let channels = [normalisation.channels(), config.width];
    Ok(Sequential::new()
        .push(Normalize::new(normalisation, init)?)
        .push(convolution(init, channels, side, stride)?))
}

/// The predictor of BYOL, like the encoder's last layers: \[N, latent\] → \[N, latent\].
pub(crate) fn predictor(latent: usize, hidden: usize, init: &mut Init) -> Result<Sequential> {
    Ok(head([latent, hidden, latent], init)?)
}

/// Linear without bias, BatchNorm, ReLU, Linear with bias.
pub(super) fn head(
    [inputs, hidden, outputs]: [usize; 3],
    init: &mut Init,
) -> clel_nn::Result<Sequential> {
    let without_bias = LinearOptions {
        bias: None,
        ..LinearOptions::default()
    };
    Ok(Sequential::new()
        .push(Linear::new(init, inputs, hidden, &without_bias)?)
        .push(BatchNorm::new(init, hidden)?)
        .push(Activation::Relu)
        .push(Linear::new(
            init,
            hidden,
            outputs,
            &LinearOptions::default(),
        )?))
}
