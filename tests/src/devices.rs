//! The devices that tests run on.

use std::sync::OnceLock;

use clel::sampler::gains_by_halves;
use clel_tensor::Device;
use clel_tensor::gpu::{AdapterKind, Family, Gpu, GpuOptions, find_adapter};

/// The CPU, and the first WebGPU adapter where there is one (a software rasteriser is one). `CLEL_TEST_DEVICE` in the environment
/// names one device to test alone.
///
/// # Panics
/// With `CLEL_REQUIRE_GPU=1` in the environment, if there is no adapter; if there is no device of the name given; if one is there and cannot be opened.
pub fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        if let Ok(word) = std::env::var("CLEL_TEST_DEVICE") {
            return vec![Device::parse(&word).unwrap_or_else(|e| panic!("CLEL_TEST_DEVICE: {e}"))];
        }
        match find_adapter("") {
            Ok(adapter) => {
                let gpu = Gpu::open(adapter).unwrap_or_else(|e| panic!("{e}"));
                vec![Device::Cpu, Device::Wgpu(gpu)]
            }
            Err(error) if is_required() => panic!("CLEL_REQUIRE_GPU=1, but: {error}"),
            Err(error) => {
                eprintln!("only on the CPU: {error}");
                vec![Device::Cpu]
            }
        }
    })
}

/// The usual devices, and a software rasteriser once more with the kernels of graphics hardware.
///
/// # Panics
/// As [`devices`]; if it cannot be opened a second time.
pub fn with_all_kernels() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let mut all = devices().to_vec();
        if devices().iter().any(is_software) {
            all.extend(tiled());
        }
        all
    })
}

/// Whether this is a software rasteriser.
pub fn is_software(device: &Device) -> bool {
    matches!(device, Device::Wgpu(gpu) if gpu.summary().kind == AdapterKind::Software)
}

/// The GPU, opened anew with the kernels of graphics hardware, if there is one and storing halves pays there.
///
/// # Panics
/// If it cannot be opened a second time. With `CLEL_REQUIRE_GPU=1` in the environment, if it is Mesa's rasteriser, which can, and does not.
pub fn with_halves() -> Option<Device> {
    let gpu = tiled()?;
    let gains = gains_by_halves(&gpu);
    assert!(
        gains || !(is_required() && gpu.to_string().contains("llvmpipe")),
        "CLEL_REQUIRE_GPU=1, but {gpu} has no halves"
    );
    gains.then_some(gpu)
}

/// The GPU, opened anew with the kernels of graphics hardware.
fn tiled() -> Option<Device> {
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
    Some(Device::Wgpu(gpu))
}

fn is_required() -> bool {
    std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1")
}
