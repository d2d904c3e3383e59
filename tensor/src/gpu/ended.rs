//! Whether batches ran to their end.
//!
//! wgpu 30 takes a batch that Metal gave up, for want of memory or time, for one that is done, and does not ask DX12 after a reset: nobody
//! would learn that arrays still hold old numbers. So the last command of each batch counts it on the device, and what is read comes with
//! the count.

/// For the test that translates all.
#[cfg(test)]
pub(super) fn ended_program() -> super::template::Program {
    super::template::program!("ended")
}

/// Counts the batches of one device, here and there.
#[derive(Debug)]
pub(super) struct Ended {
    pipeline: wgpu::ComputePipeline,
    binding: wgpu::BindGroup,
    /// How many ran to their end.
    count: wgpu::Buffer,
    /// How many should have, once those that were recorded are done.
    recorded: u32,
}

impl Ended {
    /// Bytes of a count.
    pub(super) const BYTES: u64 = 4;

    pub(super) fn new(device: &wgpu::Device) -> Ended {
        let count = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("ended"),
            size: Self::BYTES,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("ended"),
            source: wgpu::ShaderSource::Wgsl(include_str!("shaders/ended.wgsl").into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("ended"),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let binding = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("ended"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: count.as_entire_binding(),
            }],
        });
        Ended {
            pipeline,
            binding,
            count,
            recorded: 0,
        }
    }

    /// Records the end of a batch.
    pub(super) fn record(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.binding, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        self.recorded = self.recorded.wrapping_add(1);
    }

    /// Records a copy of the count to this place of a buffer.
    pub(super) fn copy(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer, at: u64) {
        encoder.copy_buffer_to_buffer(&self.count, 0, to, at, Self::BYTES);
    }

    /// What the count is when all batches recorded so far ran to their end.
    pub(super) fn expected(&self) -> u32 {
        self.recorded
    }

    /// A batch that does not end, for tests.
    #[cfg(test)]
    pub(super) fn miss_one(&mut self) {
        self.recorded = self.recorded.wrapping_add(1);
    }
}
