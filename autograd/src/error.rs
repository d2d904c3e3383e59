//! The error type of this crate.

use clel_tensor::DType;

/// What can go wrong in an operation or in taking a gradient.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array operation failed.
    #[error(transparent)]
    Tensor(#[from] clel_tensor::Error),
    /// A gradient was asked for with respect to something that the outputs do not depend on.
    #[error(
        "grad: the outputs do not depend on input {input} (shape {shape:?}); was it detached, \
         made inside `no_grad`, or are they a derivative that is constant? `allow_unused` gives zeros instead"
    )]
    Unused {
        /// Position of the input.
        input: usize,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An input to differentiate with respect to is a constant.
    #[error("grad: input {input} (shape {shape:?}) is a constant; make it with `Var::leaf`")]
    Constant {
        /// Position of the input.
        input: usize,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An input to differentiate with respect to holds whole numbers.
    #[error(
        "grad: input {input} (shape {shape:?}) is {dtype}; only floating-point numbers have gradients"
    )]
    NotFloat {
        /// Position of the input.
        input: usize,
        /// Its shape.
        shape: Vec<usize>,
        /// Its type.
        dtype: DType,
    },
    /// The seeds do not match the outputs.
    #[error("grad: {found} seeds of shapes {shapes:?} for outputs of shapes {expected:?}")]
    Seeds {
        /// How many were given.
        found: usize,
        /// Their shapes.
        shapes: Vec<Vec<usize>>,
        /// The outputs' shapes.
        expected: Vec<Vec<usize>>,
    },
    /// A gradient check found a difference.
    #[error("gradient check, order {order}: the rule says {analytic}, differences say {numeric}")]
    Check {
        /// Order of the derivative.
        order: usize,
        /// Directional derivative by the rules.
        analytic: f64,
        /// Directional derivative by central differences.
        numeric: f64,
    },
}

/// The result of an operation under the name that it was asked for by, where others do the work: their errors have their own names.
pub(crate) fn named<T>(name: &'static str, result: Result<T>) -> Result<T> {
    use clel_tensor::Error as Arrays;
    result.map_err(|mut error| {
        if let Error::Tensor(
            Arrays::Shapes { op, .. }
            | Arrays::Shape { op, .. }
            | Arrays::TooFewArrays { op, .. }
            | Arrays::DType { op, .. }
            | Arrays::Devices { op, .. },
        ) = &mut error
        {
            *op = name;
        }
        error
    })
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
