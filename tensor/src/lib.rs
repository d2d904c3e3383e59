//! Arrays on WebGPU compute shaders and on the CPU, with one meaning on both.

pub mod cpu;
mod dtype;
mod error;
pub mod expr;
pub mod gpu;
pub mod primitive;
pub mod random;

pub use dtype::{DType, Element};
pub use error::{Error, Result};
pub use expr::Expr;
pub use random::RngKey;
