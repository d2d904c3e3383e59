//! A pointwise kernel run on each part of a primitive's output while that is in the cache.

use super::pointwise::{Interpreter, Out};
use super::{CpuBuffer, CpuView};
use crate::expr::PointwiseKernel;
use crate::{DType, Result};

/// What follows a primitive: a kernel, one of whose inputs is the primitive's output.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    /// The kernel; its input `own` reads the primitive's output in order.
    pub kernel: &'a PointwiseKernel,
    /// Which input is the primitive's output.
    pub own: u8,
    /// All inputs; `own`'s is empty.
    pub inputs: &'a [CpuView<'a>],
}

/// The outputs of an epilogue while tasks write them.
pub(super) struct Finish<'a> {
    epilogue: Epilogue<'a>,
    outputs: Vec<CpuBuffer>,
    at: Vec<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    F32(*mut f32),
    U32(*mut u32),
}

// SAFETY: tasks write disjoint ranges, and the buffers outlive them.
unsafe impl Sync for Finish<'_> {}

impl<'a> Finish<'a> {
    /// Allocates the outputs; `None` for a kernel that does not compute in f32.
    pub fn new(epilogue: Epilogue<'a>) -> Result<Option<Self>> {
        let kernel = epilogue.kernel;
        if kernel.compute != DType::F32 {
            return Ok(None);
        }
        let (mut outputs, mut at) = (Vec::new(), Vec::new());
        for (_, dtype) in &kernel.roots {
            let mut buffer = CpuBuffer::uninit("pointwise", *dtype, kernel.len())?;
            at.push(match &mut buffer {
                CpuBuffer::F32(v) => Target::F32(v.as_mut_ptr()),
                CpuBuffer::U32(v) => Target::U32(v.as_mut_ptr()),
                CpuBuffer::F64(_) => return Ok(None),
            });
            outputs.push(buffer);
        }
        Ok(Some(Finish {
            epilogue,
            outputs,
            at,
        }))
    }

    /// What a thread needs to run the kernel.
    pub fn worker(&self) -> Worker<'a> {
        let e = self.epilogue;
        Worker(Interpreter::with_own(e.kernel, e.inputs, e.own))
    }

    /// Runs the kernel for the elements `start ..` of the primitive's output, which are `values`.
    ///
    /// `start` is a multiple of 4, for the sake of random numbers: Winograd's channels are multiples of a register.
    ///
    /// # Safety
    /// No other task may be given any of these elements.
    pub unsafe fn run(&self, worker: &mut Worker<'a>, start: usize, values: &[f32]) {
        assert!(start + values.len() <= self.epilogue.kernel.len());
        let part = |target: &Target| {
            // SAFETY: the range lies in the buffers, checked above, and is this task's alone.
            unsafe {
                match *target {
                    Target::F32(p) => {
                        Out::F32(std::slice::from_raw_parts_mut(p.add(start), values.len()))
                    }
                    Target::U32(p) => {
                        Out::U32(std::slice::from_raw_parts_mut(p.add(start), values.len()))
                    }
                }
            }
        };
        let mut outputs: Vec<Out<'_>> = self.at.iter().map(part).collect();
        worker.0.range(start, values.len(), &mut outputs, values);
    }

    /// The outputs, all elements of which have been written.
    pub fn done(self) -> Vec<CpuBuffer> {
        self.outputs
    }
}

/// A thread's own interpreter.
pub(super) struct Worker<'a>(Interpreter<'a, f32>);
