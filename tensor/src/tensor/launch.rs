//! Handing work to a device: the one place where both devices' kernels are called.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::Arc,
};

use super::{
    Lazy, Pending, Tensor,
    pending::{Waiting, may_wait},
};
use crate::{
    DType, Device, Error, Expr, Result,
    cpu::{self, CpuBuffer, CpuView, Epilogue},
    expr::{Access, PointwiseKernel},
    gpu::GpuBuffer,
    layout::Layout,
    primitive::Primitive,
    storage::Storage,
};

thread_local! {
    static COUNTS: RefCell<Option<BTreeMap<&'static str, u64>>> = const { RefCell::new(None) };
    static LARGEST: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `f` and counts the kernels that this thread launches meanwhile, by name
/// ([`Primitive::name`], or `"pointwise"`).
pub fn count_launches<R>(f: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, u64>) {
    let outer = COUNTS.replace(Some(BTreeMap::new()));
    let result = f();
    let counts = COUNTS.replace(outer).unwrap_or_default();
    COUNTS.with_borrow_mut(|outer| {
        if let Some(outer) = outer {
            counts
                .iter()
                .for_each(|(name, n)| *outer.entry(name).or_default() += n);
        }
    });
    (result, counts)
}

/// Runs `f` and tells the bytes of the largest array that a kernel of this thread wrote meanwhile: what a device must hold
/// in one piece.
pub fn largest_array<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let outer = LARGEST.replace(Some(0));
    let result = f();
    let largest = LARGEST.get().unwrap_or(0);
    LARGEST.set(outer.map(|outer| outer.max(largest)));
    (result, largest)
}

/// Notes a launch that writes an array of so many elements.
fn count(name: &'static str, elements: usize, dtype: DType) {
    let bytes = elements * dtype.size();
    LARGEST.set(LARGEST.get().map(|largest| largest.max(bytes)));
    COUNTS.with_borrow_mut(|c| {
        if let Some(c) = c {
            *c.entry(name).or_default() += 1;
        }
    });
}

impl Tensor {
    /// Runs a primitive on inputs made contiguous; the result has `shape`.
    pub(super) fn launch(
        primitive: &Primitive,
        inputs: &[&Tensor],
        shape: &[usize],
    ) -> Result<Tensor> {
        let op = primitive.name();
        let device = same_device(op, inputs)?;
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
        Ok(Tensor::from_storage(
            Arc::new(storage),
            dtype,
            layout,
            &device,
        ))
    }

    /// Runs a primitive on contiguous inputs.
    pub(super) fn launch_now(primitive: &Primitive, inputs: &[Tensor]) -> Result<Storage> {
        let op = primitive.name();
        let storages = storages(inputs)?;
        let dtype = primitive.output_dtype(inputs[0].dtype());
        count(op, primitive.output_len(), dtype);
        Ok(match inputs[0].device() {
            Device::Cpu => {
                let views = cpu_views(op, inputs, &storages)?;
                Storage::Cpu(cpu::run(primitive, &views)?)
            }
            Device::Wgpu(gpu) => Storage::Gpu(gpu.run(primitive, &gpu_buffers(op, &storages)?)?),
        })
    }

    /// Runs a convolution and, in the same launch, expressions over its output and arrays with elements: their values and, if
    /// `own`, last the convolution's. `None` where the device cannot.
    pub(super) fn launch_through(
        waiting: &Waiting,
        convolution: &Tensor,
        parts: &[(Lazy, DType)],
        own: bool,
    ) -> Result<Option<Vec<Storage>>> {
        let op = waiting.primitive.name();
        let mut inputs = vec![convolution.clone()];
        let mut exprs = merge_parts(&mut inputs, parts);
        if own {
            exprs.push((Expr::input(0), convolution.dtype()));
        }
        let kernel = pointwise_kernel(convolution.shape(), &exprs, &inputs);
        let storages_in = storages(&waiting.inputs)?;
        let extra = storages(&inputs[1..])?;
        let outputs: Option<Vec<Storage>> = match convolution.device() {
            Device::Cpu => {
                let views = cpu_views(op, &waiting.inputs, &storages_in)?;
                let mut inputs = vec![CpuView::F32(&[])];
                for s in &extra {
                    inputs.push(s.cpu(op)?.view());
                }
                let epilogue = Epilogue {
                    kernel: &kernel,
                    inputs: &inputs,
                };
                let outputs = cpu::run_through(&waiting.primitive, &views, epilogue)?;
                outputs.map(|all| all.into_iter().map(Storage::Cpu).collect())
            }
            Device::Wgpu(gpu) => {
                let inputs = gpu_buffers(op, &storages_in)?;
                let extra = gpu_buffers(op, &extra)?;
                let outputs = gpu.run_through(&waiting.primitive, &inputs, &kernel, &extra)?;
                outputs.map(|all| all.into_iter().map(Storage::Gpu).collect())
            }
        };
        if outputs.is_some() {
            count(op, convolution.len(), convolution.dtype());
        }
        Ok(outputs)
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
        let storages = storages(&inputs)?;
        let widest = parts.iter().map(|(_, dtype)| *dtype);
        count(
            "pointwise",
            kernel.len(),
            widest.max_by_key(|d| d.size()).unwrap_or(DType::F32),
        );
        Ok(match device {
            Device::Cpu => {
                let views = storages
                    .iter()
                    .map(|s| s.cpu("pointwise").map(CpuBuffer::view));
                let views = views.collect::<Result<Vec<_>>>()?;
                let outputs = cpu::pointwise(&kernel, &views)?;
                outputs
                    .into_iter()
                    .map(|b| Arc::new(Storage::Cpu(b)))
                    .collect()
            }
            Device::Wgpu(gpu) => {
                let outputs = gpu.pointwise(&kernel, &gpu_buffers("pointwise", &storages)?)?;
                outputs
                    .into_iter()
                    .map(|b| Arc::new(Storage::Gpu(b)))
                    .collect()
            }
        })
    }

    /// The elements of a contiguous array.
    pub(super) fn cpu_view<'a>(&self, buffer: &'a CpuBuffer) -> CpuView<'a> {
        buffer.view().slice(self.layout().offset, self.len())
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

fn storages(inputs: &[Tensor]) -> Result<Vec<Arc<Storage>>> {
    inputs.iter().map(Tensor::storage).collect()
}

fn cpu_views<'a>(
    op: &'static str,
    inputs: &[Tensor],
    storages: &'a [Arc<Storage>],
) -> Result<Vec<CpuView<'a>>> {
    let views = inputs.iter().zip(storages);
    views
        .map(|(t, s)| s.cpu(op).map(|b| t.cpu_view(b)))
        .collect()
}

fn gpu_buffers<'a>(op: &'static str, storages: &'a [Arc<Storage>]) -> Result<Vec<&'a GpuBuffer>> {
    storages.iter().map(|s| s.gpu(op)).collect()
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
        return Err(Error::Shape {
            op,
            shape: vec![],
            why: "needs at least one array".into(),
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

impl Storage {
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
