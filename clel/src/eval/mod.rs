//! Figures of merit on plain numbers: Fréchet distance, nearest neighbours.

mod frechet;
mod neighbours;

pub use frechet::{Gaussian, frechet_distance};
pub use neighbours::nearest_neighbour_accuracy;

#[cfg(test)]
mod tests;
