//! The devices that tests run on.

// each test program uses what it needs of this
#![allow(dead_code)]

use std::sync::OnceLock;

use clel_tensor::Device;

/// Software Vulkan, or whatever there is; required where CLEL_REQUIRE_GPU is 1.
pub fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match Device::parse("wgpu") {
        Ok(device) => Some(device),
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
