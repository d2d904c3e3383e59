//! The residual block of the energy network.

use clel_autograd::Var;
use clel_nn::{Activation, Conv2d, ConvOptions, Fill, Init, Layer, Mode, Module, Visitor};

/// What all blocks of a network have in common.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub activation: Activation,
    pub spectral_norm: bool,
}

/// A convolution of the energy network: Kaiming-normal with gain 1, bias 0.
pub(super) fn convolution(
    init: &mut Init,
    [c_in, c_out]: [usize; 2],
    kernel: usize,
    spectral_norm: bool,
) -> clel_nn::Result<Conv2d> {
    let options = ConvOptions {
        stride: 1,
        pad: kernel / 2,
        weight: Fill::KaimingNormal { gain: 1.0 },
        bias: (kernel > 1).then_some(Fill::ZEROS),
        spectral_norm,
    };
    Conv2d::new(init, c_in, c_out, kernel, &options)
}

/// `shortcut(x) + conv2(act(conv1(act(x))))`, pre-activation (He et al. 2016) without normalisation; the shortcut is the identity, or a 1×1
/// convolution where the width changes. \[N, H, W, C\] → \[N, H, W, C'\].
pub(super) struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    activation: Activation,
}

impl Block {
    pub fn new(init: &mut Init, [c_in, c_out]: [usize; 2], style: Style) -> clel_nn::Result<Block> {
        let Style {
            activation,
            spectral_norm,
        } = style;
        let conv1 = convolution(init, [c_in, c_out], 3, spectral_norm)?;
        let conv2 = convolution(init, [c_out, c_out], 3, spectral_norm)?;
        let shortcut = (c_in != c_out)
            .then(|| convolution(init, [c_in, c_out], 1, spectral_norm))
            .transpose()?;
        Ok(Block {
            conv1,
            conv2,
            shortcut,
            activation,
        })
    }
}

impl Module for Block {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("conv2", &self.conv2);
        if let Some(shortcut) = &self.shortcut {
            v.module("shortcut", shortcut);
        }
    }
}

impl Layer for Block {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        // a sum that a variable held would be stored, and only its activation is needed
        let inner = self
            .activation
            .apply(&self.conv1.forward(&self.activation.apply(x)?, mode)?)?;
        let h = self.conv2.forward(&inner, mode)?;
        match &self.shortcut {
            None => Ok(x.add(&h)?),
            Some(shortcut) => Ok(shortcut.forward(x, mode)?.add(&h)?),
        }
    }
}
