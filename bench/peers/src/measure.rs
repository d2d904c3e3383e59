//! Options, times, and the report as `clel bench` prints it.

use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};

/// Options of the same names and meaning as `clel bench` has.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    #[arg(long, value_delimiter = ',', default_value = "matmul,conv,step")]
    pub what: Vec<String>,
    #[arg(long, default_value = "resnet_small", value_parser = ["tiny", "resnet_small", "resnet"])]
    pub model: String,
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// burn: flex, ndarray or wgpu.
    #[arg(long, default_value = "flex")]
    pub backend: String,
    #[arg(long)]
    pub json: bool,
}

pub struct Session {
    pub options: Options,
    program: String,
    version: &'static str,
    started: Instant,
    cases: Vec<Value>,
}

impl Session {
    pub fn new(options: Options, program: String, version: &'static str) -> Session {
        Session {
            options,
            program,
            version,
            started: Instant::now(),
            cases: Vec::new(),
        }
    }

    /// Ends the program: this library has no such case.
    pub fn refuse(&self, what: &str) -> ! {
        eprintln!(
            "error: --what {what}: {} measures matmul, conv and step",
            self.program
        );
        std::process::exit(2)
    }

    /// Warm-up of a fifth of the time, then at least three runs (one, if that takes a minute).
    pub fn measure(&mut self, name: String, mut run: impl FnMut()) {
        let time = Duration::from_secs_f64(self.options.seconds);
        run();
        // of the first case, with all that is compiled and tuned before
        let first = self.started.elapsed().as_secs_f64();
        let start = Instant::now();
        while start.elapsed() < time / 5 {
            run();
        }
        let (mut all, start) = (Vec::new(), Instant::now());
        loop {
            let begin = Instant::now();
            run();
            all.push(begin.elapsed().as_secs_f64());
            let total = start.elapsed();
            if total >= time && (all.len() >= 3 || total.as_secs() >= 60) {
                break;
            }
        }
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[(share * (all.len() - 1) as f64).round() as usize];
        let case = json!({
            "name": name, "median_s": at(0.5), "min_s": all[0], "p10_s": at(0.1), "p90_s": at(0.9),
            "runs": all.len(), "first_s": first,
        });
        if !self.options.json {
            let ms = |seconds: f64| seconds * 1e3;
            println!(
                "{name:56} {:9.3} ms, min {:9.3}, first after {first:.1} s",
                ms(at(0.5)),
                ms(all[0])
            );
        }
        self.cases.push(case);
    }

    pub fn report(&mut self) {
        let report = json!({
            "program": self.program, "version": self.version,
            "threads": std::thread::available_parallelism().map_or(1, usize::from),
            "peak_memory_mib": peak_memory_mib(), "cases": self.cases,
        });
        if self.options.json {
            println!("{report}");
        } else {
            println!(
                "{} {}, peak {} MiB",
                self.program, self.version, report["peak_memory_mib"]
            );
        }
    }
}

/// VmHWM, where Linux tells.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kib / 1024.0).round())
}
