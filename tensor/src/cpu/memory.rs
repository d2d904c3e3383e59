//! Recycled memory: vectors whose blocks return to a process-wide free list when dropped.
//!
//! Fresh memory costs a page fault for every 4 KiB, which at the rates of this crate is most of
//! the price of a pointwise operation; recycled memory costs nothing. Blocks come in eight size
//! classes per octave, so at most an eighth of a fresh one is unused. A block is zeroed when the
//! allocator hands it out and never again: what is in it is arbitrary but initialised.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Element, Error, Result};

/// Alignment of every block: one cache line, and the widest vector register.
const ALIGN: usize = 64;
/// Bytes kept in the free lists at most; what is dropped beyond goes back to the allocator.
const MAX_POOLED: usize = 1 << 30;
/// log2 of the smallest class.
const MIN_OCTAVE: usize = 8;
/// Classes of an octave.
const STEPS: usize = 8;
/// All that a `usize` can name.
const CLASSES: usize = STEPS * (usize::BITS as usize - MIN_OCTAVE);
/// A free block of this many classes above serves too, if there is none of the class itself.
const LARGER: usize = STEPS / 2;

/// What the arrays on the CPU occupy, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuMemory {
    /// In arrays that are alive.
    pub live: usize,
    /// In the free lists.
    pub pooled: usize,
    /// The largest `live` so far.
    pub peak: usize,
}

/// A block in a free list, owned by the list.
struct Block(NonNull<u8>);
// SAFETY: a block is plain memory that nothing else points to while it is in the list.
unsafe impl Send for Block {}

struct Pool {
    free: [Vec<Block>; CLASSES],
    memory: CpuMemory,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    free: [const { Vec::new() }; CLASSES],
    memory: CpuMemory {
        live: 0,
        pooled: 0,
        peak: 0,
    },
});

fn pool() -> MutexGuard<'static, Pool> {
    // The lists are consistent between any two statements, so a panic elsewhere is harmless.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that arrays on the CPU and the free lists occupy now.
pub fn cpu_memory() -> CpuMemory {
    pool().memory
}

/// Gives the memory of all free lists back to the operating system.
pub fn trim_cpu_memory() {
    let mut pool = pool();
    for class in 0..CLASSES {
        for block in std::mem::take(&mut pool.free[class]) {
            // SAFETY: every block of this list was allocated with the layout of its class.
            unsafe { dealloc(block.0.as_ptr(), layout(class)) };
        }
    }
    pool.memory.pooled = 0;
}

/// The smallest class that holds `bytes`: class 8i + j holds 2^(8+i) · (1 + j/8).
fn class_of(bytes: usize) -> usize {
    if bytes <= 1 << MIN_OCTAVE {
        return 0;
    }
    let octave = (bytes - 1).ilog2() as usize;
    let steps = (bytes - (1 << octave)).div_ceil((1 << octave) / STEPS);
    STEPS * (octave - MIN_OCTAVE) + steps
}

const fn class_bytes(class: usize) -> usize {
    let octave = MIN_OCTAVE + class / STEPS;
    (STEPS + class % STEPS) << (octave - STEPS.ilog2() as usize)
}

fn layout(class: usize) -> Layout {
    // SAFETY: ALIGN is a power of two, and no class that was allocated exceeds isize::MAX.
    unsafe { Layout::from_size_align_unchecked(class_bytes(class), ALIGN) }
}

fn take_block(op: &'static str, bytes: usize) -> Result<(NonNull<u8>, usize)> {
    let no_memory = |why: &str| Error::OutOfMemory {
        op,
        device: "cpu".into(),
        bytes: bytes as u64,
        why: why.into(),
    };
    if bytes > isize::MAX as usize / 2 {
        return Err(no_memory("more than the address space"));
    }
    let exact = class_of(bytes);
    let mut pool = pool();
    let recycled =
        (exact..=exact + LARGER).find_map(|class| Some((pool.free[class].pop()?, class)));
    let class = recycled.as_ref().map_or(exact, |(_, class)| *class);
    let size = class_bytes(class);
    if recycled.is_some() {
        pool.memory.pooled -= size;
    }
    pool.memory.live += size;
    if let Some((block, _)) = recycled {
        pool.memory.peak = pool.memory.peak.max(pool.memory.live);
        return Ok((block.0, class));
    }
    drop(pool);
    let fresh = || {
        // SAFETY: the size of a class is not zero and was checked against isize::MAX above.
        NonNull::new(unsafe { alloc_zeroed(layout(class)) })
    };
    let block = fresh().or_else(|| {
        trim_cpu_memory();
        fresh()
    });
    match block {
        Some(block) => {
            let memory = &mut self::pool().memory;
            memory.peak = memory.peak.max(memory.live);
            Ok((block, class))
        }
        None => {
            self::pool().memory.live -= size;
            Err(no_memory("the allocator refused"))
        }
    }
}

fn return_block(block: NonNull<u8>, class: usize) {
    let size = class_bytes(class);
    if cfg!(debug_assertions) {
        // All ones is NaN, and an index out of any range: a kernel that fails to write an
        // element of its output shows.
        // SAFETY: the block is `size` bytes of which the caller gave up ownership.
        unsafe { block.as_ptr().write_bytes(0xff, size) };
    }
    let mut pool = pool();
    pool.memory.live -= size;
    if pool.memory.pooled + size <= MAX_POOLED {
        pool.memory.pooled += size;
        pool.free[class].push(Block(block));
        return;
    }
    drop(pool);
    // SAFETY: the block was allocated by `take_block` with the layout of its class.
    unsafe { dealloc(block.as_ptr(), layout(class)) };
}

/// A fixed-length vector in recycled memory.
pub struct PoolVec<T: Element> {
    start: NonNull<T>,
    len: usize,
    /// Class of the block; none for an empty vector.
    class: Option<usize>,
    owned: PhantomData<T>,
}

// SAFETY: a `PoolVec` owns its block as a `Vec` does; elements are plain data.
unsafe impl<T: Element> Send for PoolVec<T> {}
// SAFETY: as above; shared access only reads.
unsafe impl<T: Element> Sync for PoolVec<T> {}

impl<T: Element> PoolVec<T> {
    /// A vector with arbitrary contents.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn uninit(op: &'static str, len: usize) -> Result<Self> {
        let (start, class) = if len == 0 {
            (NonNull::dangling(), None)
        } else {
            let bytes = len.saturating_mul(size_of::<T>());
            let (block, class) = take_block(op, bytes)?;
            (block.cast(), Some(class))
        };
        Ok(PoolVec {
            start,
            len,
            class,
            owned: PhantomData,
        })
    }

    /// A vector full of `value`.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn filled(op: &'static str, len: usize, value: T) -> Result<Self> {
        let mut v = Self::uninit(op, len)?;
        v.fill(value);
        Ok(v)
    }

    /// A copy of `values`.
    ///
    /// # Errors
    /// `OutOfMemory`, in the name of `op`.
    pub fn copy_of(op: &'static str, values: &[T]) -> Result<Self> {
        let mut v = Self::uninit(op, values.len())?;
        v.copy_from_slice(values);
        Ok(v)
    }
}

impl<T: Element> Drop for PoolVec<T> {
    fn drop(&mut self) {
        if let Some(class) = self.class {
            return_block(self.start.cast(), class);
        }
    }
}

impl<T: Element> Deref for PoolVec<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `start` is dangling with `len` 0, or points to an owned, aligned block of at
        // least `len` elements, initialised when allocated; any bytes are a valid `T: Pod`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Element> DerefMut for PoolVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Element> std::fmt::Debug for PoolVec<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_promise() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 3 << 19, (3 << 19) + 1]) {
            let class = class_of(bytes);
            assert!(class_bytes(class) >= bytes, "{bytes}");
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}");
        }
    }

    #[test]
    fn memory_is_recycled_and_aligned() {
        // a size that no other test uses, since the pool is shared by all of them
        let len = 7_654_321;
        let a = PoolVec::<f32>::uninit("test", len).unwrap();
        let start = a.as_ptr();
        assert_eq!(start as usize % ALIGN, 0);
        assert!(cpu_memory().live >= len * 4 && cpu_memory().peak >= len * 4);
        drop(a);
        assert!(cpu_memory().pooled >= len * 4);
        let b = PoolVec::<f32>::uninit("test", len).unwrap();
        assert_eq!(b.as_ptr(), start);
    }

    #[test]
    fn too_much_is_an_error() {
        let tera = 1_usize.checked_shl(44).unwrap_or(usize::MAX);
        for len in [usize::MAX, isize::MAX as usize / 8, tera] {
            let e = PoolVec::<f64>::uninit("matmul", len).unwrap_err();
            assert!(
                matches!(e, Error::OutOfMemory { op: "matmul", .. }),
                "{e:?}"
            );
        }
        assert_eq!(PoolVec::<f64>::uninit("matmul", 0).unwrap().len(), 0);
    }
}
