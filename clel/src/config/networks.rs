//! The part of the tree that is about networks. Field names are the keys.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tree::yes;

/// Architecture of the energy network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "program", value(rename_all = "snake_case"))]
pub enum Network {
    /// Three stages of one block, widths w, 2w, 2w: for 8×8 images.
    Tiny,
    /// Four stages of one block, widths w, w, 2w, 2w.
    ResnetSmall,
    /// Four stages of two blocks, widths w, w, 2w, 2w (CLEL-Base with w = 128).
    Resnet,
    /// Five stages of two blocks, widths w, 2w, 2w, 4w, 4w: that of the paper's code for 64×64 images, with w = 64.
    Resnet64,
    /// Three branches of four stages of two blocks of width w on three scales (CLEL-Large with w = 256).
    ResnetLarge,
}

impl Network {
    /// The name by which settings choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Network::Tiny => "tiny",
            Network::ResnetSmall => "resnet_small",
            Network::Resnet => "resnet",
            Network::Resnet64 => "resnet64",
            Network::ResnetLarge => "resnet_large",
        }
    }

    /// The least height and width of an image from which its pools leave something.
    pub const fn least_side(self) -> usize {
        match self {
            Network::Tiny => 4,
            Network::ResnetSmall | Network::Resnet => 8,
            Network::Resnet64 => 16,
            Network::ResnetLarge => 32,
        }
    }

    /// The preset with its usual settings.
    pub const fn preset(self) -> &'static str {
        match self {
            Network::Tiny => "digits",
            Network::ResnetSmall => "cifar10-small",
            Network::Resnet => "cifar10",
            Network::Resnet64 => "celeba64",
            Network::ResnetLarge => "cifar10-large",
        }
    }
}

/// Non-linearity of the energy network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x where positive, 0.2·x elsewhere: the paper's.
    #[default]
    LeakyRelu,
    /// max(x, 0).
    Relu,
    /// x where positive, eˣ − 1 elsewhere.
    Elu,
    /// x·σ(x).
    Silu,
    /// x·Φ(x), by its formula with tanh.
    Gelu,
    /// ln(1 + eˣ).
    Softplus,
}

impl From<Activation> for clel_nn::Activation {
    fn from(activation: Activation) -> clel_nn::Activation {
        use clel_nn::Activation as Layer;
        match activation {
            Activation::LeakyRelu => Layer::LeakyRelu(0.2),
            Activation::Relu => Layer::Relu,
            Activation::Elu => Layer::Elu,
            Activation::Silu => Layer::Silu,
            Activation::Gelu => Layer::Gelu,
            Activation::Softplus => Layer::Softplus,
        }
    }
}

/// The energy network f: image → R^latent, and the projector g: R^latent → R^latent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Architecture of the energy network f.
    pub network: Network,
    /// Width w of the stem; the stages follow from it.
    pub width: usize,
    /// Width of the hidden layer of head and projector.
    pub hidden: usize,
    /// Dimension of f, of the directions and of the contrastive latent z.
    pub latent: usize,
    /// Non-linearity of f and g.
    #[serde(default)]
    pub activation: Activation,
    /// Spectral normalisation of every convolution.
    pub spectral_norm: bool,
    /// Whether the direction of an image is that of g(f(x)); false: that of f(x) itself, and there is no g.
    #[serde(default = "yes")]
    pub projector: bool,
}

/// Architecture of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncoderNetwork {
    /// Five 3×3 convolutions with BatchNorm, widths w to 4w: for 8×8 images.
    Tiny,
    /// ResNet-18 without its max-pool (w = 64).
    Resnet18,
}

/// The encoder's first convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// 3×3, stride 1: for small images. The paper's code has it for 32×32 alone.
    #[default]
    Small,
    /// 7×7, stride 2, as torchvision's: for images of 64×64 and larger.
    Large,
}

impl Stem {
    /// The name by which settings choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Stem::Small => "small",
            Stem::Large => "large",
        }
    }

    /// Side and stride of its kernel.
    pub const fn kernel(self) -> [usize; 2] {
        match self {
            Stem::Small => [3, 1],
            Stem::Large => [7, 2],
        }
    }
}

impl Activation {
    /// The name by which settings choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::LeakyRelu => "leaky_relu",
            Activation::Relu => "relu",
            Activation::Elu => "elu",
            Activation::Silu => "silu",
            Activation::Gelu => "gelu",
            Activation::Softplus => "softplus",
        }
    }
}

impl EncoderNetwork {
    /// The name by which settings choose it.
    pub const fn name(self) -> &'static str {
        match self {
            EncoderNetwork::Tiny => "tiny",
            EncoderNetwork::Resnet18 => "resnet18",
        }
    }
}

/// Where the latents z come from that guide the energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Latents {
    /// From the encoder, which learns by the contrastive loss while the energy network learns.
    #[default]
    Contrastive,
    /// From the encoder, which learns by BYOL: it predicts the latents of a slow copy of itself, without negatives.
    Byol,
    /// From an encoder given as a file (`encoder.file`), which learns nothing more.
    Frozen,
    /// From nowhere: the energy network learns E(x) alone, and the encoder is neither trained nor computed.
    None,
}

impl Latents {
    /// Whether there are any.
    pub const fn exist(self) -> bool {
        !matches!(self, Latents::None)
    }

    /// Whether the encoder learns.
    pub const fn learn(self) -> bool {
        matches!(self, Latents::Contrastive | Latents::Byol)
    }
}

/// The encoder h: image → R^latent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Architecture of the encoder h.
    pub network: EncoderNetwork,
    /// Width w of the first layer.
    pub width: usize,
    /// The encoder's first convolution.
    #[serde(default)]
    pub stem: Stem,
    /// Width of the hidden layer of the projection.
    pub hidden: usize,
    /// Where the latents come from.
    #[serde(default)]
    pub latents: Latents,
    /// The frozen encoder: a checkpoint of this program, a run directory for its newest one, RUN/best for its best one, or a safetensors file with the encoder's arrays
    /// under PyTorch's names; read when the run begins. Of a checkpoint it is the averaged encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How much of BYOL's target network stays in an iteration, at first; rises to 1 over all iterations along a half cosine. (Grill et al.: 0.996
    /// over 1 000 epochs; a shorter training needs a shorter memory.)
    #[serde(default = "usual_target_decay")]
    pub target_decay: f64,
}

fn usual_target_decay() -> f64 {
    0.99
}
