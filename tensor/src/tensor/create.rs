//! Making arrays.

use std::sync::Arc;

use super::{Lazy, Tensor, captured};
use crate::{
    DType, Device, Element, Error, Expr, Result, RngKey,
    cpu::CpuBuffer,
    expr::Distribution,
    f16,
    layout::{self, Layout},
    storage::Storage,
};

/// All whole numbers up to here are f32.
const MAX_EXACT: f64 = (1 << 24) as f64;

impl Tensor {
    /// An array with the given elements in row-major order.
    ///
    /// ```
    /// use clel_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2], &Device::Cpu)?;
    /// assert_eq!(x.add(&x)?.to_vec::<f32>()?, [2.0, 4.0, 6.0, 8.0]);
    /// # Ok::<(), clel_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements is not that of the shape;
    /// [`Error::Unsupported`] for f64 on a GPU; out of memory.
    pub fn from_slice<T: Element>(
        elements: &[T],
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        if layout::elements("from_slice", shape)? != elements.len() {
            let why = format!("{} elements given", elements.len());
            return Err(Error::Shape {
                op: "from_slice",
                shape: shape.to_vec(),
                why,
            });
        }
        device.check_dtype("from_slice", T::DTYPE)?;
        captured::spoil();
        let storage = match device {
            Device::Cpu => Storage::Cpu(CpuBuffer::copy_of("from_slice", elements)?),
            Device::Wgpu(gpu) => Storage::Gpu(gpu.upload(bytemuck::cast_slice(elements))?),
        };
        Ok(Tensor::from_storage(
            Arc::new(storage),
            T::DTYPE,
            Layout::contiguous(shape),
            device,
        ))
    }

    /// An array of rank 0.
    ///
    /// # Errors
    /// Those of [`Tensor::from_slice`].
    pub fn scalar<T: Element>(value: T, device: &Device) -> Result<Tensor> {
        Tensor::from_slice(&[value], &[], device)
    }

    /// An array of one repeated number.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for f64 on a GPU; [`Error::Shape`] for more elements than can be counted.
    pub fn full(shape: &[usize], value: f64, dtype: DType, device: &Device) -> Result<Tensor> {
        device.check_dtype("full", dtype)?;
        layout::elements("full", shape)?;
        if dtype == DType::U32 && value > MAX_EXACT {
            // constants of kernels are f32
            return Tensor::scalar(value as u32, device)?.expand(shape);
        }
        // what is inlined is what would have been stored
        let value = match dtype {
            DType::F16 => f16::from_f64(value).to_f64(),
            DType::F32 => f64::from(value as f32),
            DType::F64 | DType::U32 => value,
        };
        let lazy = Lazy {
            expr: Expr::constant(value),
            inputs: vec![],
        };
        Ok(Tensor::from_lazy(lazy, dtype, shape, device))
    }

    /// An array of zeros.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for f64 on a GPU; [`Error::Shape`] for more elements than can be counted.
    pub fn zeros(shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        Tensor::full(shape, 0.0, dtype, device)
    }

    /// An array of ones.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for f64 on a GPU; [`Error::Shape`] for more elements than can be counted.
    pub fn ones(shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        Tensor::full(shape, 1.0, dtype, device)
    }

    /// `0, 1, … n − 1`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that the device [has not](Device::supports); [`Error::Shape`] for more elements than can be
    /// counted; out of memory.
    pub fn arange(n: usize, dtype: DType, device: &Device) -> Result<Tensor> {
        device.check_dtype("arange", dtype)?;
        layout::elements("arange", &[n])?;
        captured::spoil();
        let numbers = counting("arange", n, dtype)?;
        let storage = match device {
            Device::Cpu => Storage::Cpu(numbers),
            Device::Wgpu(gpu) => Storage::Gpu(gpu.upload(numbers.view().bytes())?),
        };
        Ok(Tensor::from_storage(
            Arc::new(storage),
            dtype,
            Layout::contiguous(&[n]),
            device,
        ))
    }

    /// Uniform random numbers on \[0, 1), f32: the same on every device.
    ///
    /// # Errors
    /// [`Error::Shape`] for more elements than can be counted; what the device reports.
    pub fn uniform(shape: &[usize], key: RngKey, device: &Device) -> Result<Tensor> {
        Tensor::random(Distribution::Uniform, shape, key, device)
    }

    /// Normal random numbers with mean 0 and variance 1, f32: the same on every device, but for
    /// the last bits.
    ///
    /// # Errors
    /// [`Error::Shape`] for more elements than can be counted; what the device reports.
    pub fn normal(shape: &[usize], key: RngKey, device: &Device) -> Result<Tensor> {
        Tensor::random(Distribution::Normal, shape, key, device)
    }

    fn random(
        distribution: Distribution,
        shape: &[usize],
        key: RngKey,
        device: &Device,
    ) -> Result<Tensor> {
        layout::elements("random", shape)?;
        Tensor::expression(
            &Expr::random(distribution, key),
            &[],
            DType::F32,
            shape,
            device,
        )
    }
}

/// `0, 1, … n − 1` in the host's memory.
fn counting(op: &'static str, n: usize, dtype: DType) -> Result<CpuBuffer> {
    fn fill<T>(numbers: &mut [T], number: impl Fn(usize) -> T) {
        for (i, x) in numbers.iter_mut().enumerate() {
            *x = number(i);
        }
    }
    let mut numbers = CpuBuffer::uninit(op, dtype, n)?;
    match &mut numbers {
        CpuBuffer::F32(x) => fill(x, |i| i as f32),
        CpuBuffer::F16(x) => fill(x, |i| f16::from_f32(i as f32)),
        CpuBuffer::F64(x) => fill(x, |i| i as f64),
        CpuBuffer::U32(x) => fill(x, |i| i as u32),
    }
    Ok(numbers)
}
