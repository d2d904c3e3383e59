//! Figures of merit on plain numbers: Fréchet distance, nearest neighbours, a judge of digits.

mod digits;
mod frechet;
mod neighbours;

pub use digits::{DigitClassifier, DigitReport};
pub use frechet::{Gaussian, frechet_distance};
pub use neighbours::nearest_neighbour_accuracy;

#[cfg(test)]
mod tests;
