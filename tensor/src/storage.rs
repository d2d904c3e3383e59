//! The memory behind arrays.

use crate::{
    cpu::{CpuBuffer, Packed},
    gpu::GpuBuffer,
};

/// Elements on one device; freed, or rather recycled, when the last array that uses them drops.
#[derive(Debug)]
pub(crate) enum Storage {
    /// With the forms that it was packed into as a weight.
    Cpu(CpuBuffer, Packed),
    Gpu(GpuBuffer),
}
