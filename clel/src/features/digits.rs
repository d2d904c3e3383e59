//! The embedded classifier of digits as a feature network.

use clel_tensor::{Device, Tensor};

use super::{Batch, FeatureNetwork};
use crate::Result;
use crate::data::{ClassSet, Images};
use crate::eval::DigitClassifier;

impl FeatureNetwork for DigitClassifier {
    fn name(&self) -> String {
        "the embedded classifier of 8×8 digits".to_owned()
    }

    fn takes(&self) -> Option<[usize; 3]> {
        Some([8, 8, 1])
    }

    fn classes(&self) -> Option<ClassSet> {
        Some(ClassSet::of_digits())
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let (n, values) = (images.len().max(1), images.to_unit());
        let features = self.features(&values)?;
        let log: Vec<f32> = self
            .probabilities(&values)?
            .iter()
            .map(|p| p.ln())
            .collect();
        let rows = |v: &[f32]| Tensor::from_slice(v, &[n, v.len() / n], &Device::Cpu);
        Ok(Batch {
            features: rows(&features)?,
            logits: Some(rows(&log)?),
        })
    }
}
