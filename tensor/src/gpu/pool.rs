//! Device memory: one wgpu buffer for each array, recycled by size.
//!
//! A buffer goes back to the free list the moment its last handle is dropped. Commands run in
//! the order in which they were recorded, so a later command of the same batch may reuse it.
//! Writes from the host are the exception, see [`super::batch`].

use std::collections::BTreeMap;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use super::faults::lock;
use super::kept::Kept;

/// Smallest buffer: room for the vec4 bindings of a scalar.
const SMALLEST: u64 = 256;
/// The free lists keep what brings the memory to so many times the most that was in use since it was last trimmed: of each size there must be as
/// many as are in use at once, though not those of all sizes at the same time. With once, a Langevin step of `resnet` made 75 buffers anew.
const KEEP_TIMES: u64 = 2;
/// They keep so many bytes in any case.
const KEEP_AT_LEAST: u64 = 256 << 20;

/// Memory held on one device, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryReport {
    /// In use by arrays.
    pub live: u64,
    /// Waiting to be used again.
    pub pooled: u64,
    /// Highest `live` so far.
    pub peak: u64,
}

/// An array's memory on a device, or a part of it. Returns to the pool when the last part is dropped.
#[derive(Debug)]
pub struct GpuBuffer {
    memory: Arc<Memory>,
    /// Where it begins in the memory.
    offset: u64,
    bytes: u64,
    /// What is kept of it, through this handle and its parts.
    kept: Option<Arc<Kept>>,
}

impl GpuBuffer {
    /// Size asked for, in bytes; the memory may be larger.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Another handle to so many of its bytes. A kernel can only be given one that begins at a multiple of [`ALIGNMENT`](crate::layout::ALIGNMENT).
    pub(crate) fn part(&self, offset: usize, bytes: usize) -> GpuBuffer {
        debug_assert!(self.offset + (offset + bytes) as u64 <= self.raw().size());
        GpuBuffer {
            memory: Arc::clone(&self.memory),
            offset: self.offset + offset as u64,
            bytes: bytes as u64,
            kept: self.kept.clone(),
        }
    }

    /// Another handle to all of it.
    pub(super) fn handle(&self) -> GpuBuffer {
        self.part(0, self.bytes())
    }

    /// Another handle, to be used while the array stays as it is: what launches make of a weight before they multiply it is kept as long as
    /// this handle or a part of it.
    pub(crate) fn keeping(&self) -> GpuBuffer {
        GpuBuffer {
            kept: Some(Arc::default()),
            ..self.handle()
        }
    }

    pub(super) fn kept(&self) -> Option<&Kept> {
        self.kept.as_deref()
    }

    /// The wgpu buffer.
    pub(super) fn raw(&self) -> &wgpu::Buffer {
        // `raw` is taken only by `drop`.
        match &self.memory.raw {
            Some(raw) => raw,
            None => unreachable!("a dropped buffer is not borrowed"),
        }
    }

    /// Where it begins in the wgpu buffer, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The part that shaders see: whole vec4s, at least one.
    pub(super) fn binding(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: self.raw(),
            offset: self.offset,
            size: wgpu::BufferSize::new(self.visible()),
        }
    }

    /// Bytes that shaders see.
    pub(super) fn visible(&self) -> u64 {
        self.bytes.next_multiple_of(16).max(16)
    }

    /// Notes that a command of batch `serial` uses this memory.
    pub(super) fn touch(&self, serial: u64) {
        self.memory.touched.fetch_max(serial, Ordering::Relaxed);
    }
}

/// What the parts of an array share.
#[derive(Debug)]
struct Memory {
    raw: Option<wgpu::Buffer>,
    /// Number of the last batch with a command that uses it.
    touched: AtomicU64,
    pool: Arc<Pool>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(raw) = self.raw.take() {
            let touched = self.touched.load(Ordering::Relaxed);
            self.pool.put(Free { raw, touched });
        }
    }
}

/// A buffer without an owner.
#[derive(Debug)]
struct Free {
    raw: wgpu::Buffer,
    touched: u64,
}

#[derive(Debug, Default)]
struct Lists {
    free: BTreeMap<u64, Vec<Free>>,
    report: MemoryReport,
    /// Highest `live` since the last trim.
    recent_peak: u64,
}

impl Lists {
    fn lives(&mut self, bytes: u64) {
        self.report.live += bytes;
        self.report.peak = self.report.peak.max(self.report.live);
        self.recent_peak = self.recent_peak.max(self.report.live);
    }

    /// Takes out the buffer that has been free for longest.
    fn oldest(&mut self) -> Option<Free> {
        // each list is in the order in which its buffers came free, much that of their last use
        let (size, list) = self
            .free
            .iter_mut()
            .filter(|(_, list)| !list.is_empty())
            .min_by_key(|(_, list)| list[0].touched)?;
        self.report.pooled -= size;
        Some(list.remove(0))
    }
}

/// The free lists of one device.
#[derive(Debug)]
pub(super) struct Pool {
    lists: Mutex<Lists>,
    /// Buffers given back to the driver for want of room so far.
    released: AtomicU64,
    max_buffer: u64,
}

/// What the pool found.
pub(super) enum Taken {
    /// A used buffer, full of old data.
    Recycled(GpuBuffer),
    /// Nothing fits: a buffer of this many bytes must be made.
    Missing(u64),
}

impl Pool {
    pub(super) fn new(max_buffer: u64) -> Arc<Self> {
        Arc::new(Pool {
            lists: Mutex::default(),
            released: AtomicU64::new(0),
            max_buffer,
        })
    }

    /// Takes a free buffer for `bytes` whose last use was before batch `before`.
    pub(super) fn take(self: &Arc<Self>, bytes: u64, before: u64) -> Taken {
        let class = self.class(bytes);
        let mut lists = lock(&self.lists);
        let Some(free) = lists.free.get_mut(&class).and_then(|list| {
            let at = list.iter().rposition(|f| f.touched < before)?;
            Some(list.remove(at))
        }) else {
            return Taken::Missing(class);
        };
        lists.report.pooled -= class;
        lists.lives(class);
        drop(lists);
        Taken::Recycled(self.own(free, bytes))
    }

    /// Puts a buffer just made under the care of the pool.
    pub(super) fn adopt(self: &Arc<Self>, raw: wgpu::Buffer, bytes: u64) -> GpuBuffer {
        let mut lists = lock(&self.lists);
        lists.lives(raw.size());
        drop(lists);
        self.own(Free { raw, touched: 0 }, bytes)
    }

    fn own(self: &Arc<Self>, free: Free, bytes: u64) -> GpuBuffer {
        let memory = Memory {
            raw: Some(free.raw),
            touched: AtomicU64::new(free.touched),
            pool: Arc::clone(self),
        };
        GpuBuffer {
            memory: Arc::new(memory),
            offset: 0,
            bytes,
            kept: None,
        }
    }

    fn put(&self, free: Free) {
        let size = free.raw.size();
        let mut lists = lock(&self.lists);
        lists.report.live -= size;
        lists.report.pooled += size;
        lists.free.entry(size).or_default().push(free);
        let room = KEEP_AT_LEAST.max(KEEP_TIMES * lists.recent_peak - lists.report.live);
        while lists.report.pooled > room && lists.oldest().is_some() {
            self.released.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Frees what nobody uses.
    pub(super) fn trim(&self) {
        let mut lists = lock(&self.lists);
        lists.report.pooled = 0;
        lists.recent_peak = lists.report.live;
        lists.free.clear();
    }

    /// Buffers given back to the driver for want of room so far.
    pub(super) fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self) -> MemoryReport {
        lock(&self.lists).report
    }

    /// Size to allocate for `bytes`: powers of two and the sizes halfway between them.
    fn class(&self, bytes: u64) -> u64 {
        let above = bytes.max(SMALLEST).next_power_of_two();
        let half_way = above / 4 * 3;
        let class = if bytes <= half_way && half_way >= SMALLEST {
            half_way
        } else {
            above
        };
        if class > self.max_buffer {
            bytes.next_multiple_of(16)
        } else {
            class
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_an_octave() {
        let pool = Pool::new(1 << 20);
        let classes: Vec<u64> = [0, 1, 256, 257, 384, 385, 512, 513, 768, 769, 1 << 20]
            .into_iter()
            .map(|bytes| pool.class(bytes))
            .collect();
        assert_eq!(
            classes,
            [256, 256, 256, 384, 384, 512, 512, 768, 768, 1024, 1 << 20]
        );
        // above the largest buffer the size is exact, and the driver refuses it by name
        assert_eq!(pool.class((1 << 20) + 4), (1 << 20) + 16);
    }
}
