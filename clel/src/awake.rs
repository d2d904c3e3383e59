//! Time that a process could use: what it computes in an hour is no less for a night in which Ctrl-Z, a debugger or a closed lid stopped it.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

/// Between two looks of a thread that does nothing else.
const LOOK: Duration = Duration::from_secs(1);
/// A look that comes so late was kept from coming. A busy machine delays one too, by less.
const STOPPED: Duration = Duration::from_secs(5);

/// The time now, of the monotonic clock, less what the process was stopped for since it first asked. Two such times may be compared with one another
/// alone. A stop of a few seconds counts as time.
pub(crate) fn now() -> Instant {
    static WATCH: OnceLock<Option<Mutex<Watch>>> = OnceLock::new();
    let watch = WATCH.get_or_init(|| {
        let looking = || {
            loop {
                sleep(LOOK);
                now();
            }
        };
        // where there are no threads every time counts
        let thread = Builder::new().name("awake".to_owned()).spawn(looking);
        thread.ok().map(|_| Mutex::new(Watch::new(Instant::now())))
    });
    match watch {
        Some(watch) => {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            // with the lock, lest a stop come in between
            watch.awake(Instant::now())
        }
        None => Instant::now(),
    }
}

/// The time since `then`, which was such a time.
pub(crate) fn since(then: Instant) -> Duration {
    now().saturating_duration_since(then)
}

/// What is known of stops.
struct Watch {
    /// The last look.
    looked: Instant,
    /// The length of all stops.
    stopped: Duration,
}

impl Watch {
    fn new(now: Instant) -> Watch {
        Watch {
            looked: now,
            stopped: Duration::ZERO,
        }
    }

    /// The time without stops.
    fn awake(&mut self, now: Instant) -> Instant {
        let since = now.saturating_duration_since(self.looked);
        if since >= STOPPED {
            self.stopped += since;
        }
        self.looked = now;
        // a clock that has not run for as long yet has no such time
        now.checked_sub(self.stopped).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_do_not_count() {
        let start = Instant::now() + Duration::from_secs(10_000);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(start);
        assert_eq!(watch.awake(at(1)), at(1));
        assert_eq!(watch.awake(at(5)), at(5));
        // a night
        assert_eq!(watch.awake(at(5 + 3600)), at(5));
        assert_eq!(watch.awake(at(6 + 3600)), at(6));
        assert_eq!(watch.awake(at(16 + 3600)), at(6));
    }
}
