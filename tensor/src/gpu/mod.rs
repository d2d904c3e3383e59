//! The WebGPU device: memory, batches of commands, compiled kernels, and all operations on them.
//!
//! * [`Gpu::upload`], [`Gpu::read`] move bytes;
//! * `Gpu::run` executes a [`crate::primitive::Primitive`];
//! * `Gpu::pointwise` executes a fused pointwise expression.
//!
//! Nothing waits for the device except `read` and, when too much is under way, the submission of
//! a batch. Failures of the device surface as typed errors at the next flush or read and at every
//! later call.

mod adapter;
mod batch;
mod bindings;
mod clock;
mod conv;
mod ended;
mod faults;
mod halves;
mod kept;
mod launch;
mod layout;
mod matmul;
mod matrix;
mod pipelines;
mod pointwise;
mod pointwise_text;
mod pool;
mod reduce;
mod rows;
mod run;
mod template;
mod texts;
mod through;
mod tiled;
mod tiles;
mod transfer;
mod tune;
mod way;
mod windows;
mod winograd;
mod winograd_lanes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

pub(crate) use adapter::adapters_now;
pub use adapter::{AdapterKind, AdapterSummary, adapters, find_adapter};
pub use matrix::MatrixUnits;
pub use pool::{GpuBuffer, MemoryReport};

use crate::{Error, Result};
use batch::Batch;
use bindings::Bindings;
use faults::{Faults, lock};
use pipelines::Pipelines;
use pool::Pool;
pub use texts::{SHADERS, shaders_folder};
pub use tiles::{Tile, Tuned};
use tune::Tuning;
pub use tune::{Trial, Tried, kernels_version};
pub use way::Way;

/// Which of the two families of heavy kernels runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Each thread keeps a block of outputs in registers and reads the arrays directly: for
    /// software rasterisers, where a barrier costs more than a load.
    Direct,
    /// Workgroups stage tiles of the operands in workgroup memory: for graphics hardware.
    Tiled,
}

/// How to open an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GpuOptions {
    /// The family of heavy kernels; by default what suits the kind of adapter.
    pub family: Option<Family>,
    /// Keep the bounds checks in the shaders. For tests: the kernels do not need them.
    pub checked: bool,
    /// Fill every buffer with NaN before it is written, which shows up elements that a kernel
    /// leaves out. For tests.
    pub poison: bool,
    /// The tile of every product of the tiled kernels, instead of what suits the product. For tests.
    pub tile: Option<Tile>,
    /// Winograd's minimal filtering wherever it is possible and allowed, whether or not it saves time. For tests.
    pub always_winograd: bool,
    /// Ask for no more than what WebGPU guarantees everywhere (8 arrays a kernel, 128 MiB each).
    /// For tests.
    pub smallest_limits: bool,
}

/// A WebGPU device. Cheap to clone; clones are the same device.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
}

struct Inner {
    summary: AdapterSummary,
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
    family: Family,
    /// Whether the direct kernels may have lanes tell one another numbers.
    lanes: bool,
    /// Seconds between two numbers of the device's clock, if it tells when a launch begins and ends.
    tick: Option<f64>,
    options: GpuOptions,
    faults: Arc<Faults>,
    pool: Arc<Pool>,
    batch: Mutex<Batch>,
    bindings: Mutex<Bindings>,
    pipelines: Mutex<Pipelines>,
    tuning: Mutex<Tuning>,
    launches: Mutex<BTreeMap<&'static str, u64>>,
    staging: Mutex<Vec<wgpu::Buffer>>,
    /// Room for the times of launches, made when there are first any; held while launches are timed.
    queries: Mutex<Option<wgpu::QuerySet>>,
}

impl Gpu {
    /// Opens an adapter with the options that suit it.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when the driver refuses.
    pub fn open(adapter: (AdapterSummary, wgpu::Adapter)) -> Result<Self> {
        pollster::block_on(Self::open_with(adapter, GpuOptions::default()))
    }

    /// Opens an adapter.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when the driver refuses.
    pub async fn open_with(
        (mut summary, adapter): (AdapterSummary, wgpu::Adapter),
        options: GpuOptions,
    ) -> Result<Self> {
        let limits = if options.smallest_limits {
            wgpu::Limits::default()
        } else {
            adapter.limits()
        };
        let family = options.family.unwrap_or(summary.kind.family());
        // beyond what WebGPU guarantees; and with the smallest limits the units' tiles do not fit
        summary.f16 &= !options.smallest_limits;
        if options.smallest_limits || family == Family::Direct {
            summary.matrix_units = None;
        }
        let lanes =
            family == Family::Direct && !options.smallest_limits && adapter::has_lanes(&adapter);
        let mut usual = wgpu::Features::empty();
        usual.set(adapter::LANE_FEATURES, lanes);
        usual.set(wgpu::Features::SHADER_F16, summary.f16);
        let has_clock = !options.smallest_limits && adapter.features().contains(adapter::CLOCK);
        usual.set(adapter::CLOCK, has_clock);
        let mut opened = request(&adapter, &limits, usual, summary.matrix_units.is_some()).await;
        if summary.matrix_units.is_some() && opened.is_err() {
            summary.matrix_units = None;
            opened = request(&adapter, &limits, usual, false).await;
        }
        let (device, queue) = opened.map_err(|error| Error::NoDevice {
            wanted: summary.name.clone(),
            why: error.to_string(),
        })?;
        let tick = has_clock.then(|| f64::from(queue.get_timestamp_period()) * 1e-9);
        let faults = Faults::watch(&device, summary.name.clone());
        let pipelines = Pipelines::new(&device, options.checked);
        let batch = Batch::new(&device, summary.kind, pipelines.params());
        Ok(Gpu {
            inner: Arc::new(Inner {
                pool: Pool::new(limits.max_buffer_size),
                summary,
                device,
                queue,
                limits,
                family,
                lanes,
                tick,
                options,
                faults,
                batch: Mutex::new(batch),
                bindings: Mutex::default(),
                pipelines: Mutex::new(pipelines),
                tuning: Mutex::default(),
                launches: Mutex::default(),
                staging: Mutex::default(),
                queries: Mutex::default(),
            }),
        })
    }

    /// Whether products can be computed on matrix units: what [`MatmulPrecision`](crate::MatmulPrecision) but `Highest` asks for.
    pub fn has_matrix_units(&self) -> bool {
        self.inner.summary.matrix_units.is_some()
    }

    /// Whether arrays may be of f16: the driver offers such to shaders.
    pub fn has_f16(&self) -> bool {
        self.inner.summary.f16
    }

    /// Whether the lanes of a software rasteriser's threads tell one another numbers, as its fastest kernels have them do.
    pub fn has_lanes(&self) -> bool {
        self.inner.lanes
    }

    /// A new device on the same adapter, with the same options.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when the adapter is gone or the driver refuses.
    pub fn reopen(&self) -> Result<Self> {
        let known = self.summary();
        let same = |s: &AdapterSummary| s.name == known.name && s.backend == known.backend;
        let all = adapters_now().into_iter();
        // of several cards of one kind the one in its place, unless the places have changed
        let found = all
            .filter(|(s, _)| same(s))
            .min_by_key(|(s, _)| s.index.abs_diff(known.index));
        let adapter = found.ok_or_else(|| Error::NoDevice {
            wanted: self.summary().name.clone(),
            why: "it was lost, and is not there any more".into(),
        })?;
        let opened = pollster::block_on(Self::open_with(adapter, self.inner.options))?;
        opened.set_tuned(self.tuned());
        Ok(opened)
    }

    /// What this device is.
    pub fn summary(&self) -> &AdapterSummary {
        &self.inner.summary
    }

    /// Which heavy kernels it runs.
    pub fn family(&self) -> Family {
        self.inner.family
    }

    /// Kernels launched since the start or the last [`Gpu::reset_launches`], by name: the names
    /// of [`crate::primitive::Primitive::name`], and `pointwise`. A primitive that takes two
    /// passes counts twice.
    pub fn launches(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.inner.launches).clone()
    }

    /// Starts counting launches anew.
    pub fn reset_launches(&self) {
        lock(&self.inner.launches).clear();
    }

    /// Bind groups made so far. Launches that bind the same buffers share one.
    pub fn bind_groups(&self) -> u64 {
        lock(&self.inner.bindings).made()
    }

    /// Keys of the kernels compiled so far, sorted.
    pub fn compiled(&self) -> Vec<String> {
        lock(&self.inner.pipelines).keys()
    }

    /// Memory in use and pooled.
    pub fn memory(&self) -> MemoryReport {
        self.inner.pool.report()
    }

    /// Gives pooled memory back to the driver.
    pub fn trim(&self) {
        lock(&self.inner.bindings).clear();
        self.inner.pool.trim();
        lock(&self.inner.staging).clear();
    }

    /// True for two handles of one device.
    pub fn same_device(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Destroys the device as a driver reset would: every later call returns
    /// [`Error::DeviceLost`].
    pub fn destroy(&self) {
        self.inner.device.destroy();
        // the callback runs when the device is polled
        let _ = self.poll(wgpu::PollType::Poll);
    }
}

/// Opens the adapter.
async fn request(
    adapter: &wgpu::Adapter,
    limits: &wgpu::Limits,
    usual: wgpu::Features,
    matrix_units: bool,
) -> std::result::Result<(wgpu::Device, wgpu::Queue), wgpu::RequestDeviceError> {
    let (required_features, experimental_features) = match matrix_units {
        true => {
            // SAFETY: the one experimental feature is matrix units, used by one kernel (gemm_matrix), which loads and stores blocks inside
            // its own workgroup arrays only; the sizes of those follow from its tile. All threads of a workgroup, and so of a subgroup, take
            // the same way to each block: branches around blocks go by the number of the workgroup and the steps that are left.
            let experimental = unsafe { wgpu::ExperimentalFeatures::enabled() };
            (usual | self::adapter::MATRIX_UNITS, experimental)
        }
        false => (usual, wgpu::ExperimentalFeatures::disabled()),
    };
    adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: None,
            required_features,
            required_limits: limits.clone(),
            experimental_features,
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        })
        .await
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu")
            .field("name", &self.inner.summary.name)
            .field("family", &self.inner.family)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
