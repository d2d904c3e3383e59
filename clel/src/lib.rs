//! Energy-based models guided by contrastive latent variables.

pub mod augment;
pub mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod doctor;
mod draws;
mod error;
pub mod eval;
pub mod features;
pub mod generate;
pub mod loss;
pub mod model;
pub mod official;
pub mod report;
pub mod sampler;
pub mod train;
mod whole_file;

pub use error::{Error, Result};
