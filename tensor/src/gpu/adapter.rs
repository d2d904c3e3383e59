//! Finding adapters and describing them.

use std::fmt;

use super::Family;
use super::matrix::{MatrixUnits, SPACE};
use crate::{Error, Result};

/// What one adapter is and can do.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// Position in the list, as in `wgpu:N`.
    pub index: usize,
    /// Name given by the driver.
    pub name: String,
    /// Vulkan, Metal, Dx12, …
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// What kind of machine it is.
    pub kind: AdapterKind,
    /// Largest array in bytes: what one binding of a shader may hold.
    pub max_binding_bytes: u64,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Arrays that one kernel may touch.
    pub max_storage_buffers: u32,
    /// Threads of one workgroup.
    pub max_workgroup_threads: u32,
    /// Workgroup memory in bytes.
    pub max_workgroup_bytes: u32,
    /// Whether arrays may be of 16-bit floats.
    pub f16: bool,
    /// The matrix units on which products can be computed, if there are any: what [`MatmulPrecision`](crate::MatmulPrecision) but
    /// `Highest` asks for.
    pub matrix_units: Option<MatrixUnits>,
}

/// The kinds of adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdapterKind {
    /// A graphics card with its own memory.
    Discrete,
    /// A graphics unit that shares the memory of the processor.
    Integrated,
    /// A part of a card lent to a virtual machine.
    Virtual,
    /// A software rasteriser: shaders run on the processor.
    Software,
    /// The driver does not say.
    Other,
}

impl AdapterKind {
    /// The heavy kernels that suit it.
    pub(super) const fn family(self) -> Family {
        match self {
            AdapterKind::Software => Family::Direct,
            _ => Family::Tiled,
        }
    }

    /// True for adapters that are graphics hardware.
    pub const fn is_hardware(self) -> bool {
        matches!(
            self,
            AdapterKind::Discrete | AdapterKind::Integrated | AdapterKind::Virtual
        )
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdapterKind::Discrete => "discrete",
            AdapterKind::Integrated => "integrated",
            AdapterKind::Virtual => "virtual",
            AdapterKind::Software => "software",
            AdapterKind::Other => "other",
        })
    }
}

/// Arrays of one kernel that WebGPU asks for. Some old hardware offers fewer, with which hardly any kernel runs.
const LEAST_ARRAYS: u32 = 8;

impl AdapterSummary {
    /// Whether kernels may have as many arrays as they need.
    pub fn has_arrays(&self) -> bool {
        self.max_storage_buffers >= LEAST_ARRAYS
    }

    /// Whether its matrix units are used: the kernels for software rasterisers have no use for them.
    pub fn uses_matrix_units(&self) -> bool {
        self.matrix_units.is_some() && self.kind.family() == Family::Tiled
    }

    /// Describes `adapter`, which is number `index` of the list.
    pub fn of(index: usize, adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let limits = adapter.limits();
        AdapterSummary {
            index,
            name: info.name,
            backend: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_owned(),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
                wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
                wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
                wgpu::DeviceType::Cpu => AdapterKind::Software,
                wgpu::DeviceType::Other => AdapterKind::Other,
            },
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
            max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            f16: adapter.features().contains(wgpu::Features::SHADER_F16),
            matrix_units: matrix_units(adapter),
        }
    }
}

/// All adapters of this machine, with graphics hardware first, in an order that is stable from
/// run to run.
pub async fn adapters() -> Vec<(AdapterSummary, wgpu::Adapter)> {
    // wgpu panics where there is no way to any, as from WebAssembly
    if wgpu::Instance::enabled_backend_features().is_empty() {
        return Vec::new();
    }
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    let instance = wgpu::Instance::new(descriptor);
    let mut found = instance.enumerate_adapters(wgpu::Backends::PRIMARY).await;
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    found
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| (AdapterSummary::of(index, &adapter), adapter))
        .collect()
}

/// As [`adapters`], waiting for them.
pub(crate) fn adapters_now() -> Vec<(AdapterSummary, wgpu::Adapter)> {
    pollster::block_on(adapters())
}

/// The adapter that `wanted` describes: a position in the list or a part of its name, in either
/// case of letters; a number of three digits and more is a whole number of the name. An empty description takes the first.
///
/// # Errors
/// [`Error::NoDevice`], which lists what is there.
pub fn find_adapter(wanted: &str) -> Result<(AdapterSummary, wgpu::Adapter)> {
    let mut found = adapters_now();
    let names: Vec<String> = found
        .iter()
        .map(|(s, _)| format!("{}: {}", s.index, s.name))
        .collect();
    let lower = wanted.to_lowercase();
    let position = match wanted.parse::<usize>() {
        _ if wanted.is_empty() => found
            .iter()
            .position(|(s, _)| s.has_arrays())
            .or((!found.is_empty()).then_some(0)),
        Ok(index) if index < found.len() => Some(index),
        // 4090 is a part of a name, and 8 is one card more than there are
        Ok(0..100) => None,
        Ok(_) => found.iter().position(|(s, _)| {
            let mut numbers = s.name.split(|c: char| !c.is_ascii_digit());
            numbers.any(|number| number == wanted)
        }),
        Err(_) => found
            .iter()
            .position(|(s, _)| s.name.to_lowercase().contains(&lower)),
    };
    match position {
        Some(index) => Ok(found.swap_remove(index)),
        None => Err(Error::NoDevice {
            // as it was typed
            wanted: format!("wgpu:{wanted}").trim_end_matches(':').to_owned(),
            why: if names.is_empty() {
                "no Vulkan, Metal or DX12 driver answers".to_owned()
            } else {
                format!("the adapters are {}", names.join(", "))
            },
        }),
    }
}

/// Lanes that run side by side on the software rasterisers for which the kernels by lanes are written.
pub(super) const LANES: u32 = 8;

/// What lanes need to tell one another numbers and to wait for one another.
pub(super) const LANE_FEATURES: wgpu::Features =
    wgpu::Features::SUBGROUP.union(wgpu::Features::SUBGROUP_BARRIER);

/// Whether lanes of the adapter can tell one another numbers, and are as many as those kernels expect.
pub(super) fn has_lanes(adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    adapter.features().contains(LANE_FEATURES)
        && [info.subgroup_min_size, info.subgroup_max_size] == [LANES; 2]
}

/// What times of single launches need.
pub(super) const CLOCK: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY;

/// What kernels for matrix units need beyond WebGPU.
pub(super) const MATRIX_UNITS: wgpu::Features =
    wgpu::Features::SHADER_F16.union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// What multiplies blocks of f16 into f32 on this adapter, if it is something that the kernel can be written for. Of subgroups that may be of
/// several sizes the kernel counts on the largest: where they turn out smaller, several make the same blocks, and put the same numbers into
/// the same place of workgroup memory; each result is stored once.
fn matrix_units(adapter: &wgpu::Adapter) -> Option<MatrixUnits> {
    // what naga makes of the kernel for Metal, that does not compile
    let info = adapter.get_info();
    if info.backend != wgpu::Backend::Vulkan {
        return None;
    }
    let offered = adapter.cooperative_matrix_properties();
    let multiplies = |side: usize| {
        offered.iter().any(|p| {
            [p.m_size, p.n_size, p.k_size] == [side as u32; 3]
                && p.ab_type == wgpu::CooperativeScalarType::F16
                && p.cr_type == wgpu::CooperativeScalarType::F32
        })
    };
    let units = MatrixUnits {
        block: [16, 8].into_iter().find(|side| multiplies(*side))?,
        subgroup: info.subgroup_max_size as usize,
    };
    let limits = adapter.limits();
    let enough = adapter.features().contains(MATRIX_UNITS)
        && units.can_be_used()
        && limits.max_compute_workgroup_storage_size >= SPACE
        && limits.max_compute_invocations_per_workgroup as usize >= units.most_threads();
    enough.then_some(units)
}
