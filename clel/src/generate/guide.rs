//! The energy of images that are led by latents.

use std::ops::Range;

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::{Device, Tensor};

use super::Latent;
use crate::model::{self, EnergyNetwork, same_shape};
use crate::{Error, Result};

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
    /// The terms w_c·z_c of each kind of chain.
    kinds: Vec<Vec<Term>>,
    /// Which kind a chain is of.
    of_chain: Vec<usize>,
}

impl Guide {
    /// A guide by one sum of latents for each kind of chain, all of as many terms; `of_chain` tells the kind of each chain.
    pub fn new(kinds: &[Vec<Term>], of_chain: Vec<usize>, beta: f64) -> Guide {
        Guide {
            beta,
            kinds: kinds.to_vec(),
            of_chain,
        }
    }

    /// The sums that these chains follow, \[N, d\].
    ///
    /// # Errors
    /// [`Error::Mismatch`] for chains or kinds that it does not have, kinds of other numbers of terms, or latents of other dimensions; what the
    /// device reports.
    pub fn sums(&self, chains: &Range<usize>, device: &Device) -> Result<Var> {
        let [_, d] = self.size()?;
        let short = |what: &str, found: usize, least: usize| Error::Mismatch {
            what: what.to_owned(),
            found: found.to_string(),
            expected: format!("{least} at least"),
        };
        let there = self.of_chain.len();
        let kinds = self.of_chain.get(chains.clone());
        let kinds = kinds.ok_or_else(|| short("chains of the guide", there, chains.end))?;
        let sums: Vec<_> = self.kinds.iter().map(|terms| sum(terms)).collect();
        let mut values: Vec<f32> = Vec::with_capacity(kinds.len() * d);
        for kind in kinds {
            let sum = sums.get(*kind);
            let sum = sum.ok_or_else(|| short("kinds of the guide", sums.len(), kind + 1))?;
            values.extend(sum);
        }
        Ok(Tensor::from_slice(&values, &[kinds.len(), d], device)?.into())
    }

    /// Terms of a kind and the dimension of their latents, which are the same for all.
    fn size(&self) -> Result<[usize; 2]> {
        let d = |term: &Term| term.latent.values().len();
        let all = || self.kinds.iter().flatten();
        let size = [self.terms(), all().next().map_or(0, d)];
        for kind in &self.kinds {
            same_shape("terms of a kind of chain", &[kind.len()], &size[..1])?;
        }
        for term in all() {
            same_shape("a latent of the guide", &[d(term)], &size[1..])?;
        }
        Ok(size)
    }

    /// n.
    fn terms(&self) -> usize {
        self.kinds.first().map_or(0, Vec::len)
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
        let likely = model::energy(f)?.mul_scalar(self.terms() as f64)?;
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
