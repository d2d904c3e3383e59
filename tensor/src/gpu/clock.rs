//! Times of single launches, by the device's own clock.

use std::thread::{self, ThreadId};

use super::Gpu;
use super::faults::lock;
use crate::{Error, Result};

/// The most launches that are timed at once: a query set holds two times of each.
const MOST: u32 = wgpu::QUERY_SET_MAX_QUERIES / 2;
/// Bytes of a time.
const TIME: u64 = 8;

/// Notes when the launches of a thread begin and end.
#[derive(Debug)]
pub(super) struct Clock {
    thread: ThreadId,
    queries: wgpu::QuerySet,
    /// Keys of the kernels launched.
    keys: Vec<String>,
}

impl Clock {
    /// A pass for the launch of this kernel alone, if it is one of the thread's and there is still room for its times.
    pub(super) fn pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        key: &str,
    ) -> Option<wgpu::ComputePass<'static>> {
        if thread::current().id() != self.thread {
            return None;
        }
        let first = 2 * self.keys.len() as u32;
        self.keys.push(key.to_owned());
        (first < 2 * MOST).then(|| {
            let writes = wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            };
            encoder
                .begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: None,
                    timestamp_writes: Some(writes),
                })
                .forget_lifetime()
        })
    }
}

impl Gpu {
    /// Runs `f` and waits for what it launches: its result, and the kernels in the order of their launches, each with its seconds.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the driver does not tell times, and for more than 2048 launches; those of `f`, and of the device.
    pub(crate) fn timed<R>(
        &self,
        op: &'static str,
        f: impl FnOnce() -> Result<R>,
    ) -> Result<(R, Vec<(String, f64)>)> {
        /// No launch is timed any more, even after a panic.
        struct Stop<'a>(&'a Gpu);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                lock(&self.0.inner.batch).clock = None;
            }
        }
        let refused = |why: String| Error::Unsupported {
            op,
            device: self.inner.summary.name.clone(),
            why,
        };
        if !self.inner.has_clock {
            let why = "its driver does not tell when a launch begins and ends";
            return Err(refused(why.to_owned()));
        }
        let _one_at_a_time = lock(&self.inner.timing);
        self.flush()?;
        let queries = self
            .inner
            .device
            .create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("times"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * MOST,
            });
        lock(&self.inner.batch).clock = Some(Clock {
            thread: thread::current().id(),
            queries,
            keys: Vec::new(),
        });
        let stop = Stop(self);
        let result = f()?;
        self.flush()?;
        let clock = lock(&self.inner.batch).clock.take();
        drop(stop);
        let Some(Clock { queries, keys, .. }) = clock else {
            return Ok((result, Vec::new()));
        };
        if keys.len() > MOST as usize {
            return Err(refused(format!(
                "{} launches; at most {MOST} are timed at once",
                keys.len()
            )));
        }
        let seconds = self.read_times(&queries, keys.len())?;
        Ok((result, keys.into_iter().zip(seconds).collect()))
    }

    /// Seconds between the two times of each launch.
    fn read_times(&self, queries: &wgpu::QuerySet, launches: usize) -> Result<Vec<f64>> {
        if launches == 0 {
            return Ok(Vec::new());
        }
        let inner = &*self.inner;
        let bytes = 2 * launches as u64 * TIME;
        let times = |usage| wgpu::BufferDescriptor {
            label: Some("times"),
            size: bytes,
            usage,
            mapped_at_creation: false,
        };
        use wgpu::BufferUsages as Usage;
        let resolved = self.create(
            "times",
            bytes,
            &times(Usage::QUERY_RESOLVE | Usage::COPY_SRC),
        )?;
        let buffer = self.output("times", bytes as usize)?;
        let mut batch = lock(&inner.batch);
        buffer.touch(batch.serial());
        batch.resolve(&inner.device, queries, 0..2 * launches as u32, &resolved);
        batch.copy(&inner.device, (&resolved, 0), (buffer.raw(), 0), bytes);
        drop(batch);
        let period = f64::from(inner.queue.get_timestamp_period()) * 1e-9;
        let read = self.read(&buffer, bytes as usize)?;
        let ticks: Vec<u64> = read
            .chunks_exact(TIME as usize)
            .map(|time| u64::from_ne_bytes(std::array::from_fn(|i| time[i])))
            .collect();
        let seconds = ticks
            .chunks_exact(2)
            .map(|two| two[1].saturating_sub(two[0]) as f64 * period);
        Ok(seconds.collect())
    }
}
