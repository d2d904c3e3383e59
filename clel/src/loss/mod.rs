//! The two losses of a mini-batch. Their sum is the total loss; each touches the parameters of one network.

mod contrastive;
mod energy;
#[cfg(test)]
mod tests;

pub use contrastive::nt_xent;
pub use energy::{EnergyLoss, energy_loss};
