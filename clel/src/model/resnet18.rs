//! ResNet-18 (He et al., "Deep residual learning for image recognition", CVPR 2016).

use clel_autograd::Var;
use clel_nn::{
    Activation, BatchNorm, Conv2d, Fill, GlobalAvgPool2d, Init, Layer, Mode, Module, Sequential,
    Visitor,
};

use super::encoder::{convolution, head, stem};
use super::normalize::Normalisation;
use crate::Result;
use crate::config::EncoderConfig;

/// torchvision's ResNet-18 without its max-pool, with a 3×3 stem of stride 1 or its own 7×7 one of stride 2; four stages of two blocks, widths w, 2w, 4w, 8w,
/// strides 1, 2, 2, 2.
pub(super) struct ResNet18 {
    conv1: Sequential,
    bn1: BatchNorm,
    layers: [Sequential; 4],
    fc: Sequential,
}

impl ResNet18 {
    pub fn new(
        config: &EncoderConfig,
        latent: usize,
        normalisation: &Normalisation,
        init: &mut Init,
    ) -> Result<ResNet18> {
        let w = config.width;
        let conv1 = stem(config, normalisation, init)?;
        let bn1 = BatchNorm::new(init, w)?;
        let mut stage = |c_in: usize, c_out: usize, stride: usize| -> Result<Sequential> {
            Ok(Sequential::new()
                .push(BasicBlock::new(init, [c_in, c_out], stride)?)
                .push(BasicBlock::new(init, [c_out, c_out], 1)?))
        };
        let layers = [
            stage(w, w, 1)?,
            stage(w, 2 * w, 2)?,
            stage(2 * w, 4 * w, 2)?,
            stage(4 * w, 8 * w, 2)?,
        ];
        Ok(ResNet18 {
            conv1,
            bn1,
            layers,
            fc: head([8 * w, config.hidden, latent], init)?,
        })
    }
}

impl Module for ResNet18 {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("bn1", &self.bn1);
        for (i, layer) in self.layers.iter().enumerate() {
            v.module(&format!("layer{}", i + 1), layer);
        }
        v.module("fc", &self.fc);
    }
}

impl Layer for ResNet18 {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let h = self.bn1.forward(&self.conv1.forward(x, mode)?, mode)?;
        let mut h = Activation::Relu.apply(&h)?;
        for layer in &self.layers {
            h = layer.forward(&h, mode)?;
        }
        self.fc.forward(&GlobalAvgPool2d.forward(&h, mode)?, mode)
    }
}

/// `relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x))))))`; the shortcut is the identity, or a 1×1 convolution with BatchNorm where the shape
/// changes.
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<Sequential>,
}

impl BasicBlock {
    fn new(
        init: &mut Init,
        [c_in, c_out]: [usize; 2],
        stride: usize,
    ) -> clel_nn::Result<BasicBlock> {
        let conv1 = convolution(init, [c_in, c_out], 3, stride)?;
        let bn1 = BatchNorm::new(init, c_out)?;
        let conv2 = convolution(init, [c_out, c_out], 3, 1)?;
        // each residual branch starts as nothing
        let bn2 = BatchNorm::with_scale(init, c_out, Fill::ZEROS)?;
        let downsample = if stride != 1 || c_in != c_out {
            let shortcut = Sequential::new()
                .push(convolution(init, [c_in, c_out], 1, stride)?)
                .push(BatchNorm::new(init, c_out)?);
            Some(shortcut)
        } else {
            None
        };
        Ok(BasicBlock {
            conv1,
            bn1,
            conv2,
            bn2,
            downsample,
        })
    }
}

impl Module for BasicBlock {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("conv1", &self.conv1);
        v.module("bn1", &self.bn1);
        v.module("conv2", &self.conv2);
        v.module("bn2", &self.bn2);
        if let Some(downsample) = &self.downsample {
            v.module("downsample", downsample);
        }
    }
}

impl Layer for BasicBlock {
    fn forward(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let shortcut = match &self.downsample {
            None => x.clone(),
            Some(downsample) => downsample.forward(x, mode)?,
        };
        let h = self.bn1.forward(&self.conv1.forward(x, mode)?, mode)?;
        let h = self.conv2.forward(&Activation::Relu.apply(&h)?, mode)?;
        let h = self.bn2.forward(&h, mode)?;
        Activation::Relu.apply(&shortcut.add(&h)?)
    }
}
