//! All figures of one set of features against another.

use serde::Serialize;

use super::Features;
use crate::eval::{
    Gaussian, MANIFOLD_VECTORS, Manifold, SCORE_PARTS, Spread, drawn_inception_score,
    frechet_distance, kernel_distance, manifold,
};
use crate::{Error, Result};

/// A figure, or a group of figures that are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum Figure {
    /// Fréchet distance: FID, if the features are Inception's.
    Frechet,
    /// Inception score, of any classifier.
    InceptionScore,
    /// Kernel distance, KID in Inception's features.
    Kernel,
    /// Precision, recall, density and coverage.
    Manifold,
}

impl Figure {
    /// All of them.
    pub const ALL: [Figure; 4] = [
        Figure::Frechet,
        Figure::InceptionScore,
        Figure::Kernel,
        Figure::Manifold,
    ];

    /// The name by which it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Figure::Frechet => "frechet",
            Figure::InceptionScore => "inception-score",
            Figure::Kernel => "kernel",
            Figure::Manifold => "manifold",
        }
    }

    /// Those asked for, or all that the features allow if none is.
    ///
    /// # Errors
    /// [`Error::Argument`] for the inception score in features of no classifier.
    pub fn chosen(asked: &[Figure], classifier: bool) -> Result<Vec<Figure>> {
        if asked.contains(&Figure::InceptionScore) && !classifier {
            return Err(Error::Argument {
                argument: "--figures inception-score".to_owned(),
                why:
                    "needs the features of a classifier, and these are of a network without logits"
                        .to_owned(),
            });
        }
        Ok(match asked {
            [] => {
                let all = Figure::ALL.into_iter();
                all.filter(|f| classifier || *f != Figure::InceptionScore)
                    .collect()
            }
            some => some.to_vec(),
        })
    }

    /// Refuses so many samples, or images of the reference, as are too few for one of the figures.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn check_counts(figures: &[Figure], samples: usize, reference: usize) -> Result<()> {
        for figure in figures {
            let name = figure.name();
            let [of_samples, of_reference] = figure.needs();
            for (what, found, least) in [
                ("images to judge", samples, of_samples),
                ("images of the reference", reference, of_reference),
            ] {
                if found < least {
                    return Err(Error::Mismatch {
                        what: format!("{what}, for the figure {name}"),
                        found: found.to_string(),
                        expected: format!("at least {least}, or other --figures"),
                    });
                }
            }
        }
        Ok(())
    }

    /// Samples, and images of the reference, that it needs at least.
    const fn needs(self) -> [usize; 2] {
        match self {
            Figure::Frechet | Figure::Kernel => [2, 2],
            Figure::InceptionScore => [SCORE_PARTS, 0],
            Figure::Manifold => [MANIFOLD_VECTORS; 2],
        }
    }
}

/// The figures of samples against a reference, as far as they were asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Samples.
    pub n: usize,
    /// Images of the reference.
    pub reference_n: usize,
    /// Squared Fréchet distance.
    pub frechet: Option<f64>,
    /// Mean and deviation over ten parts of the samples, which the seed draws.
    pub inception_score: Option<Spread>,
    /// Squared maximum mean discrepancy, mean and deviation over subsets.
    pub kernel_distance: Option<Spread>,
    /// Precision, recall, density, coverage.
    #[serde(flatten)]
    pub manifold: Option<Manifold>,
}

/// Features that others are compared with.
pub struct Reference {
    features: Features,
    gaussian: Option<Gaussian>,
    figures: Vec<Figure>,
    seed: u64,
}

impl Reference {
    /// A reference for these figures, all that the features allow if `figures` is empty. `seed` draws the parts of the inception score and the
    /// subsets of the kernel distance.
    ///
    /// # Errors
    /// [`Error::Argument`] for the inception score in features of no classifier; features with no covariance.
    pub fn new(features: Features, figures: &[Figure], seed: u64) -> Result<Reference> {
        let figures = Figure::chosen(figures, features.probabilities.is_some())?;
        let gaussian = figures
            .contains(&Figure::Frechet)
            .then(|| Gaussian::fit(&features.values, features.dimension))
            .transpose()?;
        Ok(Reference {
            features,
            gaussian,
            figures,
            seed,
        })
    }

    /// The figures of samples.
    ///
    /// # Errors
    /// Features of another dimension, or without the probabilities that an inception score needs; too few vectors for a figure.
    pub fn compare(&self, samples: &Features) -> Result<Comparison> {
        let (a, b, d) = (&samples.values, &self.features.values, samples.dimension);
        if d != self.features.dimension {
            return Err(Error::Mismatch {
                what: "dimension of the samples' features".to_owned(),
                found: d.to_string(),
                expected: format!("{}, as the reference has", self.features.dimension),
            });
        }
        let frechet = |reference: &Gaussian| frechet_distance(&Gaussian::fit(a, d)?, reference);
        let wanted = |figure| self.figures.contains(&figure);
        let score = match &samples.probabilities {
            _ if !wanted(Figure::InceptionScore) => None,
            Some(score) => Some(score),
            None => {
                return Err(Error::Mismatch {
                    what: "probabilities of the samples, for the figure inception-score".to_owned(),
                    found: "none".to_owned(),
                    expected: "those of a classifier, as the reference has".to_owned(),
                });
            }
        };
        Ok(Comparison {
            n: samples.len(),
            reference_n: self.features.len(),
            frechet: self.gaussian.as_ref().map(frechet).transpose()?,
            inception_score: score
                .map(|(classes, p)| drawn_inception_score(p, *classes, self.seed))
                .transpose()?,
            kernel_distance: wanted(Figure::Kernel)
                .then(|| kernel_distance(a, b, d, self.seed))
                .transpose()?,
            manifold: wanted(Figure::Manifold)
                .then(|| manifold(a, b, d))
                .transpose()?,
        })
    }
}
