//! The memory behind arrays.

use crate::{cpu::CpuBuffer, gpu::GpuBuffer};

/// Elements on one device; freed, or rather recycled, when the last array that uses them drops.
#[derive(Debug)]
pub(crate) enum Storage {
    Cpu(CpuBuffer),
    Gpu(GpuBuffer),
}
