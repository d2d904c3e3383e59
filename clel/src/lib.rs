//! Energy-based models guided by contrastive latent variables.

pub mod config;
pub mod data;
mod error;

pub use error::{Error, Result};
