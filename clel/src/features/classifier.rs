//! A small classifier of one's own data, whose features and judgements then compare sets of images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clel_autograd::Var;
use clel_nn::files::{TensorFile, export, import, write_tensors};
use clel_nn::loss::cross_entropy;
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, ConvOptions, Fill, GlobalAvgPool2d, Init, Layer,
    Linear, LinearOptions, Mode, Module, Visitor,
};
use clel_tensor::{DType, Device, RngKey};

use super::extract::middles;
use super::{Batch, FeatureNetwork, extract};
use crate::data::{Ahead, ClassSet, Images, MOST_CLASSES, Order, Split};
use crate::model::{Normalisation, Normalize};
use crate::words::counted;
use crate::{Error, Result, whole_file};

const FORMAT: &str = "clel-classifier-1";
/// The entry of a file that says which classes it knows.
const CLASSES: &str = "classes";
/// Widths of the three stages; the last is the number of features.
const WIDTHS: [usize; 3] = [32, 64, 128];
/// The least height and width of an image from which the halvings between the stages leave something.
const LEAST_SIDE: usize = 1 << (WIDTHS.len() - 1);
/// Streams of random numbers of the training: initial values, and the order of the data.
const WEIGHTS: u32 = 1;
const ORDER: u32 = 2;

/// Three 3×3 convolutions with BatchNorm and ReLU, halving between them, and a linear layer on their global average: 128 features.
pub struct Classifier {
    network: Network,
    shape: [usize; 3],
    classes: ClassSet,
    /// Where it was read from.
    file: Option<PathBuf>,
    device: Device,
}

/// How a classifier is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitting {
    /// Steps of Adam.
    pub iterations: usize,
    /// Images a step.
    pub batch: usize,
    /// Learning rate at the beginning; it falls to 0 along a half cosine.
    pub rate: f64,
    /// Of the initial values and the order of the data.
    pub seed: u64,
}

impl Classifier {
    /// Trains one on images of such classes, telling `progress` each step's number and loss.
    ///
    /// # Errors
    /// No labels, or not one for each image, or one that is no class; images of less than 4 rows or columns; training that diverges; what the device reports.
    pub fn fit(
        data: &Split,
        classes: &ClassSet,
        how: &Fitting,
        device: &Device,
        progress: &mut dyn FnMut(usize, f64) -> Result<()>,
    ) -> Result<Classifier> {
        let labels = labels(data, &classes.set)?;
        let top = labels.iter().max().map_or(0, |top| *top as usize);
        if top >= classes.count || classes.count > MOST_CLASSES {
            return Err(Error::Mismatch {
                what: format!("classes of {}", classes.set),
                found: format!("{} and the label {top}", classes.count),
                expected: format!("at most {MOST_CLASSES}, numbered from 0"),
            });
        }
        let [n, h, w, c] = data.images.shape();
        if h.min(w) < LEAST_SIDE {
            return Err(Error::Mismatch {
                what: "size of the images for a classifier".to_owned(),
                found: format!("{h}×{w}"),
                expected: format!("at least {LEAST_SIDE}×{LEAST_SIDE}, as it halves them twice"),
            });
        }
        let (mean, std) = data.images.channel_statistics()?;
        let normalisation = Normalisation { mean, std };
        let classifier = Classifier {
            network: Network::new(&normalisation, classes.count, how.seed, device)?,
            shape: [h, w, c],
            classes: classes.clone(),
            file: None,
            device: device.clone(),
        };
        let network = &classifier.network;
        let mut adam = Adam::new([0.9, 0.999], 1e-8, 0.0)?;
        let falling = Schedule::Cosine {
            steps: how.iterations as u64,
        };
        let mut order = Order::new(n, how.batch, RngKey::new(how.seed, ORDER));
        let (mut places, steps) = (order.clone(), how.iterations as u64);
        let batches = Ahead::new(&data.images, move |step| {
            (step < steps).then(|| places.batch(step).to_vec())
        });
        for (step, images) in batches.enumerate() {
            let x: Var = middles(&images?, device)?.into();
            let indices = order.batch(step as u64);
            let wanted: Vec<u32> = indices.iter().map(|&i| labels[i]).collect();
            let features = network.features(&x, Mode::Train)?;
            let logits = network.linear.forward(&features, Mode::Train)?;
            let loss = cross_entropy(&logits, &wanted)?;
            let parameters = network.parameters();
            let rate = how.rate * falling.factor(step as u64);
            let value = loss.tensor().clone();
            adam.step(&parameters, &gradients(loss, &parameters)?, rate)?;
            let loss = value.item()?;
            if !loss.is_finite() {
                return Err(diverged(
                    how,
                    format!("its loss is {loss} in step {}", step + 1),
                ));
            }
            progress(step, loss)?;
        }
        // what the last step did shows in no loss
        for (name, parameter) in network.parameters() {
            if !parameter.tensor().abs()?.mean_all()?.item()?.is_finite() {
                return Err(diverged(
                    how,
                    format!("`{name}` is not finite after the last step"),
                ));
            }
        }
        Ok(classifier)
    }

    /// Share of labelled images that it takes for what they are.
    ///
    /// # Errors
    /// No labels, or not one for each image; images of another size; what the device reports.
    pub fn accuracy(&self, data: &Split) -> Result<f64> {
        let labels = labels(data, &self.classes.set)?;
        let taken = extract(self, &data.images)?.likeliest().unwrap_or_default();
        let right = taken
            .iter()
            .zip(labels)
            .filter(|(i, l)| **i == **l as usize);
        Ok(right.count() as f64 / labels.len() as f64)
    }

    /// Writes it for [`Classifier::load`].
    ///
    /// # Errors
    /// The file cannot be written; what the device reports.
    pub fn save(&self, path: &Path) -> Result<()> {
        let [h, w, c] = self.shape;
        let classes = serde_json::to_string(&self.classes);
        let classes = classes.map_err(|error| Error::write(path)(error.into()))?;
        let metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("shape".to_owned(), format!("{h} {w} {c}")),
            ("data".to_owned(), self.classes.set.clone()),
            (CLASSES.to_owned(), classes),
        ]);
        write_tensors(path, &export(&self.network, "")?, &metadata).map_err(whole_file::told)
    }

    /// Reads what [`Classifier::save`] wrote.
    ///
    /// # Errors
    /// The file is missing or damaged, or not such a file; what the device reports.
    pub fn load(path: &Path, device: &Device) -> Result<Classifier> {
        let file = TensorFile::open(path)?;
        let entry = |key: &str| file.metadata().get(key).cloned().unwrap_or_default();
        if entry("format") != FORMAT {
            return Err(Error::format(
                path,
                "metadata `format`",
                format!(
                    "found `{}`, expected `{FORMAT}`: a file that `clel classifier` wrote",
                    entry("format")
                ),
            ));
        }
        let sizes: Vec<usize> = entry("shape")
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let (&[h, w, c], Some(&[classes, _])) = (&sizes[..], file.shape("linear.weight")) else {
            return Err(Error::format(
                path,
                "metadata `shape`",
                format!(
                    "found `{}` and a layer `linear.weight` of {:?}, expected `height width channels` and [classes, {}]",
                    entry("shape"),
                    file.shape("linear.weight"),
                    WIDTHS[2]
                ),
            ));
        };
        if c > 3 || classes > MOST_CLASSES {
            return Err(Error::format(
                path,
                "array `linear.weight`",
                format!(
                    "{c} channels and {classes} classes, expected at most 3 and {MOST_CLASSES}"
                ),
            ));
        }
        let classes = ClassSet {
            set: entry("data"),
            ..known_classes(&file, classes)?
        };
        // the file's numbers take the place of these
        let normalisation = Normalisation {
            mean: vec![0.0; c],
            std: vec![1.0; c],
        };
        let network = Network::new(&normalisation, classes.count, 0, device)?;
        import(&network, &file, "")?;
        file.check_finite("")?;
        Ok(Classifier {
            network,
            shape: [h, w, c],
            classes,
            file: Some(path.to_owned()),
            device: device.clone(),
        })
    }
}

/// The error of a training whose numbers are no longer finite.
fn diverged(how: &Fitting, found: String) -> Error {
    Error::Numbers {
        what: "training the classifier",
        why: format!(
            "{found}: the learning rate of {} is too high for these images; a lower --rate helps",
            how.rate
        ),
    }
}

/// What a file with so many classes says of them; nothing but their number, if it is older than that entry.
fn known_classes(file: &TensorFile, count: usize) -> Result<ClassSet> {
    let Some(text) = file.metadata().get(CLASSES) else {
        return Ok(ClassSet {
            source: None,
            set: String::new(),
            count,
            names: None,
        });
    };
    let fault = |why: String| Error::format(file.path(), format!("metadata `{CLASSES}`"), why);
    let classes: ClassSet = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    let named = classes.names.as_ref().map_or(count, Vec::len);
    if classes.count != count || named != count {
        return Err(fault(format!(
            "{} classes and {named} names, but the array `linear.weight` has rows for {count}",
            classes.count
        )));
    }
    Ok(classes)
}

fn labels<'a>(data: &'a Split, name: &str) -> Result<&'a [u32]> {
    data.check(name)?;
    match &data.labels {
        Some(labels) if !labels.is_empty() => Ok(labels),
        _ => Err(Error::Mismatch {
            what: format!("classes of {name}"),
            found: "images without classes".to_owned(),
            expected: "a class for each image".to_owned(),
        }),
    }
}

impl FeatureNetwork for Classifier {
    fn name(&self) -> String {
        let file = self.file.as_ref();
        let file = file.map_or(String::new(), |path| format!(", {}", path.display()));
        let ClassSet { count, set, .. } = &self.classes;
        format!("classifier of {} ({set}{file})", counted(*count, "class"))
    }

    fn takes(&self) -> Option<[usize; 3]> {
        Some(self.shape)
    }

    fn classes(&self) -> Option<ClassSet> {
        Some(self.classes.clone())
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let x: Var = middles(images, &self.device)?.into();
        let features = self.network.features(&x, Mode::Eval)?;
        let logits = self.network.linear.forward(&features, Mode::Eval)?;
        Ok(Batch {
            features: features.into_tensor(),
            logits: Some(logits.into_tensor()),
        })
    }
}

struct Network {
    normalize: Normalize,
    stages: Vec<(Conv2d, BatchNorm)>,
    linear: Linear,
}

impl Network {
    fn new(
        normalisation: &Normalisation,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Network> {
        let mut init = Init::new(RngKey::new(seed, WEIGHTS), DType::F32, device);
        let options = ConvOptions {
            pad: 1,
            weight: Fill::KaimingNormal {
                gain: std::f64::consts::SQRT_2,
            },
            bias: None,
            ..ConvOptions::default()
        };
        let normalize = Normalize::new(normalisation, &init)?;
        let mut stages = Vec::new();
        let mut width = normalisation.channels();
        for next in WIDTHS {
            let conv = Conv2d::new(&mut init, width, next, 3, &options)?;
            stages.push((conv, BatchNorm::new(&mut init, next)?));
            width = next;
        }
        Ok(Network {
            normalize,
            stages,
            linear: Linear::new(&mut init, width, classes, &LinearOptions::default())?,
        })
    }

    /// \[N, H, W, C\] → \[N, 128\].
    fn features(&self, x: &Var, mode: Mode) -> clel_nn::Result<Var> {
        let mut h = self.normalize.forward(x, mode)?;
        for (i, (conv, norm)) in self.stages.iter().enumerate() {
            if i > 0 {
                h = AvgPool2d::tiles(2).forward(&h, mode)?;
            }
            h = norm.forward(&conv.forward(&h, mode)?, mode)?;
            h = Activation::Relu.apply(&h)?;
        }
        GlobalAvgPool2d.forward(&h, mode)
    }
}

impl Module for Network {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("normalize", &self.normalize);
        for (i, (conv, norm)) in self.stages.iter().enumerate() {
            v.module(&format!("conv{}", i + 1), conv);
            v.module(&format!("bn{}", i + 1), norm);
        }
        v.module("linear", &self.linear);
    }
}
