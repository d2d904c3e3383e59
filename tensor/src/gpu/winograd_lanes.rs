//! Minimal filtering in one launch, by lanes that share rows: on software rasterisers, whose workgroups are the work of one processor core each.

use std::thread::available_parallelism;

use super::adapter::LANES;
use super::launch::Launch;
use super::matmul::{LANE_ROWS, lane_vectors};
use super::run::magic;
use super::template::{Program, program};
use super::winograd::product;
use super::{Gpu, GpuBuffer};
use crate::winograd::Tiling;
use crate::{DType, Result};

/// Workgroups for each core: what lies between the transforms is little enough to stay in its cache, and a core that is slow leaves work to others.
const GROUPS_A_CORE: usize = 2;

pub(super) fn program(outputs: usize, vectors: usize, b_transposed: bool) -> Program {
    program!("winograd_lanes")
        .set("OUT", outputs)
        .set("PLACES", (outputs + 2) * (outputs + 2))
        .set("TM", LANE_ROWS)
        .set("TNV", vectors)
        .set("BT", u8::from(b_transposed))
        .set("BRANCH", 1)
        .set("SPLIT", 0)
        .set("THROUGH", 0)
}

/// How the work is cut.
struct Cut {
    /// Columns of each lane, in vec4s.
    vectors: usize,
    /// Columns of a part, in turns of all lanes.
    part: usize,
    /// Parts of the columns.
    parts: usize,
    /// Blocks of tiles, times parts.
    work: usize,
    /// Workgroups that share the work.
    groups: usize,
}

impl Cut {
    fn of(t: &Tiling, cores: usize) -> Cut {
        let vectors = lane_vectors(t.o);
        let turns = t.o.div_ceil(4 * vectors * LANES as usize);
        let blocks = t.tiles().div_ceil(LANE_ROWS);
        // where blocks are too few for all cores, several groups transform the same tiles and multiply them by other columns each
        let part = turns.div_ceil(cores.div_ceil(blocks.max(1)).min(turns));
        let parts = turns.div_ceil(part);
        let work = blocks * parts;
        Cut {
            vectors,
            part,
            parts,
            work,
            groups: work.min(GROUPS_A_CORE * cores),
        }
    }

    /// Columns of a part.
    fn columns(&self) -> usize {
        4 * self.vectors * LANES as usize * self.part
    }

    /// Numbers between the transforms: transformed tiles of all workgroups, and their products.
    fn between(&self, t: &Tiling) -> [usize; 2] {
        [t.c, self.columns()].map(|columns| self.groups * t.places() * LANE_ROWS * columns)
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Gpu {
    /// Whether lanes can do all of a filtered convolution in one launch.
    pub(super) fn lanes_filter(&self, t: &Tiling) -> bool {
        self.inner.lanes
            && self.lanes_suit(&product(t))
            && self.is_whole(&product(t))
            && Cut::of(t, cores())
                .between(t)
                .iter()
                .all(|n| self.holds(*n as u64))
    }

    /// A convolution's pass in tiles: its image and its weight, in the order of [`ConvPass`](crate::primitive::ConvPass).
    pub(super) fn filter_by_lanes(
        &self,
        t: &Tiling,
        [x, weight]: [&GpuBuffer; 2],
        y: &GpuBuffer,
    ) -> Result<()> {
        let weights = self.transformed(t, DType::F32, false, weight)?;
        let cut = Cut::of(t, cores());
        let name = t.pass.name();
        let [v, m] = cut.between(t).map(|numbers| self.output(name, numbers * 4));
        let (v, m) = (v?, m?);
        let mut params = [cut.work, cut.parts].map(|n| n as u32).to_vec();
        params.extend(magic(cut.parts));
        params.extend([t.tiles(), cut.part].map(|n| n as u32));
        params.extend(magic(cut.part));
        params.extend([t.c, t.o].map(|n| n as u32));
        let divisors = [t.c / 4, cut.columns() / 4, t.tw, t.th];
        params.extend(divisors.into_iter().flat_map(magic));
        params.extend([t.tw, t.th, t.h, t.w, t.pad, t.oh, t.ow].map(|n| n as u32));
        let launch = Launch {
            name,
            read: &[x, &weights],
            written: &[&v, &m, y],
            params: &params,
            groups: cut.groups as u64,
        };
        let program = program(t.outputs, cut.vectors, product(t).b_transposed);
        self.launch(&program, &launch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tests::winograd::geometry;
    use crate::primitive::ConvPass;
    use crate::winograd::FOUR;

    fn cut(n: usize, side: usize, [c, o]: [usize; 2], cores: usize) -> ([usize; 4], [usize; 2]) {
        let shape = geometry([n, side, side], [c, o], 1).unwrap();
        let tiling = Tiling::of(ConvPass::Forward, &shape, FOUR).unwrap();
        let cut = Cut::of(&tiling, cores);
        let numbers = [cut.part, cut.parts, cut.work, cut.groups];
        (numbers, cut.between(&tiling))
    }

    #[test]
    fn all_cores_have_work_and_room_is_asked_for_what_they_need() {
        // 64 blocks of 16 tiles
        assert_eq!(
            cut(16, 32, [64, 64], 2),
            ([1, 1, 64, 4], [4 * 36 * 16 * 64; 2])
        );
        // one block: two cores share the columns, 64 each
        let between = [2 * 36 * 16 * 128, 2 * 36 * 16 * 64];
        assert_eq!(cut(16, 4, [128, 128], 2), ([1, 2, 2, 2], between));
        // there are no more parts than turns of all lanes; the last reaches beyond the columns
        let between = [3 * 36 * 16 * 8, 3 * 36 * 16 * 64];
        assert_eq!(cut(1, 4, [8, 132], 96), ([1, 3, 3, 3], between));
    }
}
