//! `clel bench`.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::subjects::Subjects;
use super::{DeviceArgument, output};
use crate::bench::{Case, Machine, Peak, Session, Work, peak_memory, run};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel bench                                                    all, for resnet_small and batches of 16
  clel bench --what step,train --model tiny --batch 64          the main job
  clel bench --what conv --model resnet_small,resnet --batch 16,64 --json
  clel bench --what step --set sampler.cache_spectral=true      weights normalised once a run
  clel bench --what matmul,pointwise --device wgpu --seconds 3  the first WebGPU adapter
  RAYON_NUM_THREADS=1 clel bench --device cpu                   one thread
  CLEL_SHADERS=FOLDER clel bench --device wgpu --what conv      with changed shaders, those that are in the folder";

/// Measures how fast this machine computes.
///
/// Each case runs for a while without a clock, then for `--seconds`. Rates are at the median; a multiply-add counts as two
/// operations, and so does one on padding; a convolution counts as its definition does, so that Winograd's, which multiplies less, can
/// exceed the peak. The peak that shares refer to is multiply-adds on registers on all threads of the CPU; on WebGPU, the fastest matrix
/// product. Launches and graph nodes are those of one run of the case.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    /// What to measure.
    #[arg(
        long,
        value_name = "WORK",
        value_delimiter = ',',
        default_value = "matmul,conv,pointwise,step,train"
    )]
    what: Vec<Work>,
    #[command(flatten)]
    subjects: Subjects,
    /// How long to measure each case; at least three runs are measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    machine: Machine,
    peak: Option<Peak>,
    peak_memory_mib: Option<f64>,
    /// From the start, opening the device included, to the end of the first run.
    first_s: Option<f64>,
    cases: Vec<Case>,
}

impl Bench {
    pub(super) fn run(&self) -> Result<()> {
        let started = Instant::now();
        let time = self.time()?;
        let subjects = self.subjects.all()?;
        let device = self.device.open()?;
        let machine = Machine::of(&device);
        if !self.json {
            output::say_in_words(&heading(&machine))?;
        }
        let mut tell = |case: &Case| match self.json {
            true => Ok(()),
            false => output::say_in_words(&row(case)),
        };
        let mut session = Session::new(&device, time, started, &mut tell);
        for work in &self.what {
            for subject in &subjects {
                run(*work, subject, &mut session)?;
            }
        }
        let first_s = session.until_first_run().map(|t| t.as_secs_f64());
        let (cases, peak) = session.finish();
        let report = Report {
            machine,
            peak,
            peak_memory_mib: peak_memory(),
            first_s,
            cases,
        };
        output::say_in_words(&if self.json {
            output::json(&report)?
        } else {
            footing(&report)
        })
    }

    fn time(&self) -> Result<Duration> {
        let time = Duration::try_from_secs_f64(self.seconds).ok();
        time.filter(|time| *time <= Duration::from_secs(3600))
            .ok_or_else(|| Error::Argument {
                argument: format!("--seconds {}", self.seconds),
                why: "must be a number from 0 to 3600".into(),
            })
    }
}

fn heading(machine: &Machine) -> String {
    format!(
        "clel {} on {}, {} threads; times in ms\n{:50} {:>10} {:>10} {:>10} {:>10} {:>16} {:>6} {:>8} {:>7}",
        machine.version,
        machine.device,
        machine.threads,
        "",
        "median",
        "fastest",
        "10 %",
        "90 %",
        "rate",
        "peak",
        "launches",
        "nodes"
    )
}

fn row(case: &Case) -> String {
    let t = &case.times;
    let [median, min, p10, p90] =
        [t.median_s, t.min_s, t.p10_s, t.p90_s].map(|s| format!("{:10.3}", s * 1e3));
    let rate = match (case.rate, case.unit) {
        (Some(rate), Some(unit)) => format!("{rate:.1} {unit}"),
        _ => String::new(),
    };
    let share = case
        .share_of_peak
        .map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
    format!(
        "{:50} {median} {min} {p10} {p90} {rate:>16} {share:>6} {:8.0} {:7.0}",
        case.name, case.launches, case.graph_nodes
    )
}

fn footing(report: &Report) -> String {
    let memory = match report.peak_memory_mib {
        Some(mib) => format!("peak memory of the process {mib:.0} MiB"),
        None => "peak memory n/a".to_owned(),
    };
    match report.peak {
        Some(peak) => format!("peak {:.1} GFLOP/s ({}); {memory}", peak.gflops, peak.of),
        None => memory,
    }
}
