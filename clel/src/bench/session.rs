//! Cases measured one after the other on one device.

use std::time::{Duration, Instant};

use clel_autograd::recorded_nodes;
use clel_tensor::{DType, Device, Tensor, count_launches, profile};
use serde::Serialize;

use super::machine::{Peak, cpu_peak};
use super::profile::Profile;
use super::times::{PATIENCE, Times};
use crate::Result;

/// What one case took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The work.
    pub name: String,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
    /// Operations or bytes a second at the median, in billions.
    pub rate: Option<f64>,
    /// GFLOP/s or GB/s.
    pub unit: Option<&'static str>,
    /// GFLOP/s as a share of the device's [`Peak`].
    pub share_of_peak: Option<f64>,
    /// Kernels launched.
    pub launches: f64,
    /// Steps recorded for differentiation.
    pub graph_nodes: f64,
    /// What its operations take one by one, if that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// What a rate is counted in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    /// Operations on numbers, two for a multiply-add.
    Operations(usize),
    /// Bytes read and written.
    Bytes(usize),
    /// Of neither alone.
    Other,
}

/// Measures on a device and tells each case when it is done.
pub struct Session<'a> {
    device: Device,
    time: Duration,
    profiles: bool,
    tell: &'a mut dyn FnMut(&Case) -> Result<()>,
    peak: Option<Peak>,
    cases: Vec<Case>,
    started: Instant,
    first: Option<Duration>,
}

impl<'a> Session<'a> {
    /// Measures each case for `time`; the program began at `started`.
    pub fn new(
        device: &Device,
        time: Duration,
        started: Instant,
        tell: &'a mut dyn FnMut(&Case) -> Result<()>,
    ) -> Session<'a> {
        Session {
            device: device.clone(),
            time,
            profiles: false,
            tell,
            peak: None,
            cases: Vec::new(),
            started,
            first: None,
        }
    }

    /// Times each operation of a case by itself, too, in runs of their own.
    #[must_use]
    pub fn with_profiles(self, profiles: bool) -> Self {
        Session { profiles, ..self }
    }

    /// Where the work runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How long each case is measured.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// From the program's beginning to the end of the first run of anything.
    pub fn until_first_run(&self) -> Option<Duration> {
        self.first
    }

    /// Waits for the device after a run.
    pub(super) fn finish_run(&mut self) -> Result<()> {
        self.device.wait()?;
        self.first.get_or_insert(self.started.elapsed());
        Ok(())
    }

    /// What was measured, and the peak if a case was compared with it.
    pub fn finish(self) -> (Vec<Case>, Option<Peak>) {
        (self.cases, self.peak)
    }

    /// Whether a case of that name is measured already.
    pub(super) fn has(&self, name: &str) -> bool {
        self.cases.iter().any(|case| case.name == name)
    }

    /// Measures `run`, a single operation. On a GPU, where a launch returns before the work is done and waiting takes time of its own,
    /// as many in a row as take five milliseconds.
    pub(super) fn measure_operation(
        &mut self,
        name: String,
        amount: Amount,
        mut run: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        if self.has(&name) {
            return Ok(());
        }
        let pieces = match self.device {
            Device::Cpu => 1,
            Device::Wgpu(_) => {
                let once = || {
                    run()?;
                    Ok(self.device.wait()?)
                };
                let one = Times::measure(Duration::from_millis(20), once)?.median_s;
                (0.005 / one).clamp(1.0, 60.0) as usize
            }
        };
        self.measure(name, amount, pieces, || (0..pieces).try_for_each(|_| run()))
    }

    /// Measures `run`, which does a piece of work, of `amount` each, `pieces` times and may leave the device busy. A name
    /// measured already is passed over.
    pub(super) fn measure(
        &mut self,
        name: String,
        amount: Amount,
        pieces: usize,
        mut run: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        if self.has(&name) {
            return Ok(());
        }
        let (mut launches, mut nodes) = (0, 0);
        let times = Times::measure(self.time, || {
            let before = recorded_nodes();
            let (done, counts) = count_launches(&mut run);
            done?;
            // those of the last run stay
            (launches, nodes) = (counts.values().sum(), recorded_nodes() - before);
            self.finish_run()
        })?
        .divided(pieces);
        let each = |count: u64| count as f64 / pieces as f64;
        let (rate, unit) = match amount {
            Amount::Operations(n) => (Some(n as f64 * 1e-9 / times.median_s), Some("GFLOP/s")),
            Amount::Bytes(n) => (Some(n as f64 * 1e-9 / times.median_s), Some("GB/s")),
            Amount::Other => (None, None),
        };
        let share_of_peak = match (amount, rate) {
            (Amount::Operations(_), Some(rate)) => Some(rate / self.peak()?.gflops),
            _ => None,
        };
        let profile = match self.profiles {
            true => Some(self.profile(&mut run, pieces)?),
            false => None,
        };
        let case = Case {
            name,
            times,
            rate,
            unit,
            share_of_peak,
            launches: each(launches),
            graph_nodes: each(nodes),
            profile,
        };
        (self.tell)(&case)?;
        self.cases.push(case);
        Ok(())
    }

    /// The middle one of three runs, by the time that its operations took; the first if that takes a minute.
    fn profile(&self, run: &mut impl FnMut() -> Result<()>, pieces: usize) -> Result<Profile> {
        let mut profiles = Vec::new();
        let started = Instant::now();
        while profiles.len() < 3 && started.elapsed() < PATIENCE {
            let begin = Instant::now();
            let (done, launches) = profile(&mut *run);
            done?;
            self.device.wait()?;
            let run_s = begin.elapsed().as_secs_f64();
            profiles.push(Profile::new(launches, run_s, pieces));
        }
        profiles.sort_by(|a, b| a.seconds().total_cmp(&b.seconds()));
        Ok(profiles.swap_remove(profiles.len() / 2))
    }

    /// The device's peak, measured when it is first asked for.
    fn peak(&mut self) -> Result<Peak> {
        if let Some(peak) = self.peak {
            return Ok(peak);
        }
        let peak = match self.device {
            Device::Cpu => cpu_peak(),
            // its arithmetic cannot be measured apart from shaders of ours
            Device::Wgpu(_) => self.matmul_peak()?,
        };
        Ok(*self.peak.insert(peak))
    }

    /// The fastest matrix product.
    fn matmul_peak(&self) -> Result<Peak> {
        // enough work for a card, and not too much for a program that draws
        let (side, of) = match &self.device {
            Device::Wgpu(gpu) if gpu.summary().kind.is_hardware() => {
                (2048usize, "the fastest matmul 2048x2048x2048")
            }
            _ => (1024, "the fastest matmul 1024x1024x1024"),
        };
        let a = Tensor::ones(&[side, side], DType::F32, &self.device)?;
        a.realize()?;
        let times = Times::measure(Duration::from_millis(300), || {
            a.matmul(&a)?.realize()?;
            Ok(self.device.wait()?)
        })?;
        Ok(Peak {
            gflops: 2e-9 * side.pow(3) as f64 / times.min_s,
            of,
        })
    }
}
