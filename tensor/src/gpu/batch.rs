//! Recording commands: one open compute pass over many dispatches.
//!
//! Dispatches are recorded into one pass, which is closed for copies, and submitted when
//! somebody reads, after [`DISPATCHES`] dispatches or [`MULTIPLY_ADDS`], or when the parameter arena is full.
//! `Queue::write_buffer` takes effect *before* everything in the open batch, therefore uploads
//! go to buffers which no command of the open batch binds (see [`super::Gpu::upload`]), and the
//! arena of parameters is written once, just before the submission.

use std::collections::VecDeque;
use std::ops::Range;

use super::adapter::AdapterKind;
use super::clock::Clock;
use super::ended::Ended;

/// A batch is submitted after this many dispatches.
const DISPATCHES: usize = 64;
/// … or this many multiply-adds of products, about: systems reset a card that is at one batch for two seconds, and this is a quarter of a second for a
/// graphics unit beside a processor.
const MULTIPLY_ADDS: u64 = 20_000_000_000;
/// Cards of their own do so many times as much in that time.
const LARGER: u64 = 16;
/// Bytes of parameters in one batch.
const ARENA: usize = 64 << 10;
/// A batch is submitted when more bytes than this wait to be uploaded.
const UPLOADS: u64 = 64 << 20;
/// Submissions allowed to run while the next is recorded.
const IN_FLIGHT: usize = 4;
/// Sizes of the window on the arena that a kernel sees, in bytes.
pub(super) const WINDOWS: [usize; 4] = [256, 1024, 4096, 16384];

/// The open batch and those under way.
#[derive(Debug)]
pub(super) struct Batch {
    open: Option<Open>,
    arena: Vec<u8>,
    arena_buffer: wgpu::Buffer,
    /// The arena seen through each of [`WINDOWS`].
    windows: Vec<wgpu::BindGroup>,
    alignment: usize,
    pending_uploads: u64,
    /// Multiply-adds of the open batch.
    multiply_adds: u64,
    /// … of which it holds no more than so many.
    most: u64,
    ended: Ended,
    /// While single launches are timed.
    pub(super) clock: Option<Clock>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Number of the open batch, from 1.
    serial: u64,
}

#[derive(Debug)]
struct Open {
    // dropped first: the pass must end before the encoder does
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: wgpu::CommandEncoder,
    dispatches: usize,
}

impl Open {
    fn new(device: &wgpu::Device) -> Open {
        Open {
            encoder: device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()),
            pass: None,
            dispatches: 0,
        }
    }

    /// The pass, begun where there is none.
    fn pass(&mut self) -> &mut wgpu::ComputePass<'static> {
        self.pass.get_or_insert_with(|| {
            self.encoder
                .begin_compute_pass(&wgpu::ComputePassDescriptor::default())
                .forget_lifetime()
        })
    }
}

impl Batch {
    /// A batch for `device`, of this kind; `layout` is that of the parameters' bind group.
    pub(super) fn new(
        device: &wgpu::Device,
        kind: AdapterKind,
        layout: &wgpu::BindGroupLayout,
    ) -> Self {
        let arena_buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: (ARENA + WINDOWS[WINDOWS.len() - 1]) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let windows = WINDOWS
            .iter()
            .map(|&size| {
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("parameters"),
                    layout,
                    entries: &[wgpu::BindGroupEntry {
                        binding: 0,
                        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer: &arena_buffer,
                            offset: 0,
                            size: wgpu::BufferSize::new(size as u64),
                        }),
                    }],
                })
            })
            .collect();
        Batch {
            open: None,
            arena: Vec::with_capacity(ARENA),
            arena_buffer,
            windows,
            alignment: device.limits().min_uniform_buffer_offset_alignment as usize,
            pending_uploads: 0,
            multiply_adds: 0,
            most: match kind {
                AdapterKind::Discrete => LARGER * MULTIPLY_ADDS,
                _ => MULTIPLY_ADDS,
            },
            ended: Ended::new(device),
            clock: None,
            in_flight: VecDeque::new(),
            serial: 1,
        }
    }

    /// Number of the open batch.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// True when the batch should be submitted before a dispatch with `bytes` of parameters.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        let dispatches = self.open.as_ref().map_or(0, |open| open.dispatches);
        dispatches >= DISPATCHES || self.arena.len() + bytes + self.alignment > ARENA
    }

    /// True when the batch should be submitted before dispatches that make so many multiply-adds.
    pub(super) fn has_enough(&self, multiply_adds: u64) -> bool {
        self.open.is_some() && self.multiply_adds + multiply_adds > self.most
    }

    /// Counts multiply-adds that the next dispatches make.
    pub(super) fn multiplies(&mut self, multiply_adds: u64) {
        self.multiply_adds += multiply_adds;
    }

    /// Records one dispatch. `params` must be no longer than the largest window.
    pub(super) fn dispatch(
        &mut self,
        device: &wgpu::Device,
        (key, pipeline): (&str, &wgpu::ComputePipeline),
        storage: &wgpu::BindGroup,
        params: &[u32],
        [x, y, z]: [u32; 3],
    ) {
        let bytes: &[u8] = bytemuck::cast_slice(params);
        let offset = self.arena.len().next_multiple_of(self.alignment);
        self.arena.resize(offset, 0);
        self.arena.extend_from_slice(bytes);
        let window = WINDOWS
            .iter()
            .position(|&size| size >= bytes.len())
            .unwrap_or(WINDOWS.len() - 1);

        let open = self.open.get_or_insert_with(|| Open::new(device));
        if let Some(clock) = &mut self.clock {
            open.pass = None;
            open.pass = clock.pass(&mut open.encoder, key);
        }
        let pass = open.pass();
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &self.windows[window], &[offset as u32]);
        pass.set_bind_group(1, storage, &[]);
        pass.dispatch_workgroups(x, y, z);
        open.dispatches += 1;
        if self.clock.is_some() {
            open.pass = None;
        }
    }

    /// Records a copy of `bytes` bytes, from and to these places in two buffers.
    pub(super) fn copy(
        &mut self,
        device: &wgpu::Device,
        (from, at): (&wgpu::Buffer, u64),
        (to, place): (&wgpu::Buffer, u64),
        bytes: u64,
    ) {
        let open = self.open.get_or_insert_with(|| Open::new(device));
        open.pass = None;
        open.encoder
            .copy_buffer_to_buffer(from, at, to, place, bytes);
    }

    /// Records that times are written to a buffer.
    pub(super) fn resolve(
        &mut self,
        device: &wgpu::Device,
        queries: &wgpu::QuerySet,
        range: Range<u32>,
        to: &wgpu::Buffer,
    ) {
        let open = self.open.get_or_insert_with(|| Open::new(device));
        open.pass = None;
        open.encoder.resolve_query_set(queries, range, to, 0);
    }

    /// Counts an upload; true when the batch should be submitted to let go of staged bytes.
    pub(super) fn uploaded(&mut self, bytes: u64) -> bool {
        self.pending_uploads += bytes;
        self.pending_uploads > UPLOADS
    }

    /// Submits what is recorded, and then a copy of the count of [batches that ended](Ended) to such a place of a buffer. Returns the submission
    /// that must be waited for before more is recorded, if too many are under way.
    pub(super) fn submit(
        &mut self,
        queue: &wgpu::Queue,
        told: Option<(&wgpu::Buffer, u64)>,
    ) -> Option<wgpu::SubmissionIndex> {
        let commands = match self.open.take() {
            Some(mut open) => {
                self.ended.record(open.pass());
                open.pass = None;
                if let Some((to, at)) = told {
                    self.ended.copy(&mut open.encoder, to, at);
                }
                Some(open.encoder.finish())
            }
            None if self.pending_uploads > 0 => None,
            None => return None,
        };
        if !self.arena.is_empty() {
            self.arena.resize(self.arena.len().next_multiple_of(4), 0);
            queue.write_buffer(&self.arena_buffer, 0, &self.arena);
            self.arena.clear();
        }
        self.pending_uploads = 0;
        self.multiply_adds = 0;
        self.serial += 1;
        self.in_flight.push_back(queue.submit(commands));
        if self.in_flight.len() > IN_FLIGHT {
            self.in_flight.pop_front()
        } else {
            None
        }
    }

    /// The count of batches that ended, once all that are submitted did.
    pub(super) fn ended(&mut self) -> &mut Ended {
        &mut self.ended
    }

    /// The submission made last, if it may still be under way.
    pub(super) fn last_submission(&self) -> Option<wgpu::SubmissionIndex> {
        self.in_flight.back().cloned()
    }

    /// Forgets what is recorded: the device is gone.
    pub(super) fn abandon(&mut self) {
        self.open = None;
        self.arena.clear();
        self.pending_uploads = 0;
        self.multiply_adds = 0;
        self.in_flight.clear();
    }
}
