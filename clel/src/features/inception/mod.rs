//! Inception-v3 as FID defines it: Szegedy et al., "Rethinking the Inception architecture for computer vision" (CVPR 2016), in the
//! variant of the TensorFlow graph of 2015-12-05 on which Heusel et al. (NeurIPS 2017) defined the distance.
//!
//! It differs from torchvision's network, whose names it bears, in four ways (after PyPI `pytorch-fid`): average pools leave out their
//! padding, the last block has a maximum where the others have averages, there are 1008 classes, and there is no auxiliary classifier.

mod layout;
mod resize;
mod unit;

use std::path::{Path, PathBuf};

use clel_autograd::Var;
use clel_nn::files::{TensorFile, import};
use clel_nn::{
    GlobalAvgPool2d, Init, Layer, Linear, LinearOptions, MaxPool2d, Mode, Module, Visitor,
};
use clel_tensor::{DType, Device, RngKey};

use self::layout::Mixed;
use self::resize::bilinear;
use self::unit::Unit;
use super::extract::eight_bits;
use super::{Batch, FeatureNetwork};
use crate::data::Images;
use crate::{Error, Result};

/// Side of the network's input.
const SIDE: usize = 299;
const FEATURES: usize = 2048;
const CLASSES: usize = 1008;
/// Images at a time: the widest layer, 147×147×64, then takes 84 MiB; every WebGPU device can bind 128.
const BATCH: usize = 16;
const POOL: MaxPool2d = MaxPool2d {
    kernel: 3,
    stride: 2,
    pad: 0,
};

/// Inception-v3 of FID. Features are the 2048 numbers of the last pool; logits leave the bias out, as the inception score's authors do
/// (Salimans et al., NeurIPS 2016).
///
/// Images are taken as 8 bits over 255, resized to 299×299 (bilinear, `align_corners=False`) and scaled to −1..1; grey ones are
/// repeated for the three channels.
pub struct Inception {
    file: PathBuf,
    network: Network,
    device: Device,
}

impl Inception {
    /// Reads weights that are named as in torchvision and pytorch-fid; `tools/ckpt_to_safetensors.py` writes such a file.
    ///
    /// # Errors
    /// The file is missing or damaged, or its arrays are not those of the network; what the device reports.
    pub fn load(path: &Path, device: &Device) -> Result<Inception> {
        let file = TensorFile::open(path)?;
        let network = Network::new(device)?;
        import(&network, &file, "")?;
        file.check_finite("")?;
        Ok(Inception {
            file: path.to_owned(),
            network,
            device: device.clone(),
        })
    }
}

impl FeatureNetwork for Inception {
    fn name(&self) -> String {
        format!("Inception-v3 ({})", self.file.display())
    }

    fn batch_size(&self) -> usize {
        BATCH
    }

    fn takes(&self) -> Option<[usize; 3]> {
        None
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let x: Var = bilinear(&eight_bits(images, &self.device)?, SIDE)?.into();
        let [n, h, w, _] = *x.shape() else {
            return Err(Error::Mismatch {
                what: "axes of the images".to_owned(),
                found: x.rank().to_string(),
                expected: "[N, H, W, C]".to_owned(),
            });
        };
        let x = x.expand(&[n, h, w, 3])?;
        let features = self
            .network
            .features(&x.mul_scalar(2.0)?.sub_scalar(1.0)?)?;
        let weight = self.network.fc.weight().value(Mode::Eval)?;
        let logits = features.matmul_t(&weight, false, true)?;
        Ok(Batch {
            features: features.into_tensor(),
            logits: Some(logits.into_tensor()),
        })
    }
}

/// The layers under torchvision's names.
pub(super) struct Network {
    stem: Vec<(&'static str, Unit)>,
    mixed: Vec<(&'static str, Mixed)>,
    fc: Linear,
}

impl Network {
    pub(super) fn new(device: &Device) -> Result<Network> {
        let mut init = Init::new(RngKey::new(0, 0), DType::F32, device);
        Ok(Network {
            stem: layout::stem(&mut init)?,
            mixed: layout::mixed(&mut init)?,
            fc: Linear::new(&mut init, FEATURES, CLASSES, &LinearOptions::default())?,
        })
    }

    /// \[N, 299, 299, 3\] in −1..1 → \[N, 2048\].
    pub(super) fn features(&self, x: &Var) -> Result<Var> {
        let mut h = x.clone();
        for (i, (_, unit)) in self.stem.iter().enumerate() {
            h = unit.forward(&h, Mode::Eval)?;
            // after the third and the fifth convolution
            if i == 2 || i == 4 {
                h = POOL.forward(&h, Mode::Eval)?;
            }
        }
        for (_, block) in &self.mixed {
            h = block.forward(&h, Mode::Eval)?;
        }
        Ok(GlobalAvgPool2d.forward(&h, Mode::Eval)?)
    }
}

impl Module for Network {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        for (name, unit) in &self.stem {
            v.module(name, unit);
        }
        for (name, block) in &self.mixed {
            v.module(name, block);
        }
        v.module("fc", &self.fc);
    }
}
