//! Where arrays live and kernels run.

use std::{fmt, str::FromStr};

use crate::{
    DType, Error, Result,
    gpu::{AdapterSummary, Gpu, adapters_now, find_adapter},
};

/// A device: the CPU, or a WebGPU adapter.
#[derive(Debug, Clone)]
pub enum Device {
    /// Native code on all cores.
    Cpu,
    /// Compute shaders through wgpu: Vulkan, Metal or DX12.
    Wgpu(Gpu),
}

impl Device {
    /// The device that a word describes: `cpu`; `wgpu`, the first adapter; `wgpu:1`, by its place in
    /// [`Device::adapters`]; `wgpu:radeon`, by a part of its name; `auto`, graphics hardware if there is any,
    /// else the CPU, and never a software rasteriser.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if this machine has none such, [`Error::DeviceWord`] for any other word.
    pub fn parse(word: &str) -> Result<Device> {
        match word.split_once(':').unwrap_or((word, "")) {
            ("cpu", "") => Ok(Device::Cpu),
            ("auto", "") => Device::auto(),
            ("wgpu", which) => Ok(Device::Wgpu(Gpu::open(find_adapter(which)?)?)),
            _ => Err(Error::DeviceWord { word: word.into() }),
        }
    }

    /// Graphics hardware if there is any, else the CPU.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the hardware's driver refuses to open it.
    pub fn auto() -> Result<Device> {
        let hardware = adapters_now()
            .into_iter()
            .find(|(s, _)| s.kind.is_hardware() && s.has_arrays());
        match hardware {
            Some(adapter) => Ok(Device::Wgpu(Gpu::open(adapter)?)),
            None => Ok(Device::Cpu),
        }
    }

    /// The WebGPU adapters of this machine, graphics hardware first.
    pub fn adapters() -> Vec<AdapterSummary> {
        adapters_now()
            .into_iter()
            .map(|(summary, _)| summary)
            .collect()
    }

    /// Waits until all that was launched is done. Kernels of the CPU are done when they return.
    ///
    /// # Errors
    /// Any failure of a GPU up to now.
    pub fn wait(&self) -> Result<()> {
        match self {
            Device::Cpu => Ok(()),
            Device::Wgpu(gpu) => gpu.wait(),
        }
    }

    /// The same device opened anew, after it was lost: nothing of what was on it is there. The CPU is never lost.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if it is not there any more, or its driver refuses.
    pub fn reopen(&self) -> Result<Device> {
        match self {
            Device::Cpu => Ok(Device::Cpu),
            Device::Wgpu(gpu) => Ok(Device::Wgpu(gpu.reopen()?)),
        }
    }

    /// True for the CPU.
    pub fn is_cpu(&self) -> bool {
        matches!(self, Device::Cpu)
    }

    /// Whether there are arrays of this type on it: of f64 on the CPU alone, of f16 on GPUs whose drivers offer such to shaders.
    pub fn supports(&self, dtype: DType) -> bool {
        match (self, dtype) {
            (Device::Wgpu(_), DType::F64) => false,
            (Device::Wgpu(gpu), DType::F16) => gpu.has_f16(),
            _ => true,
        }
    }

    /// Refuses element types that the device has not.
    pub(crate) fn check_dtype(&self, op: &'static str, dtype: DType) -> Result<()> {
        if self.supports(dtype) {
            return Ok(());
        }
        let why = match dtype {
            DType::F16 => "its driver offers shaders no 16-bit floats; use f32",
            _ => "WebGPU has no 64-bit floats; use f32 or the CPU",
        };
        Err(Error::Unsupported {
            op,
            device: self.to_string(),
            why: why.into(),
        })
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        match (self, other) {
            (Device::Cpu, Device::Cpu) => true,
            (Device::Wgpu(a), Device::Wgpu(b)) => a.same_device(b),
            _ => false,
        }
    }
}

/// As [`Device::parse`].
impl FromStr for Device {
    type Err = Error;

    fn from_str(word: &str) -> Result<Device> {
        Device::parse(word)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => write!(f, "cpu"),
            Device::Wgpu(gpu) => write!(f, "wgpu ({})", gpu.summary().name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_describe_no_device_are_told_from_devices_that_are_not_there() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::Cpu);
        for word in ["abacus", "cpu:1", "auto:0", ""] {
            let e = word.parse::<Device>().unwrap_err();
            assert!(matches!(e, Error::DeviceWord { .. }), "{word}: {e}");
        }
        let e = Device::parse("wgpu:nobody's card").unwrap_err();
        assert!(matches!(e, Error::NoDevice { .. }), "{e}");
    }
}
