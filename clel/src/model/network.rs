//! The energy network f and the directional projector g.

use clel_autograd::Var;
use clel_nn::{
    Activation, AvgPool2d, Fill, GlobalAvgPool2d, Init, Layer, Linear, LinearOptions, Mode, Module,
    Sequential, Visitor,
};

use super::block::{Block, Style, convolution};
use super::normalize::{Normalisation, Normalize};
use super::{energy, joint_energy};
use crate::Result;
use crate::config::{ModelConfig, Network};

/// Features f: \[N, H, W, C\] → \[N, latent\], and the projector g: \[N, latent\] → \[N, latent\].
///
/// A stem of one 3×3 convolution; stages of residual blocks, each but the first after an average pool of 2; activation, global average;
/// then the `head` (Linear, activation, Linear) gives f, and the `projection` (the same without biases) g. All
/// activations are of one kind, LeakyReLU 0.2 in the paper, all convolutions spectrally normalised. `resnet_large` has three such trunks, on the image at full, half and
/// quarter size, whose averages are joined before the head.
///
/// Images may have any height and width from which the pools leave something ([`Network::least_side`]): at least 4 for `tiny`, 8 for `resnet_small` and
/// `resnet`, 16 for `resnet64`, 32 for `resnet_large`. As in PyTorch, a pool leaves out the last row and column of an odd number of them (28 → 14 → 7 → 3).
pub struct EnergyNetwork {
    branches: Vec<Branch>,
    head: Sequential,
    /// None where the directions are those of f itself.
    projection: Option<Sequential>,
    latent: usize,
}

/// Stem and stages on one scale.
struct Branch {
    /// Part of the names: nothing, or the branch's number.
    suffix: String,
    /// The image is averaged over windows of this side.
    scale: usize,
    stem: Sequential,
    stages: Sequential,
    activation: Activation,
}

/// (width, blocks) of each stage, and the number of branches.
pub(super) fn layout(config: &ModelConfig) -> (Vec<(usize, usize)>, usize) {
    let w = config.width;
    match config.network {
        Network::Tiny => (vec![(w, 1), (2 * w, 1), (2 * w, 1)], 1),
        Network::ResnetSmall => (vec![(w, 1), (w, 1), (2 * w, 1), (2 * w, 1)], 1),
        Network::Resnet => (vec![(w, 2), (w, 2), (2 * w, 2), (2 * w, 2)], 1),
        Network::Resnet64 => (
            vec![(w, 2), (2 * w, 2), (2 * w, 2), (4 * w, 2), (4 * w, 2)],
            1,
        ),
        Network::ResnetLarge => (vec![(w, 2); 4], 3),
    }
}

impl EnergyNetwork {
    /// A network with random weights: convolutions Kaiming-normal (fan in, gain 1), linears of standard deviation 0.01, biases 0.
    ///
    /// # Errors
    /// A width of 0; what the device reports.
    pub fn new(
        config: &ModelConfig,
        normalisation: &Normalisation,
        init: &mut Init,
    ) -> Result<EnergyNetwork> {
        let (stages, count) = layout(config);
        let style = Style {
            activation: config.activation.into(),
            spectral_norm: config.spectral_norm,
        };
        let mut branches = Vec::with_capacity(count);
        for b in 0..count {
            let suffix = if count == 1 {
                String::new()
            } else {
                (b + 1).to_string()
            };
            branches.push(Branch::new(
                suffix,
                1 << b,
                &stages,
                style,
                normalisation,
                init,
            )?);
        }
        let pooled = stages.last().map_or(0, |s| s.0) * count;
        Ok(EnergyNetwork {
            branches,
            head: mlp(
                [pooled, config.hidden, config.latent],
                style.activation,
                true,
                init,
            )?,
            projection: match config.projector {
                true => Some(mlp(
                    [config.latent, config.hidden, config.latent],
                    style.activation,
                    false,
                    init,
                )?),
                false => None,
            },
            latent: config.latent,
        })
    }

    /// Length of f, of g and of the latent z.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// f(x) of images \[N, H, W, C\]: \[N, latent\].
    ///
    /// # Errors
    /// Images of another number of channels, or too small; what the device reports.
    pub fn features(&self, images: &Var, mode: Mode) -> Result<Var> {
        Ok(self.forward(images, mode)?)
    }

    /// g(f) of features \[N, latent\], or without a projector f: \[N, latent\], not normalised.
    ///
    /// # Errors
    /// Features of another length; what the device reports.
    pub fn project(&self, features: &Var, mode: Mode) -> Result<Var> {
        match &self.projection {
            Some(projection) => Ok(projection.forward(features, mode)?),
            None => Ok(features.clone()),
        }
    }

    /// E(x) = ½‖f(x)‖² of each image: \[N\].
    ///
    /// # Errors
    /// Those of [`features`](Self::features).
    pub fn energy(&self, images: &Var, mode: Mode) -> Result<Var> {
        energy(&self.features(images, mode)?)
    }

    /// E(x, z) of each image with its latent, \[N, latent\], or with one for all, \[1, latent\]; of length 1: \[N\].
    ///
    /// # Errors
    /// Those of [`features`](Self::features), or a latent of another shape.
    pub fn joint_energy(&self, images: &Var, z: &Var, beta: f64, mode: Mode) -> Result<Var> {
        let f = self.features(images, mode)?;
        joint_energy(&f, &self.project(&f, mode)?, z, beta)
    }
}

impl Branch {
    fn new(
        suffix: String,
        scale: usize,
        widths: &[(usize, usize)],
        style: Style,
        normalisation: &Normalisation,
        init: &mut Init,
    ) -> Result<Branch> {
        let mut width = widths.first().map_or(0, |s| s.0);
        let stem = Sequential::new()
            .push(Normalize::new(normalisation, init)?)
            .push(convolution(
                init,
                [normalisation.channels(), width],
                3,
                style.spectral_norm,
            )?);
        let mut stages = Sequential::new();
        for (i, &(next, blocks)) in widths.iter().enumerate() {
            let mut stage = Sequential::new();
            if i > 0 {
                stage = stage.push(AvgPool2d::tiles(2));
            }
            for _ in 0..blocks {
                stage = stage.push(Block::new(init, [width, next], style)?);
                width = next;
            }
            stages = stages.push(stage);
        }
        Ok(Branch {
            suffix,
            scale,
            stem,
            stages,
            activation: style.activation,
        })
    }

    /// Averages over all positions: \[N, width\].
    fn pooled(&self, images: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let seen = if self.scale == 1 {
            images.clone()
        } else {
            AvgPool2d::tiles(self.scale).forward(images, mode)?
        };
        let h = self.stem.forward(&seen, mode)?;
        let h = self.stages.forward_last(h, mode)?;
        GlobalAvgPool2d.forward(&self.activation.apply(&h)?, mode)
    }
}

/// Linear, activation, Linear.
fn mlp(
    [inputs, hidden, outputs]: [usize; 3],
    activation: Activation,
    bias: bool,
    init: &mut Init,
) -> Result<Sequential> {
    let options = LinearOptions {
        weight: Fill::Normal(0.01),
        bias: bias.then_some(Fill::ZEROS),
        spectral_norm: false,
    };
    Ok(Sequential::new()
        .push(Linear::new(init, inputs, hidden, &options)?)
        .push(activation)
        .push(Linear::new(init, hidden, outputs, &options)?))
}

impl Module for EnergyNetwork {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        for b in &self.branches {
            v.module(&format!("stem{}", b.suffix), &b.stem);
            v.module(&format!("stages{}", b.suffix), &b.stages);
        }
        v.module("head", &self.head);
        if let Some(projection) = &self.projection {
            v.module("projection", projection);
        }
    }
}

/// The features f.
impl Layer for EnergyNetwork {
    fn forward(&self, images: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let mut pooled = Vec::with_capacity(self.branches.len());
        for branch in &self.branches {
            pooled.push(branch.pooled(images, mode)?);
        }
        let joined = match &pooled[..] {
            [only] => only.clone(),
            all => Var::concat(&all.iter().collect::<Vec<_>>(), 1)?,
        };
        self.head.forward(&joined, mode)
    }
}
