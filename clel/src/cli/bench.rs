//! `clel bench`.

use std::time::{Duration, Instant};

use clel_tensor::Device;
use serde::Serialize;

use super::subjects::Subjects;
use super::{DeviceArgument, output};
use crate::bench::{Case, Kind, Machine, Peak, Profile, Session, Work, peak_memory, run};
use crate::words::counted;
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel bench                                                    all, for resnet_small and batches of 16
  clel bench --what step,train --model tiny --batch 64          the main job
  clel bench --what conv --model resnet_small,resnet --batch 16,64 --json
  clel bench --what step --set sampler.cache_spectral=true      weights normalised once a run
  clel bench --what step --profile                              where the time of a step goes
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
        default_value = "matmul,conv,pointwise,array,step,train"
    )]
    what: Vec<Work>,
    #[command(flatten)]
    subjects: Subjects,
    /// How long to measure each case; at least three runs are measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// Tell also what each kind of operation takes, and how fast that is, in three more runs of the case. A GPU, which tells times by its own clock, does
    /// each alone then, so that their sum may exceed what the case takes.
    #[arg(long)]
    profile: bool,
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
        if self.profile && matches!(&device, Device::Wgpu(gpu) if !gpu.has_clock()) {
            return Err(Error::Argument {
                argument: "--profile".into(),
                why: format!("needs a device that tells times, which {device} does not"),
            });
        }
        let machine = Machine::of(&device);
        if !self.json {
            output::say_in_words(&heading(&machine))?;
        }
        let mut tell = |case: &Case| match self.json {
            true => Ok(()),
            false => output::say_in_words(&rows(case)),
        };
        let mut session =
            Session::new(&device, time, started, &mut tell).with_profiles(self.profile);
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

/// The case, and below it its operations.
fn rows(case: &Case) -> String {
    let mut rows = vec![row(case)];
    if let Some(profile) = &case.profile {
        rows.extend(profile_rows(profile));
    }
    rows.join("\n")
}

/// A heading, the kinds of operations, those together that hardly take any time, and the sum.
fn profile_rows(profile: &Profile) -> Vec<String> {
    const LEAST: f64 = 0.005;
    let in_all = profile.seconds();
    let row = |name: &str, seconds: f64, rate: &str, count: f64| {
        let share = 100.0 * seconds / in_all.max(f64::MIN_POSITIVE);
        let ms = seconds * 1e3;
        format!("  {name:68} {ms:10.3} {share:5.1} % {rate:>16} {count:8.2}")
    };
    let mut rows = vec![format!(
        "  {:68} {:>10} {:>7} {:>16} {:>8}",
        "its operations one by one", "ms", "share", "rate", "number"
    )];
    let kinds = profile.kinds.iter();
    let (told, rest): (Vec<&Kind>, Vec<&Kind>) =
        kinds.partition(|kind| kind.seconds >= LEAST * in_all);
    for kind in told {
        let rate = match (kind.gflops, kind.gbytes) {
            (Some(gflops), _) => format!("{gflops:.1} GFLOP/s"),
            (None, Some(gbytes)) => format!("{gbytes:.1} GB/s"),
            (None, None) => String::new(),
        };
        rows.push(row(&kind.work, kind.seconds, &rate, kind.count));
        let files = files(kind);
        if files.len() > 1 {
            let file =
                |(file, seconds): &(&str, f64)| format!("    {file:66} {:10.3}", seconds * 1e3);
            rows.extend(files.iter().map(file));
        }
    }
    if !rest.is_empty() {
        let kinds = counted(rest.len(), "kind");
        let sum = |of: fn(&Kind) -> f64| rest.iter().map(|kind| of(kind)).sum();
        let (seconds, count) = (sum(|kind| kind.seconds), sum(|kind| kind.count));
        rows.push(row(&format!("{kinds} below 0.5 %"), seconds, "", count));
    }
    rows.push(format!(
        "  {:68} {:10.3}, of {:.3} that this run took",
        "all operations",
        in_all * 1e3,
        profile.run_s * 1e3
    ));
    rows
}

/// The kernels of a GPU by their files, with the seconds of each file.
fn files(kind: &Kind) -> Vec<(&str, f64)> {
    let mut files: Vec<(&str, f64)> = Vec::new();
    for (key, seconds) in &kind.kernels {
        let file = key.split_whitespace().next().unwrap_or_default();
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, sum)) => *sum += seconds,
            None => files.push((file, *seconds)),
        }
    }
    files
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
