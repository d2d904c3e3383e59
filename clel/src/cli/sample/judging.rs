//! How many samples are taken for the class that was asked for.

use clel_tensor::Device;

use super::plan::Plan;
use crate::data::{ImageSet, Images};
use crate::features::{FeatureNetwork, FeatureSource};
use crate::generate::{Agreement, Verdicts};
use crate::train::Loaded;
use crate::{Error, Result};

/// The embedded classifier's last class, after the ten digits: none of them.
const NO_DIGIT: usize = 10;

/// A classifier that has no part in the samples.
pub(super) struct Judge {
    network: Box<dyn FeatureNetwork>,
    /// Its class that stands for no class.
    nothing: Option<usize>,
}

impl Judge {
    /// The classifier that `--judge` names.
    pub fn open(source: &FeatureSource, device: &Device) -> Result<Judge> {
        let fault = |argument: &str, why: &str| {
            Err(Error::Argument {
                argument: format!("--judge {argument}"),
                why: format!("{why}; take digits, classifier:FILE or cifar_resnet:FILE"),
            })
        };
        match source {
            FeatureSource::Encoder => {
                return fault(
                    "encoder",
                    "is no classifier, and has led the samples itself",
                );
            }
            FeatureSource::Inception(_) => {
                return fault(
                    "inception",
                    "knows classes of photographs that no data set here has",
                );
            }
            _ => {}
        }
        Ok(Judge {
            network: source.open(device)?,
            nothing: (*source == FeatureSource::Digits).then_some(NO_DIGIT),
        })
    }

    /// Refuses a class that it is known not to know.
    pub fn check(&self, class: usize) -> Result<()> {
        match self.nothing {
            Some(nothing) if class >= nothing => Err(Error::Argument {
                argument: format!("--expected {class}"),
                why: format!("the judge knows the classes 0 to {}", nothing - 1),
            }),
            _ => Ok(()),
        }
    }

    /// Counts samples, row-major \[N, H, W, C\], by what they were asked for.
    ///
    /// That is what leads a chain; or else the class of the image that is completed, if images have classes, or `expected`. What of an image
    /// is given may be damaged, so that no class is looked for in it.
    pub fn agreement(
        &self,
        plan: &Plan,
        expected: Option<usize>,
        samples: &[f32],
        model: &Loaded,
    ) -> Result<Agreement> {
        let shape = model.config.data.shape.unwrap_or_default();
        let images = ImageSet::of_samples(shape, samples.to_vec())?;
        let mut verdicts = Verdicts::of(self.network.as_ref(), &images)?;
        verdicts.nothing = self.nothing;
        if !plan.asked.is_empty() {
            let mut asked = Vec::with_capacity(plan.asked.len());
            for a in &plan.asked {
                let class = match (a.class, &a.image) {
                    (None, Some(image)) => self.class(image, shape)?,
                    (class, _) => class,
                };
                asked.push((a.name.clone(), class));
            }
            return Agreement::count(&verdicts, asked, |sample| plan.kind(sample));
        }
        if let Some(labels) = &plan.labels {
            let last = labels.iter().max().map_or(0, |l| *l as usize);
            let all = (0..=last).map(|class| (format!("images of class {class}"), Some(class)));
            return Agreement::count(&verdicts, all.collect(), |sample| labels[sample] as usize);
        }
        if !plan.filled.is_empty() {
            let asked = plan.filled.iter().map(|name| (name.clone(), expected));
            let each = plan.count / plan.filled.len();
            return Agreement::count(&verdicts, asked.collect(), |sample| sample / each);
        }
        Agreement::count(&verdicts, vec![("samples".to_owned(), expected)], |_| 0)
    }

    /// What one image is taken for, if for anything.
    fn class(&self, image: &[f32], [h, w, c]: [usize; 3]) -> Result<Option<usize>> {
        let images = Images::from_unit([1, h, w, c], image.to_vec());
        let images = images.ok_or_else(|| Error::Mismatch {
            what: "values of an image to be judged".to_owned(),
            found: "some outside 0..1".to_owned(),
            expected: format!("{h}×{w}×{c} numbers of 0..1"),
        })?;
        let taken = Verdicts::of(self.network.as_ref(), &images.into())?.taken;
        Ok(taken
            .first()
            .copied()
            .filter(|class| Some(*class) != self.nothing))
    }
}
