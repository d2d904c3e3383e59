//! One run of chains that are asked for something.

use clel_autograd::Var;
use clel_tensor::Device;

use super::{Ensemble, Film, Given, Guide};
use crate::Result;
use crate::sampler::{Rounds, Start};

/// Chains, and what they are led by.
pub struct Generation<'a> {
    /// f and g, perhaps of several models.
    pub model: Ensemble<'a>,
    /// Their steps.
    pub rounds: Rounds,
    /// \[H, W, C\] of the images.
    pub shape: [usize; 3],
    /// Where they are computed.
    pub device: &'a Device,
    /// What is known of their images.
    pub given: Option<Given>,
    /// Is told of each step, how many chains have taken it; none need be.
    pub told: Option<&'a dyn Fn(usize)>,
}

impl Generation<'_> {
    /// Runs `count` chains from `start`: their ends, row-major \[N, H, W, C\]. They are led by a guide for each
    /// network of the ensemble; without any they go down the marginal energy. A film takes chain i as its number `place(i)`.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) for fewer images to start from, or known in part, than chains, a guide that does not suit them, and a
    /// film of other chains; what the networks and the device report.
    pub fn run(
        &self,
        guides: &[Guide],
        start: Start<'_>,
        count: usize,
        mut film: Option<(&mut Film, &dyn Fn(usize) -> usize)>,
    ) -> Result<Vec<f32>> {
        let size = self.shape.iter().product();
        if let Some((film, _)) = &film {
            film.check(self.rounds.steps, size)?;
        }
        Rounds::of_all([count, size], |chains| {
            let led_by = guides
                .iter()
                .map(|guide| Ok((guide, guide.sums(chains, self.device)?)))
                .collect::<Result<Vec<_>>>()?;
            let energy = |x: &Var| self.model.energy(x, &led_by);
            let observed = match &self.given {
                Some(given) => {
                    Some(given.of(chains, self.shape, &self.rounds.langevin, self.device)?)
                }
                None => None,
            };
            let mut x = self.rounds.begin(start, chains, self.shape, self.device)?;
            if let Some(observed) = &observed {
                x = observed.correct(&x)?;
            }
            self.rounds
                .follow(&energy, x, chains, observed.as_ref(), &mut |step, x| {
                    if let (Some(told), 1..) = (self.told, step) {
                        told(chains.len());
                    }
                    match &mut film {
                        Some((film, place)) if film.wants(step) => {
                            film.take(step, chains, *place, &x.to_vec::<f32>()?);
                        }
                        _ => {}
                    }
                    Ok(())
                })
        })
    }
}
