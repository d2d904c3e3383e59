//! Losses: scalars to be made small.

mod cross_entropy;
mod mse;

pub use cross_entropy::cross_entropy;
pub use mse::mse;
