//! Reverse-mode differentiation of any order.
//!
//! A [`Var`] is a tensor together with how it was made. [`grad`] walks back from outputs to the
//! asked inputs, applying one rule for each operation (`rules.rs`: all of them on one page). Rules are written in
//! `Var` operations, so with `create_graph` a gradient can be differentiated again.
//!
//! ```
//! use clel_autograd::{GradOptions, Var, grad};
//! use clel_tensor::{Device, Tensor};
//! let x = Var::leaf(Tensor::from_slice(&[1.0f32, 2.0, 3.0], &[3], &Device::Cpu)?);
//! let energy = x.mul(&x)?.mul(&x)?.sum_all()?; // Σ x³
//! let g = grad(&[&energy], &[&x], &GradOptions::recorded())?.remove(0); // 3x²
//! let h = grad(&[&g], &[&x], &GradOptions::default())?.remove(0); // 6x
//! assert_eq!(g.tensor().to_vec::<f32>()?, [3.0, 12.0, 27.0]);
//! assert_eq!(h.tensor().to_vec::<f32>()?, [6.0, 12.0, 18.0]);
//! # Ok::<(), clel_autograd::Error>(())
//! ```

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod check;
mod error;
mod grad;
mod ops;
mod rules;
mod var;

pub use clel_tensor as tensor;

pub use check::check_grad;
pub use error::{Error, Result};
pub use grad::{GradOptions, grad, grad_releasing};
pub use var::{Var, is_recording, no_grad, recorded_nodes};
