//! Threads that compute stay awake between launches.
//!
//! A thread that finds no work is put to sleep after some 20 µs, and waking it takes 5 to 35 µs, as long as a small launch itself. So from a
//! launch on that is worth sharing all threads look for work without sleeping, until no such launch has come for [`LINGER`].

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long the threads stay awake after a launch.
const LINGER: Duration = Duration::from_micros(200);
/// A launch whose largest array has fewer elements wakes nobody.
const ELEMENTS: usize = 1 << 13;

/// Whether the threads were told to stay awake, and none has given up since.
static AWAKE: AtomicBool = AtomicBool::new(false);
/// When the last launch ended, by [`clock`]; [`RUNNING`] while one runs.
static ENDED: AtomicU64 = AtomicU64::new(0);
const RUNNING: u64 = u64::MAX;

/// Nanoseconds since the clock was first read.
fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// A launch that keeps the threads awake while it runs, and for a while after.
pub(crate) struct Awake(());

impl Awake {
    /// Wakes the threads for a launch whose largest array has so many elements, if it may be shared. Only launches
    /// on one of those threads do, see [`on_workers`](super::on_workers): others have them woken by rayon, and wait longer.
    pub fn keep(elements: usize) -> Option<Awake> {
        let caller = rayon::current_thread_index()?;
        if elements < ELEMENTS || rayon::current_num_threads() == 1 {
            return None;
        }
        ENDED.store(RUNNING, Relaxed);
        if !AWAKE.swap(true, Relaxed) {
            rayon::spawn_broadcast(move |thread| {
                // the caller comes by while it waits for the others: it must go on when they are done
                if thread.index() != caller {
                    look_for_work();
                }
            });
        }
        Some(Awake(()))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        ENDED.store(clock(), Relaxed);
    }
}

/// Does what work there is, until no launch has come for a while.
fn look_for_work() {
    thread_local!(static LOOKING: Cell<bool> = const { Cell::new(false) });
    // told again in the midst of work that it found
    if LOOKING.replace(true) {
        return;
    }
    let lately = || match ENDED.load(Relaxed) {
        RUNNING => true,
        ended => clock().saturating_sub(ended) < LINGER.as_nanos() as u64,
    };
    while lately() {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            // other programs may have the core
            std::thread::yield_now();
        }
    }
    AWAKE.store(false, Relaxed);
    LOOKING.set(false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::on_workers;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn threads_do_other_work_meanwhile_and_fall_asleep_after_the_last_launch() {
        static DONE: AtomicUsize = AtomicUsize::new(0);
        on_workers(|| {
            assert!(Awake::keep(ELEMENTS - 1).is_none());
            for round in 1..=3 {
                let Some(awake) = Awake::keep(ELEMENTS) else {
                    assert_eq!(rayon::current_num_threads(), 1);
                    return;
                };
                rayon::spawn(|| {
                    DONE.fetch_add(1, Relaxed);
                });
                // nothing here waits for rayon: another thread does it
                while DONE.load(Relaxed) < round {
                    std::thread::yield_now();
                }
                drop(awake);
                while AWAKE.load(Relaxed) {
                    std::thread::yield_now();
                }
            }
        });
    }
}
