//! Features of many images.

use std::sync::atomic::AtomicBool;

use clel_autograd::no_grad;
use clel_tensor::{Device, Tensor};

use super::{Batch, FeatureNetwork};
use crate::data::{ImageSet, Images, Pixels, to_byte};
use crate::{Error, Result, error::going_on};

/// Feature vectors of n images, in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Numbers in a vector, d.
    pub dimension: usize,
    /// Row-major \[n, d\].
    pub values: Vec<f32>,
    /// Of a classifier: the number of classes and their probabilities, row-major \[n, classes\].
    pub probabilities: Option<(usize, Vec<f32>)>,
}

impl Features {
    /// How many vectors.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Of a classifier: the likeliest class of each image, the first of several.
    pub fn likeliest(&self) -> Option<Vec<usize>> {
        let (classes, probabilities) = self.probabilities.as_ref()?;
        let likeliest = |row: &[f32]| {
            let best = row
                .iter()
                .enumerate()
                .rev()
                .max_by(|a, b| a.1.total_cmp(b.1));
            best.map_or(0, |(class, _)| class)
        };
        let rows = probabilities.chunks_exact((*classes).max(1));
        Some(rows.map(likeliest).collect())
    }
}

/// Features of images, batch by batch.
///
/// # Errors
/// Images of another size than the network takes, or one that cannot be read; [`Error::Mismatch`] for features that are not \[n, d\], and logits that are
/// not \[n, classes\], of the same d and classes in all batches; a feature that is not finite; what the device reports.
pub fn extract(network: &dyn FeatureNetwork, images: &ImageSet) -> Result<Features> {
    extract_until(&AtomicBool::new(false), network, images)
}

/// [`extract`], until `stop` is true.
///
/// # Errors
/// [`Error::Interrupted`] then; those of [`extract`].
pub(crate) fn extract_until(
    stop: &AtomicBool,
    network: &dyn FeatureNetwork,
    images: &ImageSet,
) -> Result<Features> {
    let [_, h, w, c] = images.shape();
    check_size(network, [h, w, c])?;
    let mut widths = None;
    let mut features = Features {
        dimension: 1,
        values: Vec::new(),
        probabilities: None,
    };
    for part in images.batches(network.batch_size()) {
        going_on(stop)?;
        let part = part?;
        let batch = no_grad(|| network.batch(&part))?;
        let found = widths_of(&batch, &part, network, widths)?;
        widths = Some(found);
        features.dimension = found.0;
        features.values.extend(batch.features.to_vec::<f32>()?);
        if let (Some(logits), Some(classes)) = (&batch.logits, found.1) {
            let (_, all) = features
                .probabilities
                .get_or_insert_with(|| (classes, Vec::new()));
            all.extend(softmax(logits)?);
        }
    }
    match features.values.iter().position(|v| !v.is_finite()) {
        None => Ok(features),
        Some(i) => Err(Error::Numbers {
            what: "features",
            why: format!(
                "number {} of image {} is {} in {}",
                i % features.dimension,
                i / features.dimension,
                features.values[i],
                network.name()
            ),
        }),
    }
}

/// Numbers in a row of features, and in one of logits if there are any.
type Widths = (usize, Option<usize>);

/// Those of a batch, which has a row for each of its images and the widths of the batches before it.
fn widths_of(
    batch: &Batch,
    images: &Images,
    network: &dyn FeatureNetwork,
    before: Option<Widths>,
) -> Result<Widths> {
    let n = images.len();
    let mismatch = |what: &str, found: String, expected: String| Error::Mismatch {
        what: format!("{what} of {}", network.name()),
        found,
        expected,
    };
    let width = |what: &str, array: &Tensor, before: Option<usize>| match *array.shape() {
        [rows, d] if rows == n && d > 0 && before.is_none_or(|before| before == d) => Ok(d),
        _ => Err(mismatch(
            what,
            format!("{:?}", array.shape()),
            match before {
                Some(before) => format!("[{n}, {before}], as in the batches before"),
                None => format!("[{n}, d], a row for each image"),
            },
        )),
    };
    let d = width("features", &batch.features, before.map(|(d, _)| d))?;
    let logits = batch.logits.as_ref();
    let classes = logits.map(|logits| width("logits", logits, before.and_then(|(_, c)| c)));
    let classes = classes.transpose()?;
    match before {
        Some((_, earlier)) if earlier.is_some() != classes.is_some() => Err(mismatch(
            "logits",
            "in some of the batches".to_owned(),
            "in all, or in none".to_owned(),
        )),
        _ => Ok((d, classes)),
    }
}

/// Probabilities of logits \[n, classes\].
fn softmax(logits: &Tensor) -> Result<Vec<f32>> {
    let log_sum = logits.logsumexp(&[1], true)?;
    Ok(logits.sub(&log_sum)?.exp()?.to_vec()?)
}

/// Images \[N, H, W, C\] on a device as numbers of 0..1 the way classifiers of photographs are trained: 8 bits over 255.
///
/// # Errors
/// What the device reports.
pub fn eight_bits(images: &Images, device: &Device) -> Result<Tensor> {
    let byte = |v: u8| f32::from(v) / 255.0;
    let values: Vec<f32> = match images.pixels() {
        Pixels::Levels {
            values,
            levels: 256,
        } => values.iter().map(|v| byte(*v)).collect(),
        _ => images.to_unit().iter().map(|v| byte(to_byte(*v))).collect(),
    };
    Ok(Tensor::from_slice(&values, &images.shape(), device)?)
}

/// Images \[N, H, W, C\] on a device as [`Images::to_unit`] gives them, the scale of this program's own networks.
///
/// # Errors
/// What the device reports.
pub fn middles(images: &Images, device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_slice(
        &images.to_unit(),
        &images.shape(),
        device,
    )?)
}

/// Refuses images of a size \[H, W, C\] that a network does not take.
///
/// # Errors
/// [`Error::Mismatch`].
pub fn check_size(network: &dyn FeatureNetwork, found: [usize; 3]) -> Result<()> {
    let [h, w, c] = found;
    let (takes, expected) = match network.takes() {
        Some([y, x, z]) => ([y, x, z] == found, format!("{y}×{x}×{z}")),
        None => (
            h * w > 0 && (c == 1 || c == 3),
            "any size with 1 or 3 channels".to_owned(),
        ),
    };
    if takes {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: format!("size of the images for {}", network.name()),
        found: format!("{h}×{w}×{c}"),
        expected,
    })
}
