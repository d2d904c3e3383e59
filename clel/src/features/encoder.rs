//! The features of a checkpoint's own encoder.

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::Device;

use super::extract::middles;
use super::{Batch, FeatureNetwork};
use crate::Result;
use crate::config::Config;
use crate::data::Images;
use crate::model::Encoder;
use crate::train::Networks;

/// The latents z = h(x)/‖h(x)‖ of an encoder. Figures in them are comparable within one run alone.
///
/// Its [`name`](FeatureNetwork::name) is that of a checkpoint's averaged encoder, which the program's reports are made with, whichever encoder it holds: a
/// report on another says so itself.
pub struct EncoderFeatures<'a> {
    /// h.
    pub encoder: &'a Encoder,
    /// \[H, W, C\] of the images that it was trained on.
    pub shape: [usize; 3],
    /// Where it is.
    pub device: Device,
}

impl<'a> EncoderFeatures<'a> {
    /// The encoder of these networks, which the configuration describes.
    pub fn of(config: &Config, networks: &'a Networks, device: &Device) -> EncoderFeatures<'a> {
        EncoderFeatures {
            encoder: &networks.encoder,
            shape: config.data.shape.unwrap_or_default(),
            device: device.clone(),
        }
    }
}

impl FeatureNetwork for EncoderFeatures<'_> {
    fn name(&self) -> String {
        "the checkpoint's own averaged encoder".to_owned()
    }

    fn takes(&self) -> Option<[usize; 3]> {
        Some(self.shape)
    }

    fn is_classifier(&self) -> bool {
        false
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let x: Var = middles(images, &self.device)?.into();
        let latent = self.encoder.latent(&x, Mode::Eval)?;
        Ok(Batch {
            features: latent.into_tensor(),
            logits: None,
        })
    }
}
