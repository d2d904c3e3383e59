//! Reductions and pooling.

use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::{AdapterKind, Gpu, GpuBuffer};
use crate::primitive::{Pool2d, PoolPass, Reduce, ReduceKind};
use crate::{DType, Result};

/// One thread adds no more elements than this.
const LONGEST: usize = 256;
/// An axis is not split into parts shorter than this.
const SHORTEST: usize = 32;

// ANCHOR: program
pub(super) fn reduce_program(sum: bool, vec: bool, row: bool) -> Program {
    program!("reduce")
        .set("SUM", u8::from(sum))
        .set("VEC", u8::from(vec))
        .set("ROW", u8::from(row))
}
// ANCHOR_END: program

pub(super) fn argmax_program(merge: bool) -> Program {
    program!("argmax").set("MERGE", u8::from(merge))
}

pub(super) fn pool_program(pass: PoolPass, vec: bool) -> Program {
    let name = match pass {
        PoolPass::Average => "average",
        PoolPass::Spread => "spread",
        PoolPass::MaxIndex => "index",
    };
    program!("pool").set("PASS", name).set("VEC", u8::from(vec))
}

impl Gpu {
    /// Threads that keep this device busy.
    pub(super) fn busy_threads(&self) -> usize {
        match self.inner.summary.kind {
            AdapterKind::Software => 256,
            _ => 16_384,
        }
    }

    /// Number of parts for an axis of `len` when `lanes` threads work side by side anyway.
    fn parts(&self, len: usize, lanes: usize) -> usize {
        if len <= 2 * SHORTEST {
            return 1;
        }
        let wanted = self.busy_threads().div_ceil(lanes.max(1));
        wanted.min(len / SHORTEST).max(len.div_ceil(LONGEST))
    }

    pub(super) fn reduce(
        &self,
        kind: ReduceKind,
        shape: &Reduce,
        dtype: DType,
        [x, y]: [&GpuBuffer; 2],
    ) -> Result<()> {
        match kind {
            ReduceKind::Sum => self.fold("sum", true, shape, [(x, dtype), (y, dtype)]),
            ReduceKind::Max => self.fold("max", false, shape, [(x, dtype), (y, dtype)]),
            ReduceKind::ArgMax => self.argmax(shape, x, y),
        }
    }

    /// Sum or maximum from an array of one type to one of the same or another, in as many passes as the axis is long for.
    pub(super) fn fold(
        &self,
        name: &'static str,
        sum: bool,
        shape: &Reduce,
        [(x, from), (y, to)]: [(&GpuBuffer, DType); 2],
    ) -> Result<()> {
        let Reduce { outer, len, inner } = *shape;
        let vec = inner.is_multiple_of(4);
        let row = inner == 1 && len.is_multiple_of(4) && len > 4;
        let len = if row { len / 4 } else { len };
        let lanes = if vec { inner / 4 } else { inner };
        let parts = self.parts(len, outer * lanes);
        let side_by_side = parts.min(WORKGROUP as usize);
        let parts = parts.next_multiple_of(side_by_side);
        let stretch = side_by_side * len.div_ceil(parts);
        let empty = if sum { 0.0 } else { f32::NEG_INFINITY };
        let threads = outer * parts * lanes;
        let pass = |y: &GpuBuffer, to: DType| {
            let [im, il] = magic(lanes);
            let [pm, pl] = magic(parts);
            let [sm, sl] = magic(side_by_side);
            let launch = Launch {
                name,
                read: &[x],
                written: &[y],
                params: &[
                    threads as u32,
                    lanes as u32,
                    im,
                    il,
                    pm,
                    pl,
                    parts as u32,
                    len as u32,
                    side_by_side as u32,
                    stretch as u32,
                    sm,
                    sl,
                    empty.to_bits(),
                ],
                groups: (threads as u64).div_ceil(WORKGROUP),
            };
            self.launch(&reduce_program(sum, vec, row).of(from).to(to), &launch)
        };
        if parts == 1 {
            return pass(y, to);
        }
        let partial = self.output(name, outer * parts * inner * 4)?;
        pass(&partial, DType::F32)?;
        let rest = Reduce {
            outer,
            len: parts,
            inner,
        };
        self.fold(name, sum, &rest, [(&partial, DType::F32), (y, to)])
    }

    fn argmax(&self, shape: &Reduce, x: &GpuBuffer, y: &GpuBuffer) -> Result<()> {
        let Reduce { outer, len, inner } = *shape;
        let mut candidates = len;
        let mut from: Option<GpuBuffer> = None;
        loop {
            let parts = self.parts(candidates, outer * inner);
            let partial = match parts {
                1 => None,
                _ => Some(self.output("argmax", outer * parts * inner * 4)?),
            };
            let threads = outer * parts * inner;
            let [im, il] = magic(inner);
            let [pm, pl] = magic(parts);
            let read: Vec<&GpuBuffer> = [Some(x), from.as_ref()].into_iter().flatten().collect();
            let launch = Launch {
                name: "argmax",
                read: &read,
                written: &[partial.as_ref().unwrap_or(y)],
                params: &[
                    threads as u32,
                    inner as u32,
                    im,
                    il,
                    pm,
                    pl,
                    parts as u32,
                    len as u32,
                    candidates as u32,
                ],
                groups: (threads as u64).div_ceil(WORKGROUP),
            };
            self.launch(&argmax_program(from.is_some()), &launch)?;
            if partial.is_none() {
                return Ok(());
            }
            candidates = parts;
            from = partial;
        }
    }

    pub(super) fn pool(
        &self,
        name: &'static str,
        pass: PoolPass,
        shape: &Pool2d,
        dtype: DType,
        [x, y]: [&GpuBuffer; 2],
    ) -> Result<()> {
        let vec = shape.c.is_multiple_of(4) && pass != PoolPass::MaxIndex;
        let c = if vec { shape.c / 4 } else { shape.c };
        let (out, input) = match pass {
            PoolPass::Spread => ([shape.h, shape.w], [shape.oh, shape.ow]),
            _ => ([shape.oh, shape.ow], [shape.h, shape.w]),
        };
        let threads = shape.n * out[0] * out[1] * c;
        let [cm, cl] = magic(c);
        let [wm, wl] = magic(out[1]);
        let [hm, hl] = magic(out[0]);
        let launch = Launch {
            name,
            read: &[x],
            written: &[y],
            params: &[
                threads as u32,
                c as u32,
                cm,
                cl,
                wm,
                wl,
                hm,
                hl,
                out[1] as u32,
                out[0] as u32,
                input[1] as u32,
                input[0] as u32,
                shape.k as u32,
                shape.stride as u32,
                shape.pad as u32,
                (1.0 / (shape.k * shape.k) as f32).to_bits(),
            ],
            groups: (threads as u64).div_ceil(WORKGROUP),
        };
        self.launch(&pool_program(pass, vec).of(dtype), &launch)
    }
}
