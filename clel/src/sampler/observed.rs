//! Images that are known in part.

use clel_tensor::{Expr, Tensor};

use super::Langevin;
use crate::{Error, Result};

/// What is known of the images that chains look for; each step is followed by a correction towards it.
#[derive(Debug, Clone)]
pub enum Observed {
    /// Some of their pixels, which are put back to the last bit.
    Pixels {
        /// Images \[N, H, W, C\] that have the right values there.
        images: Tensor,
        /// Not 0 where a pixel is known, \[N or 1, H, W, C or 1\].
        known: Tensor,
    },
    /// The images under noise of a known deviation: x ← (1 − w)·x + w·y.
    Noisy {
        /// The noisy images y, \[N, H, W, C\].
        images: Tensor,
        /// s, see [`Observed::noisy`].
        sigma: f64,
        /// σ of the chains' first step.
        noise: f64,
    },
}

impl Observed {
    /// Images y = x + s·ε of unknown x, of which the chains then are samples: p(x | y) ∝ p(x) · exp(−‖x − y‖²/2s²).
    ///
    /// Chains of step λ and noise σ have the temperature T = σ²/2λ, p(x) ∝ exp(−E(x)/T). At it, the energy of the data is
    /// T·‖x − y‖²/2s², and its step is taken as a proximal one, which is stable for any s:
    /// x ← (x + p·y)/(1 + p) with p = λT/s² = σ²/2s², so that w = p/(1 + p). Where λ and σ follow a schedule, so do T and w.
    pub fn noisy(images: Tensor, s: f64, langevin: &Langevin) -> Observed {
        Observed::Noisy {
            images,
            sigma: s,
            noise: langevin.noise,
        }
    }

    /// w in a step whose noise is `factor` times that of the first; 0 where nothing weighs.
    pub(super) fn weight(&self, factor: f64) -> f64 {
        match self {
            Observed::Pixels { .. } => 0.0,
            Observed::Noisy { sigma, noise, .. } => {
                let p = 0.5 * (noise * factor / sigma).powi(2);
                p / (1.0 + p)
            }
        }
    }

    /// Images \[N, H, W, C\], corrected.
    ///
    /// # Errors
    /// Shapes that do not fit; what the device reports.
    pub fn correct(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        let inputs = [vec![x], self.inputs()].concat();
        Ok(Tensor::pointwise(
            &self.corrected(Expr::input(0), 1, self.weight(1.0).into()),
            &inputs,
        )?)
    }

    /// Refuses images to whose shape what is known cannot be broadcast.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub(super) fn check(&self, x: &Tensor) -> Result<()> {
        let shape = x.shape();
        for known in self.inputs().into_iter().map(Tensor::shape) {
            let mut axes = known.iter().rev().zip(shape.iter().rev());
            if known.len() > shape.len() || !axes.all(|(k, x)| k == x || *k == 1) {
                return Err(Error::Mismatch {
                    what: "what is known of the images".to_owned(),
                    found: format!("{known:?}"),
                    expected: format!("{shape:?}, or 1 along some of its axes"),
                });
            }
        }
        Ok(())
    }

    /// `next`, corrected with this w, where [`inputs`](Self::inputs) come as numbers `first` and following.
    pub(super) fn corrected(&self, next: Expr, first: usize, weight: Expr) -> Expr {
        let [given, known] = [first, first + 1].map(|i| Expr::input(i as u8));
        match self {
            Observed::Pixels { .. } => known.select(given, next),
            Observed::Noisy { .. } => next.clone() + (given - next) * weight,
        }
    }

    /// The arrays that a correction reads.
    pub(super) fn inputs(&self) -> Vec<&Tensor> {
        match self {
            Observed::Pixels { images, known } => vec![images, known],
            Observed::Noisy { images, .. } => vec![images],
        }
    }
}
