//! Handing work to a device: the one place where both devices' kernels are called.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::Arc,
};

use super::{Lazy, Tensor};
use crate::{
    DType, Device, Error, Result,
    cpu::{self, CpuBuffer, CpuView},
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

/// Notes a launch that writes an array of this shape.
fn count(name: &'static str, shape: &[usize], dtype: DType) {
    let bytes = shape.iter().product::<usize>() * dtype.size();
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
        let storages = inputs
            .iter()
            .map(Tensor::storage)
            .collect::<Result<Vec<_>>>()?;
        let dtype = primitive.output_dtype(inputs[0].dtype());
        count(op, shape, dtype);
        let storage = match &device {
            Device::Cpu => {
                let views = inputs.iter().zip(&storages);
                let views = views.map(|(t, s)| s.cpu(op).map(|b| t.cpu_view(b)));
                Storage::Cpu(cpu::run(primitive, &views.collect::<Result<Vec<_>>>()?)?)
            }
            Device::Wgpu(gpu) => {
                let buffers = storages
                    .iter()
                    .map(|s| s.gpu(op))
                    .collect::<Result<Vec<_>>>()?;
                Storage::Gpu(gpu.run(primitive, &buffers)?)
            }
        };
        Ok(Tensor::from_storage(
            Arc::new(storage),
            dtype,
            Layout::contiguous(shape),
            &device,
        ))
    }

    /// Computes lazy arrays of one shape on one device in one launch; their values, in order.
    pub(super) fn launch_pointwise(
        shape: &[usize],
        device: &Device,
        parts: &[(Lazy, DType)],
    ) -> Result<Vec<Arc<Storage>>> {
        let mut inputs: Vec<Tensor> = Vec::new();
        let mut exprs = Vec::with_capacity(parts.len());
        for (lazy, dtype) in parts {
            exprs.push((
                lazy.expr.renumber(&merge_inputs(&mut inputs, &lazy.inputs)),
                *dtype,
            ));
        }
        let wide = |d: DType| d == DType::F64;
        let compute =
            if parts.iter().any(|(_, d)| wide(*d)) || inputs.iter().any(|t| wide(t.dtype())) {
                DType::F64
            } else {
                DType::F32
            };
        let access = inputs.iter().map(|t| Access {
            dtype: t.dtype(),
            offset: t.layout().offset,
            strides: t.layout().broadcast_strides(shape),
        });
        let kernel = PointwiseKernel::new(shape, &exprs, access.collect(), compute);
        let storages = inputs
            .iter()
            .map(Tensor::storage)
            .collect::<Result<Vec<_>>>()?;
        let widest = parts.iter().map(|(_, dtype)| *dtype);
        count(
            "pointwise",
            shape,
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
                let buffers = storages.iter().map(|s| s.gpu("pointwise"));
                let outputs = gpu.pointwise(&kernel, &buffers.collect::<Result<Vec<_>>>()?)?;
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
