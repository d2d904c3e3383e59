//! The threads that compute.

/// Bytes of a computing thread's stack: as many as a program's first thread has on Linux.
const STACK: usize = 8 << 20;

/// Runs `f` on one of the threads that compute on the CPU. On any other thread every operation is handed over to them and waited for, which
/// takes longer than a small operation itself: a Langevin step of the network for 8×8 digits takes a quarter to a half less time in here.
///
/// For a program's one thread of computation. Two that compute with the same arrays, one of them in here, may wait for each other for ever.
pub fn on_workers<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    // WebAssembly has no threads, and to be refused them here would keep the library from doing without
    if !cfg!(target_family = "wasm") {
        // refused where the threads run already, with a stack that somebody else chose
        let _ = rayon::ThreadPoolBuilder::new()
            .stack_size(STACK)
            .build_global();
    }
    rayon::scope(|_| f())
}
