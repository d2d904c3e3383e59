//! How many samples are taken for the class that was asked for.

use std::collections::{BTreeSet, HashMap};

use clel_tensor::Device;

use super::conditions::Meant;
use super::plan::Plan;
use crate::cli::output;
use crate::config::Source;
use crate::data::{ClassSet, ImageSet, Images, Likeness};
use crate::features::{FeatureNetwork, FeatureSource, check_size};
use crate::generate::{Agreement, Verdicts};
use crate::train::Loaded;
use crate::words::listed;
use crate::{Error, Result};

/// The embedded classifier's last class, after the ten digits: none of them.
const NO_DIGIT: usize = 10;

/// What `--judge` may be.
const KINDS: &str = "digits, classifier:FILE or cifar_resnet:FILE";

/// The network that `--judge` names.
pub(super) fn named(text: &str) -> Result<FeatureSource, String> {
    let source = text.parse();
    source.map_err(|_: String| format!("expected {KINDS}"))
}

/// A classifier that has no part in the samples.
pub(super) struct Judge {
    network: Box<dyn FeatureNetwork>,
    /// The classes that it knows.
    classes: ClassSet,
    /// As it was named.
    argument: String,
    /// Its class that stands for no class.
    nothing: Option<usize>,
}

impl Judge {
    /// The classifier that `--judge` names.
    pub fn open(source: &FeatureSource, device: &Device) -> Result<Judge> {
        let fault = |argument: &str, why: &str| {
            Err(Error::Argument {
                argument: format!("--judge {argument}"),
                why: format!("{why}; take {KINDS}"),
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
        let network = source.open(device)?;
        let Some(classes) = network.classes() else {
            return fault(&source.to_string(), "is no classifier");
        };
        Ok(Judge {
            network,
            classes,
            argument: format!("--judge {source}"),
            nothing: (*source == FeatureSource::Digits).then_some(NO_DIGIT),
        })
    }

    /// Refuses, before anything is drawn, images of a size that it does not take, a set whose classes it cannot know, and a class that it has not.
    pub fn check(&self, shape: [usize; 3], source: Source, expected: Option<usize>) -> Result<()> {
        if self.classes.cannot_be_of(source) {
            return Err(self.stranger(
                &format!("the classes of {}", source.name()),
                Some(source),
                None,
            ));
        }
        check_size(self.network.as_ref(), shape)?;
        match expected {
            Some(class) if class >= self.classes.count => Err(Error::Argument {
                argument: format!("--expected {class}"),
                why: format!(
                    "the judge knows the classes 0 to {}",
                    self.classes.count - 1
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses classes of the plan that are not its own, and says where that cannot be seen. Those of images in sub-folders are brought to its own by
    /// their names.
    pub fn check_plan(&self, plan: &mut Plan) -> Result<()> {
        let mut unknown = false;
        for asked in &plan.asked {
            for class in asked.meant.iter().filter_map(Meant::class) {
                match self.classes.compared(&class.of) {
                    Likeness::Same => {}
                    Likeness::Unknown => unknown = true,
                    // of several that are to be met at once, it judges what it knows
                    Likeness::Other if asked.meant.len() > 1 => {}
                    Likeness::Other => {
                        return Err(self.stranger(
                            &class.of.described(),
                            class.of.source,
                            class.of.names.as_deref(),
                        ));
                    }
                }
            }
        }
        if plan.asked.is_empty() {
            unknown |= self.check_labels(plan)?;
        }
        if unknown {
            output::error(&format!(
                "warning: {} knows {}: that there are as many is all that could be compared with the classes asked for",
                self.argument,
                self.classes.described()
            ));
        }
        Ok(())
    }

    /// The same of images that were given; whether their classes could not be compared.
    fn check_labels(&self, plan: &mut Plan) -> Result<bool> {
        let Some(labels) = &mut plan.labels else {
            return Ok(false);
        };
        let Some(names) = &plan.label_names else {
            // numbers in a file are meant as the judge's
            return match labels.iter().max() {
                Some(top) if *top as usize >= self.classes.count => Err(Error::Mismatch {
                    what: "classes of the given images".to_owned(),
                    found: format!("the label {top}"),
                    expected: format!(
                        "labels of {}, which {} knows",
                        self.classes.described(),
                        self.argument
                    ),
                }),
                _ => Ok(false),
            };
        };
        let found: Option<Vec<usize>> = names.iter().map(|name| self.classes.find(name)).collect();
        match found {
            Some(found) => {
                for label in labels {
                    *label = found[*label as usize] as u32;
                }
                Ok(false)
            }
            None if self.classes.names.is_none() && names.len() == self.classes.count => Ok(true),
            None => Err(Error::Mismatch {
                what: "sub-folders of the given images, which are their classes".to_owned(),
                found: listed(names),
                expected: format!(
                    "names of {}, which {} knows",
                    self.classes.described(),
                    self.argument
                ),
            }),
        }
    }

    /// What is wrong with a judge of other classes than are asked for, and which would be right.
    fn stranger(&self, asked: &str, source: Option<Source>, names: Option<&[String]>) -> Error {
        let right = match (source, names) {
            (Some(Source::Digits), _) => "--judge digits".to_owned(),
            (Some(Source::Celeba), Some([_, attribute])) => {
                format!("`clel classifier --data celeba --attribute {attribute}` makes one")
            }
            (Some(source), _) => format!("`clel classifier --data {}` makes one", source.name()),
            (None, _) => "a classifier of these".to_owned(),
        };
        Error::Mismatch {
            what: self.argument.clone(),
            found: format!("one of {}", self.classes.described()),
            expected: format!("a judge of {asked}: {right}"),
        }
    }

    /// Counts samples, row-major \[N, H, W, C\], by what they were asked for.
    ///
    /// That is what leads a chain; or else the class of the image that is completed, if images have classes, or `expected`. What of an image
    /// is given may be damaged, so that no class is looked for in it.
    pub fn agreement(
        &self,
        plan: &Plan,
        expected: Vec<usize>,
        samples: &[f32],
        model: &Loaded,
    ) -> Result<Agreement> {
        let shape = model.config.data.shape.unwrap_or_default();
        let images = ImageSet::of_samples(shape, samples.to_vec())?;
        let mut verdicts = Verdicts::of(self.network.as_ref(), &images)?;
        verdicts.nothing = self.nothing;
        if !plan.asked.is_empty() {
            let mut seen = HashMap::new();
            let mut asked = Vec::with_capacity(plan.asked.len());
            for a in &plan.asked {
                let mut classes = Vec::new();
                for meant in &a.meant {
                    classes.extend(self.label(meant, shape, &mut seen)?);
                }
                // what cannot be said of one of them cannot be said of all
                if a.meant.iter().any(|meant| matches!(meant, Meant::Common)) {
                    classes.clear();
                }
                classes.sort_unstable();
                classes.dedup();
                asked.push((a.name.clone(), classes));
            }
            return Agreement::count(&verdicts, asked, |sample| plan.kind(sample));
        }
        if let Some(labels) = &plan.labels {
            let there: BTreeSet<u32> = labels.iter().copied().collect();
            let named = |class: &u32| (format!("images of class {class}"), vec![*class as usize]);
            let row = |sample: usize| there.range(..labels[sample]).count();
            return Agreement::count(&verdicts, there.iter().map(named).collect(), row);
        }
        if !plan.filled.is_empty() {
            let asked = plan
                .filled
                .iter()
                .map(|name| (name.clone(), expected.clone()));
            let each = plan.count / plan.filled.len();
            return Agreement::count(&verdicts, asked.collect(), |sample| sample / each);
        }
        Agreement::count(&verdicts, vec![("samples".to_owned(), expected)], |_| 0)
    }

    /// Its own class for what is meant, if it has one; `seen` remembers that of images, which many frames may share.
    fn label(
        &self,
        meant: &Meant,
        shape: [usize; 3],
        seen: &mut HashMap<*const f32, Option<usize>>,
    ) -> Result<Option<usize>> {
        Ok(match meant {
            Meant::Class(class) if self.classes.compared(&class.of) == Likeness::Other => None,
            Meant::Class(class) => Some(class.label),
            Meant::Image(image) => match seen.get(&image.as_ptr()) {
                Some(found) => *found,
                None => {
                    let found = self.class(image, shape)?;
                    seen.insert(image.as_ptr(), found);
                    found
                }
            },
            Meant::Common => None,
        })
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
