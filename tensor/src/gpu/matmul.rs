//! Batched matrix products.

use super::adapter::LANES;
use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::primitive::{MatMul, Reduce};
use crate::{DType, Result};

/// Blocks of outputs that one thread of the direct kernel may keep: rows, and columns in vec4s.
pub(super) const BLOCKS: [(usize, usize); 3] = [(8, 4), (8, 2), (4, 1)];
/// A contraction is not cut into parts shorter than this.
const SHORTEST_SPLIT: usize = 256;

pub(super) fn direct_program(
    (rows, vectors): (usize, usize),
    (a_transposed, b_transposed): (bool, bool),
    vec: bool,
) -> Program {
    program!("matmul_direct")
        .set("TM", rows)
        .set("TNV", vectors)
        .set("AT", u8::from(a_transposed))
        .set("BT", u8::from(b_transposed))
        .set("VEC", u8::from(vec))
}

/// Rows that the lanes of a subgroup share.
pub(super) const LANE_ROWS: usize = 16;

/// Columns of each lane, in vec4s, of so many.
pub(super) fn lane_vectors(columns: usize) -> usize {
    if columns > 4 * LANES as usize { 2 } else { 1 }
}

/// `held`: see [`Gpu::held`].
pub(super) fn lanes_program(vectors: usize, b_transposed: bool, held: usize) -> Program {
    program!("matmul_lanes")
        .set("TM", LANE_ROWS)
        .set("TNV", vectors)
        .set("BT", u8::from(b_transposed))
        .set("HELD", held)
}

/// The block that wastes least of an m × n product. A step costs the products and, about four
/// times as much each, the loads.
pub(super) fn block(m: usize, n: usize) -> (usize, usize) {
    let cost = |&(rows, vectors): &(usize, usize)| {
        let columns = 4 * vectors;
        m.div_ceil(rows) * n.div_ceil(columns) * (rows * columns + 4 * (rows + columns))
    };
    BLOCKS.into_iter().min_by_key(cost).unwrap_or(BLOCKS[0])
}

impl MatMul {
    /// Elements from one matrix of a to the next, and of b; 0 where all products share one.
    pub(super) const fn steps(&self) -> [usize; 2] {
        let a = if self.a_batched { self.m * self.k } else { 0 };
        let b = if self.b_batched { self.k * self.n } else { 0 };
        [a, b]
    }
}

impl Gpu {
    pub(super) fn matmul(
        &self,
        shape: &MatMul,
        a: &GpuBuffer,
        b: &GpuBuffer,
        c: &GpuBuffer,
    ) -> Result<()> {
        let a_line = if shape.a_transposed { shape.m } else { shape.k };
        let b_line = if shape.b_transposed { shape.k } else { shape.n };
        let vec = [a_line, b_line, shape.n]
            .iter()
            .all(|n| n.is_multiple_of(4));
        let (rows, vectors) = block(shape.m, shape.n);
        let tiles_n = shape.n.div_ceil(4 * vectors);
        let tiles = shape.m.div_ceil(rows) * tiles_n;
        let splits = self.splits(shape.k, tiles * shape.batch);
        let chunk = shape.k.div_ceil(splits).next_multiple_of(4).max(4);
        let splits = shape.k.div_ceil(chunk).max(1);
        let program = direct_program(
            (rows, vectors),
            (shape.a_transposed, shape.b_transposed),
            vec,
        );
        let threads = tiles * splits * shape.batch;
        let [nm, nl] = magic(tiles_n);
        let [tm, tl] = magic(tiles);
        let [sm, sl] = magic(splits);
        let [a_step, b_step] = shape.steps();
        let params = [
            threads as u32,
            tiles_n as u32,
            nm,
            nl,
            tiles as u32,
            splits as u32,
            tm,
            tl,
            sm,
            sl,
            shape.m as u32,
            shape.n as u32,
            shape.k as u32,
            chunk as u32,
            shape.batch as u32,
            a_step as u32,
            b_step as u32,
        ];
        self.in_splits(
            "matmul",
            splits,
            shape.batch * shape.m * shape.n,
            (c, DType::F32),
            |c, _| {
                self.launch(
                    &program,
                    &Launch {
                        name: "matmul",
                        read: &[a, b],
                        written: &[c],
                        params: &params,
                        groups: (threads as u64).div_ceil(WORKGROUP),
                    },
                )
            },
        )
    }

    /// Whether lanes can share the rows of a product: whole vectors, whole turns of all lanes, not much beside the product.
    pub(super) fn lanes_suit(&self, shape: &MatMul) -> bool {
        let aligned = shape.n.is_multiple_of(4) && shape.k.is_multiple_of(LANES as usize);
        let filled = 2 * shape.m >= LANE_ROWS && shape.n >= 24;
        aligned && filled && !shape.a_transposed && shape.k > 0
    }

    /// Whether no sum of a product is so long that it is better cut into parts, which the direct kernel does.
    pub(super) fn is_whole(&self, shape: &MatMul) -> bool {
        let threads = shape.batch * shape.m.div_ceil(LANE_ROWS) * shape.n.div_ceil(4);
        self.splits(shape.k, threads) == 1
    }

    /// A product by lanes that share rows, which it must [suit](Self::lanes_suit).
    pub(super) fn matmul_by_lanes(
        &self,
        name: &'static str,
        shape: &MatMul,
        operands: [&GpuBuffer; 2],
        c: &GpuBuffer,
    ) -> Result<()> {
        let vectors = lane_vectors(shape.n);
        let held = match shape.batch > 1 && shape.b_batched {
            true => 0,
            false => self.held(operands[1], shape.k * shape.n),
        };
        let tiles_n = shape.n.div_ceil(4 * vectors * LANES as usize);
        let tiles = shape.m.div_ceil(LANE_ROWS) * tiles_n;
        let subgroups = tiles * shape.batch;
        let mut params = [subgroups, tiles, tiles_n].map(|n| n as u32).to_vec();
        params.push(0);
        params.extend([tiles, tiles_n].into_iter().flat_map(magic));
        params.extend([shape.m, shape.n, shape.k].map(|n| n as u32));
        params.extend(shape.steps().map(|n| n as u32));
        self.launch(
            &lanes_program(vectors, shape.b_transposed, held),
            &Launch {
                name,
                read: &operands,
                written: &[c],
                params: &params,
                groups: (subgroups as u64).div_ceil(WORKGROUP / u64::from(LANES)),
            },
        )
    }

    /// Vec4s of a uniform that holds so many numbers, if one can: few sizes, so that there are few kernels.
    pub(super) fn uniform_for(&self, numbers: usize) -> Option<usize> {
        let vectors = numbers.div_ceil(4).next_power_of_two();
        let fits = 16 * vectors as u64 <= self.inner.limits.max_uniform_buffer_binding_size;
        fits.then_some(vectors)
    }

    /// Vec4s of the uniform as which lanes read a factor of so many numbers; 0 where they read it from storage, since it is too large or its array ends before
    /// the uniform does. Software rasterisers load from uniforms in a third of the time, without asking for each lane whether it takes part.
    pub(super) fn held(&self, factor: &GpuBuffer, numbers: usize) -> usize {
        let uniform = self.uniform_for(numbers);
        let whole = uniform.filter(|vectors| 16 * *vectors as u64 <= factor.visible());
        whole.unwrap_or(0)
    }

    /// Number of parts for a contraction of length `k` when `threads` threads work side by side.
    pub(super) fn splits(&self, k: usize, threads: usize) -> usize {
        let wanted = self.busy_threads().div_ceil(threads.max(1));
        wanted.min(k / SHORTEST_SPLIT).max(1)
    }

    /// Runs a kernel that writes `splits` partial results of `elements` each, in f32, and adds them; a single one is in the output's type.
    pub(super) fn in_splits(
        &self,
        name: &'static str,
        splits: usize,
        elements: usize,
        (output, dtype): (&GpuBuffer, DType),
        kernel: impl FnOnce(&GpuBuffer, DType) -> Result<()>,
    ) -> Result<()> {
        if splits == 1 {
            return kernel(output, dtype);
        }
        let partial = self.output(name, splits * elements * 4)?;
        kernel(&partial, DType::F32)?;
        let shape = Reduce {
            outer: 1,
            len: splits,
            inner: elements,
        };
        self.fold(
            name,
            true,
            &shape,
            [(&partial, DType::F32), (output, dtype)],
        )
    }
}
