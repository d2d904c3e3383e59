//! One trained model, or several as one.

use clel_tensor::Device;

use super::Loaded;
use crate::generate::Ensemble;
use crate::{Error, Result};

/// One trained model, or several of images of one size that were trained apart, as one: its energy is the mean of theirs.
pub struct Models {
    first: Loaded,
    others: Vec<Loaded>,
}

impl From<Loaded> for Models {
    fn from(first: Loaded) -> Models {
        Models {
            first,
            others: Vec::new(),
        }
    }
}

impl Models {
    /// The same with one more.
    ///
    /// # Errors
    /// A checkpoint that is among them already, or whose images have another size.
    pub fn with(mut self, other: Loaded) -> Result<Models> {
        let file = |model: &Loaded| model.path().canonicalize().ok();
        let named = other.path().display();
        if self
            .all()
            .any(|one| file(one).is_some() && file(one) == file(&other))
        {
            return Err(Error::Argument {
                argument: format!("--ensemble: {named}"),
                why: "is given twice: each model counts once".to_owned(),
            });
        }
        let [found, expected] = [&other, &self.first].map(|m| m.config.data.shape);
        if found != expected {
            return Err(Error::Mismatch {
                what: format!("images of {named}, a model of the ensemble"),
                found: in_words(found),
                expected: format!(
                    "{}, as those of {}",
                    in_words(expected),
                    self.first.path().display()
                ),
            });
        }
        self.others.push(other);
        Ok(self)
    }

    /// The first, which also says what data, steps and noise are meant.
    pub fn first(&self) -> &Loaded {
        &self.first
    }

    /// The further ones.
    pub fn others(&self) -> &[Loaded] {
        &self.others
    }

    fn all(&self) -> impl Iterator<Item = &Loaded> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether a network, `ebm` or `encoder`, of each of them has learnt anything.
    pub fn is_trained(&self, network: &str) -> bool {
        self.all().all(|model| model.is_trained(network))
    }

    /// Refuses to compute with a network, `ebm` or `encoder`, of which one holds nothing but its initial numbers.
    ///
    /// # Errors
    /// [`Error::Format`], with the file.
    pub fn check_trained(&self, network: &str) -> Result<()> {
        self.all()
            .try_for_each(|model| model.check_trained(network))
    }

    /// The averaged energy networks.
    pub fn energy(&self) -> Ensemble<'_> {
        let others = self.others.iter().map(|model| &model.average.energy);
        Ensemble::new(&self.first.average.energy, others.collect())
    }

    /// The means over the models of E(x) and E(x, z) of images of their size, row-major \[N, H, W, C\], z the images' own latents by each
    /// model's encoder, by the averaged networks in evaluation mode; β is what each model was trained with unless it is given.
    ///
    /// # Errors
    /// What the device reports.
    pub fn energies(
        &self,
        images: &[f32],
        beta: Option<f64>,
        device: &Device,
    ) -> Result<[Vec<f32>; 2]> {
        let of = |model: &Loaded| {
            let (settings, own) = (&model.config.train, model.config.loss.beta);
            settings.with_kernels(|| model.energies(images, beta.unwrap_or(own), device))
        };
        let mut means = of(&self.first)?;
        for other in &self.others {
            for (sums, more) in means.iter_mut().zip(of(other)?) {
                sums.iter_mut().zip(more).for_each(|(sum, e)| *sum += e);
            }
        }
        let models = (1 + self.others.len()) as f32;
        means.iter_mut().flatten().for_each(|e| *e /= models);
        Ok(means)
    }
}

/// Height, width and channels of images.
fn in_words(shape: Option<[usize; 3]>) -> String {
    let [h, w, c] = shape.unwrap_or_default();
    format!("{h}×{w}×{c}")
}
