//! Arrays on WebGPU compute shaders and on the CPU, with one meaning on both.
//!
//! A [`Tensor`] is a cheap handle to numbers on a [`Device`]. Pointwise operations chain into one
//! kernel ([`expr`]); everything else is one of a closed set of [`primitive`]s, which both devices
//! implement.

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod choices;
mod counting;
pub mod cpu;
mod device;
mod dtype;
mod error;
pub mod expr;
#[cfg_attr(not(feature = "wgpu"), path = "no_gpu.rs")]
pub mod gpu;
mod layout;
mod precision;
pub mod primitive;
mod profile;
pub mod random;
mod scoped;
mod storage;
mod tensor;
mod winograd;

pub use counting::count_launches;
pub use device::Device;
pub use dtype::{DType, Element};
pub use error::{Error, Result};
pub use expr::Expr;
pub use half::f16;
pub use layout::broadcast_shapes;
pub use precision::{MatmulPrecision, with_matmul_precision};
pub use profile::{Profiled, profile};
pub use random::RngKey;
pub use tensor::{Captured, Tensor, largest_array, without_fusion};
pub use winograd::{Winograd, with_winograd};
