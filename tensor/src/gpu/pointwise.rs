//! Launching pointwise kernels.

use super::launch::Launch;
use super::layout::Layout;
use super::{Family, Gpu, GpuBuffer, pointwise_text};
use crate::expr::PointwiseKernel;
use crate::{DType, Error, Result};

const GROUP: u64 = 256;

impl PointwiseKernel {
    /// Whether any array or the arithmetic is f64, which shaders do not have.
    pub(super) fn needs_f64(&self) -> bool {
        let inputs = self.inputs.iter().map(|input| input.dtype);
        let mut all = inputs.chain(self.roots.iter().map(|(_, dtype)| *dtype));
        self.compute == DType::F64 || all.any(|dtype| dtype == DType::F64)
    }
}

impl Gpu {
    /// Executes a fused pointwise kernel in one launch; one output for each root.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for f64 and for more arrays than one kernel may touch,
    /// [`Error::OutOfMemory`], and any earlier failure of the device.
    pub(crate) fn pointwise(
        &self,
        kernel: &PointwiseKernel,
        inputs: &[&GpuBuffer],
    ) -> Result<Vec<GpuBuffer>> {
        if kernel.needs_f64() {
            return Err(Error::Unsupported {
                op: "pointwise",
                device: self.inner.summary.name.clone(),
                why: "shaders compute in f32; use the CPU for f64".to_owned(),
            });
        }
        self.addressable("pointwise", kernel.len())?;
        let outputs = kernel
            .roots
            .iter()
            .map(|(_, dtype)| self.output("pointwise", kernel.len() * dtype.size()))
            .collect::<Result<Vec<_>>>()?;
        if kernel.len() == 0 {
            return Ok(outputs);
        }
        let layout = Layout::of(kernel);
        let turns = self.turns(kernel);
        let launch = Launch {
            name: "pointwise",
            read: inputs,
            written: &outputs.iter().collect::<Vec<_>>(),
            params: &pointwise_text::params(kernel, &layout),
            groups: (kernel.len() as u64).div_ceil(4 * GROUP * turns),
        };
        self.launch_text(
            &pointwise_text::key(kernel, &layout),
            || pointwise_text::text(kernel, &layout, turns),
            &launch,
        )?;
        Ok(outputs)
    }

    /// How often four elements a thread makes. On graphics hardware once: neighbouring threads read together. On a software rasteriser each
    /// thread costs as much as some elements; with random numbers, which are long, it gains nothing.
    fn turns(&self, kernel: &PointwiseKernel) -> u64 {
        match self.family() {
            Family::Direct if kernel.keys().next().is_none() => 4,
            _ => 1,
        }
    }
}
