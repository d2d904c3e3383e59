//! `clel devices`.

use clel_tensor::Device;
use clel_tensor::gpu::AdapterSummary;

use super::{DeviceArgument, output};
use crate::Result;

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel devices                     what is there, and what `auto` takes
  clel devices --device wgpu:0     whether that one opens";

/// Lists the CPU and the WebGPU adapters (Vulkan, Metal, DX12) with their limits, and opens the
/// one that `--device` describes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Devices {
    #[command(flatten)]
    device: DeviceArgument,
}

impl Devices {
    pub(super) fn run(&self) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        output::say(&format!(
            "cpu      native code, {threads} threads, f32 and f64"
        ))?;
        let adapters = Device::adapters();
        for adapter in &adapters {
            output::say(&describe(adapter))?;
        }
        if adapters.is_empty() {
            output::say("no WebGPU adapter: no Vulkan, Metal or DX12 driver was found")?;
        }
        let device = self.device.open()?;
        output::say(&format!("\n`{}` takes {device}", self.device.device))
    }
}

fn describe(a: &AdapterSummary) -> String {
    let mib = |bytes: u64| bytes >> 20;
    format!(
        "wgpu:{}   {} ({}, {}, {})\n         arrays up to {} MiB, {} a kernel; workgroups of {} threads and {} KiB",
        a.index,
        a.name,
        a.kind,
        a.backend,
        a.driver,
        mib(a.max_binding_bytes.min(a.max_buffer_bytes)),
        a.max_storage_buffers,
        a.max_workgroup_threads,
        a.max_workgroup_bytes >> 10,
    )
}
