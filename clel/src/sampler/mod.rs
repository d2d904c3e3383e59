//! Samples of an energy: Langevin dynamics, and the replay buffer from which chains go on.
//!
//! One training sample, in the order of the method:
//!
//! ```
//! # use clel::sampler::{Draw, Langevin, Numbers, ReplayBuffer};
//! # use clel_tensor::{Device, RngKey};
//! # let energy = |x: &clel_autograd::Var| Ok(x.mul(x)?.sum(&[1, 2, 3], false)?);
//! let key = |stream| RngKey::new(7, stream); // one stream for each use, `at(iteration)` in training
//! let mut buffer = ReplayBuffer::fresh(100, [8, 8, 1], key(1), &Device::Cpu)?;
//! let langevin = Langevin { steps: 20, step_size: 0.1, noise: 0.01, ..Langevin::default() };
//!
//! let draw = Draw::random(16, buffer.len(), 0.02, key(2));
//! let start = buffer.start(&draw, Numbers::Drawn(key(3)))?;
//! let chains = langevin.run(&energy, &start, key(4))?;
//! buffer.write(&draw, &chains.images, langevin.steps as u64)?;
//! let statistics = chains.statistics()?; // waits for the device
//! assert!(statistics.last_energy < statistics.first_energy);
//! # Ok::<(), clel::Error>(())
//! ```

mod langevin;
mod observed;
mod replay;
mod rounds;
mod schedule;
mod statistics;
#[cfg(test)]
mod tests;

use clel_autograd::Var;
use clel_tensor::{RngKey, Tensor};

pub use langevin::{Langevin, Step, gains_by_halves};
pub use observed::Observed;
pub use replay::{Draw, ReplayBuffer};
pub use rounds::{Rounds, Start};
pub(crate) use rounds::{images_of, room};
pub use schedule::StepSchedule;
pub use statistics::{Chains, Statistics};

use crate::Result;

/// Energies \[N\] of images \[N, H, W, C\], each of its own image alone: E(x), E(x, z) for a given z, or a sum of such. Another shape is
/// refused: \[N, 1\] would be broadcast where such are added, and a mean has a gradient of 1/N.
///
/// A run that records its steps ([`Langevin::capture`]) calls it in the first two alone and repeats what the second did: numbers of the host that
/// it reads, a temperature that falls say, stay as they were then. With `capture: false` it is called in every step.
pub type Energy<'a> = dyn Fn(&Var) -> Result<Var> + 'a;

/// Is told the images \[N, H, W, C\] after each step, with how many steps have been taken.
pub type Watch<'a> = dyn FnMut(usize, &Tensor) -> Result<()> + 'a;

/// Random numbers: to be drawn where they are used, or given.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// Those of a key.
    Drawn(RngKey),
    /// These.
    Given(&'a Tensor),
}
