//! The floating-point types that the kernels are written for.

use std::ops::{Add, AddAssign, Mul};

use super::CpuBuffer;
use super::memory::PoolVec;
use crate::Element;

/// `f32` or `f64`.
pub(super) trait Real:
    Element + Add<Output = Self> + Mul<Output = Self> + AddAssign + Into<f64>
{
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// Rounded to nearest.
    fn from_f64(x: f64) -> Self;
    /// Wraps the finished output of a kernel.
    fn buffer(v: PoolVec<Self>) -> CpuBuffer;
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    fn buffer(v: PoolVec<f32>) -> CpuBuffer {
        v.into()
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    fn from_f64(x: f64) -> f64 {
        x
    }
    fn buffer(v: PoolVec<f64>) -> CpuBuffer {
        v.into()
    }
}
