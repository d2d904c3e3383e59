//! Energy-based models guided by contrastive latent variables.

pub mod config;
mod error;

pub use error::{Error, Result};
