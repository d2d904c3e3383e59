//! One run of chains that are asked for something.

use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::Device;

use super::{Film, Given, Guide};
use crate::Result;
use crate::model::EnergyNetwork;
use crate::sampler::{Rounds, Start};

/// Chains, and what they are led by.
pub struct Generation<'a> {
    /// f and g.
    pub network: &'a EnergyNetwork,
    /// Their steps.
    pub rounds: Rounds,
    /// \[H, W, C\] of the images.
    pub shape: [usize; 3],
    /// Where they are computed.
    pub device: &'a Device,
    /// What is known of their images.
    pub given: Option<Given>,
}

impl Generation<'_> {
    /// Runs `count` chains from `start`: their ends, row-major \[N, H, W, C\]. Without a guide they go down the marginal energy. A
    /// film takes chain i as its number `place(i)`.
    ///
    /// # Errors
    /// What the networks and the device report.
    pub fn run(
        &self,
        guide: Option<&Guide>,
        start: Start<'_>,
        count: usize,
        mut film: Option<(&mut Film, &dyn Fn(usize) -> usize)>,
    ) -> Result<Vec<f32>> {
        let mut ends = Vec::with_capacity(count * self.shape.iter().product::<usize>());
        for chains in Rounds::batches(count) {
            let sums = guide.map(|g| g.sums(&chains, self.device)).transpose()?;
            let energy = |x: &Var| match (guide, &sums) {
                (Some(guide), Some(sums)) => guide.energy(self.network, x, sums),
                _ => self.network.energy(x, Mode::Eval),
            };
            let observed = match &self.given {
                Some(given) => {
                    Some(given.of(&chains, self.shape, &self.rounds.langevin, self.device)?)
                }
                None => None,
            };
            let mut x = self.rounds.begin(start, &chains, self.shape, self.device)?;
            if let Some(observed) = &observed {
                x = observed.correct(&x)?;
            }
            let ended =
                self.rounds
                    .follow(&energy, x, &chains, observed.as_ref(), &mut |step, x| {
                        match &mut film {
                            Some((film, place)) if film.wants(step) => {
                                film.take(step, &chains, *place, &x.to_vec::<f32>()?);
                            }
                            _ => {}
                        }
                        Ok(())
                    })?;
            ends.extend(ended.to_vec::<f32>()?);
        }
        Ok(ends)
    }
}
