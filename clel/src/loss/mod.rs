//! The two losses of a mini-batch, whose sum is the total loss, each of the parameters of one network; another for the encoder; and the
//! loss of classifiers.

mod byol;
mod contrastive;
mod cross_entropy;
mod energy;
#[cfg(test)]
mod tests;

pub use byol::byol;
pub use contrastive::nt_xent;
pub use cross_entropy::cross_entropy;
pub use energy::{EnergyLoss, energy_loss, marginal_loss};
