//! The typed tree itself. Field names are the keys.

use std::path::PathBuf;

use clel_tensor::{MatmulPrecision, Winograd, with_matmul_precision, with_winograd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::best::Best;
use super::networks::{EncoderConfig, ModelConfig};

/// Everything that decides what a run computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed of every random number of the run.
    pub seed: u64,
    /// The images to learn.
    pub data: DataConfig,
    /// The energy network f and the directional projector g.
    pub model: ModelConfig,
    /// The encoder h.
    pub encoder: EncoderConfig,
    /// Weights of the two losses.
    pub loss: LossConfig,
    /// Where random augmentations are used, and which.
    pub augmentation: AugmentationConfig,
    /// Langevin dynamics and the replay buffer.
    pub sampler: SamplerConfig,
    /// Batches, optimisers and averages.
    pub train: TrainConfig,
    /// When a run counts as sick, and what is done then.
    #[serde(default)]
    pub health: HealthConfig,
    /// What is written down while a run goes on.
    pub log: LogConfig,
    /// The figures computed before and after training.
    pub eval: EvalConfig,
}

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "program", value(rename_all = "snake_case"))]
pub enum Source {
    /// The 1 797 handwritten digits, 8×8, that are part of the program.
    Digits,
    /// CIFAR-10's binary files: `data_batch_1.bin` to `_5.bin`, or the first of them, and `test_batch.bin` in a folder, or `cifar-10-binary.tar.gz`.
    Cifar10,
    /// CIFAR-100's binary files with fine labels: `train.bin` and `test.bin` in a folder, or `cifar-100-binary.tar.gz`.
    Cifar100,
    /// SVHN's cropped digits: `train_32x32.mat` and `test_32x32.mat` in a folder.
    Svhn,
    /// ImageNet 32×32: `train_data_batch_*.npz` and `val_data.npz` in a folder, or image folders `train` and `val`.
    Imagenet32,
    /// CelebA's aligned faces: a folder with `img_align_celeba/`, `list_eval_partition.txt` and `list_attr_celeba.txt`; the centre
    /// of 140×140 is resized to data.size, 64×64 if absent.
    Celeba,
    /// Describable Textures: a folder with `images/CLASS/*.jpg`; the centre of each is resized to data.size, 32×32 if absent.
    Dtd,
    /// The same, of whose images the upper left corner of data.size is taken as it is: the textures of the paper's code.
    DtdCorner,
    /// MNIST's IDX files `train-images-idx3-ubyte` and so on in a folder, plain or `.gz`.
    Mnist,
    /// Fashion-MNIST's IDX files; without `data.path`, those of Debian's package dataset-fashion-mnist.
    Fashion,
    /// A folder of PNG, JPEG or WebP files, of sub-folders of them, which are classes, or of `train` and `test` (or `val`), each of
    /// such a kind; grey if all to learn from are stored so, else in colour, unless data.shape says which.
    Images,
    // clap would show the brackets' backslashes
    #[cfg_attr(
        feature = "program",
        value(
            help = "A safetensors file with `images` [N, H, W, C], optionally `labels`, `test_images`, `test_labels`"
        )
    )]
    /// A safetensors file with `images` \[N, H, W, C\], optionally `labels`, `test_images`, `test_labels`.
    Safetensors,
}

/// The names of all sources. One that is left out here does not compile.
macro_rules! names {
    ($($source:ident => $name:literal,)*) => {
        /// All of them.
        pub const ALL: [Source; [$($name),*].len()] = [$(Source::$source),*];

        /// The name by which settings choose it.
        pub const fn name(self) -> &'static str {
            match self {
                $(Source::$source => $name,)*
            }
        }
    };
}

impl Source {
    names! {
        Digits => "digits",
        Cifar10 => "cifar10",
        Cifar100 => "cifar100",
        Svhn => "svhn",
        Imagenet32 => "imagenet32",
        Celeba => "celeba",
        Dtd => "dtd",
        DtdCorner => "dtd_corner",
        Mnist => "mnist",
        Fashion => "fashion",
        Images => "images",
        Safetensors => "safetensors",
    }

    /// Whether it consists of image files, which are brought to a size.
    pub(crate) const fn is_resized(self) -> bool {
        matches!(
            self,
            Source::Images | Source::Imagenet32 | Source::Celeba | Source::Dtd | Source::DtdCorner
        )
    }

    /// Whether nothing is known of where it lies.
    pub const fn needs_path(self) -> bool {
        !matches!(self, Source::Digits | Source::Fashion)
    }

    /// A path that it could have, for people to see what is meant.
    pub(crate) const fn example_path(self) -> &'static str {
        match self {
            Source::Cifar10 => "cifar-10-binary.tar.gz",
            Source::Cifar100 => "cifar-100-binary.tar.gz",
            Source::Svhn => "svhn/",
            Source::Imagenet32 => "imagenet32/",
            Source::Celeba => "celeba/",
            Source::Dtd | Source::DtdCorner => "dtd/",
            Source::Mnist => "mnist/",
            Source::Fashion => "fashion/",
            Source::Digits | Source::Images => "images/",
            Source::Safetensors => "images.safetensors",
        }
    }

    /// The preset with settings for such images.
    pub const fn preset(self) -> &'static str {
        match self {
            Source::Digits | Source::Images | Source::Safetensors => "digits",
            Source::Mnist | Source::Fashion => "fashion",
            Source::Cifar10 | Source::Cifar100 | Source::Svhn | Source::Dtd | Source::DtdCorner => {
                "cifar10"
            }
            Source::Imagenet32 => "imagenet32",
            Source::Celeba => "celeba64",
        }
    }
}

/// Which sources are [resized](Source::is_resized).
pub(crate) const RESIZED: &str =
    "only image files are resized: those of images, imagenet32, celeba, dtd and dtd_corner";

/// The images to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set: where the images come from.
    pub source: Source,
    /// Folder or file; not used by `digits`, and not needed by `fashion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Image files: crop to the centre and resize to \[height, width\]; absent, all files must have one size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// CelebA's attribute that makes two classes, `Smiling` for instance; absent, faces have no classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Share of the images held out for evaluation where the source has no test part.
    pub test_share: f64,
    /// Image files, batches of uncompressed `.npz` and 8-bit safetensors whose pixels take more than this, in MiB, are not held in
    /// memory but read whenever they are needed, by threads that run ahead of the trainer. The numbers are the same either way. Other
    /// sources are always held.
    #[serde(default = "usual_memory")]
    pub memory: u64,
    /// \[height, width, channels\] of one image; filled in from the data when a run starts. Image files are read as grey if all of a folder are stored so, else in
    /// colour, unless this says how many channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// Mean of each channel, by which networks normalise their input; filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
    /// Standard deviation of each channel; filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f64>>,
}

fn usual_memory() -> u64 {
    1024
}

/// Weights of the losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// β, the weight of ⟨ĝ(f(x)), z⟩ in the joint energy; 0 turns the guide off.
    pub beta: f64,
    /// α, the weight of the squared energies.
    pub alpha: f64,
    /// τ, the temperature of the contrastive loss.
    pub tau: f64,
    /// Whether the directions of the model's samples are further negatives of the contrastive loss; must be off for `encoder.latents = byol`, which has
    /// none.
    #[serde(default = "yes")]
    pub negatives: bool,
}

/// A family of random image transformations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// The image as it is.
    None,
    /// Reflection-padded shift by up to 4 pixels, horizontal flip.
    Weak,
    /// Random resized crop, colour jitter, greyscale, horizontal flip (SimCLR).
    Strong,
    /// Small rotation, scale, shift and brightness, no flip: for digits and letters.
    Affine,
}

/// Where augmentations are used, the sampler's apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AugmentationConfig {
    /// Random transformation of the two views of each image in the encoder's loss.
    pub encoder: Augmentation,
    /// Random transformation of the data images whose latents z are in the loss of the energy.
    pub ebm: Augmentation,
}

/// How step size and noise change over the K steps of a run of the sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepShape {
    /// Not at all.
    #[default]
    Constant,
    /// Along a straight line.
    Linear,
    /// Along a half cosine: slowly at both ends.
    Cosine,
    /// By the same factor in every step.
    Geometric,
}

impl StepShape {
    /// The name by which settings choose it.
    pub const fn name(self) -> &'static str {
        match self {
            StepShape::Constant => "constant",
            StepShape::Linear => "linear",
            StepShape::Cosine => "cosine",
            StepShape::Geometric => "geometric",
        }
    }
}

/// Langevin dynamics x ← clamp(x − λ·∇E(x) + σ·ε, 0, 1) on a replay buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplerConfig {
    /// K, Langevin steps in a training iteration.
    pub steps: usize,
    /// λ, the weight of the gradient in a Langevin step.
    pub step_size: f64,
    /// σ, the standard deviation of the noise in a Langevin step; pixels are from 0 to 1.
    pub noise: f64,
    /// How λ and σ change over the K steps of a run, from the values above to these times the two factors below; each run begins
    /// anew, in training and in each round of the evaluation.
    #[serde(default)]
    pub schedule: StepShape,
    /// Factor of λ at the last step.
    #[serde(default = "one")]
    pub step_size_end: f64,
    /// Factor of σ at the last step; may be 0, but not for a geometric schedule.
    #[serde(default = "one")]
    pub noise_end: f64,
    /// Each component of the gradient is held in \[−c, c\]; absent, it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Images in the replay buffer.
    pub buffer: usize,
    /// Probability that a chain starts again from uniform noise.
    pub restart: f64,
    /// Random transformation of the chains drawn from the replay buffer, before their steps.
    pub augmentation: Augmentation,
    /// Compute W/σ(W) once a call of the sampler instead of once a step: faster, and the power
    /// iteration then runs once instead of K times.
    pub cache_spectral: bool,
    /// Record a step's launches and repeat them in the steps that follow, instead of building each step's graph anew; the
    /// numbers are the same. Where each step is a power iteration (`cache_spectral` off) none is recorded.
    #[serde(default = "yes")]
    pub capture: bool,
    /// How the network's images are stored in each step; the chains themselves are f32 always.
    #[serde(default)]
    pub storage: Storage,
}

/// How a network's images are stored while chains go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// As 32-bit floats.
    #[default]
    F32,
    /// As 16-bit floats on graphics hardware that has such: half the memory to move. Sums are made in f32.
    F16,
}

/// Batches, optimisers and averages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Images in a mini-batch.
    pub batch: usize,
    /// Optimiser steps of the whole run.
    pub iterations: usize,
    /// Half-life of the moving averages of the parameters, in images.
    pub ema_half_life: f64,
    /// Which convolutions are computed with fewer multiplications than their definition has; only rounding differs, and on matrix units how
    /// large numbers may be.
    #[serde(default)]
    pub winograd: WinogradTiles,
    /// How exactly graphics cards with matrix units multiply and convolve.
    #[serde(default)]
    pub matmul_precision: Precision,
    /// Optimiser of the energy network.
    pub ebm: AdamConfig,
    /// Optimiser of the encoder.
    pub encoder: SgdConfig,
}

impl TrainConfig {
    /// Runs `f` with the kernels that the settings ask for.
    pub fn with_kernels<R>(&self, f: impl FnOnce() -> R) -> R {
        let precision = self.matmul_precision.into();
        with_winograd(self.winograd.into(), || with_matmul_precision(precision, f))
    }
}

/// How exactly products and convolutions are computed on matrix units; without them, and on the CPU, always in f32. The names are those of
/// `torch.set_float32_matmul_precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// In f32.
    #[default]
    Highest,
    /// Each factor as a sum of two f16, added in f32: 21 bits, fewer below 6·10⁻⁵.
    High,
    /// Each factor rounded to f16, added in f32: 11 bits.
    Medium,
}

impl From<Precision> for MatmulPrecision {
    fn from(precision: Precision) -> MatmulPrecision {
        match precision {
            Precision::Highest => MatmulPrecision::Highest,
            Precision::High => MatmulPrecision::High,
            Precision::Medium => MatmulPrecision::Medium,
        }
    }
}

/// Winograd's minimal filtering of 3×3 convolutions, where it saves time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WinogradTiles {
    /// None: every sum as it is defined.
    Off,
    /// F(2×2, 3×3), 2.25 times fewer multiplications.
    Two,
    /// F(4×4, 3×3) too, 4 times fewer.
    #[default]
    Four,
}

impl From<WinogradTiles> for Winograd {
    fn from(tiles: WinogradTiles) -> Winograd {
        match tiles {
            WinogradTiles::Off => Winograd::Off,
            WinogradTiles::Two => Winograd::Two,
            WinogradTiles::Four => Winograd::Four,
        }
    }
}

/// How a learning rate goes on after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls to 0 over all iterations along a half cosine.
    Cosine,
}

/// Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate, at its largest.
    pub lr: f64,
    /// Adam's β₁: decay of the mean of the gradients; 0 is allowed.
    pub beta1: f64,
    /// Adam's β₂: decay of the mean of the gradients' squares.
    pub beta2: f64,
    /// Adam's ε: added to the root of the mean of the gradients' squares.
    pub epsilon: f64,
    /// Iterations over which the rate grows linearly from 0.
    pub warmup: usize,
    /// How the learning rate goes on after the warm-up.
    pub schedule: Schedule,
}

/// Stochastic gradient descent with momentum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Learning rate, at its largest.
    pub lr: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// Weight decay: this times the parameter is added to its gradient.
    pub weight_decay: f64,
    /// Iterations over which the rate grows linearly from 0.
    pub warmup: usize,
    /// How the learning rate goes on after the warm-up.
    pub schedule: Schedule,
}

/// What is done when a run is sick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SickPolicy {
    /// The run ends with a diagnosis.
    Stop,
    /// It goes on from the last checkpoint, or from the start, with other random numbers and lower rates; from the one before where the last has led to this before.
    RollBack,
}

/// When a run counts as sick; looked at with each line of metrics. A number that is not finite always does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// The largest mean |E| of data or samples; beyond it the run is sick.
    pub energy: f64,
    /// How many standard deviations of its own history the gap E(data) − E(samples) may be from its mean, once it is 0.02 and six
    /// times the largest mean |E| so far.
    pub gap_deviations: f64,
    /// The smallest mean |∇E| at the sampler's first step, as a share of the largest so far; below it the run is sick.
    pub gradient: f64,
    /// The largest share of the samples' pixels that are 0 or 1; beyond it the run is sick.
    pub saturated: f64,
    /// What is done when a run is sick.
    pub policy: SickPolicy,
    /// How many times a sick run may go back to an earlier checkpoint, in all (policy `roll_back`).
    pub rollbacks: usize,
    /// Factor of both learning rates each time that the run goes back.
    pub rate_factor: f64,
    /// How many times the run has gone back; the program counts.
    pub rolled_back: usize,
}

impl Default for HealthConfig {
    fn default() -> HealthConfig {
        HealthConfig {
            energy: 10.0,
            gap_deviations: 20.0,
            gradient: 1e-6,
            saturated: 0.99,
            policy: SickPolicy::Stop,
            rollbacks: 3,
            rate_factor: 0.5,
            rolled_back: 0,
        }
    }
}

/// What is written down while a run goes on; intervals in iterations, 0 = never.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Iterations between two lines of metrics; 0 = never.
    pub metrics_every: usize,
    /// Iterations between two grids of samples, as pictures; 0 = never.
    pub grid_every: usize,
    /// Iterations between two checkpoints; 0 = only at the end, and by `log.checkpoint_minutes`.
    pub checkpoint_every: usize,
    /// Minutes after the last checkpoint at which there is another one, whatever the iteration; 0 = never.
    #[serde(default = "half_an_hour")]
    pub checkpoint_minutes: f64,
    /// Checkpoints kept, the newest ones; 0 keeps all.
    pub checkpoints_kept: usize,
    /// By which figure one checkpoint is the best, and is kept beside the newest ones. Each is compared with the best one before it.
    #[serde(default)]
    pub best: Best,
    /// Images in a grid of samples.
    pub grid_images: usize,
}

/// The figures computed before and after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvalConfig {
    /// Samples for the Fréchet distance at the end, and for the figures by which checkpoints are compared (`log.best`); 0 leaves all of these out, and
    /// the neighbours' accuracy with them.
    pub samples: usize,
    /// Rounds of `sampler.steps` steps that a chain from fresh noise takes.
    pub rounds: usize,
}

fn half_an_hour() -> f64 {
    30.0
}

pub(super) fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}
