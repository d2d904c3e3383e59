//! Handing work to a device: the one place where both devices' kernels are called.

use std::{cell::Cell, sync::Arc};

use super::{captured, lists::Lists};
use crate::{
    DType, Device, Result, RngKey,
    choices::Choices,
    counting,
    cpu::{self, Awake, CpuBuffer, CpuView, Epilogue},
    expr::PointwiseKernel,
    gpu::{Gpu, GpuBuffer},
    primitive::Primitive,
    profile,
    scoped::with_value,
    storage::Storage,
};

thread_local! {
    static LARGEST: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `f` and tells the bytes of the largest array that a kernel of this thread wrote meanwhile: what a device must hold
/// in one piece.
pub fn largest_array<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let outer = LARGEST.get();
    let (result, largest) = with_value(&LARGEST, Some(0), || {
        let result = f();
        (result, LARGEST.get().unwrap_or(0))
    });
    LARGEST.set(outer.map(|outer| outer.max(largest)));
    (result, largest)
}

/// Notes a launch that writes an array of so many elements.
fn note_size(elements: usize, dtype: DType) {
    let bytes = elements * dtype.size();
    LARGEST.set(LARGEST.get().map(|largest| largest.max(bytes)));
}

/// Puts a device's arrays, if there are any, into storage.
fn stored<B>(wrap: fn(B) -> Storage) -> impl Fn(Option<Vec<B>>) -> Option<Vec<Storage>> {
    move |all| all.map(|all| all.into_iter().map(wrap).collect())
}

/// The element of a storage that a contiguous array begins with, and its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub element: usize,
    pub dtype: DType,
}

/// What a launch computes. Inputs of what is not pointwise are contiguous and start at the given elements of their storage.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Primitive(Primitive, Vec<Start>),
    Pointwise(PointwiseKernel),
    /// A convolution and what follows it: first its inputs, then the kernel's other ones.
    Through(Primitive, Vec<Start>, PointwiseKernel),
    /// A kernel over lists of arrays.
    Lists(Lists),
}

/// A launch, apart from the memory that it reads and writes.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    work: Work,
    elements: usize,
    dtype: DType,
    choices: Choices,
}

impl Launch {
    /// A launch whose largest output has so many elements of a type, with the choices that hold on this thread.
    pub fn new(work: Work, elements: usize, dtype: DType) -> Launch {
        Launch {
            work,
            elements,
            dtype,
            choices: Choices::now(),
        }
    }

    /// Runs it: its outputs. `None` where a device takes two launches for it.
    pub fn run(
        self,
        device: &Device,
        inputs: &[Arc<Storage>],
    ) -> Result<Option<Vec<Arc<Storage>>>> {
        let outputs = self.repeat(device, inputs)?;
        if let Some(outputs) = &outputs {
            captured::note(self, device, inputs, outputs);
        }
        Ok(outputs)
    }

    /// As [`run`](Launch::run), without being recorded.
    pub fn repeat(
        &self,
        device: &Device,
        inputs: &[Arc<Storage>],
    ) -> Result<Option<Vec<Arc<Storage>>>> {
        let run = || match device {
            Device::Cpu => self.on_cpu(inputs).map(stored(Storage::Cpu)),
            Device::Wgpu(gpu) => self.on_gpu(gpu, inputs).map(stored(Storage::Gpu)),
        };
        let timed = || profile::note(self.name(), device, || self.work.subject(), run);
        let outputs = self.choices.hold(timed)?;
        let outputs = outputs.map(|all| all.into_iter().map(Arc::new).collect());
        if outputs.is_some() {
            if matches!(device, Device::Cpu) {
                // a GPU counts by itself: it may take several launches
                counting::note(self.name());
            }
            note_size(self.elements, self.dtype);
        }
        Ok(outputs)
    }

    fn on_gpu(&self, gpu: &Gpu, inputs: &[Arc<Storage>]) -> Result<Option<Vec<GpuBuffer>>> {
        let op = self.name();
        let read: Vec<&GpuBuffer> = inputs.iter().map(|s| s.gpu(op)).collect::<Result<_>>()?;
        Ok(match &self.work {
            Work::Primitive(primitive, starts) => {
                let own = gpu_parts(&read, starts, &primitive.input_lens());
                let own: Vec<&GpuBuffer> = own.iter().collect();
                Some(vec![gpu.run(primitive, starts[0].dtype, &own)?])
            }
            Work::Pointwise(kernel) => Some(gpu.pointwise(kernel, &read)?),
            Work::Through(primitive, starts, kernel) => {
                let own = gpu_parts(&read, starts, &primitive.input_lens());
                let own: Vec<&GpuBuffer> = own.iter().collect();
                gpu.run_through(primitive, starts[0].dtype, &own, kernel, &read[own.len()..])?
            }
            Work::Lists(lists) => Some(lists.on_gpu(gpu, &read)?),
        })
    }

    fn on_cpu(&self, inputs: &[Arc<Storage>]) -> Result<Option<Vec<CpuBuffer>>> {
        let op = self.name();
        let views = inputs.iter().map(|s| s.cpu(op).map(CpuBuffer::view));
        let views: Vec<CpuView<'_>> = views.collect::<Result<_>>()?;
        let pieces = |primitive: &Primitive, starts: &[Start]| -> Vec<CpuView<'_>> {
            let places = starts.iter().zip(primitive.input_lens());
            let pieces = views.iter().zip(places);
            pieces
                .map(|(v, (start, len))| v.slice(start.element, len))
                .collect()
        };
        let largest = views.iter().map(|view| view.len()).max();
        let _awake = Awake::keep(self.elements.max(largest.unwrap_or(0)));
        Ok(match &self.work {
            Work::Primitive(primitive, starts) => {
                Some(vec![cpu::run(primitive, &pieces(primitive, starts))?])
            }
            Work::Pointwise(kernel) => Some(cpu::pointwise(kernel, &views)?),
            Work::Through(primitive, starts, kernel) => {
                // what the convolution computes stands first among the kernel's inputs
                let mut read = vec![CpuView::F32(&[])];
                read.extend(&views[starts.len()..]);
                let epilogue = Epilogue {
                    kernel,
                    inputs: &read,
                };
                cpu::run_through(primitive, &pieces(primitive, starts), epilogue)?
            }
            Work::Lists(lists) => Some(lists.on_cpu(&views)?),
        })
    }

    fn name(&self) -> &'static str {
        match &self.work {
            Work::Primitive(primitive, _) | Work::Through(primitive, ..) => primitive.name(),
            Work::Pointwise(_) | Work::Lists(..) => "pointwise",
        }
    }

    /// The keys of the random numbers that are drawn in it.
    pub fn keys(&self) -> impl Iterator<Item = RngKey> {
        self.kernel().into_iter().flat_map(PointwiseKernel::keys)
    }

    /// The same launch with another key in place of `old`.
    pub fn with_key(&self, old: RngKey, new: RngKey) -> Launch {
        let mut launch = self.clone();
        if let Work::Pointwise(kernel) | Work::Through(_, _, kernel) = &mut launch.work {
            kernel.replace_key(old, new);
        }
        launch
    }

    fn kernel(&self) -> Option<&PointwiseKernel> {
        match &self.work {
            Work::Primitive(..) => None,
            Work::Pointwise(kernel) | Work::Through(_, _, kernel) => Some(kernel),
            Work::Lists(lists) => Some(&lists.kernel),
        }
    }
}

/// The elements of contiguous arrays on a GPU.
pub(super) fn gpu_parts(
    buffers: &[&GpuBuffer],
    starts: &[Start],
    lens: &[usize],
) -> Vec<GpuBuffer> {
    let places = starts.iter().zip(lens);
    let parts = buffers.iter().zip(places);
    parts
        .map(|(b, (start, len))| {
            let size = start.dtype.size();
            b.part(start.element * size, len * size)
        })
        .collect()
}
