//! How long each launch of a thread takes.

use std::{cell::RefCell, time::Instant};

use crate::{Device, Result, scoped::collecting};

thread_local! {
    static PROFILE: RefCell<Option<Vec<Profiled>>> = const { RefCell::new(None) };
}

/// One launch of a kernel, or those few that a GPU takes for one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiled {
    /// What it does, and to how much: `conv2d 64->128 3x3 on 16x16 b64, then 3 operations`.
    pub work: String,
    /// Seconds: from the call to the return on the CPU, by the device's own clock on a GPU.
    pub seconds: f64,
    /// The kernels of a GPU that do it, by their [keys](crate::gpu), and the seconds of each.
    pub kernels: Vec<(String, f64)>,
    /// Multiply-adds of a product or a convolution, by its definition.
    pub multiply_adds: u64,
    /// Bytes of the arrays that it reads and writes, however often it reads them.
    pub bytes: u64,
}

/// What a launch is, for its [`Profiled`].
pub(crate) struct Subject {
    pub(crate) work: String,
    pub(crate) multiply_adds: u64,
    pub(crate) bytes: u64,
}

/// Runs `f` and times the launches of this thread one by one, in their order.
///
/// A GPU is waited for after each, so that `f` takes longer than without. Where its driver tells no times, a launch is
/// [`Error::Unsupported`](crate::Error::Unsupported) ([`Gpu::has_clock`](crate::gpu::Gpu::has_clock)).
///
/// ```
/// use clel_tensor::{Device, Error, Tensor, profile};
/// let a = Tensor::from_slice(&[1.0f32; 64], &[8, 8], &Device::Cpu)?;
/// let (done, launches) = profile(|| a.matmul(&a)?.to_vec::<f32>());
/// done?;
/// assert_eq!(launches[0].work, "matmul 8x8x8");
/// assert_eq!(launches[0].multiply_adds, 8 * 8 * 8);
/// # Ok::<(), Error>(())
/// ```
pub fn profile<R>(f: impl FnOnce() -> R) -> (R, Vec<Profiled>) {
    collecting(&PROFILE, f, |outer, launches| {
        outer.extend_from_slice(launches);
    })
}

/// Runs a launch of `op`, and notes how long it took if somebody wants to know. `None` where the device takes two launches for it.
pub(crate) fn note<R>(
    op: &'static str,
    device: &Device,
    subject: impl FnOnce() -> Subject,
    run: impl FnOnce() -> Result<Option<R>>,
) -> Result<Option<R>> {
    if PROFILE.with_borrow(Option::is_none) {
        return run();
    }
    let (done, seconds, kernels) = match device {
        Device::Cpu => {
            let begin = Instant::now();
            let done = run()?;
            (done, begin.elapsed().as_secs_f64(), Vec::new())
        }
        Device::Wgpu(gpu) => {
            let (done, kernels) = gpu.timed(op, run)?;
            (done, kernels.iter().map(|(_, s)| s).sum(), kernels)
        }
    };
    if done.is_some() {
        let Subject {
            work,
            multiply_adds,
            bytes,
        } = subject();
        let launch = Profiled {
            work,
            seconds,
            kernels,
            multiply_adds,
            bytes,
        };
        PROFILE.with_borrow_mut(|all| {
            if let Some(all) = all {
                all.push(launch);
            }
        });
    }
    Ok(done)
}
