//! Convolutions whose results go through a pointwise kernel on their way to memory.

use super::launch::Launch;
use super::layout::Layout;
use super::template::Program;
use super::{Family, Gpu, GpuBuffer, batch, pointwise_text};
use crate::expr::PointwiseKernel;
use crate::primitive::{ConvPass, Primitive};
use crate::{DType, Result};

/// Where a convolution puts its results.
#[derive(Clone, Copy)]
pub(super) enum Store<'a> {
    /// Into an array.
    Plain(&'a GpuBuffer),
    /// Through a kernel into other arrays.
    Through(&'a Through<'a>),
}

impl Store<'_> {
    /// True for `Through`.
    pub(super) const fn through(self) -> bool {
        matches!(self, Store::Through(_))
    }
}

/// A pointwise kernel whose input 0 is what the convolution computes.
pub(super) struct Through<'a> {
    kernel: &'a PointwiseKernel,
    layout: Layout,
    /// Its other inputs.
    extra: &'a [&'a GpuBuffer],
    outputs: Vec<GpuBuffer>,
}

impl Gpu {
    /// Runs a convolution of arrays of a type and, in the same launch, a kernel whose input 0 is its output and whose other inputs are `extra`: the
    /// kernel's outputs. `None` where it takes two launches.
    ///
    /// # Errors
    /// As [`run`](Self::run) and [`pointwise`](Self::pointwise).
    pub(crate) fn run_through(
        &self,
        primitive: &Primitive,
        dtype: DType,
        inputs: &[&GpuBuffer],
        kernel: &PointwiseKernel,
        extra: &[&GpuBuffer],
    ) -> Result<Option<Vec<GpuBuffer>>> {
        let (Primitive::Conv(ConvPass::Forward | ConvPass::InputGrad, _), [a, b]) =
            (primitive, inputs)
        else {
            return Ok(None);
        };
        // not on software rasterisers: the long texts of their kernels take seconds to compile, once for each epilogue, and
        // a launch less saves nothing there
        if self.family() == Family::Direct {
            return Ok(None);
        }
        if primitive.sums_nothing() {
            return Ok(None);
        }
        let Some(plan) = self.plan(primitive, dtype) else {
            return Ok(None);
        };
        let limit = self.inner.limits.max_storage_buffers_per_shader_stage as usize;
        let arrays = inputs.len() + extra.len() + kernel.roots.len();
        let layout = Layout::of(kernel);
        // beside the parameters of any convolution
        let words = 64 + pointwise_text::field_words(kernel, &layout).len();
        let too_large = arrays > limit || 4 * words > batch::WINDOWS[batch::WINDOWS.len() - 1];
        let len = primitive.output_len();
        if !plan.in_fours() || kernel.needs_f64() || too_large || len == 0 || kernel.len() != len {
            return Ok(None);
        }
        self.addressable(primitive.name(), len)?;
        let outputs = kernel
            .roots
            .iter()
            .map(|(_, dtype)| self.output(primitive.name(), len * dtype.size()))
            .collect::<Result<Vec<_>>>()?;
        let through = Through {
            kernel,
            layout,
            extra,
            outputs,
        };
        let store = Store::Through(&through);
        self.carry_out(&plan, primitive, [a, b], store)?;
        Ok(Some(through.outputs))
    }

    /// Launches a convolution's program with its parameters, and what follows it.
    pub(super) fn launch_through(
        &self,
        name: &'static str,
        program: &Program,
        inputs: &[&GpuBuffer],
        mut params: Vec<u32>,
        groups: u64,
        through: &Through<'_>,
    ) -> Result<()> {
        let (kernel, layout) = (through.kernel, &through.layout);
        params.extend(pointwise_text::field_words(kernel, layout));
        let read: Vec<&GpuBuffer> = inputs.iter().chain(through.extra).copied().collect();
        let launch = Launch {
            name,
            read: &read,
            written: &through.outputs.iter().collect::<Vec<_>>(),
            params: &params,
            groups,
        };
        let follows = pointwise_text::key(kernel, layout);
        let key = format!("{} then {follows}", program.key());
        self.launch_text(
            &key,
            || text(program, inputs.len(), kernel, layout),
            &launch,
        )
    }
}

/// The text of a convolution of so many inputs, expanded with THROUGH, and of what follows it.
pub(super) fn text(
    program: &Program,
    inputs: usize,
    kernel: &PointwiseKernel,
    layout: &Layout,
) -> Result<String, String> {
    let fields = pointwise_text::fields(kernel, layout);
    let convolution = program.expand()?;
    let mut text = convolution.replacen("    // what follows\n", &fields, 1);
    text.push_str(&pointwise_text::finish(kernel, layout, 0, inputs));
    Ok(text)
}
