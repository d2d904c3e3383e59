//! Bind groups, kept for the next launch that binds the same buffers: a step that is run again and again makes none.

use std::collections::HashMap;

use super::GpuBuffer;
use super::pipelines::Pipeline;

/// Bind groups kept at most. A network's step needs a few hundred.
const MOST: usize = 4096;

/// How a kernel takes its arrays, and the buffers with the place and the number of the bytes that are seen of them.
type Key = (wgpu::BindGroupLayout, Vec<(wgpu::Buffer, u64, u64)>);

/// The bind groups of one device's launches.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    known: HashMap<Key, wgpu::BindGroup>,
    /// How many buffers the pool had given back when a bind group was last asked for.
    released: u64,
    made: u64,
}

impl Bindings {
    /// The bind group of these arrays. `released` counts the buffers that the pool has given back to the driver: bind groups, which
    /// would keep them alive, are then let go.
    pub(super) fn get(
        &mut self,
        device: &wgpu::Device,
        pipeline: &Pipeline,
        read: &[&GpuBuffer],
        written: &[&GpuBuffer],
        released: u64,
    ) -> wgpu::BindGroup {
        if released != self.released || self.known.len() >= MOST {
            self.known.clear();
            self.released = released;
        }
        let buffers = || read.iter().chain(written);
        let seen = buffers().map(|b| (b.raw().clone(), b.offset(), b.visible()));
        let key = (pipeline.storage.clone(), seen.collect());
        let made = &mut self.made;
        let group = self.known.entry(key).or_insert_with(|| {
            *made += 1;
            let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers()
                .enumerate()
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding: binding as u32,
                    resource: wgpu::BindingResource::Buffer(buffer.binding()),
                })
                .collect();
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.storage,
                entries: &entries,
            })
        });
        group.clone()
    }

    /// Lets go of all, and thereby of the buffers that only they keep alive.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// How many were made so far.
    pub(super) fn made(&self) -> u64 {
        self.made
    }
}
