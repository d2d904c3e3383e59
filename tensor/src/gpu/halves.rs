//! Arrays of f16: half the bytes. Kernels that move the most read and write them as they are and compute in f32; for the others the numbers are
//! converted before and after.

use super::{Gpu, GpuBuffer};
use crate::expr::{Access, PointwiseKernel};
use crate::primitive::{Primitive, ReduceKind};
use crate::{DType, Expr, Result};

/// Whether there is a kernel for f16 of a primitive that is no product.
pub(super) const fn has_kernel(primitive: &Primitive) -> bool {
    matches!(
        primitive,
        Primitive::Pool(..) | Primitive::Reduce(ReduceKind::Sum | ReduceKind::Max, _)
    )
}

impl Gpu {
    /// A primitive of f16 arrays by way of f32.
    pub(super) fn run_widened(
        &self,
        primitive: &Primitive,
        inputs: &[&GpuBuffer],
    ) -> Result<GpuBuffer> {
        // the places that are picked are u32 all along
        let numbers = match primitive {
            Primitive::Gather(_) | Primitive::ScatterAdd(_) => 1,
            _ => inputs.len(),
        };
        let lens = primitive.input_lens();
        let wide = |(x, len): (&&GpuBuffer, usize)| self.cast(x, len, [DType::F16, DType::F32]);
        let widened = inputs.iter().zip(lens).take(numbers).map(wide);
        let widened = widened.collect::<Result<Vec<_>>>()?;
        let read: Vec<&GpuBuffer> = widened
            .iter()
            .chain(inputs[numbers..].iter().copied())
            .collect();
        let output = self.run(primitive, DType::F32, &read)?;
        match primitive.output_dtype(DType::F16) {
            DType::F16 => self.cast(&output, primitive.output_len(), [DType::F32, DType::F16]),
            _ => Ok(output),
        }
    }

    /// A copy of so many numbers in another type.
    fn cast(&self, x: &GpuBuffer, len: usize, [from, to]: [DType; 2]) -> Result<GpuBuffer> {
        let access = Access {
            dtype: from,
            offset: 0,
            strides: vec![1],
        };
        let number = [(Expr::input(0), to)];
        let kernel = PointwiseKernel::new(&[len], &number, vec![access], DType::F32);
        Ok(self.pointwise(&kernel, &[x])?.remove(0))
    }
}
