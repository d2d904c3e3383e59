//! Gather, scatter-add, embedding and concatenation.

use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::{Gpu, GpuBuffer};
use crate::primitive::{Concat, Embed, Gather};
use crate::{Error, Result};

/// Axes that the embedding kernel can walk.
const MOST_AXES: usize = 8;
/// Scatter-add lets every output element scan all picks up to this much work; beyond it, picks are listed by row first.
const SCAN_WORK: usize = 1 << 24;

pub(super) fn gather_program(vec: bool) -> Program {
    program!("gather").set("VEC", u8::from(vec))
}

pub(super) fn concat_program(vec: bool) -> Program {
    program!("concat").set("VEC", u8::from(vec))
}

pub(super) fn embed_program(rank: usize) -> Program {
    program!("embed").set("RANK", rank)
}

pub(super) fn scatter_program(vec: bool, listed: bool) -> Program {
    program!("scatter_add")
        .set("VEC", u8::from(vec))
        .set("LISTED", u8::from(listed))
}

pub(super) fn lists_program(step: &'static str) -> Program {
    program!("pick_lists").set("STEP", step)
}

impl Gpu {
    pub(super) fn gather(
        &self,
        shape: &Gather,
        x: &GpuBuffer,
        index: &GpuBuffer,
        y: &GpuBuffer,
    ) -> Result<()> {
        let vec = shape.inner.is_multiple_of(4);
        let inner = if vec { shape.inner / 4 } else { shape.inner };
        let threads = shape.picks * inner;
        let [m, l] = magic(inner);
        let launch = Launch {
            name: "gather",
            read: &[x, index],
            written: &[y],
            params: &[threads as u32, inner as u32, m, l, shape.rows as u32],
            groups: (threads as u64).div_ceil(WORKGROUP),
        };
        self.launch(&gather_program(vec), &launch)
    }

    /// Deterministic without floating-point atomics: each output element adds its picks in
    /// ascending order. For few rows it scans all picks; otherwise lists of the picks of each row
    /// are made first (in the order of arrival) and sorted by merging.
    pub(super) fn scatter_add(
        &self,
        shape: &Gather,
        g: &GpuBuffer,
        index: &GpuBuffer,
        y: &GpuBuffer,
    ) -> Result<()> {
        let op = "scatter_add";
        let vec = shape.inner.is_multiple_of(4);
        let inner = if vec { shape.inner / 4 } else { shape.inner };
        let threads = shape.rows * inner;
        let [m, l] = magic(inner);
        let params = [threads as u32, inner as u32, m, l, shape.picks as u32];
        let groups = (threads as u64).div_ceil(WORKGROUP);
        if threads.saturating_mul(shape.picks) <= SCAN_WORK {
            let launch = Launch {
                name: op,
                read: &[g, index],
                written: &[y],
                params: &params,
                groups,
            };
            return self.launch(&scatter_program(vec, false), &launch);
        }
        let first = self.output(op, shape.rows * 4)?;
        let next = self.output(op, shape.picks * 4)?;
        let rows = shape.rows as u64;
        let steps = [
            ("clear", rows),
            ("link", shape.picks as u64),
            ("sort", rows),
        ];
        for (step, count) in steps {
            let launch = Launch {
                name: op,
                read: &[index],
                written: &[&first, &next],
                params: &[count as u32, shape.rows as u32],
                groups: count.div_ceil(WORKGROUP),
            };
            self.launch(&lists_program(step), &launch)?;
        }
        let launch = Launch {
            name: op,
            read: &[g, &first, &next],
            written: &[y],
            params: &params,
            groups,
        };
        self.launch(&scatter_program(vec, true), &launch)
    }

    pub(super) fn concat(
        &self,
        shape: &Concat,
        inputs: &[&GpuBuffer],
        y: &GpuBuffer,
    ) -> Result<()> {
        let total: usize = shape.lens.iter().sum();
        let words = |lens: usize| lens * shape.inner;
        let mut start = 0;
        for (x, len) in inputs.iter().zip(&shape.lens) {
            let sizes = [words(*len), words(total), words(start)];
            start += len;
            let vec = sizes.iter().all(|n| n.is_multiple_of(4));
            let [row, out_row, begin] = sizes.map(|n| if vec { n / 4 } else { n });
            let threads = shape.outer * row;
            let [m, l] = magic(row);
            let launch = Launch {
                name: "concat",
                read: &[x],
                written: &[y],
                params: &[
                    threads as u32,
                    row as u32,
                    m,
                    l,
                    out_row as u32,
                    begin as u32,
                ],
                groups: (threads as u64).div_ceil(WORKGROUP),
            };
            self.launch(&concat_program(vec), &launch)?;
        }
        Ok(())
    }

    pub(super) fn embed(&self, shape: &Embed, x: &GpuBuffer, y: &GpuBuffer) -> Result<()> {
        let axes = merged_axes(shape);
        if axes.len() > MOST_AXES {
            return Err(Error::Unsupported {
                op: "embed",
                device: self.inner.summary.name.clone(),
                why: format!(
                    "{} axes that cannot be merged; at most {MOST_AXES}",
                    axes.len()
                ),
            });
        }
        let threads: usize = shape.out.iter().product();
        // arrays in uniform buffers start at multiples of 16 bytes
        let mut params = vec![threads as u32, 0, 0, 0];
        for axis in axes.iter().rev() {
            params.extend(magic(axis.out));
            params.extend(magic(axis.step));
            params.extend([axis.out, axis.len, axis.start, axis.step].map(|n| n as u32));
        }
        let launch = Launch {
            name: "embed",
            read: &[x],
            written: &[y],
            params: &params,
            groups: (threads as u64).div_ceil(WORKGROUP),
        };
        self.launch(&embed_program(axes.len()), &launch)
    }
}

struct Axis {
    len: usize,
    out: usize,
    start: usize,
    step: usize,
}

/// Joins an axis that is copied whole to the axis before it, if that has step 1.
fn merged_axes(shape: &Embed) -> Vec<Axis> {
    let mut axes: Vec<Axis> = Vec::new();
    for i in 0..shape.out.len() {
        let (len, out, start) = (shape.shape[i], shape.out[i], shape.start[i]);
        let step = shape.step[i];
        let whole = len == out && start == 0 && (step == 1 || len == 1);
        match axes.last_mut() {
            Some(before) if whole && (before.step == 1 || len == 1) => {
                before.len *= len;
                before.out *= len;
                before.start *= len;
            }
            _ => axes.push(Axis {
                len,
                out,
                start,
                step,
            }),
        }
    }
    if axes.is_empty() {
        // a scalar
        axes.push(Axis {
            len: 1,
            out: 1,
            start: 0,
            step: 1,
        });
    }
    axes
}
