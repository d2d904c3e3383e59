//! Element types.

use std::fmt;

use half::f16;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit floating point: what every device computes in.
    F32,
    /// 16-bit floating point (IEEE 754 binary16: 11 bits, 6·10⁻⁸ to 65 504): a form of storage. Arithmetic is in f32, and each result is
    /// rounded once, when it is stored.
    F16,
    /// 64-bit floating point: only on the CPU, for checking gradients.
    F64,
    /// 32-bit unsigned integers: indices.
    U32,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F16 => 2,
            DType::F32 | DType::U32 => 4,
            DType::F64 => 8,
        }
    }

    /// True for all but `U32`.
    pub const fn is_float(self) -> bool {
        !matches!(self, DType::U32)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F16 => "f16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U32 => "u32",
        })
    }
}

/// A Rust type that can be an array's element: `f32`, [`f16`](struct@f16), `f64` or `u32`.
pub trait Element: bytemuck::Pod + Send + Sync + PartialOrd + Default + fmt::Debug {
    /// The matching element type.
    const DTYPE: DType;
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;
}
impl Element for f16 {
    const DTYPE: DType = DType::F16;
}
impl Element for f64 {
    const DTYPE: DType = DType::F64;
}
impl Element for u32 {
    const DTYPE: DType = DType::U32;
}
