//! What the measurements ran on.

use std::time::Duration;

use crate::proc::{field, kibibytes};
use crate::tune;
use clel_tensor::{Device, cpu};
use serde::Serialize;

/// The device and what it is part of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// This program.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The device's name.
    pub device: String,
    /// Threads that CPU kernels run on.
    pub threads: usize,
}

/// The rate that a device's arithmetic is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// Billions of f32 operations a second.
    pub gflops: f64,
    /// What was measured.
    pub of: &'static str,
}

impl Machine {
    /// The machine of a device.
    pub fn of(device: &Device) -> Machine {
        let device = match (device, processor()) {
            (Device::Cpu, Some(name)) => format!("cpu ({name})"),
            (device, _) => tune::described(device),
        };
        Machine {
            program: "clel",
            version: env!("CARGO_PKG_VERSION"),
            device,
            threads: cpu::threads(),
        }
    }
}

/// Multiply-adds on registers alone, on all threads of the CPU.
pub(super) fn cpu_peak() -> Peak {
    Peak {
        gflops: cpu::peak_flops(Duration::from_millis(300)) * 1e-9,
        of: "multiply-adds on registers, all threads",
    }
}

/// The largest resident size of this process so far, in MiB; where Linux tells.
pub fn peak_memory() -> Option<f64> {
    Some(kibibytes("/proc/self/status", "VmHWM")? as f64 / 1024.0)
}

/// The processor's name, where Linux tells, or its family, which Windows tells.
pub fn processor() -> Option<String> {
    let family = || std::env::var("PROCESSOR_IDENTIFIER").ok();
    field("/proc/cpuinfo", "model name").or_else(family)
}
