//! Storage of one array on the CPU, and a borrowed view of a piece of it.

use half::{f16, slice::HalfFloatSliceExt};

use super::memory::PoolVec;
use crate::{DType, Element, Error, Result};

/// The elements of one contiguous array.
#[derive(Debug)]
pub enum CpuBuffer {
    /// 32-bit floats.
    F32(PoolVec<f32>),
    /// 16-bit floats.
    F16(PoolVec<f16>),
    /// 64-bit floats.
    F64(PoolVec<f64>),
    /// 32-bit unsigned integers.
    U32(PoolVec<u32>),
}

/// Contiguous elements of a buffer.
#[derive(Debug, Clone, Copy)]
pub enum CpuView<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 16-bit floats.
    F16(&'a [f16]),
    /// 64-bit floats.
    F64(&'a [f64]),
    /// 32-bit unsigned integers.
    U32(&'a [u32]),
}

/// Runs the same expression on the elements of any of the types.
macro_rules! each {
    ($this:expr, $x:ident => $body:expr) => {
        match $this {
            Self::F32($x) => $body,
            Self::F16($x) => $body,
            Self::F64($x) => $body,
            Self::U32($x) => $body,
        }
    };
}

impl CpuBuffer {
    /// A buffer of `len` elements with arbitrary contents.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn uninit(op: &'static str, dtype: DType, len: usize) -> Result<Self> {
        Ok(match dtype {
            DType::F32 => CpuBuffer::F32(PoolVec::uninit(op, len)?),
            DType::F16 => CpuBuffer::F16(PoolVec::uninit(op, len)?),
            DType::F64 => CpuBuffer::F64(PoolVec::uninit(op, len)?),
            DType::U32 => CpuBuffer::U32(PoolVec::uninit(op, len)?),
        })
    }

    /// A copy of `values`.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn copy_of<T: Element>(op: &'static str, values: &[T]) -> Result<Self> {
        let mut buffer = Self::uninit(op, T::DTYPE, values.len())?;
        buffer
            .bytes_mut()
            .copy_from_slice(bytemuck::cast_slice(values));
        Ok(buffer)
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.view().dtype()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// True if there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements.
    pub fn view(&self) -> CpuView<'_> {
        match self {
            CpuBuffer::F32(x) => CpuView::F32(x),
            CpuBuffer::F16(x) => CpuView::F16(x),
            CpuBuffer::F64(x) => CpuView::F64(x),
            CpuBuffer::U32(x) => CpuView::U32(x),
        }
    }

    /// The elements as raw bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        each!(self, x => bytemuck::cast_slice_mut(&mut *x))
    }
}

impl From<PoolVec<f32>> for CpuBuffer {
    fn from(v: PoolVec<f32>) -> Self {
        CpuBuffer::F32(v)
    }
}
impl From<PoolVec<f16>> for CpuBuffer {
    fn from(v: PoolVec<f16>) -> Self {
        CpuBuffer::F16(v)
    }
}
impl From<PoolVec<f64>> for CpuBuffer {
    fn from(v: PoolVec<f64>) -> Self {
        CpuBuffer::F64(v)
    }
}
impl From<PoolVec<u32>> for CpuBuffer {
    fn from(v: PoolVec<u32>) -> Self {
        CpuBuffer::U32(v)
    }
}

impl<'a> CpuView<'a> {
    /// Element type.
    pub const fn dtype(self) -> DType {
        match self {
            CpuView::F32(_) => DType::F32,
            CpuView::F16(_) => DType::F16,
            CpuView::F64(_) => DType::F64,
            CpuView::U32(_) => DType::U32,
        }
    }

    /// Number of elements.
    pub const fn len(self) -> usize {
        each!(self, x => x.len())
    }

    /// True if there is no element.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements `start .. start + len`.
    ///
    /// # Panics
    /// If the range leaves the view; callers own the geometry.
    pub fn slice(self, start: usize, len: usize) -> Self {
        match self {
            CpuView::F32(x) => CpuView::F32(&x[start..start + len]),
            CpuView::F16(x) => CpuView::F16(&x[start..start + len]),
            CpuView::F64(x) => CpuView::F64(&x[start..start + len]),
            CpuView::U32(x) => CpuView::U32(&x[start..start + len]),
        }
    }

    /// The elements as raw bytes.
    pub fn bytes(self) -> &'a [u8] {
        each!(self, x => bytemuck::cast_slice(x))
    }

    /// The elements as `T`.
    ///
    /// # Errors
    /// `DType`, in the name of `op`, if they are of another type.
    pub fn elements<T: Element>(self, op: &'static str) -> Result<&'a [T]> {
        if self.dtype() == T::DTYPE {
            Ok(bytemuck::cast_slice(self.bytes()))
        } else {
            Err(Error::DType {
                op,
                expected: T::DTYPE,
                found: self.dtype(),
            })
        }
    }

    /// A copy with elements of another type. Floats become integers by truncation towards
    /// zero, saturating; NaN becomes 0.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn convert(self, op: &'static str, to: DType) -> Result<CpuBuffer> {
        macro_rules! into {
            ($t:ty, $convert:expr) => {{
                let mut v = PoolVec::<$t>::uninit(op, self.len())?;
                match self {
                    CpuView::F32(x) => fill(&mut v, x, $convert, |x| f64::from(*x)),
                    CpuView::F16(x) => fill(&mut v, x, $convert, |x| x.to_f64()),
                    CpuView::F64(x) => fill(&mut v, x, $convert, |x| *x),
                    CpuView::U32(x) => fill(&mut v, x, $convert, |x| f64::from(*x)),
                }
                v.into()
            }};
        }
        match (self, to) {
            // with the processor's instruction, where it has one
            (CpuView::F16(x), DType::F32) => {
                let mut v = PoolVec::<f32>::uninit(op, x.len())?;
                x.convert_to_f32_slice(&mut v);
                return Ok(v.into());
            }
            (CpuView::F32(x), DType::F16) => {
                let mut v = PoolVec::<f16>::uninit(op, x.len())?;
                v.convert_from_f32_slice(x);
                return Ok(v.into());
            }
            _ => {}
        }
        Ok(match to {
            DType::F32 => into!(f32, |x| x as f32),
            DType::F16 => into!(f16, f16::from_f64),
            DType::F64 => into!(f64, |x| x),
            DType::U32 => into!(u32, |x| x as u32),
        })
    }
}

/// By way of f64, which holds every element of every type. Numbers of f64 become f16 by way of f32 where the processor rounds so.
fn fill<A, B>(to: &mut [B], from: &[A], narrow: impl Fn(f64) -> B, widen: impl Fn(&A) -> f64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = narrow(widen(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_convert_and_refuse() {
        let b = CpuBuffer::copy_of("test", &[1.5f32, -2.0, 3e10, f32::NAN]).unwrap();
        assert_eq!((b.dtype(), b.len()), (DType::F32, 4));
        let u = b.view().convert("test", DType::U32).unwrap();
        let want = [1, 0, u32::MAX, 0];
        assert_eq!(u.view().elements::<u32>("test").unwrap(), want);
        let d = b.view().slice(0, 2).convert("test", DType::F64).unwrap();
        assert_eq!(d.view().elements::<f64>("test").unwrap(), [1.5, -2.0]);
        let h = CpuBuffer::copy_of("test", &[1.0f32 + 1.0 / 1024.0, 2049.0, 1e5, 1e-8]).unwrap();
        let h = h.view().convert("test", DType::F16).unwrap();
        // the nearest, the even one of two; beyond the largest and below the smallest
        let want = [1.0 + 1.0 / 1024.0, 2048.0, f32::INFINITY, 0.0];
        let back = h.view().convert("test", DType::F32).unwrap();
        assert_eq!(back.view().elements::<f32>("test").unwrap(), want);
        let refused = b.view().elements::<f64>("sum").unwrap_err();
        assert_eq!(refused.to_string(), "sum: elements are f32, expected f64");
    }
}
