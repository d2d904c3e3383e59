//! A pointwise kernel run on each part of a primitive's output while that is in the cache.

use super::memory::PoolVec;
use super::pointwise::{Interpreter, Out};
use super::{CpuBuffer, CpuView};
use crate::expr::PointwiseKernel;
use crate::{DType, Result};

/// What follows a primitive: a kernel whose input 0 is the primitive's output, read in order.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub kernel: &'a PointwiseKernel,
    /// All inputs; the first is empty.
    pub inputs: &'a [CpuView<'a>],
}

/// The outputs of an epilogue while tasks write them.
pub(super) struct Finish<'a> {
    epilogue: Epilogue<'a>,
    outputs: Vec<PoolVec<f32>>,
    /// Where each begins.
    at: Vec<*mut f32>,
}

// SAFETY: tasks write disjoint ranges, and the buffers outlive them.
unsafe impl Sync for Finish<'_> {}

impl<'a> Finish<'a> {
    /// Allocates the outputs; `None` for a kernel that does not compute in f32 alone.
    pub fn new(epilogue: Epilogue<'a>) -> Result<Option<Self>> {
        let kernel = epilogue.kernel;
        let f32_alone = kernel.roots.iter().all(|(_, dtype)| *dtype == DType::F32);
        if kernel.compute != DType::F32 || !f32_alone {
            return Ok(None);
        }
        let outputs = kernel.roots.iter();
        let outputs = outputs.map(|_| PoolVec::uninit("pointwise", kernel.len()));
        let mut outputs = outputs.collect::<Result<Vec<_>>>()?;
        Ok(Some(Finish {
            epilogue,
            at: outputs.iter_mut().map(|v| v.as_mut_ptr()).collect(),
            outputs,
        }))
    }

    /// What a thread needs to run the kernel.
    pub fn worker(&self) -> Worker<'a> {
        let e = self.epilogue;
        Worker(Interpreter::new(e.kernel, e.inputs, true))
    }

    /// Runs the kernel for the elements `start ..` of the primitive's output, which are `values`.
    ///
    /// `start` is a multiple of 4, for the sake of random numbers: Winograd's channels are multiples of a register.
    ///
    /// # Safety
    /// No other task may be given any of these elements.
    pub unsafe fn run(&self, worker: &mut Worker<'a>, start: usize, values: &[f32]) {
        assert!(start + values.len() <= self.epilogue.kernel.len());
        let part = |output: &*mut f32| {
            // SAFETY: the range lies in the buffers, checked above, and is this task's alone.
            Out::F32(unsafe { std::slice::from_raw_parts_mut(output.add(start), values.len()) })
        };
        let mut outputs: Vec<Out<'_>> = self.at.iter().map(part).collect();
        worker.0.range(start, values.len(), &mut outputs, values);
    }

    /// The outputs, all elements of which have been written.
    pub fn done(self) -> Vec<CpuBuffer> {
        self.outputs.into_iter().map(CpuBuffer::from).collect()
    }
}

/// A thread's own interpreter.
pub(super) struct Worker<'a>(Interpreter<'a, f32>);
