//! `clel devices`.

use clel_tensor::gpu::{AdapterKind, AdapterSummary};
use clel_tensor::{Device, cpu};
use serde::Serialize;

use super::{DeviceArgument, output};
use crate::Result;

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel devices                     what is there, and what `auto` takes
  clel devices --device wgpu:0     whether that one opens
  clel devices --json";

/// Lists the devices of this machine and what `auto` takes.
///
/// Those are the CPU and the WebGPU adapters (Vulkan, Metal, DX12), with their limits; the one that `--device` describes is opened.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Devices {
    /// Print one JSON object instead of a list.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// All that is printed.
#[derive(Serialize)]
struct Listing {
    threads: usize,
    adapters: Vec<Adapter>,
    /// What `--device` was, and the device that it takes.
    asked: String,
    takes: String,
}

/// An adapter, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Adapter {
    device: String,
    name: String,
    kind: String,
    backend: String,
    driver: String,
    max_array_bytes: u64,
    max_arrays_of_a_kernel: u32,
    max_workgroup_threads: u32,
    max_workgroup_bytes: u32,
    f16: bool,
    matrix_units: bool,
}

impl Adapter {
    pub(super) fn of(a: &AdapterSummary) -> Adapter {
        Adapter {
            device: format!("wgpu:{}", a.index),
            name: a.name.clone(),
            kind: a.kind.to_string(),
            backend: a.backend.clone(),
            driver: a.driver.clone(),
            max_array_bytes: a.max_binding_bytes.min(a.max_buffer_bytes),
            max_arrays_of_a_kernel: a.max_storage_buffers,
            max_workgroup_threads: a.max_workgroup_threads,
            max_workgroup_bytes: a.max_workgroup_bytes,
            f16: a.f16,
            matrix_units: a.uses_matrix_units(),
        }
    }
}

impl Devices {
    pub(super) fn run(&self) -> Result<()> {
        let adapters = Device::adapters();
        if self.json {
            let listing = Listing {
                threads: cpu::threads(),
                adapters: adapters.iter().map(Adapter::of).collect(),
                asked: self.device.device.clone(),
                takes: self.device.open()?.to_string(),
            };
            return output::say(&output::json(&listing)?);
        }
        output::say_in_words(&cpu_line())?;
        for adapter in &adapters {
            output::say_in_words(&adapter_line(adapter))?;
        }
        if adapters.is_empty() {
            output::say_in_words(
                "no WebGPU adapter: no Vulkan, Metal or DX12 driver answers; `clel doctor` says what to do",
            )?;
        }
        let device = self.device.open()?;
        output::say_in_words(&format!("\n`{}` takes {device}", self.device.device))
    }
}

/// The CPU in a line.
pub(super) fn cpu_line() -> String {
    let threads = match cpu::threads() {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    format!("cpu      native code, {threads}, f32 and f64")
}

/// An adapter and its limits, in two lines.
pub(super) fn adapter_line(a: &AdapterSummary) -> String {
    let mib = |bytes: u64| bytes >> 20;
    format!(
        "wgpu:{}   {} ({}, {}, {})\n         arrays up to {} MiB, {} a kernel; workgroups of {} threads and {} KiB{}{}",
        a.index,
        a.name,
        a.kind,
        a.backend,
        a.driver,
        mib(a.max_binding_bytes.min(a.max_buffer_bytes)),
        a.max_storage_buffers,
        a.max_workgroup_threads,
        a.max_workgroup_bytes >> 10,
        // rasterisers convert them, which saves nothing
        if a.f16 && a.kind != AdapterKind::Software {
            "; 16-bit floats"
        } else {
            ""
        },
        if a.uses_matrix_units() {
            "; matrix units"
        } else {
            ""
        },
    )
}
