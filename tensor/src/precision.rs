//! How exactly GPUs multiply.

use std::cell::Cell;

use crate::scoped::with_value;

/// How exactly a GPU multiplies matrices and convolves, as `torch.set_float32_matmul_precision` names it. Only matters where the driver
/// offers matrix units to Vulkan programs; everything else computes as `Highest`, the CPU always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MatmulPrecision {
    /// In f32.
    #[default]
    Highest,
    /// On matrix units, each factor as a sum of two f16 (21 bits), added in f32, whose rounding they cut off: a few 10⁻⁶ of the result's
    /// norm. Factors beyond 65 504 overflow; those below 6·10⁻⁵ have fewer bits, ten at 10⁻⁸, and below 10⁻¹¹ they vanish. Where a convolution
    /// is filtered ([`Winograd`](crate::Winograd)), so do transformed tiles: numbers of an image beyond 2500 may overflow, and the error is
    /// 10⁻⁵ of the norm at most.
    High,
    /// On matrix units, factors rounded to f16 (11 bits), added in f32. Factors beyond 65 504 overflow, those below 6·10⁻⁸ vanish.
    Medium,
}

thread_local! {
    static PRECISION: Cell<MatmulPrecision> = const { Cell::new(MatmulPrecision::Highest) };
}

/// Runs `f` with this precision for the products that this thread calls for meanwhile, also where they are computed later.
pub fn with_matmul_precision<R>(precision: MatmulPrecision, f: impl FnOnce() -> R) -> R {
    with_value(&PRECISION, precision, f)
}

/// What holds on this thread.
pub(crate) fn matmul_precision() -> MatmulPrecision {
    PRECISION.get()
}
