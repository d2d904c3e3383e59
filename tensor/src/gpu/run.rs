//! From primitives to launches.

use super::launch::MOST_NUMBERS;
use super::through::Store;
use super::{Gpu, GpuBuffer, halves};
use crate::expr::PointwiseKernel;
use crate::primitive::Primitive;
use crate::{DType, Error, Expr, Result};

impl Gpu {
    /// Executes a primitive on contiguous arrays of f32 or f16 (u32 for indices, and for what is only
    /// copied), the first of which is of `dtype`, and returns its output.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] when the output or a temporary does not fit,
    /// [`Error::Unsupported`] when the geometry is beyond what kernels can address, and any
    /// earlier failure of the device.
    pub(crate) fn run(
        &self,
        primitive: &Primitive,
        dtype: DType,
        inputs: &[&GpuBuffer],
    ) -> Result<GpuBuffer> {
        let op = primitive.name();
        let elements = primitive.output_len();
        self.addressable(op, elements)?;
        for input in inputs {
            self.addressable(op, input.bytes() / dtype.size())?;
        }
        let missing = || Error::Unsupported {
            op,
            device: self.inner.summary.name.clone(),
            why: format!("{} inputs", inputs.len()),
        };
        let output = |dtype: DType| self.output(op, elements * dtype.size());
        if elements == 0 {
            return output(primitive.output_dtype(dtype));
        }
        if primitive.sums_nothing() {
            return self.zeros(elements, dtype);
        }
        if let (Some(plan), [a, b]) = (self.plan(primitive, dtype), inputs) {
            let output = output(dtype)?;
            self.carry_out(&plan, primitive, [a, b], Store::Plain(&output))?;
            return Ok(output);
        }
        if dtype == DType::F16 && !halves::has_kernel(primitive) {
            return self.run_widened(primitive, inputs);
        }
        let output = output(primitive.output_dtype(dtype))?;
        match (primitive, inputs) {
            (Primitive::MatMul(shape), [a, b]) => self.matmul(shape, a, b, &output)?,
            (Primitive::Conv(pass, shape), [a, b]) => {
                self.conv(op, *pass, shape, [a, b], &output)?;
            }
            (Primitive::Reduce(kind, shape), [x]) => {
                self.reduce(*kind, shape, dtype, [x, &output])?;
            }
            (Primitive::Pool(pass, shape), [x]) => {
                self.pool(op, *pass, shape, dtype, [x, &output])?;
            }
            (Primitive::Gather(shape), [x, index]) => self.gather(shape, x, index, &output)?,
            (Primitive::ScatterAdd(shape), [g, index]) => {
                self.scatter_add(shape, g, index, &output)?;
            }
            (Primitive::Embed(shape), [x]) => self.embed(shape, x, &output)?,
            (Primitive::Concat(shape), inputs) if inputs.len() == shape.lens.len() => {
                self.concat(shape, inputs, &output)?;
            }
            _ => return Err(missing()),
        }
        Ok(output)
    }

    fn zeros(&self, elements: usize, dtype: DType) -> Result<GpuBuffer> {
        let zeros = [(Expr::constant(0.0), dtype)];
        let kernel = PointwiseKernel::new(&[elements], &zeros, Vec::new(), DType::F32);
        Ok(self.pointwise(&kernel, &[])?.remove(0))
    }

    /// An error where kernels cannot count so many elements.
    pub(super) fn addressable(&self, op: &'static str, elements: usize) -> Result<()> {
        if elements as u64 <= MOST_NUMBERS {
            return Ok(());
        }
        Err(Error::OutOfMemory {
            op,
            device: self.inner.summary.name.clone(),
            bytes: elements as u64 * 4,
            why: format!("kernels count at most {MOST_NUMBERS} elements"),
        })
    }
}

/// `[⌈2^(31+l) / d⌉, l]` with `l = ⌈log₂ d⌉`: the shaders divide numbers below 2³¹ by `d ≥ 1`
/// as `(n · m) >> (31 + l)` (Granlund and Montgomery, PLDI 1994).
pub(super) fn magic(d: usize) -> [u32; 2] {
    let d = d.max(1) as u64;
    let l = d.next_power_of_two().trailing_zeros();
    let m = (1u64 << (31 + l)).div_ceil(d);
    [m as u32, l]
}

#[cfg(test)]
mod tests {
    use super::magic;

    #[test]
    fn division_by_multiplication_is_exact() {
        let dividends = [
            0u64,
            1,
            2,
            99,
            65_535,
            1 << 20,
            (1 << 31) - 2,
            (1 << 31) - 1,
        ];
        for d in (1..5000).chain([65_535, 65_536, 65_537, (1 << 30) + 1, (1 << 31) - 1]) {
            let [m, l] = magic(d);
            let d = d as u64;
            let near = dividends
                .iter()
                .flat_map(|n| [*n, n / d * d, (n / d * d).wrapping_sub(1)]);
            for n in near.filter(|n| *n < 1 << 31) {
                assert_eq!((n * u64::from(m)) >> (31 + l), n / d, "{n} / {d}");
            }
        }
    }
}
