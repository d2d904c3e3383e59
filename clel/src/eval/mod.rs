//! Figures of merit on plain numbers: distances between sets of features, how one set lies in the other, neighbours and a linear probe,
//! how well a score tells outliers; and a judge of digits.

mod digits;
mod frechet;
mod inception_score;
mod kernel;
mod manifold;
mod minimise;
mod neighbours;
mod probe;
mod ranking;
mod rows;

pub use digits::{DigitClassifier, DigitReport};
pub use frechet::{Gaussian, frechet_distance};
pub use inception_score::{SCORE_PARTS, Spread, drawn_inception_score, inception_score};
pub use kernel::kernel_distance;
pub use manifold::{MANIFOLD_VECTORS, Manifold, manifold};
pub(crate) use neighbours::neighbour_accuracy_until;
pub use neighbours::{check_neighbours, neighbour_accuracy};
pub use probe::Probe;
pub use ranking::{Ranking, ranking};

#[cfg(test)]
mod tests;
