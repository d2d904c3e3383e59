//! Threads that compute stay awake between launches.
//!
//! A thread that finds no work is put to sleep after some 20 µs, and waking it takes 5 to 35 µs, as long as a small launch itself. So from the
//! beginning of a launch that is worth sharing, and from its end if that comes soon, all threads look for work for [`LINGER`] before they sleep.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long the threads stay awake.
const LINGER: Duration = Duration::from_micros(200);
/// A launch whose largest array has fewer elements wakes nobody.
const ELEMENTS: usize = 1 << 13;

/// What the threads stay awake after, by [`clock`].
static LAST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread is in the midst of a launch, or of [`look_for_work`].
    static BUSY: Cell<bool> = const { Cell::new(false) };
    /// Whether what this thread told all of them has yet to come by itself.
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

/// Nanoseconds since the clock was first read, a while before.
fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    (start.elapsed() + LINGER).as_nanos() as u64
}

fn is_past(moment: u64, now: u64) -> bool {
    now.saturating_sub(moment) >= LINGER.as_nanos() as u64
}

/// A launch that keeps the threads awake.
pub(crate) struct Awake {
    began: u64,
    was_busy: bool,
}

impl Awake {
    /// Wakes the threads for a launch whose largest array has so many elements, if it may be shared. Only launches
    /// on one of those threads do, see [`on_workers`](super::on_workers): others have them woken by rayon, and wait longer.
    pub fn keep(elements: usize) -> Option<Awake> {
        let caller = rayon::current_thread_index()?;
        if elements < ELEMENTS || rayon::current_num_threads() == 1 {
            return None;
        }
        let now = clock();
        // those that stayed awake have given up; where this thread has not waited for any since, there was nothing to share
        if is_past(LAST.swap(now, Relaxed), now) && !TOLD.replace(true) {
            rayon::spawn_broadcast(move |thread| {
                // the caller comes by while it waits for the others, and must go on when they are done
                if thread.index() == caller {
                    TOLD.set(false);
                } else {
                    look_for_work();
                }
            });
        }
        Some(Awake {
            began: now,
            was_busy: BUSY.replace(true),
        })
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        BUSY.set(self.was_busy);
        let now = clock();
        // during a long one they have given up: the next one is to wake them
        if !is_past(self.began, now) {
            LAST.store(now, Relaxed);
        }
    }
}

/// Does what work there is, until the last launch is past.
fn look_for_work() {
    // told while it waits for others in a launch of its own, or does work that it found; told in the midst of another's launch, it holds
    // that up until no launch is new
    if BUSY.replace(true) {
        return;
    }
    while !is_past(LAST.load(Relaxed), clock()) {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            // other programs may have the core
            std::thread::yield_now();
        }
    }
    BUSY.set(false);
}

// WebAssembly has no threads
#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn threads_stay_awake_for_launches_and_fall_asleep_after_the_last() {
        // threads that no other test uses
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        pool.unwrap().install(|| {
            let caller = rayon::current_thread_index();
            let others_awake = || {
                let awake = rayon::broadcast(|t| Some(t.index()) != caller && BUSY.get());
                awake.contains(&true)
            };
            assert!(Awake::keep(ELEMENTS - 1).is_none());
            for panics in [false, true, false] {
                let launch = catch_unwind(AssertUnwindSafe(|| {
                    while {
                        let _awake = Awake::keep(ELEMENTS);
                        assert!(BUSY.get());
                        !others_awake()
                    } {}
                    let _awake = Awake::keep(ELEMENTS);
                    assert!(!panics);
                }));
                assert_eq!(launch.is_err(), panics);
                assert!(!BUSY.get());
                while others_awake() {}
            }
        });
    }

    /// On more threads than there are cores, with pauses after which threads sleep: work that is shared in turn, and work within work.
    #[test]
    fn launches_end_whatever_the_others_do() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build();
        let shared = |n: u64| -> u64 {
            let _awake = Awake::keep(ELEMENTS);
            use rayon::prelude::*;
            let inner = |i: u64| (0..8u64).into_par_iter().map(|j| i * j).sum::<u64>();
            (0..n).into_par_iter().map(inner).sum()
        };
        pool.unwrap().install(|| {
            rayon::scope(|scope| {
                for first in 0..3 {
                    scope.spawn(move |_| {
                        for round in 0..300 {
                            assert_eq!(shared(16), 120 * 28);
                            if (round + first) % 7 == 0 {
                                std::thread::sleep(2 * LINGER);
                            }
                        }
                    });
                }
            });
        });
    }
}
