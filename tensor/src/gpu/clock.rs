//! Times of single launches, by the device's own clock.

use std::thread::{self, ThreadId};

use wgpu::BufferUsages;

use super::Gpu;
use super::faults::lock;
use crate::{Error, Result};

/// The most launches that are timed at once.
const MOST: u32 = 512;
/// Bytes of a time.
const TIME: u64 = 8;

/// Notes when the launches of a thread begin and end.
#[derive(Debug)]
pub(super) struct Clock {
    thread: ThreadId,
    /// Room for two times of each launch.
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

/// No launch is timed any more once this is gone, be it by a panic.
struct Stop<'a>(&'a Gpu);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        lock(&self.0.inner.batch).clock = None;
    }
}

impl Gpu {
    /// Whether the driver tells when a launch begins and ends, as [`profile`](crate::profile()) wants to know.
    pub fn has_clock(&self) -> bool {
        self.inner.tick.is_some()
    }

    /// Runs `f`, an `op`, and waits for what it launches: its result, and the kernels in the order of their launches, each with its seconds.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a [clock](Gpu::has_clock), and for more than 512 launches; those of `f`, and of the device.
    pub(crate) fn timed<R>(
        &self,
        op: &'static str,
        f: impl FnOnce() -> Result<R>,
    ) -> Result<(R, Vec<(String, f64)>)> {
        let inner = &*self.inner;
        let refused = |why: String| Error::Unsupported {
            op,
            device: inner.summary.name.clone(),
            why,
        };
        let Some(tick) = inner.tick else {
            let why = "its driver does not tell when a launch begins and ends";
            return Err(refused(why.to_owned()));
        };
        // one thread at a time
        let mut kept = lock(&inner.queries);
        self.flush()?;
        let queries = match kept.take() {
            Some(queries) => queries,
            None => self.new_queries(op)?,
        };
        lock(&inner.batch).clock = Some(Clock {
            thread: thread::current().id(),
            queries: queries.clone(),
            keys: Vec::new(),
        });
        let stop = Stop(self);
        let result = f()?;
        self.flush()?;
        let clock = lock(&inner.batch).clock.take();
        drop(stop);
        let keys = clock.map_or(Vec::new(), |clock| clock.keys);
        if keys.len() > MOST as usize {
            let launches = keys.len();
            return Err(refused(format!(
                "{launches} launches; at most {MOST} are timed at once"
            )));
        }
        let ticks = self.read_ticks(op, &queries, keys.len())?;
        *kept = Some(queries);
        let seconds = ticks.into_iter().map(|ticks| ticks as f64 * tick);
        Ok((result, keys.into_iter().zip(seconds).collect()))
    }

    /// Room for times.
    fn new_queries(&self, op: &'static str) -> Result<wgpu::QuerySet> {
        let device = &self.inner.device;
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("times"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * MOST,
        });
        match pollster::block_on(memory.pop()) {
            Some(error) => {
                Err(self.out_of_memory(op, 2 * u64::from(MOST) * TIME, error.to_string()))
            }
            None => Ok(queries),
        }
    }

    /// Ticks between the two times of each launch.
    fn read_ticks(
        &self,
        op: &'static str,
        queries: &wgpu::QuerySet,
        launches: usize,
    ) -> Result<Vec<u64>> {
        if launches == 0 {
            return Ok(Vec::new());
        }
        let inner = &*self.inner;
        let bytes = 2 * launches as u64 * TIME;
        let resolved = wgpu::BufferDescriptor {
            label: Some("times"),
            size: bytes,
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        };
        let resolved = self.create(op, bytes, &resolved)?;
        // an array, which can be read
        let times = self.output(op, bytes as usize)?;
        let mut batch = lock(&inner.batch);
        times.touch(batch.serial());
        batch.resolve(&inner.device, queries, 0..2 * launches as u32, &resolved);
        batch.copy(&inner.device, (&resolved, 0), (times.raw(), 0), bytes);
        drop(batch);
        let read = self.read(&times, bytes as usize)?;
        let (times, _) = read.as_chunks::<{ TIME as usize }>();
        let times: Vec<u64> = times.iter().map(|time| u64::from_ne_bytes(*time)).collect();
        let pairs = times.chunks_exact(2);
        Ok(pairs.map(|two| two[1].saturating_sub(two[0])).collect())
    }
}
