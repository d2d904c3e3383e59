//! The CIFAR-10 ResNets of He et al., "Deep residual learning for image recognition" (CVPR 2016), section 4.2, under the names of
//! Yerlan Idelbayev's PyTorch weights (akamaster/pytorch_resnet_cifar10).

use std::path::{Path, PathBuf};

use clel_autograd::Var;
use clel_nn::files::{TensorFile, import};
use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, GlobalAvgPool2d, Init, Layer, Linear,
    LinearOptions, Mode, Module, Sequential, Visitor,
};
use clel_tensor::{DType, Device, Expr, RngKey, Tensor};

use super::extract::eight_bits;
use super::{Batch, FeatureNetwork};
use crate::data::{ClassSet, Images};
use crate::{Error, Result};

/// Mean and standard deviation of each channel that the weights were trained with (ImageNet's).
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Widths of the three stages.
const WIDTHS: [usize; 3] = [16, 32, 64];
/// Depth at most: ResNet-1202 is the deepest that was published.
const DEEPEST: usize = 200;

/// A ResNet of depth 6n + 2 for 32×32 colour images; its features are the 64 numbers of the global average pool.
///
/// Figures in these features are comparable among themselves ("CIFAR-FD"), and no FID.
pub struct CifarResNet {
    file: PathBuf,
    depth: usize,
    classes: usize,
    network: Network,
    /// Mean and deviation, \[3\] each.
    scale: [Var; 2],
    device: Device,
}

impl CifarResNet {
    /// Reads weights; the depth is that of the file.
    ///
    /// # Errors
    /// The file is missing or damaged, or its arrays are not those of a CIFAR-10 ResNet; what the device reports.
    pub fn load(path: &Path, device: &Device) -> Result<CifarResNet> {
        let file = TensorFile::open(path)?;
        let blocks = (0..=DEEPEST)
            .take_while(|i| file.shape(&format!("layer1.{i}.conv1.weight")).is_some())
            .count();
        if !(1..=DEEPEST).contains(&blocks) {
            return Err(Error::format(
                path,
                "array `layer1.0.conv1.weight`",
                format!(
                    "{blocks} residual blocks in the first stage; a CIFAR-10 ResNet (20, 56, … under the names of \
                     akamaster/pytorch_resnet_cifar10) has 1 to {DEEPEST}"
                ),
            ));
        }
        let classes = match file.shape("linear.weight") {
            Some(&[classes, 64]) if classes > 1 => classes,
            found => {
                return Err(Error::format(
                    path,
                    "array `linear.weight`",
                    format!("found {found:?}, expected [classes, 64]"),
                ));
            }
        };
        let network = Network::new(blocks, classes, device)?;
        import(&network, &file, "")?;
        file.check_finite("")?;
        let row = |v: [f32; 3]| Ok::<Var, Error>(Tensor::from_slice(&v, &[3], device)?.into());
        Ok(CifarResNet {
            file: path.to_owned(),
            depth: 6 * blocks + 2,
            classes,
            network,
            scale: [row(MEAN)?, row(STD)?],
            device: device.clone(),
        })
    }
}

impl FeatureNetwork for CifarResNet {
    fn name(&self) -> String {
        format!("CIFAR-10 ResNet-{} ({})", self.depth, self.file.display())
    }

    fn takes(&self) -> Option<[usize; 3]> {
        Some([32, 32, 3])
    }

    fn classes(&self) -> Option<ClassSet> {
        Some(ClassSet::of_cifar(self.classes))
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let x: Var = eight_bits(images, &self.device)?.into();
        let normalised = (Expr::input(0) - Expr::input(1)) / Expr::input(2);
        let x = Var::pointwise(&normalised, &[&x, &self.scale[0], &self.scale[1]])?;
        let features = self.network.features(&x)?;
        let logits = self.network.linear.forward(&features, Mode::Eval)?;
        Ok(Batch {
            features: features.into_tensor(),
            logits: Some(logits.into_tensor()),
        })
    }
}

pub(super) struct Network {
    conv1: Conv2d,
    bn1: BatchNorm,
    stages: Vec<Sequential>,
    linear: Linear,
}

impl Network {
    pub(super) fn new(blocks: usize, classes: usize, device: &Device) -> Result<Network> {
        let mut init = Init::new(RngKey::new(0, 0), DType::F32, device);
        let mut stages = Vec::new();
        let mut width = WIDTHS[0];
        for (stage, next) in WIDTHS.into_iter().enumerate() {
            let mut layers = Sequential::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                layers = layers.push(Block::new(&mut init, [width, next], stride)?);
                width = next;
            }
            stages.push(layers);
        }
        Ok(Network {
            conv1: convolution(&mut init, [3, WIDTHS[0]], 1)?,
            bn1: BatchNorm::new(&mut init, WIDTHS[0])?,
            stages,
            linear: Linear::new(&mut init, width, classes, &LinearOptions::default())?,
        })
    }

    /// \[N, 32, 32, 3\] → \[N, 64\].
    fn features(&self, x: &Var) -> Result<Var> {
        let h = self.conv1.forward(x, Mode::Eval)?;
        let mut h = Activation::Relu.apply(&self.bn1.forward(&h, Mode::Eval)?)?;
        for stage in &self.stages {
            h = stage.forward(&h, Mode::Eval)?;
        }
        Ok(GlobalAvgPool2d.forward(&h, Mode::Eval)?)
    }
}

impl Module for Network {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("bn1", &self.bn1);
        for (i, stage) in self.stages.iter().enumerate() {
            v.module(&format!("layer{}", i + 1), stage);
        }
        v.module("linear", &self.linear);
    }
}

fn convolution(
    init: &mut Init,
    [c_in, c_out]: [usize; 2],
    stride: usize,
) -> clel_nn::Result<Conv2d> {
    let options = ConvOptions {
        stride,
        pad: 1,
        bias: None,
        ..ConvOptions::default()
    };
    Conv2d::new(init, c_in, c_out, 3, &options)
}

/// `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`. Where the size changes, the shortcut is the paper's option A: every second
/// row and column, with zeros as the new channels, half of them on either side.
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    stride: usize,
    /// Channels of zeros on either side.
    zeros: usize,
}

impl Block {
    fn new(init: &mut Init, [c_in, c_out]: [usize; 2], stride: usize) -> clel_nn::Result<Block> {
        Ok(Block {
            conv1: convolution(init, [c_in, c_out], stride)?,
            bn1: BatchNorm::new(init, c_out)?,
            conv2: convolution(init, [c_out, c_out], 1)?,
            bn2: BatchNorm::new(init, c_out)?,
            stride,
            zeros: (c_out - c_in) / 2,
        })
    }

    fn shortcut(&self, x: &Var) -> clel_nn::Result<Var> {
        if self.stride == 1 {
            return Ok(x.clone());
        }
        let mut y = x.clone();
        for axis in [1, 2] {
            let len = y.shape()[axis].div_ceil(self.stride);
            y = y.slice_step(axis, 0, len, self.stride)?;
        }
        Ok(y.pad(&[(0, 0), (0, 0), (0, 0), (self.zeros, self.zeros)])?)
    }
}

impl Module for Block {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("bn1", &self.bn1);
        v.module("conv2", &self.conv2);
        v.module("bn2", &self.bn2);
    }
}

impl Layer for Block {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let h = self.bn1.forward(&self.conv1.forward(x, mode)?, mode)?;
        let h = Activation::Relu.apply(&h)?;
        let h = self.bn2.forward(&self.conv2.forward(&h, mode)?, mode)?;
        Activation::Relu.apply(&h.add(&self.shortcut(x)?)?)
    }
}
