//! The energy of images that are led by latents.

use std::ops::Range;

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::{Device, Tensor};

use super::Latent;
use crate::Result;
use crate::model::{self, EnergyNetwork};

/// A latent with its weight; away from it if that is negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// z.
    pub latent: Latent,
    /// w.
    pub weight: f64,
}

/// Several chains, each led by its own sum of latents:
///
/// ```text
/// E(x; z, w) = Σ_c ( ½‖f(x)‖² − w_c·β·⟨ĝ(f(x)), z_c⟩ ) = n·½‖f(x)‖² − β·⟨ĝ(f(x)), Σ_c w_c·z_c⟩
/// ```
///
/// With one latent of weight 1 it is the joint energy E(x, z), with n of weight 1 the sum Σ_c E(x, z_c) of the paper.
#[derive(Debug, Clone)]
pub struct Guide {
    /// β.
    beta: f64,
    /// n.
    terms: usize,
    /// Σ_c w_c·z_c of each chain.
    sums: Vec<Vec<f32>>,
    /// Which of the sums a chain follows.
    of_chain: Vec<usize>,
}

impl Guide {
    /// A guide by one sum of latents for each kind of chain, all of as many terms; `of_chain` tells the kind of each chain.
    pub fn new(kinds: &[Vec<Term>], of_chain: Vec<usize>, beta: f64) -> Guide {
        Guide {
            beta,
            terms: kinds.first().map_or(0, Vec::len),
            sums: kinds.iter().map(|terms| sum(terms)).collect(),
            of_chain,
        }
    }

    /// The sums that these chains follow, \[N, d\].
    ///
    /// # Errors
    /// What the device reports.
    pub fn sums(&self, chains: &Range<usize>, device: &Device) -> Result<Var> {
        let kinds = &self.of_chain[chains.clone()];
        let values = kinds.iter().flat_map(|k| &self.sums[*k]);
        let values: Vec<f32> = values.copied().collect();
        let shape = [kinds.len(), values.len() / kinds.len().max(1)];
        Ok(Tensor::from_slice(&values, &shape, device)?.into())
    }

    /// E of images \[N, H, W, C\] that follow `sums` \[N, d\]: \[N\].
    ///
    /// # Errors
    /// Shapes that do not fit; what the device reports.
    pub fn energy(&self, network: &EnergyNetwork, images: &Var, sums: &Var) -> Result<Var> {
        let f = network.features(images, Mode::Eval)?;
        let g = network.project(&f, Mode::Eval)?;
        self.of_features(&f, &g, sums)
    }

    /// The same of features f and directions g, \[N, d\].
    pub(super) fn of_features(&self, f: &Var, g: &Var, sums: &Var) -> Result<Var> {
        let likely = model::energy(f)?.mul_scalar(self.terms as f64)?;
        Ok(likely.sub(&model::similarity(g, sums)?.mul_scalar(self.beta)?)?)
    }
}

/// Σ w·z.
fn sum(terms: &[Term]) -> Vec<f32> {
    let d = terms.first().map_or(0, |t| t.latent.values().len());
    let mut sum = vec![0.0f64; d];
    for term in terms {
        for (s, z) in sum.iter_mut().zip(term.latent.values()) {
            *s += term.weight * f64::from(*z);
        }
    }
    sum.into_iter().map(|s| s as f32).collect()
}
