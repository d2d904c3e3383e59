//! A long run, watched: neither the process nor its device may hold more at the end than when it had settled.
//!
//! `CLEL_SOAK=20000` in the environment makes it so many iterations (on a GPU a twentieth of them); with `-- --nocapture` it tells what was held.
#![cfg(target_os = "linux")]

use std::path::Path;

use clel::report::{Face, Lines, Memory, Stretch};
use clel::train::{Ended, run};
use clel_tensor::Device;
use clel_tests::{devices, tiny};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ITERATIONS: u64 = 2000;
/// Samples are judged, drawn and saved so often in a run: several times before it counts as settled.
const LOOKS: u64 = 40;
/// KiB that the process may gain in the second half of the run: heaps are split differently now and then. In a run of 20 000 iterations that is a
/// fifth of a kilobyte an iteration.
const ROOM: u64 = 2048;

/// What is held after an iteration.
#[derive(Debug, Clone, Copy)]
struct Held {
    step: u64,
    /// KiB of the process that are in memory.
    resident: u64,
    /// The most so far.
    peak: u64,
    device: Memory,
}

/// The kernel's count, in KiB, of this process.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    number
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| panic!("{field} in {text}"))
}

/// Plain lines, and what is held.
#[derive(Default)]
struct Watched {
    lines: Lines,
    /// The most in each so many iterations: of all iterations it would grow itself.
    held: Vec<Held>,
    every: u64,
}

impl Face for Watched {
    fn begin(&mut self, stretch: &Stretch<'_>) {
        self.lines.begin(stretch);
    }

    fn iteration(&mut self, step: u64, memory: Memory) {
        self.lines.iteration(step, memory);
        let now = Held {
            step,
            resident: status("VmRSS"),
            peak: status("VmHWM"),
            device: memory,
        };
        match self.held.last_mut() {
            Some(most) if !(step - 1).is_multiple_of(self.every) => {
                most.resident = most.resident.max(now.resident);
                most.peak = most.peak.max(now.peak);
                most.device.live = most.device.live.max(now.device.live);
                most.device.peak = most.device.peak.max(now.device.peak);
            }
            _ => self.held.push(now),
        }
    }

    fn figures(&mut self, step: u64, figures: &[(&str, f64)]) {
        self.lines.figures(step, figures);
    }

    fn samples(&mut self, step: u64, shape: [usize; 4], values: &[f32]) {
        self.lines.samples(step, shape, values);
    }

    fn event(&mut self, step: u64, text: &str) {
        self.lines.event(step, text);
    }

    fn doing(&mut self, what: &str) {
        self.lines.doing(what);
    }
}

/// Trains for so many iterations.
fn watched(dir: &Path, device: &Device, iterations: u64) -> Outcome<Vec<Held>> {
    let often = iterations / LOOKS;
    let settings = [
        &format!("train.iterations={iterations}"),
        &format!("log.checkpoint_every={often}"),
        &format!("log.grid_every={often}"),
    ];
    let job = tiny::job(dir, device, &settings.map(String::as_str))?;
    let mut face = Watched {
        every: often,
        ..Watched::default()
    };
    match run(job, &mut face)? {
        Ended::Finished(_) => Ok(face.held),
        Ended::Stopped(step) => panic!("stopped by nobody after {step}"),
    }
}

#[test]
fn memory_is_flat() -> Outcome {
    let dir = tempfile::tempdir()?;
    let all = std::env::var("CLEL_SOAK").map_or(ITERATIONS, |n| n.parse().unwrap());
    for device in devices() {
        let on_gpu = matches!(device, Device::Wgpu(_));
        let iterations = if on_gpu { all / 20 } else { all };
        assert!(iterations >= LOOKS, "CLEL_SOAK is too small: {all}");
        let held = watched(&dir.path().join(device.to_string()), device, iterations)?;
        println!("{device}\niteration  resident KiB  at most  arrays, bytes    at most");
        let some = held.iter().step_by(held.len().div_ceil(20));
        for Held {
            step,
            resident,
            peak,
            device,
        } in some
        {
            let (live, most) = (device.live, device.peak);
            println!("{step:>9} {resident:>13} {peak:>8} {live:>14} {most:>10}");
        }
        let halves = held.split_at(held.len() / 2);
        let most = |of: fn(&Held) -> u64| {
            let most = |part: &[Held]| part.iter().map(of).max().unwrap_or(0);
            (most(halves.0), most(halves.1))
        };
        let (before, after) = most(|h| h.resident);
        assert!(
            after <= before + ROOM,
            "{device}: the process grew from {before} to {after} KiB"
        );
        let (before, after) = most(|h| h.peak);
        assert!(
            after <= before + ROOM,
            "{device}: its peak grew from {before} to {after} KiB"
        );
        // what threads hold at the same time is not the same each time
        let (before, after) = most(|h| h.device.live);
        assert!(
            0 < after && after <= before + before / 100,
            "{device}: arrays grew from {before} to {after} bytes"
        );
        let (before, after) = most(|h| h.device.peak);
        assert!(
            after <= before + before / 100,
            "{device}: the most that arrays took grew from {before} to {after} bytes"
        );
    }
    Ok(())
}
