//! How a feature network is named on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clel_tensor::Device;

use super::{CifarResNet, Classifier, FeatureNetwork, Inception};
use crate::eval::DigitClassifier;
use crate::{Error, Result};

/// A choice of feature network: `inception:FILE`, `cifar_resnet:FILE`, `classifier:FILE`, `digits` or `encoder`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureSource {
    /// Inception-v3 as FID defines it, with weights from a file.
    Inception(PathBuf),
    /// A CIFAR-10 ResNet with weights from a file.
    CifarResnet(PathBuf),
    /// What `clel classifier` wrote.
    Classifier(PathBuf),
    /// The classifier of 8×8 digits that is part of the program.
    Digits,
    /// The encoder of the checkpoint in question.
    Encoder,
}

impl FromStr for FeatureSource {
    type Err = String;

    fn from_str(text: &str) -> Result<FeatureSource, String> {
        let file = |path: &str| PathBuf::from(path);
        match text.split_once(':') {
            Some(("inception", path)) if !path.is_empty() => {
                Ok(FeatureSource::Inception(file(path)))
            }
            Some(("cifar_resnet", path)) if !path.is_empty() => {
                Ok(FeatureSource::CifarResnet(file(path)))
            }
            Some(("classifier", path)) if !path.is_empty() => {
                Ok(FeatureSource::Classifier(file(path)))
            }
            None if text == "digits" => Ok(FeatureSource::Digits),
            None if text == "encoder" => Ok(FeatureSource::Encoder),
            _ => Err(
                "expected inception:FILE, cifar_resnet:FILE, classifier:FILE, digits or encoder"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for FeatureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeatureSource::Inception(path) => write!(f, "inception:{}", path.display()),
            FeatureSource::CifarResnet(path) => write!(f, "cifar_resnet:{}", path.display()),
            FeatureSource::Classifier(path) => write!(f, "classifier:{}", path.display()),
            FeatureSource::Digits => f.write_str("digits"),
            FeatureSource::Encoder => f.write_str("encoder"),
        }
    }
}

impl FeatureSource {
    /// The network, its weights read.
    ///
    /// # Errors
    /// [`Error::Argument`] for `encoder`, which only a checkpoint has; a file that is missing or not of that network; what the device reports.
    pub fn open(&self, device: &Device) -> Result<Box<dyn FeatureNetwork>> {
        Ok(match self {
            FeatureSource::Inception(path) => Box::new(Inception::load(path, device)?),
            FeatureSource::CifarResnet(path) => Box::new(CifarResNet::load(path, device)?),
            FeatureSource::Classifier(path) => Box::new(Classifier::load(path, device)?),
            FeatureSource::Digits => Box::new(DigitClassifier::embedded()?),
            FeatureSource::Encoder => {
                return Err(Error::Argument {
                    argument: "--features encoder".to_owned(),
                    why: "needs --checkpoint, whose encoder it is".to_owned(),
                });
            }
        })
    }
}
