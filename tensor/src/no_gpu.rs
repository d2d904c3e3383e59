//! WebGPU devices in a build without the feature `wgpu`: types that have no values. [`Device::Wgpu`](crate::Device::Wgpu) is
//! still a variant, which cannot be made, and what serves it compiles to nothing.

use std::convert::Infallible;

use crate::{DType, Error, Result, expr::PointwiseKernel, primitive::Primitive};

/// A WebGPU device, of which there is none without the feature `wgpu`.
#[derive(Debug, Clone)]
pub enum Gpu {}

/// What one adapter is; there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// Name given by the driver.
    pub name: String,
    /// What kind of machine it is.
    pub kind: AdapterKind,
}

/// The kinds of adapters; there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdapterKind {}

/// An array's memory on a device.
#[derive(Debug)]
pub(crate) struct GpuBuffer(Infallible);

/// No adapter.
pub(crate) fn adapters_now() -> Vec<(AdapterSummary, Gpu)> {
    Vec::new()
}

/// # Errors
/// [`Error::NoDevice`] always.
pub(crate) fn find_adapter(wanted: &str) -> Result<(AdapterSummary, Gpu)> {
    Err(Error::NoDevice {
        // as it was typed
        wanted: format!("wgpu:{wanted}").trim_end_matches(':').to_owned(),
        why: "built without the feature `wgpu` of clel-tensor".into(),
    })
}

impl AdapterSummary {
    pub(crate) fn has_arrays(&self) -> bool {
        match self.kind {}
    }
}

impl AdapterKind {
    pub(crate) fn is_hardware(self) -> bool {
        match self {}
    }
}

/// Nothing that follows can be called; the arguments are those of the devices that there are with the feature.
#[allow(unused_variables)]
impl Gpu {
    pub(crate) fn open(adapter: (AdapterSummary, Gpu)) -> Result<Gpu> {
        match adapter.1 {}
    }

    pub(crate) fn reopen(&self) -> Result<Gpu> {
        match *self {}
    }

    pub(crate) fn same_device(&self, other: &Gpu) -> bool {
        match *self {}
    }

    pub(crate) fn summary(&self) -> &AdapterSummary {
        match *self {}
    }

    pub(crate) fn has_f16(&self) -> bool {
        match *self {}
    }

    pub(crate) fn array_limit(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn wait(&self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn upload(&self, bytes: &[u8]) -> Result<GpuBuffer> {
        match *self {}
    }

    pub(crate) fn pack(&self, parts: &[(GpuBuffer, usize)], bytes: usize) -> Result<GpuBuffer> {
        match *self {}
    }

    pub(crate) fn read(&self, buffer: &GpuBuffer, bytes: usize) -> Result<Vec<u8>> {
        match *self {}
    }

    pub(crate) async fn read_async(&self, buffer: &GpuBuffer, bytes: usize) -> Result<Vec<u8>> {
        match *self {}
    }

    /// Whether the driver tells when a launch begins and ends.
    pub fn has_clock(&self) -> bool {
        match *self {}
    }

    pub(crate) fn timed<R>(
        &self,
        op: &'static str,
        f: impl FnOnce() -> Result<R>,
    ) -> Result<(R, Vec<(String, f64)>)> {
        match *self {}
    }

    pub(crate) fn run(
        &self,
        primitive: &Primitive,
        dtype: DType,
        inputs: &[&GpuBuffer],
    ) -> Result<GpuBuffer> {
        match *self {}
    }

    pub(crate) fn pointwise(
        &self,
        kernel: &PointwiseKernel,
        inputs: &[&GpuBuffer],
    ) -> Result<Vec<GpuBuffer>> {
        match *self {}
    }

    pub(crate) fn run_through(
        &self,
        primitive: &Primitive,
        dtype: DType,
        inputs: &[&GpuBuffer],
        kernel: &PointwiseKernel,
        extra: &[&GpuBuffer],
    ) -> Result<Option<Vec<GpuBuffer>>> {
        match *self {}
    }
}

#[allow(unused_variables)]
impl GpuBuffer {
    pub(crate) fn bytes(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn part(&self, offset: usize, bytes: usize) -> GpuBuffer {
        match self.0 {}
    }

    pub(crate) fn keeping(&self) -> GpuBuffer {
        match self.0 {}
    }
}
