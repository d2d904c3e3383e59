//! Reading arrays, and moving them between devices.

use super::{Tensor, captured};
use crate::{Device, Element, Error, Result, f16, storage::Storage};

impl Tensor {
    /// All elements in row-major order. Waits for the device.
    ///
    /// # Errors
    /// [`Error::AskedFor`] if the elements are not `T`; out of memory; what the device reports.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.check_element::<T>()?;
        captured::spoil();
        let t = self.contiguous()?;
        match (&*t.storage()?, self.device()) {
            (Storage::Cpu(b), _) => owned(t.cpu_view(b).elements::<T>("to_vec")?),
            (Storage::Gpu(b), Device::Wgpu(gpu)) => Ok(bytemuck::pod_collect_to_vec(
                &gpu.read(&t.gpu_part(b), t.len() * T::DTYPE.size())?,
            )),
            (Storage::Gpu(_), Device::Cpu) => Err(self.misplaced()),
        }
    }

    /// As [`to_vec`](Tensor::to_vec), without blocking the thread: for the browser and for
    /// programs that have other things to do.
    ///
    /// # Errors
    /// Those of `to_vec`.
    pub async fn to_vec_async<T: Element>(&self) -> Result<Vec<T>> {
        self.check_element::<T>()?;
        captured::spoil();
        let t = self.contiguous()?;
        match (&*t.storage()?, self.device()) {
            (Storage::Gpu(b), Device::Wgpu(gpu)) => {
                let size = t.len() * T::DTYPE.size();
                let bytes = gpu.read_async(&t.gpu_part(b), size).await?;
                Ok(bytemuck::pod_collect_to_vec(&bytes))
            }
            _ => self.to_vec(),
        }
    }

    /// The only element, as f64.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is exactly one.
    pub fn item(&self) -> Result<f64> {
        if self.len() != 1 {
            let why = "`item` takes an array of one element".into();
            return Err(Error::Shape {
                op: "item",
                shape: self.shape().to_vec(),
                why,
            });
        }
        Ok(match self.dtype() {
            crate::DType::F32 => self.to_vec::<f32>()?[0].into(),
            crate::DType::F16 => self.to_vec::<f16>()?[0].into(),
            crate::DType::F64 => self.to_vec::<f64>()?[0],
            crate::DType::U32 => self.to_vec::<u32>()?[0].into(),
        })
    }

    /// The same elements on another device.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that the device [has not](Device::supports); what the devices report.
    pub fn to_device(&self, device: &Device) -> Result<Tensor> {
        if self.device() == device {
            return Ok(self.clone());
        }
        match self.dtype() {
            crate::DType::F32 => Tensor::from_slice(&self.to_vec::<f32>()?, self.shape(), device),
            crate::DType::F16 => Tensor::from_slice(&self.to_vec::<f16>()?, self.shape(), device),
            crate::DType::F64 => Tensor::from_slice(&self.to_vec::<f64>()?, self.shape(), device),
            crate::DType::U32 => Tensor::from_slice(&self.to_vec::<u32>()?, self.shape(), device),
        }
    }

    fn check_element<T: Element>(&self) -> Result<()> {
        if T::DTYPE == self.dtype() {
            return Ok(());
        }
        Err(Error::AskedFor {
            op: "to_vec",
            found: self.dtype(),
            asked: T::DTYPE,
        })
    }

    fn misplaced(&self) -> Error {
        Error::Devices {
            op: "to_vec",
            lhs: "wgpu".into(),
            rhs: self.device().to_string(),
        }
    }
}

/// A copy, for which there may be no memory.
fn owned<T: Element>(elements: &[T]) -> Result<Vec<T>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(elements.len())
        .map_err(|e| Error::OutOfMemory {
            op: "to_vec",
            device: "cpu".into(),
            bytes: size_of_val(elements) as u64,
            why: e.to_string(),
        })?;
    copy.extend_from_slice(elements);
    Ok(copy)
}
