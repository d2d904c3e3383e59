//! The one error type of this crate. Every variant names the operation and what it met.

use crate::DType;

/// What can go wrong when an array is made, computed or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- shapes and types -------------------------------------------------
    /// The shapes of the operands do not fit together.
    #[error("{op}: shapes {lhs:?} and {rhs:?} do not fit: {why}")]
    Shapes {
        /// The operation.
        op: &'static str,
        /// Shape of the first operand.
        lhs: Vec<usize>,
        /// Shape of the second operand.
        rhs: Vec<usize>,
        /// What would fit.
        why: String,
    },
    /// One operand's shape is not what the operation takes.
    #[error("{op}: shape {shape:?}: {why}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The shape met.
        shape: Vec<usize>,
        /// What would be right.
        why: String,
    },
    /// An operation takes more arrays than were given.
    #[error("{op}: arrays given are {given}, at least {needed} needed")]
    TooFewArrays {
        /// The operation.
        op: &'static str,
        /// How many were given.
        given: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The element type is not what the operation takes.
    #[error("{op}: elements are {found}, expected {expected}")]
    DType {
        /// The operation.
        op: &'static str,
        /// What it takes.
        expected: DType,
        /// What it met.
        found: DType,
    },
    /// Elements were asked for as another type than they are of.
    #[error("{op}: elements are {found}, asked for as {asked}; convert with `to_dtype`")]
    AskedFor {
        /// The operation.
        op: &'static str,
        /// What they are.
        found: DType,
        /// What they were asked for as.
        asked: DType,
    },
    /// Operands live on different devices.
    #[error("{op}: operands are on {lhs} and {rhs}; move one with `to_device`")]
    Devices {
        /// The operation.
        op: &'static str,
        /// Device of the first operand.
        lhs: String,
        /// Device of the second operand.
        rhs: String,
    },

    // ---- devices ----------------------------------------------------------
    /// A word that describes no device of any machine.
    #[error("no device {word:?}: expected auto, cpu, wgpu, wgpu:NUMBER or wgpu:NAME")]
    DeviceWord {
        /// The word.
        word: String,
    },
    /// This machine has no device that answers to a description.
    #[error("no device {wanted:?}: {why}")]
    NoDevice {
        /// What was asked for.
        wanted: String,
        /// Why it is not there, and what is.
        why: String,
    },
    /// The device does not do this at all (f64 on a GPU, say).
    #[error("{op}: not possible on {device}: {why}")]
    Unsupported {
        /// The operation.
        op: &'static str,
        /// The device.
        device: String,
        /// The reason.
        why: String,
    },
    /// The device ran out of memory, or the array is above one of its limits.
    #[error("{op}: out of memory on {device}: {bytes} bytes asked for; {why}")]
    OutOfMemory {
        /// The operation.
        op: &'static str,
        /// The device.
        device: String,
        /// Size of the allocation that failed.
        bytes: u64,
        /// The limit met, or the driver's words.
        why: String,
    },
    /// The device went away: driver reset, unplugged, or destroyed.
    #[error("device {device} was lost: {why}")]
    DeviceLost {
        /// The device.
        device: String,
        /// The driver's words.
        why: String,
    },
    /// The driver refused a command or a shader: a fault of this library.
    #[error("device {device} reported an error: {why}")]
    Device {
        /// The device.
        device: String,
        /// The driver's words.
        why: String,
    },
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
