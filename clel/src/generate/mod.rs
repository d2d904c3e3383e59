//! Samples that are asked for something: to be of a class, like an image, to agree with what is known of an image.
//!
//! What they are led by is a [`Latent`] z of the encoder, or several ([`Guide`]); which class they come out as is told by a
//! classifier that has no part in it ([`Agreement`]).
//!
//! ```
//! # use clel::generate::Latent;
//! let [three, eight] = [vec![3.0, 0.0], vec![0.0, 2.0]].map(|v| Latent::mean(&v, 2));
//! let (three, eight) = (three?, eight?);
//! assert_eq!(three.values(), [1.0, 0.0]);
//! let half_way = Latent::between(&three, &eight, 0.5)?; // on the arc, of length 1 again
//! assert!((half_way.values()[0] - 0.5f32.sqrt()).abs() < 1e-6);
//! # Ok::<(), clel::Error>(())
//! ```

mod agreement;
mod ensemble;
mod film;
mod generation;
mod given;
mod guide;
mod latent;
#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Verdicts};
pub use ensemble::Ensemble;
pub use film::Film;
pub use generation::Generation;
pub use given::Given;
pub use guide::{Guide, Term};
pub use latent::{Latent, of_class};
