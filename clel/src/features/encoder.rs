//! The features of a checkpoint's own encoder.

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::Device;

use super::extract::{check_shape, middles};
use super::{Batch, FeatureNetwork};
use crate::Result;
use crate::data::Images;
use crate::model::{EVALUATION_BATCH, Encoder};

/// The latents z = h(x)/‖h(x)‖ of a contrastive encoder. Figures in them are comparable within one run alone.
pub struct EncoderFeatures<'a> {
    /// h.
    pub encoder: &'a Encoder,
    /// \[H, W, C\] of the images that it was trained on.
    pub shape: [usize; 3],
    /// Where it is.
    pub device: Device,
}

impl FeatureNetwork for EncoderFeatures<'_> {
    fn name(&self) -> String {
        "the checkpoint's own averaged encoder".to_owned()
    }

    fn batch_size(&self) -> usize {
        EVALUATION_BATCH
    }

    fn check(&self, shape: [usize; 3]) -> Result<()> {
        check_shape(&self.name(), shape, self.shape)
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
