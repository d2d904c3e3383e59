use std::time::{Duration, Instant};

use super::super::watched::Watched;
use super::*;

/// What is told some seconds after the beginning, of a run whose lines come at these seconds.
fn told(lines: &[(u64, u64)], planned: Option<u64>, at: u64) -> String {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut watched = Watched::default();
    for (step, seconds) in lines {
        watched.at(*step, after(*seconds), || planned);
    }
    watched.told(after(at))
}

#[test]
fn a_rate_is_told_of_lines_that_were_seen_to_come() {
    // the first one was there already: nobody knows since when
    let lines = [(10, 100), (20, 101), (40, 111)];
    assert_eq!(told(&lines[..1], Some(100), 101), "");
    assert_eq!(told(&lines[..2], Some(100), 102), "");
    assert_eq!(told(&lines, Some(100), 111), "2.0 it/s · 30 s left");
    assert_eq!(told(&lines, Some(100), 115), "2.0 it/s · 26 s left");
    assert_eq!(told(&lines, None, 111), "2.0 it/s");
    // something else was written: no line has come, though one is due
    let again = [(10, 100), (20, 101), (40, 111), (40, 150)];
    assert_eq!(told(&again, Some(100), 150), "");
    // all iterations are done
    assert_eq!(told(&lines, Some(40), 111), "");
}

#[test]
fn a_rate_that_may_be_wrong_is_not_told() {
    let steady = [(1, 0), (2, 2), (3, 4), (4, 6)];
    // over so little time tenths of a second count
    assert_eq!(told(&steady, None, 6), "");
    let steady = [(1, 0), (2, 2), (3, 4), (4, 6), (5, 8)];
    assert_eq!(told(&steady, None, 8), "2.0 s/it");
    // the next line is long due
    assert_eq!(told(&steady, None, 22), "2.0 s/it");
    assert_eq!(told(&steady, None, 23), "");
    // a run that went back has begun anew
    let back = [(10, 0), (20, 10), (30, 20), (15, 30), (16, 32), (17, 42)];
    assert_eq!(told(&back[..3], None, 20), "1.0 it/s");
    assert_eq!(told(&back[..5], None, 32), "");
    assert_eq!(told(&back, None, 42), "10.0 s/it");
    // as has another part
    let mut watched = Watched::default();
    let start = Instant::now();
    let mut at = |step: u64, seconds, rests| {
        let now = start + Duration::from_secs(seconds);
        if rests {
            watched.rests();
        }
        watched.at(step, now, || None);
        watched.told(now)
    };
    at(1, 0, false);
    at(2, 10, false);
    assert_eq!(at(3, 20, false), "10.0 s/it");
    assert_eq!(at(3, 900, true), "");
    assert_eq!(at(4, 910, false), "");
    assert_eq!(at(24, 920, false), "2.0 it/s");
}

#[test]
fn the_last_line_of_figures_is_found_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("run")).unwrap();
    assert_eq!(run.last_step(), None);
    let path = run.path().join("metrics.jsonl");
    let line = |step: u64| format!("{{\"step\":{step},\"gap\":0.5}}\n");
    let many: String = (1..=2000).map(line).collect();
    let last = |more: &str| {
        std::fs::write(&path, format!("{many}{more}")).unwrap();
        run.last_step()
    };
    assert_eq!(last(""), Some(2000));
    assert_eq!(last("{\"step\":2001,\"gap\":0."), Some(2000));
    assert_eq!(
        last("{\"step\":2001,\"event\":\"went back\"}\n"),
        Some(2000)
    );
    assert_eq!(last("nothing\n"), Some(2000));
    std::fs::write(&path, "no line").unwrap();
    assert_eq!(run.last_step(), None);
}
