//! The devices that tests run on.

// each test program uses what it needs of this
#![allow(dead_code)]

use clel_tensor::{DType, Device};

/// There is none without the feature.
#[cfg(not(feature = "wgpu"))]
pub fn gpu() -> Option<Device> {
    None
}

/// Software Vulkan, or whatever there is; required where CLEL_REQUIRE_GPU is 1. One that is there and cannot be opened is a failure.
#[cfg(feature = "wgpu")]
pub fn gpu() -> Option<Device> {
    use std::sync::OnceLock;

    use clel_tensor::gpu::{Gpu, find_adapter};

    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match find_adapter("") {
        Ok(adapter) => Some(Device::Wgpu(Gpu::open(adapter).unwrap())),
        Err(e) if std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
        Err(e) => {
            eprintln!("skipped on a GPU: {e}");
            None
        }
    })
    .clone()
}

/// The CPU, and a GPU where there is one.
pub fn devices() -> Vec<Device> {
    [Some(Device::Cpu), gpu()].into_iter().flatten().collect()
}

/// Whether a device has arrays of f16. Mesa's rasteriser has, so that where a GPU is required, one without is a failure.
pub fn has_halves(device: &Device) -> bool {
    let has = device.supports(DType::F16);
    let required = std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1");
    let mesas = device.to_string().contains("llvmpipe");
    assert!(has || !(required && mesas), "{device} has no halves");
    has
}
