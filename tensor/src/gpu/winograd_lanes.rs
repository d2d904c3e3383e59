//! Minimal filtering in one launch, by lanes that share rows: on software rasterisers, whose workgroups are the work of one processor core each.

use std::thread::available_parallelism;

use super::adapter::LANES;
use super::launch::Launch;
use super::matmul::{LANE_ROWS, lane_vectors};
use super::run::magic;
use super::template::{Program, program};
use super::winograd::product;
use super::{Gpu, GpuBuffer};
use crate::Result;
use crate::winograd::Tiling;

/// Workgroups for each core: what lies between the transforms is little enough to stay in its cache, and a core that is slow leaves work to others.
const GROUPS_A_CORE: usize = 2;

pub(super) fn program(outputs: usize, vectors: usize, b_transposed: bool) -> Program {
    program!("winograd_lanes")
        .set("OUT", outputs)
        .set("PLACES", (outputs + 2) * (outputs + 2))
        .set("TM", LANE_ROWS)
        .set("TNV", vectors)
        .set("BT", u8::from(b_transposed))
        .set("THROUGH", 0)
}

impl Gpu {
    /// Whether lanes can do all of a filtered convolution in one launch.
    pub(super) fn lanes_filter(&self, t: &Tiling) -> bool {
        self.inner.lanes && self.lanes_suit(&product(t)) && self.is_whole(&product(t))
    }

    /// A convolution's pass in tiles: its image and its weight, in the order of [`ConvPass`](crate::primitive::ConvPass).
    pub(super) fn filter_by_lanes(
        &self,
        t: &Tiling,
        [x, weight]: [&GpuBuffer; 2],
        y: &GpuBuffer,
    ) -> Result<()> {
        let weights = self.transformed(t, weight)?;
        let vectors = lane_vectors(t.o);
        let wide = 4 * vectors * LANES as usize;
        let cores = available_parallelism().map_or(1, usize::from);
        let most = GROUPS_A_CORE * cores;
        let (blocks, wides) = (t.tiles().div_ceil(LANE_ROWS), t.o.div_ceil(wide));
        // where blocks are too few for all, several groups transform the same tiles and multiply them by other columns each
        let part = wides.div_ceil(cores.div_ceil(blocks).min(wides));
        let parts = wides.div_ceil(part);
        let work = blocks * parts;
        let groups = work.min(most);

        let name = t.pass.name();
        let between = groups * t.places() * LANE_ROWS * 4;
        let v = self.output(name, between * t.c)?;
        let m = self.output(name, between * part * wide)?;
        let mut params = [work, parts].map(|n| n as u32).to_vec();
        params.extend(magic(parts));
        params.extend([t.tiles(), part].map(|n| n as u32));
        params.extend(magic(part));
        params.extend([t.c, t.o].map(|n| n as u32));
        let divisors = [t.c / 4, part * wide / 4, t.tw, t.th];
        params.extend(divisors.into_iter().flat_map(magic));
        params.extend([t.tw, t.th, t.h, t.w, t.pad, t.oh, t.ow].map(|n| n as u32));
        let launch = Launch {
            name,
            read: &[x, &weights],
            written: &[&v, &m, y],
            params: &params,
            groups: groups as u64,
        };
        let program = program(t.outputs, vectors, product(t).b_transposed);
        self.launch(&program, &launch)
    }
}
