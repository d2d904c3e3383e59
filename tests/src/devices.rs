//! The devices that tests run on.

use std::sync::OnceLock;

use clel::sampler::gains_by_halves;
use clel_tensor::Device;
use clel_tensor::gpu::{Family, Gpu, GpuOptions, find_adapter};

/// The CPU, and the first WebGPU adapter where there is one (a software rasteriser is one). `CLEL_TEST_DEVICE` in the environment
/// names one device to test alone.
///
/// # Panics
/// With `CLEL_REQUIRE_GPU=1` in the environment, if there is no adapter; if there is no device of the name given.
pub fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        if let Ok(word) = std::env::var("CLEL_TEST_DEVICE") {
            return vec![Device::parse(&word).unwrap_or_else(|e| panic!("CLEL_TEST_DEVICE: {e}"))];
        }
        let required = std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1");
        match Device::parse("wgpu") {
            Ok(gpu) => vec![Device::Cpu, gpu],
            Err(error) if required => panic!("CLEL_REQUIRE_GPU=1, but: {error}"),
            Err(error) => {
                eprintln!("only on the CPU: {error}");
                vec![Device::Cpu]
            }
        }
    })
}

/// The GPU, opened anew with the kernels of graphics hardware, if there is one and storing halves pays there.
///
/// # Panics
/// If it cannot be opened a second time.
pub fn with_halves() -> Option<Device> {
    if devices().iter().all(Device::is_cpu) {
        return None;
    }
    let options = GpuOptions {
        family: Some(Family::Tiled),
        ..GpuOptions::default()
    };
    let adapter = find_adapter("").unwrap_or_else(|e| panic!("{e}"));
    let gpu =
        pollster::block_on(Gpu::open_with(adapter, options)).unwrap_or_else(|e| panic!("{e}"));
    Some(Device::Wgpu(gpu)).filter(gains_by_halves)
}
