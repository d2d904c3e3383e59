//! Tests that need an adapter; software Vulkan will do.

mod halves;
mod infinite;
mod lanes;
mod matrix;
mod naive;
mod pointwise;
mod primitives;
mod runtime;
mod shaders;
mod through;
mod tune;
pub(super) mod winograd;

use super::{Family, Gpu, GpuBuffer, GpuOptions, find_adapter};

/// A device for tests, or `None` with a message when this machine has no adapter.
///
/// # Panics
/// Without an adapter if the environment says `CLEL_REQUIRE_GPU=1`; if one is there and cannot be opened.
pub(crate) fn test_gpu_with(options: GpuOptions) -> Option<Gpu> {
    match find_adapter("") {
        Ok(adapter) => Some(pollster::block_on(Gpu::open_with(adapter, options)).unwrap()),
        Err(error) if std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            panic!("CLEL_REQUIRE_GPU=1, but {error}")
        }
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Checks in the shaders, NaN in every buffer, the smallest limits.
pub(crate) const TEST_OPTIONS: GpuOptions = GpuOptions {
    checked: true,
    poison: true,
    smallest_limits: true,
    family: None,
    tile: None,
    always_winograd: false,
};

/// Whether lanes share rows on this device. On Mesa's rasteriser they do where its vectors are as long as the kernels expect, which its name
/// tells.
///
/// # Panics
/// If they do not there.
fn has_lanes(gpu: &Gpu) -> bool {
    let name = &gpu.summary().name;
    let expected = name.contains("llvmpipe") && name.contains("256 bits");
    assert!(gpu.inner.lanes || !expected, "no lanes on {name}");
    gpu.inner.lanes
}

/// The usual device for tests.
pub(crate) fn test_gpu() -> Option<Gpu> {
    test_gpu_with(TEST_OPTIONS)
}
