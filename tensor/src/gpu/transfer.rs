//! Moving bytes between the host and the device.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::ended::Ended;
use super::faults::lock;
use super::{Gpu, GpuBuffer};
use crate::Result;

/// Uploads larger than this wait for the open batch to be submitted, rather than take memory
/// besides what the batch holds.
const LARGE: usize = 1 << 20;
/// Readback buffers kept for the next read, and the largest kept.
const STAGING_KEPT: usize = 4;
const STAGING_LARGEST: u64 = 16 << 20;

impl Gpu {
    /// Copies bytes (a multiple of 4) to a new array on the device.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] naming the limit, or an earlier failure of the device.
    pub fn upload(&self, bytes: &[u8]) -> Result<GpuBuffer> {
        let inner = &*self.inner;
        if bytes.len() > LARGE {
            self.flush()?;
        }
        // The write takes effect before all commands of the open batch: none may bind the buffer.
        let serial = lock(&inner.batch).serial();
        let buffer = self.allocate("upload", bytes.len() as u64, serial)?;
        let whole = bytes.len() / 4 * 4;
        if whole > 0 {
            inner.queue.write_buffer(buffer.raw(), 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            inner.queue.write_buffer(buffer.raw(), whole as u64, &last);
        }
        let flush = lock(&inner.batch).uploaded(bytes.len() as u64);
        if flush {
            self.flush()?;
        }
        Ok(buffer)
    }

    /// Copies arrays (whole words; of half a word at the end, what follows it too) to the given bytes of a new one of so many bytes; what lies between them is arbitrary. Copies are
    /// commands, no kernels.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`], or an earlier failure of the device.
    pub(crate) fn pack(&self, parts: &[(GpuBuffer, usize)], bytes: usize) -> Result<GpuBuffer> {
        let output = self.output("pack", bytes)?;
        let mut batch = lock(&self.inner.batch);
        let to = output.raw();
        for (part, place) in parts.iter().filter(|(part, _)| part.bytes() > 0) {
            part.touch(batch.serial());
            output.touch(batch.serial());
            let from = (part.raw(), part.offset());
            let (to, bytes) = (
                (to, *place as u64),
                (part.bytes() as u64).next_multiple_of(4),
            );
            batch.copy(&self.inner.device, from, to, bytes);
        }
        drop(batch);
        Ok(output)
    }

    /// Waits until all that was launched is done.
    ///
    /// # Errors
    /// Any failure of the device up to now.
    pub fn wait(&self) -> Result<()> {
        self.flush()?;
        let submission_index = lock(&self.inner.batch).last_submission();
        self.poll(wgpu::PollType::Wait {
            submission_index,
            timeout: None,
        })
    }

    /// The first `bytes` bytes of an array; waits for the device.
    ///
    /// # Errors
    /// Any failure of the device up to now.
    pub fn read(&self, buffer: &GpuBuffer, bytes: usize) -> Result<Vec<u8>> {
        if bytes == 0 {
            return self.flush().map(|()| Vec::new());
        }
        let transfer = self.begin_read(buffer, bytes)?;
        self.poll(wgpu::PollType::Wait {
            submission_index: transfer.submission.clone(),
            timeout: None,
        })?;
        let mapped = transfer.mapped.wait();
        self.finish_read(transfer, bytes, mapped)
    }

    /// The first `bytes` bytes of an array, without blocking. On native systems the future
    /// polls the device whenever it is polled itself, and asks to be polled again.
    ///
    /// # Errors
    /// Any failure of the device up to now.
    pub async fn read_async(&self, buffer: &GpuBuffer, bytes: usize) -> Result<Vec<u8>> {
        if bytes == 0 {
            return self.flush().map(|()| Vec::new());
        }
        let transfer = self.begin_read(buffer, bytes)?;
        let mapped = WaitForMap {
            gpu: self,
            mapped: &transfer.mapped,
        }
        .await;
        self.finish_read(transfer, bytes, mapped)
    }

    /// Records the copy to a mappable buffer, behind it the count of batches that ended, submits both and asks for the mapping.
    fn begin_read(&self, buffer: &GpuBuffer, bytes: usize) -> Result<Transfer> {
        let inner = &*self.inner;
        self.check()?;
        let size = (bytes as u64).next_multiple_of(4);
        let staging = self.staging(size + Ended::BYTES)?;
        let mut batch = lock(&inner.batch);
        buffer.touch(batch.serial());
        let from = (buffer.raw(), buffer.offset());
        batch.copy(&inner.device, from, (&staging, 0), size);
        // with this batch
        let ended = batch.ended().expected().wrapping_add(1);
        self.submit(batch, Some((&staging, size)))?;
        let submission = lock(&inner.batch).last_submission();
        let mapped = Arc::new(Mapped::default());
        let done = Arc::clone(&mapped);
        staging.map_async(wgpu::MapMode::Read, ..size + Ended::BYTES, move |result| {
            let mut state = lock(&done.state);
            state.result = Some(result);
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
            done.ended.notify_all();
        });
        Ok(Transfer {
            staging,
            mapped,
            submission,
            ended,
        })
    }

    fn finish_read(
        &self,
        transfer: Transfer,
        bytes: usize,
        mapped: Option<Result<(), wgpu::BufferAsyncError>>,
    ) -> Result<Vec<u8>> {
        let inner = &*self.inner;
        self.check()?;
        let (staging, size) = (transfer.staging, (bytes as u64).next_multiple_of(4));
        let refused = |why: String| self.cause(inner.faults.refused(format!("read: {why}")));
        match mapped {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(refused(error.to_string())),
            None => return Err(refused("the copy did not end".to_owned())),
        }
        let view = staging
            .get_mapped_range(..size + Ended::BYTES)
            .map_err(|error| refused(error.to_string()))?;
        if view[size as usize..] != transfer.ended.to_ne_bytes() {
            let why = "it did not carry out all that it was given, for want of memory or of time";
            return Err(inner.faults.lost(why.to_owned()));
        }
        let out = view[..bytes].to_vec();
        drop(view);
        staging.unmap();
        let mut kept = lock(&inner.staging);
        if kept.len() < STAGING_KEPT && staging.size() <= STAGING_LARGEST {
            kept.push(staging);
        }
        Ok(out)
    }

    /// A mappable buffer of at least `size` bytes.
    fn staging(&self, size: u64) -> Result<wgpu::Buffer> {
        let mut kept = lock(&self.inner.staging);
        if let Some(at) = kept.iter().position(|buffer| buffer.size() >= size) {
            return Ok(kept.swap_remove(at));
        }
        drop(kept);
        // a power of two fits more readbacks, where it will be kept for them
        let rounded = match size <= STAGING_LARGEST {
            true => size.next_power_of_two(),
            false => size,
        };
        let buffer = wgpu::BufferDescriptor {
            label: Some("readback"),
            size: rounded,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        self.create("read", size, &buffer)
    }
}

/// A copy under way to a buffer that is being mapped.
struct Transfer {
    staging: wgpu::Buffer,
    mapped: Arc<Mapped>,
    submission: Option<wgpu::SubmissionIndex>,
    /// How many batches ended, if all did.
    ended: u32,
}

#[derive(Default)]
struct Mapped {
    state: Mutex<MapState>,
    ended: Condvar,
}

impl Mapped {
    /// The result, once the device has been waited for. A thread that polls calls back for all threads, and may be about to do so for this one.
    fn wait(&self) -> Option<Result<(), wgpu::BufferAsyncError>> {
        const LONGEST: Duration = Duration::from_secs(10);
        let state = lock(&self.state);
        let ended = self
            .ended
            .wait_timeout_while(state, LONGEST, |state| state.result.is_none());
        let (mut state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        state.result.take()
    }
}

#[derive(Default)]
struct MapState {
    result: Option<Result<(), wgpu::BufferAsyncError>>,
    waker: Option<std::task::Waker>,
}

struct WaitForMap<'a> {
    gpu: &'a Gpu,
    mapped: &'a Mapped,
}

impl Future for WaitForMap<'_> {
    type Output = Option<Result<(), wgpu::BufferAsyncError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.gpu.poll(wgpu::PollType::Poll).is_err() {
            return Poll::Ready(None);
        }
        let mut state = lock(&self.mapped.state);
        if let Some(result) = state.result.take() {
            return Poll::Ready(Some(result));
        }
        state.waker = Some(context.waker().clone());
        // in a browser the callback wakes us; elsewhere nobody polls the device but we
        #[cfg(not(target_family = "wasm"))]
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
