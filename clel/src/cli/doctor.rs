//! `clel doctor`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clel_tensor::gpu::{AdapterKind, AdapterSummary};
use clel_tensor::{Device, cpu};
use serde::Serialize;

use super::devices::{Adapter, adapter_line, cpu_line};
use super::{DeviceArgument, output, table};
use crate::bench::processor;
use crate::doctor::{
    Check, Finding, Reference, Severity, Tuning, no_adapter, runs_folder, software_only, threads,
    too_small,
};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel doctor                     all devices; whether `clel train` can run here
  clel doctor --device wgpu:0     whether it can run on that one
  clel doctor --json --seconds 1";

/// Examines whether training can run here, and says what to do where it cannot.
///
/// Devices and their limits are listed. The CPU and each WebGPU adapter compute a few operations of each kind, which are compared with the same in f64 and measured. Exit code 0
/// if training can run on the device that `--device` describes, else 1, also where there is no such device.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// How long the self-test computes in all, at least three runs of each operation.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// Print one JSON object instead of the text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    processor: Option<String>,
    threads: usize,
    adapters: Vec<Adapter>,
    self_test: Vec<Tested>,
    findings: Vec<Finding>,
    /// What `--device` takes, or was if there is none such.
    device: String,
    can_train: bool,
}

/// What a device did in the self-test.
#[derive(Debug, Serialize)]
struct Tested {
    /// What `--device` calls it.
    device: String,
    /// What `clel tune` has left of it; nothing for devices without a choice of kernels.
    tuned: Option<Tuning>,
    checks: Vec<Check>,
    /// Why it could not be opened.
    refused: Option<String>,
}

impl Tested {
    fn passed(&self) -> bool {
        self.refused.is_none() && self.checks.iter().all(Check::passed)
    }
}

impl Doctor {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let adapters = Device::adapters();
        let (device, missing) = self.chosen(&adapters)?;
        let count = adapters.len() + 1;
        // six kinds of operations, each with a fifth more to warm up
        let time = self.time()?.div_f64(count as f64 * 6.0 * 1.2);
        let reference = Reference::new()?;
        let mut self_test = vec![test("cpu".to_owned(), &reference, time)];
        for adapter in &adapters {
            self_test.push(test(format!("wgpu:{}", adapter.index), &reference, time));
        }
        let mut findings = findings(&adapters, &self_test, &device)?;
        if let Some(what) = missing {
            let fix = match adapters.is_empty() {
                true => "put right what the warning below tells, or compute with `--device cpu`",
                false => "name one of those, or compute with `--device cpu`",
            };
            findings.insert(0, Finding::problem(what, fix));
        }
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            // WebAssembly is on no system that it knows of
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
                .trim_start()
                .to_owned(),
            processor: processor(),
            threads: cpu::threads(),
            adapters: adapters.iter().map(Adapter::of).collect(),
            self_test,
            can_train: !findings.iter().any(|f| f.severity == Severity::Problem),
            findings,
            device,
        };
        if self.json {
            output::say(&output::json(&report)?)?;
        } else {
            let train = match self.device.device.as_str() {
                "auto" => "clel train".to_owned(),
                _ => format!("clel train --device {}", report.device),
            };
            say(&report, &adapters, &train)?;
        }
        Ok(ExitCode::from(u8::from(!report.can_train)))
    }

    /// What `--device` takes, as `cpu` or `wgpu:NUMBER`, or why there is none such on this machine; an error if no machine has one.
    fn chosen(&self, adapters: &[AdapterSummary]) -> Result<(String, Option<String>)> {
        // a driver that refuses to open its card is for the self-test to tell
        let device = match self.device.device.as_str() {
            "auto" => {
                let hardware = adapters.iter().find(|a| a.kind.is_hardware());
                let device = hardware.map_or("cpu".to_owned(), |a| format!("wgpu:{}", a.index));
                return Ok((device, None));
            }
            name => match Device::parse(name) {
                Err(missing @ clel_tensor::Error::NoDevice { .. }) => {
                    return Ok((name.to_owned(), Some(missing.to_string())));
                }
                other => other?,
            },
        };
        let device = match device {
            Device::Cpu => "cpu".to_owned(),
            Device::Wgpu(gpu) => format!("wgpu:{}", gpu.summary().index),
        };
        Ok((device, None))
    }

    fn time(&self) -> Result<Duration> {
        let time = Duration::try_from_secs_f64(self.seconds).ok();
        time.filter(|time| *time <= Duration::from_secs(600))
            .ok_or_else(|| Error::Argument {
                argument: format!("--seconds {}", self.seconds),
                why: "must be a number from 0 to 600".into(),
            })
    }
}

fn test(name: String, reference: &Reference, time: Duration) -> Tested {
    let (checks, refused, tuned) = match Device::parse(&name) {
        Ok(device) => {
            let tuned = Tuning::of(&name, &device);
            (reference.check(&device, time), None, tuned)
        }
        Err(error) => (Vec::new(), Some(error.to_string()), None),
    };
    Tested {
        device: name,
        tuned,
        checks,
        refused,
    }
}

fn findings(
    adapters: &[AdapterSummary],
    self_test: &[Tested],
    device: &str,
) -> Result<Vec<Finding>> {
    let mut all = Vec::new();
    for tested in self_test.iter().filter(|tested| !tested.passed()) {
        let name = &tested.device;
        let failure = tested.checks.iter().find_map(|c| c.failure.as_ref());
        let what = match (&tested.refused, failure) {
            (Some(why), _) => format!("{name} cannot be opened: {why}"),
            (None, Some(failure)) => format!("{name} fails in the self-test: {failure}"),
            (None, None) => format!("{name} computes wrong numbers in the self-test"),
        };
        all.push(match (tested.device == device, device) {
            (true, "cpu") => Finding::problem(what, "run `clel doctor` again; if it stays, the memory or the processor is faulty, or this is a defect of clel: please report it"),
            (true, _) => Finding::problem(what, "bring its driver up to date; until then compute with `--device cpu`, or with CLEL_DEVICE=cpu in the environment"),
            (false, _) => Finding::warning(what, "bring its driver up to date, or leave that device alone"),
        });
    }
    let tunings = self_test.iter().filter_map(|t| t.tuned.as_ref());
    all.extend(tunings.filter_map(|tuning| tuning.finding.clone()));
    if adapters.is_empty() {
        all.push(no_adapter());
    } else if adapters.iter().all(|a| a.kind == AdapterKind::Software) {
        all.push(software_only());
    }
    for adapter in adapters {
        all.extend(too_small(adapter)?);
    }
    all.extend(threads());
    all.extend(runs_folder(Path::new("")));
    Ok(all)
}

/// Prints it, with the command that trains on the device in question.
fn say(report: &Report, adapters: &[AdapterSummary], train: &str) -> Result<()> {
    output::say_in_words(&format!("clel {} on {}", report.version, report.system))?;
    let processor = report.processor.as_ref();
    let processor = processor.map_or(String::new(), |name| format!(", {name}"));
    output::say_in_words(&format!("{}{processor}", cpu_line()))?;
    for adapter in adapters {
        output::say_in_words(&adapter_line(adapter))?;
    }
    output::say("")?;
    let devices = report.self_test.iter().map(|t| t.device.clone());
    let mut rows = vec![
        std::iter::once("self-test".to_owned())
            .chain(devices)
            .collect(),
    ];
    for (i, check) in report
        .self_test
        .iter()
        .flat_map(|t| &t.checks)
        .take(6)
        .enumerate()
    {
        let cells = report
            .self_test
            .iter()
            .map(|t| t.checks.get(i).map_or("-".to_owned(), cell));
        rows.push(
            std::iter::once(check.operation.to_owned())
                .chain(cells)
                .collect(),
        );
    }
    table::say(&rows, true)?;
    for tested in &report.self_test {
        let tuning = tested.tuned.as_ref();
        if let Some(said) = tuning.and_then(|tuning| tuning.told(&tested.device)) {
            output::say_in_words(&format!("\n{said}"))?;
        }
    }
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        output::say_in_words(&format!(
            "\n{severity}: {}\n  fix: {}",
            finding.what, finding.fix
        ))?;
    }
    output::say_in_words(&match report.can_train {
        true => format!("\ntraining can run here, on {}: `{train}`", report.device),
        false => "\ntraining cannot run here before the problem above is put right".to_owned(),
    })
}

/// `right, 12.3 GB/s`.
fn cell(check: &Check) -> String {
    let rate = check
        .rate
        .map_or(String::new(), |rate| format!(", {rate:.1} {}", check.unit));
    match (check.difference, &check.failure) {
        (_, Some(_)) => "failed".to_owned(),
        (Some(_), None) if check.passed() => format!("right{rate}"),
        (difference, None) => format!(
            "WRONG by {:.1e}, allowed {:.0e}",
            difference.unwrap_or(f64::INFINITY),
            check.allowed
        ),
    }
}
