//! Energy-based models guided by contrastive latent variables.

// much that is private serves the program alone
#![cfg_attr(not(feature = "program"), allow(dead_code, unused_imports))]

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod augment;
mod awake;
#[cfg(feature = "program")]
pub mod bench;
#[cfg(feature = "program")]
pub mod cli;
pub mod config;
pub mod data;
#[cfg(feature = "program")]
pub mod doctor;
mod draws;
mod error;
pub mod eval;
#[cfg(feature = "program")]
pub mod experiment;
pub mod features;
pub mod generate;
pub mod loss;
pub mod model;
pub mod official;
pub mod outliers;
mod proc;
pub mod report;
pub mod sampler;
pub mod train;
pub mod tune;
mod whole_file;
mod words;

pub use clel_autograd as autograd;
pub use clel_nn as nn;
pub use clel_tensor as tensor;

pub use error::{Error, Result};
