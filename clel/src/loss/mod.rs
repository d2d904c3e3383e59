//! The two losses of a mini-batch, whose sum is the total loss, each of the parameters of one network; and another for the encoder.

mod byol;
mod contrastive;
mod energy;
#[cfg(test)]
mod tests;

pub use byol::byol;
pub use contrastive::nt_xent;
pub use energy::{EnergyLoss, energy_loss, marginal_loss};
