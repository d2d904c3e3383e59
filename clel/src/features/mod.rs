//! Networks in whose features sets of images are compared.
//!
//! A distance between sets of images is a distance in the features of some network, and means nothing without that network's name. Each
//! [`FeatureNetwork`] takes images in the scale that its weights were trained on and gives one vector an image and, where it is a
//! classifier, logits.

mod cifar_resnet;
mod classifier;
mod compare;
mod digits;
mod encoder;
mod extract;
mod inception;
mod source;

pub use cifar_resnet::CifarResNet;
pub use classifier::{Classifier, Fitting};
pub use compare::{Comparison, Figure, Reference};
pub use encoder::EncoderFeatures;
pub(crate) use extract::extract_until;
pub use extract::{Features, check_size, eight_bits, extract, middles};
pub use inception::Inception;
pub use source::FeatureSource;

use clel_tensor::Tensor;

use crate::Result;
use crate::data::{ClassSet, Images};
use crate::model::EVALUATION_BATCH;

/// What a network says of a batch of n images.
pub struct Batch {
    /// \[n, d\].
    pub features: Tensor,
    /// \[n, classes\], from which class probabilities follow by softmax.
    pub logits: Option<Tensor>,
}

/// A network in evaluation mode that maps images to feature vectors.
pub trait FeatureNetwork {
    /// What it is, for reports: `Inception-v3 (FILE)`.
    fn name(&self) -> String;

    /// Images that it takes at a time.
    fn batch_size(&self) -> usize {
        EVALUATION_BATCH
    }

    /// \[H, W, C\] of the images that it was made for; none if it takes any size with 1 or 3 channels.
    fn takes(&self) -> Option<[usize; 3]>;

    /// Whether it gives logits.
    fn is_classifier(&self) -> bool {
        true
    }

    /// The classes that its logits begin with, as far as that is known; none of a network whose logits are not looked at one by one.
    fn classes(&self) -> Option<ClassSet> {
        None
    }

    /// Features and, of a classifier, logits.
    ///
    /// # Errors
    /// What the device reports.
    fn batch(&self, images: &Images) -> Result<Batch>;
}

#[cfg(test)]
mod tests;
