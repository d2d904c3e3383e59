//! From arrays to launches.

use std::sync::Arc;

use super::{
    Lazy, Pending, Tensor,
    pending::{Waiting, may_wait},
    work::{Launch, Start, Work},
};
use crate::{
    DType, Device, Error, Expr, Result,
    cpu::{CpuBuffer, CpuView},
    expr::{Access, PointwiseKernel},
    gpu::GpuBuffer,
    layout::{Layout, elements},
    primitive::Primitive,
    storage::Storage,
};

impl Tensor {
    /// Runs a primitive on inputs made contiguous; the result has `shape`.
    pub(super) fn launch(
        primitive: &Primitive,
        inputs: &[&Tensor],
        shape: &[usize],
    ) -> Result<Tensor> {
        let op = primitive.name();
        let device = same_device(op, inputs)?;
        elements(op, shape)?;
        let first = inputs[0].dtype();
        if !first.is_float() && !primitive.moves() {
            return Err(Error::DType {
                op,
                expected: DType::F32,
                found: first,
            });
        }
        let inputs = inputs
            .iter()
            .map(|t| t.contiguous())
            .collect::<Result<Vec<_>>>()?;
        storages(&inputs)?;
        let dtype = primitive.output_dtype(inputs[0].dtype());
        if may_wait(primitive, &inputs) {
            let waiting = Pending::Convolution(Waiting::new(primitive, inputs));
            return Ok(Tensor::from_pending(waiting, dtype, shape, &device));
        }
        let storage = Tensor::launch_now(primitive, &inputs)?;
        let layout = Layout::contiguous(shape);
        Ok(Tensor::from_storage(storage, dtype, layout, &device))
    }

    /// Runs a primitive on contiguous inputs.
    pub(super) fn launch_now(primitive: &Primitive, inputs: &[Tensor]) -> Result<Arc<Storage>> {
        let dtype = primitive.output_dtype(inputs[0].dtype());
        let work = Work::Primitive(primitive.clone(), starts(inputs));
        let launch = Launch::new(work, primitive.output_len(), dtype);
        let outputs = launch.run(inputs[0].device(), &storages(inputs)?)?;
        only(primitive.name(), inputs[0].device(), outputs)
    }

    /// Runs a convolution and, in the same launch, expressions over its output and arrays with elements: their values and, if
    /// `own`, last the convolution's. `None` where the device cannot.
    pub(super) fn launch_through(
        waiting: &Waiting,
        convolution: &Tensor,
        parts: &[(Lazy, DType)],
        own: bool,
    ) -> Result<Option<Vec<Arc<Storage>>>> {
        let mut inputs = vec![convolution.clone()];
        let mut exprs = merge_parts(&mut inputs, parts);
        if own {
            exprs.push((Expr::input(0), convolution.dtype()));
        }
        let kernel = pointwise_kernel(convolution.shape(), &exprs, &inputs);
        let primitive = waiting.primitive.clone();
        let work = Work::Through(primitive, starts(&waiting.inputs), kernel);
        let launch = Launch::new(work, convolution.len(), convolution.dtype());
        let mut read = storages(&waiting.inputs)?;
        read.extend(storages(&inputs[1..])?);
        launch.run(convolution.device(), &read)
    }

    /// Computes lazy arrays of one shape on one device in one launch; their values, in order.
    pub(super) fn launch_pointwise(
        shape: &[usize],
        device: &Device,
        parts: &[(Lazy, DType)],
    ) -> Result<Vec<Arc<Storage>>> {
        let mut inputs: Vec<Tensor> = Vec::new();
        let exprs = merge_parts(&mut inputs, parts);
        let kernel = pointwise_kernel(shape, &exprs, &inputs);
        let widest = parts.iter().map(|(_, dtype)| *dtype);
        let widest = widest.max_by_key(|d| d.size()).unwrap_or(DType::F32);
        let elements = kernel.len();
        let launch = Launch::new(Work::Pointwise(kernel), elements, widest);
        let outputs = launch.run(device, &storages(&inputs)?)?;
        outputs.ok_or_else(|| nothing("pointwise", device))
    }

    /// The elements of a contiguous array.
    pub(super) fn cpu_view<'a>(&self, buffer: &'a CpuBuffer) -> CpuView<'a> {
        buffer.view().slice(self.layout().offset, self.len())
    }

    /// The elements of a contiguous array.
    pub(super) fn gpu_part(&self, buffer: &GpuBuffer) -> GpuBuffer {
        let size = self.dtype().size();
        buffer.part(self.layout().offset * size, self.len() * size)
    }
}

/// The kernel of expressions over arrays that broadcast to `shape`.
fn pointwise_kernel(
    shape: &[usize],
    exprs: &[(Expr, DType)],
    inputs: &[Tensor],
) -> PointwiseKernel {
    let wide = |d: DType| d == DType::F64;
    let any = exprs.iter().any(|(_, d)| wide(*d)) || inputs.iter().any(|t| wide(t.dtype()));
    let compute = if any { DType::F64 } else { DType::F32 };
    let access = inputs.iter().map(|t| Access {
        dtype: t.dtype(),
        offset: t.layout().offset,
        strides: t.layout().broadcast_strides(shape),
    });
    PointwiseKernel::new(shape, exprs, access.collect(), compute)
}

pub(super) fn storages(inputs: &[Tensor]) -> Result<Vec<Arc<Storage>>> {
    inputs.iter().map(Tensor::storage).collect()
}

/// Where contiguous arrays start in their storage.
pub(super) fn starts(inputs: &[Tensor]) -> Vec<Start> {
    let start = |t: &Tensor| Start {
        element: t.layout().offset,
        dtype: t.dtype(),
    };
    inputs.iter().map(start).collect()
}

fn only(
    op: &'static str,
    device: &Device,
    outputs: Option<Vec<Arc<Storage>>>,
) -> Result<Arc<Storage>> {
    let first = outputs.and_then(|all| all.into_iter().next());
    first.ok_or_else(|| nothing(op, device))
}

fn nothing(op: &'static str, device: &Device) -> Error {
    Error::Device {
        device: device.to_string(),
        why: format!("{op} gave no array"),
    }
}

/// Expressions over one list of inputs, to which those are added that are not yet in it.
fn merge_parts(inputs: &mut Vec<Tensor>, parts: &[(Lazy, DType)]) -> Vec<(Expr, DType)> {
    let merge = |(lazy, dtype): &(Lazy, DType)| {
        let places = merge_inputs(inputs, &lazy.inputs);
        (lazy.expr.renumber(&places), *dtype)
    };
    parts.iter().map(merge).collect()
}

/// Adds to `all` what is not yet in it; the places of `more` in `all`.
pub(super) fn merge_inputs(all: &mut Vec<Tensor>, more: &[Tensor]) -> Vec<u8> {
    let place = |t: &Tensor| {
        let known = all.iter().position(|u| u.same(t) || u.same_elements(t));
        known.unwrap_or_else(|| {
            all.push(t.clone());
            all.len() - 1
        }) as u8
    };
    more.iter().map(place).collect()
}

/// The device of all operands.
pub(super) fn same_device(op: &'static str, inputs: &[&Tensor]) -> Result<Device> {
    let Some((first, rest)) = inputs.split_first() else {
        return Err(Error::TooFewArrays {
            op,
            given: 0,
            needed: 1,
        });
    };
    match rest.iter().find(|t| t.device() != first.device()) {
        None => Ok(first.device().clone()),
        Some(other) => Err(Error::Devices {
            op,
            lhs: first.device().to_string(),
            rhs: other.device().to_string(),
        }),
    }
}
