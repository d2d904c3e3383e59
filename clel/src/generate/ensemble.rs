//! Several models as one.

use clel_autograd::Var;
use clel_nn::Mode;

use super::Guide;
use crate::Result;
use crate::model::EnergyNetwork;

/// Energy networks that were trained apart, of images of one size, as one energy, their mean:
///
/// ```text
/// E(x) = 1/M Σ_m E_m(x)          p(x) ∝ (Π_m p_m(x))^(1/M)
/// ```
///
/// Nothing is trained for it. An image is likely where all models find it likely: what a single one gets wrong by chance is outvoted. Led by latents,
/// each network goes by those that its own encoder gives: E(x, z₁ … z_M) = 1/M Σ_m E_m(x, z_m).
#[derive(Clone)]
pub struct Ensemble<'a> {
    first: &'a EnergyNetwork,
    others: Vec<&'a EnergyNetwork>,
}

impl<'a> Ensemble<'a> {
    /// One network, and perhaps others.
    pub fn new(first: &'a EnergyNetwork, others: Vec<&'a EnergyNetwork>) -> Ensemble<'a> {
        Ensemble { first, others }
    }

    /// E of images \[N, H, W, C\] in evaluation mode: \[N\]. Of an ensemble of one it is that network's, to the last bit. `led_by` has
    /// for each network, the first one first, a guide and the sums \[N, d\] that the images follow; what it lacks is led by nothing.
    ///
    /// # Errors
    /// Shapes that do not fit; what the device reports.
    pub fn energy(&self, images: &Var, led_by: &[(&Guide, Var)]) -> Result<Var> {
        // ANCHOR: ensemble
        let of = |network: &EnergyNetwork, m: usize| match led_by.get(m) {
            Some((guide, sums)) => guide.energy(network, images, sums),
            None => network.energy(images, Mode::Eval),
        };
        let mut sum = of(self.first, 0)?;
        for (m, network) in self.others.iter().enumerate() {
            sum = sum.add(&of(network, m + 1)?)?;
        }
        match self.others.len() {
            0 => Ok(sum),
            others => Ok(sum.mul_scalar(1.0 / (others + 1) as f64)?),
        }
        // ANCHOR_END: ensemble
    }
}
