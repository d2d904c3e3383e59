//! The floating-point types that the kernels are written for.

use std::ops::{Add, AddAssign, Mul, Sub};

use super::CpuBuffer;
use super::conv::{Kernels, kernels_f32, kernels_f64};
use super::memory::PoolVec;
use crate::Element;

/// `f32` or `f64`.
pub(super) trait Real:
    Element + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + AddAssign + Into<f64>
{
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    fn is_nan(self) -> bool;
    /// Rounded to nearest.
    fn from_f64(x: f64) -> Self;
    /// `self · a + b`, fused where the target always has the instruction.
    fn multiply_add(self, a: Self, b: Self) -> Self;
    /// The convolution kernels of this processor for `n` columns.
    fn kernels(n: usize) -> Kernels<Self>;
    /// Wraps the finished output of a kernel.
    fn buffer(v: PoolVec<Self>) -> CpuBuffer;
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn multiply_add(self, a: f32, b: f32) -> f32 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    fn kernels(n: usize) -> Kernels<f32> {
        kernels_f32(n)
    }
    fn buffer(v: PoolVec<f32>) -> CpuBuffer {
        v.into()
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn multiply_add(self, a: f64, b: f64) -> f64 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            self.mul_add(a, b)
        } else {
            self * a + b
        }
    }
    fn kernels(n: usize) -> Kernels<f64> {
        kernels_f64(n)
    }
    fn buffer(v: PoolVec<f64>) -> CpuBuffer {
        v.into()
    }
}
