//! The images of a split, in memory or not.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Ahead, Images};
use crate::{Error, Result};

/// 8-bit images of one size that can be read one by one, from several threads: of a form of one's own, for [`ImageSet::stored`]. That each read
/// gives the same is up to them.
pub trait Records: Debug + Send + Sync {
    /// \[N, H, W, C\].
    fn shape(&self) -> [usize; 4];

    /// Appends the H·W·C values of one image, row-major \[H, W, C\]; `index` is below N.
    ///
    /// # Errors
    /// The image cannot be read: [`Error::Read`](crate::Error::Read), [`Error::Image`](crate::Error::Image) or
    /// [`Error::Format`](crate::Error::Format), at which a run saves what it has.
    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()>;
}

/// N images of one size, [N, H, W, C]: held in memory, or read from where they lie whenever they are asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ImageSet(Kept);

#[derive(Debug, Clone)]
enum Kept {
    Memory(Arc<Images>),
    Stored {
        records: Arc<dyn Records>,
        /// Which of them make up the set.
        chosen: Arc<[usize]>,
    },
}

impl From<Images> for ImageSet {
    fn from(images: Images) -> ImageSet {
        ImageSet(Kept::Memory(Arc::new(images)))
    }
}

impl ImageSet {
    /// All of these images, to be read when they are asked for; training reads them ahead in threads of its own.
    pub fn stored(records: Arc<dyn Records>) -> ImageSet {
        let chosen = (0..records.shape()[0]).collect();
        ImageSet(Kept::Stored { records, chosen })
    }

    /// What a sampler left, row-major \[N, H, W, C\].
    ///
    /// # Errors
    /// Values that are not in \[0, 1\], or not a whole number of images.
    pub fn of_samples([h, w, c]: [usize; 3], values: Vec<f32>) -> Result<ImageSet> {
        let len = values.len();
        let n = len / (h * w * c).max(1);
        let wrong = values.iter().position(|v| !(0.0..=1.0).contains(v));
        let wrong = wrong.map(|place| (place, values[place]));
        let images = Images::from_unit([n, h, w, c], values).ok_or_else(|| Error::Numbers {
            what: "sampling",
            why: match wrong {
                // a chain is clamped, which NaN alone outlives
                Some((place, v)) if v.is_nan() => format!(
                    "value {place} is {v}: the energies by which it was sampled are not finite"
                ),
                Some((place, v)) => format!("value {place} is {v}; pixels lie in 0..=1"),
                None => format!("{len} values are no whole number of images of {h}×{w}×{c}"),
            },
        })?;
        Ok(images.into())
    }

    /// The same set, in memory if its values take up to `limit` bytes.
    pub(super) fn held_up_to(self, limit: u64) -> Result<ImageSet> {
        let size = self.shape().iter().map(|s| *s as u64).product::<u64>();
        match self.0 {
            Kept::Stored { .. } if size <= limit => Ok(self.read_all()?.into()),
            _ => Ok(self),
        }
    }

    /// \[N, H, W, C\].
    pub fn shape(&self) -> [usize; 4] {
        match &self.0 {
            Kept::Memory(images) => images.shape(),
            Kept::Stored { records, chosen } => {
                let [_, h, w, c] = records.shape();
                [chosen.len(), h, w, c]
            }
        }
    }

    /// How many images.
    pub fn len(&self) -> usize {
        self.shape()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images, if they are in memory.
    pub fn in_memory(&self) -> Option<&Images> {
        match &self.0 {
            Kept::Memory(images) => Some(images),
            Kept::Stored { .. } => None,
        }
    }

    /// The set of the images at `indices`, in that order. Those that are not in memory are not read.
    ///
    /// # Panics
    /// If an index is not below the number of images.
    pub fn select(&self, indices: &[usize]) -> ImageSet {
        match &self.0 {
            Kept::Memory(images) => images.select(indices).into(),
            Kept::Stored { records, chosen } => ImageSet(Kept::Stored {
                records: records.clone(),
                chosen: indices.iter().map(|&i| chosen[i]).collect(),
            }),
        }
    }

    /// The images at `indices`, in that order.
    ///
    /// # Errors
    /// One that cannot be read.
    ///
    /// # Panics
    /// If an index is not below the number of images.
    pub fn read(&self, indices: &[usize]) -> Result<Images> {
        match &self.0 {
            Kept::Memory(images) => Ok(images.select(indices)),
            Kept::Stored { records, chosen } => {
                let [_, h, w, c] = records.shape();
                let mut values = Vec::with_capacity(indices.len() * h * w * c);
                for (before, &i) in indices.iter().enumerate() {
                    records.read(chosen[i], &mut values)?;
                    let (found, expected) = (values.len(), (before + 1) * h * w * c);
                    if found != expected {
                        let before = before * h * w * c;
                        return Err(Error::Mismatch {
                            what: format!("values of image {}", chosen[i]),
                            found: found.saturating_sub(before).to_string(),
                            expected: format!("{}, of {h}×{w}×{c}", expected - before),
                        });
                    }
                }
                Images::of_levels([indices.len(), h, w, c], values, 256)
            }
        }
    }

    /// All images at once, in memory.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn read_all(&self) -> Result<Images> {
        if let Some(images) = self.in_memory() {
            return Ok(images.clone());
        }
        let shape = self.shape();
        let mut values = Vec::with_capacity(shape.iter().product());
        for images in self.batches(64) {
            values.append(&mut images?.into_levels());
        }
        Images::of_levels(shape, values, 256)
    }

    /// All images in order, `size` at a time, the last time perhaps less; those that are not in memory are read ahead by threads
    /// of their own.
    pub fn batches(&self, size: usize) -> Ahead {
        let (n, size) = (self.len(), size.max(1));
        Ahead::new(self, move |batch| {
            let start = usize::try_from(batch).ok()?.checked_mul(size)?;
            (start < n).then(|| (start..n.min(start + size)).collect())
        })
    }
}
