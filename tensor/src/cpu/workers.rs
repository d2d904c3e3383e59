//! The threads that compute.

use std::sync::{Mutex, PoisonError};

/// Bytes of a computing thread's stack: as many as a program's first thread has on Linux.
const STACK: usize = 8 << 20;

/// Runs `f` on one of the threads that compute on the CPU. On any other thread every operation is handed over to them and waited for, which
/// takes longer than a small operation itself: a Langevin step of the network for 8×8 digits takes a quarter to a half less time in here. They also stay awake between those launches of `f` that are worth sharing and follow each other within a fifth of a millisecond.
///
/// One thread at a time, of those that are not rayon's themselves, which run `f` where they are: others that ask wait until `f` is done, so `f` must not wait for them. A worker that waits for others takes up whatever work there is, and would
/// run another's `f` in the middle of this one, under what [`with_matmul_precision`](crate::with_matmul_precision) and its like have set for this one. So `f` must not
/// hand work of its own to rayon's global pool under such a setting either. Two threads that compute with the same arrays, one of them in here, may wait for
/// each other for ever.
pub fn on_workers<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    static ONE: Mutex<()> = Mutex::new(());
    if rayon::current_thread_index().is_some() {
        return f();
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // WebAssembly has no threads, and to be refused them here would keep the library from doing without
    if !cfg!(target_family = "wasm") {
        // refused where the threads run already, with a stack that somebody else chose
        let _ = rayon::ThreadPoolBuilder::new()
            .stack_size(STACK)
            .build_global();
    }
    rayon::scope(|_| f())
}
