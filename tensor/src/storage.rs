//! The memory behind arrays.

use std::sync::Arc;

use crate::{Error, Result, cpu::CpuBuffer, gpu::GpuBuffer};

/// Elements on one device; freed, or rather recycled, when the last array that uses them drops.
#[derive(Debug)]
pub(crate) enum Storage {
    Cpu(CpuBuffer),
    Gpu(GpuBuffer),
}

impl Storage {
    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Storage::Cpu(b) => b.view().bytes().len(),
            Storage::Gpu(b) => b.bytes(),
        }
    }

    /// The same elements for launches that are repeated: what a GPU makes of a weight before it multiplies it is kept as long as this.
    pub fn keeping(self: &Arc<Storage>) -> Arc<Storage> {
        match &**self {
            Storage::Cpu(_) => self.clone(),
            Storage::Gpu(b) => Arc::new(Storage::Gpu(b.keeping())),
        }
    }

    /// The buffer of an array whose device is the CPU.
    pub fn cpu(&self, op: &'static str) -> Result<&CpuBuffer> {
        match self {
            Storage::Cpu(b) => Ok(b),
            Storage::Gpu(_) => Err(mixed(op)),
        }
    }

    /// The buffer of an array whose device is a GPU.
    pub fn gpu(&self, op: &'static str) -> Result<&GpuBuffer> {
        match self {
            Storage::Gpu(b) => Ok(b),
            Storage::Cpu(_) => Err(mixed(op)),
        }
    }
}

fn mixed(op: &'static str) -> Error {
    Error::Devices {
        op,
        lhs: "cpu".into(),
        rhs: "wgpu".into(),
    }
}
