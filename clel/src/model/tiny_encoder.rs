//! The encoder for 8×8 images.

use clel_autograd::Var;
use clel_nn::{
    Activation, BatchNorm, Conv2d, GlobalAvgPool2d, Init, Layer, Mode, Module, Sequential, Visitor,
};

use super::encoder::{convolution, head, stem};
use super::normalize::Normalisation;
use crate::Result;
use crate::config::EncoderConfig;

/// Five 3×3 convolutions with BatchNorm and ReLU: widths w, 2w, 2w, 4w, 4w, strides 1, 2, 1, 2, 1.
pub(super) struct TinyEncoder {
    conv1: Sequential,
    bn1: BatchNorm,
    /// Convolutions 2 to 5.
    rest: Vec<(Conv2d, BatchNorm)>,
    fc: Sequential,
}

impl TinyEncoder {
    pub fn new(
        config: &EncoderConfig,
        latent: usize,
        normalisation: &Normalisation,
        init: &mut Init,
    ) -> Result<TinyEncoder> {
        let w = config.width;
        let conv1 = stem(config, normalisation, init)?;
        let bn1 = BatchNorm::new(init, w)?;
        let mut rest = Vec::with_capacity(4);
        for (c_in, c_out, stride) in [
            (w, 2 * w, 2),
            (2 * w, 2 * w, 1),
            (2 * w, 4 * w, 2),
            (4 * w, 4 * w, 1),
        ] {
            let conv = convolution(init, [c_in, c_out], 3, stride)?;
            rest.push((conv, BatchNorm::new(init, c_out)?));
        }
        Ok(TinyEncoder {
            conv1,
            bn1,
            rest,
            fc: head([4 * w, config.hidden, latent], init)?,
        })
    }
}

impl Module for TinyEncoder {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("bn1", &self.bn1);
        for (i, (conv, norm)) in self.rest.iter().enumerate() {
            v.module(&format!("conv{}", i + 2), conv);
            v.module(&format!("bn{}", i + 2), norm);
        }
        v.module("fc", &self.fc);
    }
}

impl Layer for TinyEncoder {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let h = self.bn1.forward(&self.conv1.forward(x, mode)?, mode)?;
        let mut h = Activation::Relu.apply(&h)?;
        for (conv, norm) in &self.rest {
            h = norm.forward(&conv.forward(&h, mode)?, mode)?;
            h = Activation::Relu.apply(&h)?;
        }
        self.fc.forward(&GlobalAvgPool2d.forward(&h, mode)?, mode)
    }
}
