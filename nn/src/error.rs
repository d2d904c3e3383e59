//! The error type of this crate. Every variant names the layer or operation and what it met.

use std::path::{Path, PathBuf};

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
    /// A layer's input is of another type than its weights.
    #[error("{layer}: the input is {found}, the weights {expected}; convert it with `to_dtype`")]
    InputDType {
        /// The layer.
        layer: &'static str,
        /// The input's type.
        found: DType,
        /// The weights'.
        expected: DType,
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
    /// A network has more initial values than it may have.
    #[error(
        "initial values: an array of shape {shape:?} is more than the {left} values that are left of those allowed"
    )]
    InitialValues {
        /// The shape asked for.
        shape: Vec<usize>,
        /// How many values may still be made.
        left: usize,
    },
    /// The element type is not one that can be trained.
    #[error("{what}: elements are {found}, expected floats")]
    DType {
        /// What was to be made.
        what: &'static str,
        /// What it met.
        found: DType,
    },

    // ---- losses -----------------------------------------------------------
    /// What a loss compares does not belong together.
    #[error("{loss}: {found}, expected {expected}")]
    Loss {
        /// The loss.
        loss: &'static str,
        /// What it met.
        found: String,
        /// What would fit.
        expected: String,
    },

    // ---- optimisers -------------------------------------------------------
    /// Gradients do not belong to the parameters, or are asked for of more than one number.
    #[error("optimiser: {why}")]
    Gradients {
        /// What does not fit.
        why: String,
    },
    /// A saved optimiser state does not belong to the parameters.
    #[error("optimiser state `{key}`: found {found}, expected {expected}")]
    OptimizerState {
        /// Its name.
        key: String,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A network and its average are not built alike.
    #[error("the live network has {live}, where its average has {average}")]
    Networks {
        /// What the live network has.
        live: String,
        /// What the average has in that place.
        average: String,
    },

    // ---- files ------------------------------------------------------------
    /// The system refused to read or write a file.
    #[error("cannot {attempt} {}: {source}", shown(file))]
    Io {
        /// `read` or `write`.
        attempt: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file is truncated, or is no safetensors file.
    #[error("{}: not a whole safetensors file: {why}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file lacks an array that was asked for.
    #[error("{}: there is no array `{key}`", file.display())]
    MissingKey {
        /// The file.
        file: PathBuf,
        /// The array's name.
        key: String,
    },
    /// A file has an array that the network has no place for.
    #[error("{}: the network has no place for array `{key}`", file.display())]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The array's name.
        key: String,
    },
    /// Two arrays of one name were to be written.
    #[error("{}: two arrays are named `{key}`", file.display())]
    RepeatedKey {
        /// The file.
        file: PathBuf,
        /// The arrays' name.
        key: String,
    },
    /// An array in a file has another shape than the network's.
    #[error("{}: array `{key}` has shape {found:?}, expected {expected:?}", file.display())]
    FileShape {
        /// The file.
        file: PathBuf,
        /// The array's name.
        key: String,
        /// The shape that the network needs, in the file's order.
        expected: Vec<usize>,
        /// The shape met.
        found: Vec<usize>,
    },
    /// An array in a file holds NaN or an infinity.
    #[error("{}: array `{key}` of shape {shape:?} holds {value} at position {at}, expected finite numbers", file.display())]
    FileNumber {
        /// The file.
        file: PathBuf,
        /// The array's name.
        key: String,
        /// The array's shape.
        shape: Vec<usize>,
        /// Where, in row-major order.
        at: usize,
        /// The number.
        value: f64,
    },
    /// An array in a file has elements of another type.
    #[error("{}: array `{key}` has elements of {found}, expected {expected}", file.display())]
    FileDType {
        /// The file.
        file: PathBuf,
        /// The array's name.
        key: String,
        /// The type needed.
        expected: String,
        /// The type met.
        found: String,
    },
}

/// A path in a message, where an empty one would not be seen.
fn shown(path: &Path) -> String {
    match path.as_os_str().is_empty() {
        true => "\"\"".to_owned(),
        false => path.display().to_string(),
    }
}

impl Error {
    /// For `map_err` on what reads `file`.
    pub(crate) fn read(file: &Path) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Io {
            attempt: "read",
            file: file.to_owned(),
            source,
        }
    }

    /// For `map_err` on what writes `file`.
    pub(crate) fn write(file: &Path) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Io {
            attempt: "write",
            file: file.to_owned(),
            source,
        }
    }
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
