//! Compiled kernels, by readable key.

use std::collections::HashMap;
use std::sync::Arc;

use super::faults::Faults;
use super::template::finished;
use crate::Result;

/// A compiled kernel with the layout of its arrays.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) compute: wgpu::ComputePipeline,
    pub(super) storage: wgpu::BindGroupLayout,
}

/// All kernels compiled so far.
///
/// Bind group 0 holds the parameters (one uniform buffer with a dynamic offset), group 1 the
/// arrays: first those read, then those written.
#[derive(Debug)]
pub(super) struct Pipelines {
    known: HashMap<String, Arc<Pipeline>>,
    /// By how each of the arrays is bound.
    layouts: HashMap<Vec<wgpu::BufferBindingType>, (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    params: wgpu::BindGroupLayout,
    checked: bool,
}

impl Pipelines {
    /// None yet. `checked` keeps the bounds checks in the shaders.
    pub(super) fn new(device: &wgpu::Device, checked: bool) -> Self {
        let params = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("parameters"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        Pipelines {
            known: HashMap::new(),
            layouts: HashMap::new(),
            params,
            checked,
        }
    }

    /// Layout of the parameters' bind group.
    pub(super) fn params(&self) -> &wgpu::BindGroupLayout {
        &self.params
    }

    /// Keys of all compiled kernels, sorted.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.known.keys().cloned().collect();
        keys.sort();
        keys
    }

    /// The kernel called `key`, compiled from `source` the first time.
    ///
    /// # Errors
    /// [`crate::Error::Device`] with the compiler's words and the numbered text.
    pub(super) fn get(
        &mut self,
        device: &wgpu::Device,
        faults: &Faults,
        key: &str,
        (read, written): (usize, usize),
        source: impl FnOnce() -> Result<String, String>,
    ) -> Result<Arc<Pipeline>> {
        if let Some(known) = self.known.get(key) {
            return Ok(Arc::clone(known));
        }
        let source = source().map_err(|why| faults.refused(format!("kernel {key}: {why}")))?;
        let source = finished(source);
        let arrays = array_kinds(&source, read, written);
        let (storage, layout) = self.layouts.entry(arrays).or_insert_with_key(|arrays| {
            let storage = storage_layout(device, arrays);
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&self.params), Some(&storage)],
                immediate_size: 0,
            });
            (storage, layout)
        });
        // what wgpu refuses is a validation error, what the driver's compiler refuses an internal one
        let driver = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let wgpu = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(key),
            source: wgpu::ShaderSource::Wgsl(source.as_str().into()),
        };
        let module = if self.checked {
            device.create_shader_module(descriptor)
        } else {
            // SAFETY: the kernels index only inside the sizes they are given in their parameters,
            // their loops end and they divide by nothing that can be zero; the tests run all of
            // them with the checks left in as well and compare with the CPU.
            unsafe {
                device.create_shader_module_trusted(
                    descriptor,
                    wgpu::ShaderRuntimeChecks::unchecked(),
                )
            }
        };
        let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key),
            layout: Some(layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let [by_wgpu, by_driver] = [wgpu, driver].map(|scope| pollster::block_on(scope.pop()));
        if let Some(error) = by_wgpu.or(by_driver) {
            let numbered: String = source
                .lines()
                .enumerate()
                .map(|(n, line)| format!("{:4} {line}\n", n + 1))
                .collect();
            return Err(faults.refused(format!("kernel {key}: {error}\n{numbered}")));
        }
        let pipeline = Arc::new(Pipeline {
            compute,
            storage: storage.clone(),
        });
        self.known.insert(key.to_owned(), Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

/// How a kernel's text takes its arrays: those read from memory, or, small ones, as a uniform.
fn array_kinds(source: &str, read: usize, written: usize) -> Vec<wgpu::BufferBindingType> {
    let kind = |binding| {
        let declared = format!("@group(1) @binding({binding}) var<uniform>");
        match source.contains(&declared) {
            true => wgpu::BufferBindingType::Uniform,
            false => wgpu::BufferBindingType::Storage {
                read_only: binding < read,
            },
        }
    };
    (0..read + written).map(kind).collect()
}

fn storage_layout(
    device: &wgpu::Device,
    arrays: &[wgpu::BufferBindingType],
) -> wgpu::BindGroupLayout {
    let entries: Vec<wgpu::BindGroupLayoutEntry> = arrays
        .iter()
        .enumerate()
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: *ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &entries,
    })
}
