//! Energy-based models guided by contrastive latent variables.

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod augment;
pub mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod doctor;
mod draws;
mod error;
pub mod eval;
pub mod experiment;
pub mod features;
pub mod generate;
pub mod loss;
pub mod model;
pub mod official;
pub mod outliers;
pub mod report;
pub mod sampler;
pub mod train;
pub mod tune;
mod whole_file;
mod words;

pub use error::{Error, Result};
