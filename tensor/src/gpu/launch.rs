//! Allocating outputs and launching kernels.

use std::sync::MutexGuard;

use super::batch::{self, Batch};
use super::ended::Ended;
use super::faults::lock;
use super::pool::Taken;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::{Error, Result, counting};

/// Threads of a workgroup in every kernel that does not say otherwise.
pub(super) const WORKGROUP: u64 = 64;

/// Kernels count the numbers of an array in 31 bits.
pub(super) const MOST_NUMBERS: u64 = (1 << 31) - 1;

/// The name of launches that are not counted.
const POISON: &str = "poison";

pub(super) fn poison_program() -> Program {
    program!("poison")
}

/// One dispatch.
pub(super) struct Launch<'a> {
    /// Name under which it is counted.
    pub(super) name: &'static str,
    /// Arrays read: bindings 0… of group 1.
    pub(super) read: &'a [&'a GpuBuffer],
    /// Arrays written: the bindings that follow.
    pub(super) written: &'a [&'a GpuBuffer],
    /// The uniform struct, as words.
    pub(super) params: &'a [u32],
    /// Number of workgroups.
    pub(super) groups: u64,
}

impl Gpu {
    /// Launches `program`.
    pub(super) fn launch(&self, program: &Program, launch: &Launch<'_>) -> Result<()> {
        self.launch_text(&program.key(), || program.expand(), launch)
    }

    /// Launches the kernel called `key`, which is compiled from `source` the first time.
    pub(super) fn launch_text(
        &self,
        key: &str,
        source: impl FnOnce() -> Result<String, String>,
        launch: &Launch<'_>,
    ) -> Result<()> {
        let inner = &*self.inner;
        self.check()?;
        if launch.groups == 0 {
            return Ok(());
        }
        let bytes = size_of_val(launch.params);
        let largest = batch::WINDOWS[batch::WINDOWS.len() - 1];
        let arrays = launch.read.len() + launch.written.len();
        if bytes > largest || arrays > inner.limits.max_storage_buffers_per_shader_stage as usize {
            return Err(Error::Unsupported {
                op: launch.name,
                device: inner.summary.name.clone(),
                why: format!(
                    "one kernel with {arrays} arrays and {bytes} bytes of parameters; at most \
                     {} and {largest}",
                    inner.limits.max_storage_buffers_per_shader_stage
                ),
            });
        }
        let grid = grid(
            launch.groups,
            inner.limits.max_compute_workgroups_per_dimension,
        )
        .ok_or_else(|| Error::Unsupported {
            op: launch.name,
            device: inner.summary.name.clone(),
            why: format!("{} workgroups in one launch", launch.groups),
        })?;
        let shape = (launch.read.len(), launch.written.len());
        let pipeline = lock(&inner.pipelines).get(&inner.device, &inner.faults, key, shape, source);
        let pipeline = pipeline.map_err(|refused| self.cause(refused))?;
        let storage = lock(&inner.bindings).get(
            &inner.device,
            &pipeline,
            launch.read,
            launch.written,
            inner.pool.released(),
        );

        let mut batch = lock(&inner.batch);
        // another thread may have filled it again
        while batch.is_full(bytes) {
            drop(batch);
            self.flush()?;
            batch = lock(&inner.batch);
        }
        for buffer in launch.read.iter().chain(launch.written) {
            buffer.touch(batch.serial());
        }
        batch.dispatch(
            &inner.device,
            (key, &pipeline.compute),
            &storage,
            launch.params,
            grid,
        );
        drop(batch);
        // what tests fill buffers with is no work
        if launch.name != POISON {
            *lock(&inner.launches).entry(launch.name).or_default() += 1;
            counting::note(launch.name);
        }
        Ok(())
    }

    /// Memory for an output of `op`, not initialised.
    pub(super) fn output(&self, op: &'static str, bytes: usize) -> Result<GpuBuffer> {
        let buffer = self.allocate(op, bytes as u64, u64::MAX)?;
        if self.inner.options.poison {
            self.fill_with_nan(&buffer)?;
        }
        Ok(buffer)
    }

    /// Memory whose last use by a command was before batch `before`.
    pub(super) fn allocate(&self, op: &'static str, bytes: u64, before: u64) -> Result<GpuBuffer> {
        let inner = &*self.inner;
        self.check()?;
        let limit = self.array_limit();
        if bytes > limit {
            return Err(self.out_of_memory(
                op,
                bytes,
                format!(
                    "one array holds at most {limit} bytes (max_storage_buffer_binding_size {}, \
                     max_buffer_size {})",
                    inner.limits.max_storage_buffer_binding_size, inner.limits.max_buffer_size
                ),
            ));
        }
        let size = match inner.pool.take(bytes, before) {
            Taken::Recycled(buffer) => return Ok(buffer),
            Taken::Missing(size) => size,
        };
        // lanes that share rows read small factors so
        let uniform = match inner.lanes {
            true => wgpu::BufferUsages::UNIFORM,
            false => wgpu::BufferUsages::empty(),
        };
        let array = wgpu::BufferDescriptor {
            label: None,
            size,
            usage: uniform
                | wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let raw = self.create(op, bytes, &array)?;
        Ok(inner.pool.adopt(raw, bytes))
    }

    /// A buffer for so many bytes of `op`; if there is no room, once more without all that is not in use.
    pub(super) fn create(
        &self,
        op: &'static str,
        bytes: u64,
        buffer: &wgpu::BufferDescriptor<'_>,
    ) -> Result<wgpu::Buffer> {
        let create = || {
            let device = &self.inner.device;
            let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let raw = device.create_buffer(buffer);
            match pollster::block_on(memory.pop()) {
                Some(error) => Err(error.to_string()),
                None => Ok(raw),
            }
        };
        let mut made = create();
        if made.is_err() {
            self.flush()?;
            self.poll(wgpu::PollType::wait_indefinitely())?;
            self.trim();
            made = create();
        }
        made.map_err(|why| self.out_of_memory(op, bytes, why))
    }

    /// The most bytes of one array: shaders see it in whole vec4s.
    pub(crate) fn array_limit(&self) -> u64 {
        let limits = &self.inner.limits;
        let most = limits
            .max_storage_buffer_binding_size
            // a read has the count behind it
            .min(limits.max_buffer_size - Ended::BYTES);
        most / 16 * 16
    }

    /// Parts of a sum of so many elements that one array has room for: more than one are for speed and rounding only.
    pub(super) fn most_parts(&self, elements: usize) -> usize {
        let numbers = (self.array_limit() / 4).min(MOST_NUMBERS);
        let fit = numbers / elements.max(1) as u64;
        usize::try_from(fit).unwrap_or(usize::MAX).max(1)
    }

    /// Whether a kernel can have so many numbers in one array.
    pub(super) fn holds(&self, numbers: u64) -> bool {
        numbers <= MOST_NUMBERS && 4 * numbers <= self.array_limit()
    }

    pub(super) fn out_of_memory(&self, op: &'static str, bytes: u64, why: String) -> Error {
        Error::OutOfMemory {
            op,
            device: self.inner.summary.name.clone(),
            bytes,
            why,
        }
    }

    pub(super) fn fill_with_nan(&self, buffer: &GpuBuffer) -> Result<()> {
        let vectors = (buffer.bytes() as u64).div_ceil(16).max(1);
        let launch = Launch {
            name: POISON,
            read: &[],
            written: &[buffer],
            // NaN as f32, and as two halves
            params: &[vectors as u32, 0x7fc0_7fc0],
            groups: vectors.div_ceil(WORKGROUP),
        };
        self.launch(&poison_program(), &launch)
    }

    /// Submits all recorded commands.
    ///
    /// # Errors
    /// Whatever went wrong on the device since the last call.
    pub fn flush(&self) -> Result<()> {
        self.submit(lock(&self.inner.batch), None)
    }

    /// Tells that launches follow which make so many multiply-adds: the open batch is submitted if these are too many for it.
    pub(super) fn is_to_multiply(&self, multiply_adds: u64) -> Result<()> {
        let batch = lock(&self.inner.batch);
        if batch.has_enough(multiply_adds) {
            self.submit(batch, None)?;
        } else {
            drop(batch);
        }
        lock(&self.inner.batch).multiplies(multiply_adds);
        Ok(())
    }

    /// Submits a batch, see [`Batch::submit`].
    pub(super) fn submit(
        &self,
        mut batch: MutexGuard<'_, Batch>,
        told: Option<(&wgpu::Buffer, u64)>,
    ) -> Result<()> {
        if let Err(error) = self.check() {
            batch.abandon();
            return Err(error);
        }
        let wait_for = batch.submit(&self.inner.queue, told);
        drop(batch);
        if let Some(index) = wait_for {
            self.poll(wgpu::PollType::Wait {
                submission_index: Some(index),
                timeout: None,
            })?;
        }
        self.check()
    }

    /// `Err` with the first failure of the device.
    pub(super) fn check(&self) -> Result<()> {
        let faults = &self.inner.faults;
        faults.check().map_err(|first| self.cause(first))
    }

    /// What is behind a failure: a lost device refuses commands before it tells of its loss, which it does once its last work
    /// is done and it is polled.
    pub(super) fn cause(&self, failure: Error) -> Error {
        let faults = &self.inner.faults;
        if matches!(failure, Error::Device { .. }) && !faults.is_settled() {
            for _ in 0..50 {
                let polled = self.poll_guarded(wgpu::PollType::Poll);
                match faults.check() {
                    Err(loss @ (Error::DeviceLost { .. } | Error::OutOfMemory { .. })) => {
                        return loss;
                    }
                    _ if polled.is_none() => return self.lost_while_waiting(),
                    _ => std::thread::sleep(std::time::Duration::from_millis(10)),
                }
            }
            faults.settle();
        }
        failure
    }

    /// Lets wgpu run its callbacks, and waits if asked to.
    pub(super) fn poll(&self, how: wgpu::PollType) -> Result<()> {
        let polled = self.poll_guarded(how);
        self.check()?;
        match polled {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(self.cause(self.inner.faults.refused(error.to_string()))),
            None => Err(self.lost_while_waiting()),
        }
    }

    /// `None` if wgpu panicked, as it does when the device is lost meanwhile; the loss callback has run by then, if it will.
    fn poll_guarded(
        &self,
        how: wgpu::PollType,
    ) -> Option<std::result::Result<wgpu::PollStatus, wgpu::PollError>> {
        let poll = || self.inner.device.poll(how);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).ok()
    }

    fn lost_while_waiting(&self) -> Error {
        Error::DeviceLost {
            device: self.inner.summary.name.clone(),
            why: "the driver failed while it was waited for".to_owned(),
        }
    }
}

/// The smallest grid of at least `groups` workgroups within `limit` on each side; kernels count
/// their groups row by row. `None` beyond limit².
pub(super) fn grid(groups: u64, limit: u32) -> Option<[u32; 3]> {
    let limit = u64::from(limit);
    let rows = groups.div_ceil(limit);
    if rows > limit {
        return None;
    }
    let columns = groups.div_ceil(rows.max(1));
    Some([columns as u32, rows as u32, 1])
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn grids_fold_at_the_limit() {
        assert_eq!(grid(1, 65_535), Some([1, 1, 1]));
        assert_eq!(grid(65_535, 65_535), Some([65_535, 1, 1]));
        assert_eq!(grid(65_536, 65_535), Some([32_768, 2, 1]));
        assert_eq!(grid(131_071, 65_535), Some([43_691, 3, 1]));
        assert_eq!(grid(65_535 * 65_535, 65_535), Some([65_535, 65_535, 1]));
        assert_eq!(grid(65_535 * 65_535 + 1, 65_535), None);
    }
}
