//! The error type of this crate. Every variant names the layer or operation and what it met.

use clel_tensor::DType;

/// What can go wrong in a layer, an optimiser or a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A differentiable operation failed.
    #[error(transparent)]
    Autograd(clel_autograd::Error),
    /// An array operation failed.
    #[error(transparent)]
    Tensor(#[from] clel_tensor::Error),
    /// A layer's input has the wrong shape.
    #[error("{layer}: input of shape {shape:?}, expected {expected}")]
    Input {
        /// The layer.
        layer: &'static str,
        /// The shape met.
        shape: Vec<usize>,
        /// What it takes.
        expected: String,
    },
    /// Batch statistics of a single value per channel.
    #[error(
        "BatchNorm: input of shape {shape:?} has one value per channel, whose variance is nothing; \
         train with a larger batch, or use `Mode::Eval`"
    )]
    BatchOfOne {
        /// The input's shape.
        shape: Vec<usize>,
    },
    /// A parameter or state was to be replaced by something of another shape, type or device.
    #[error("a cell of {expected} cannot be set to {found}")]
    Cell {
        /// What it holds.
        expected: String,
        /// What was offered.
        found: String,
    },
    /// A number that configures something is outside its range.
    #[error("{what}: {value} is not allowed, expected {expected}")]
    Setting {
        /// What is configured.
        what: &'static str,
        /// The number met.
        value: f64,
        /// The range.
        expected: &'static str,
    },
    /// The element type is not one that can be trained.
    #[error("{what}: elements are {found}, expected f32 or f64")]
    DType {
        /// What was to be made.
        what: &'static str,
        /// What it met.
        found: DType,
    },
}

impl From<clel_autograd::Error> for Error {
    fn from(e: clel_autograd::Error) -> Error {
        match e {
            clel_autograd::Error::Tensor(e) => Error::Tensor(e),
            e => Error::Autograd(e),
        }
    }
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
