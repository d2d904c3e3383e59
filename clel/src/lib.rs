//! Energy-based models guided by contrastive latent variables.

pub mod augment;
pub mod cli;
pub mod config;
pub mod data;
mod draws;
mod error;
pub mod eval;
pub mod report;

pub use error::{Error, Result};
