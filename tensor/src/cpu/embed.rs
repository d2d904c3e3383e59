//! Writing arrays into larger ones: embedding into zeros, and concatenation.

use rayon::prelude::*;

use super::PARALLEL_ELEMENTS;
use super::memory::PoolVec;
use crate::primitive::{Concat, Embed};
use crate::{Element, Result};

/// One axis of an embedding.
#[derive(Clone, Copy)]
struct Axis {
    len: usize,
    start: usize,
    step: usize,
    /// Elements of one index of this axis, in the input and in the output.
    inner: usize,
    out_inner: usize,
}

/// Writes x into zeros at `start + i·step` along every axis.
pub(super) fn embed<T: Element>(s: &Embed, x: &[T]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("embed", s.out.iter().product())?;
    if !y.is_empty() {
        write(&axes(s), x, &mut y);
    }
    Ok(y)
}

/// The axes from the outermost, those that are copied whole merged into the one before.
fn axes(s: &Embed) -> Vec<Axis> {
    let mut axes: Vec<Axis> = vec![];
    let (mut inner, mut out_inner) = (1, 1);
    // elements of what has been merged so far
    for i in (0..s.shape.len()).rev() {
        let (len, out) = (s.shape[i], s.out[i]);
        let whole = len == out && s.start[i] == 0 && s.step[i] == 1;
        if !(whole && axes.is_empty()) {
            axes.push(Axis {
                len,
                start: s.start[i],
                step: s.step[i],
                inner,
                out_inner,
            });
        }
        inner *= len;
        out_inner *= out;
    }
    axes.reverse();
    axes
}

/// Writes every element of `y`.
fn write<T: Element>(axes: &[Axis], x: &[T], y: &mut [T]) {
    let Some((axis, deeper)) = axes.split_first() else {
        y.copy_from_slice(x);
        return;
    };
    if axis.len == 0 || x.is_empty() {
        y.fill(T::default());
        return;
    }
    if deeper.is_empty() && axis.step == 1 {
        let (from, to) = (
            axis.start * axis.out_inner,
            axis.start * axis.out_inner + x.len(),
        );
        y[..from].fill(T::default());
        y[from..to].copy_from_slice(x);
        y[to..].fill(T::default());
        return;
    }
    let task = |(i, y): (usize, &mut [T])| {
        let offset = i.wrapping_sub(axis.start);
        if i >= axis.start && offset.is_multiple_of(axis.step) && offset / axis.step < axis.len {
            write(
                deeper,
                &x[offset / axis.step * axis.inner..][..axis.inner],
                y,
            );
        } else {
            y.fill(T::default());
        }
    };
    if y.len() <= PARALLEL_ELEMENTS {
        y.chunks_mut(axis.out_inner).enumerate().for_each(task);
    } else {
        y.par_chunks_mut(axis.out_inner).enumerate().for_each(task);
    }
}

/// Joins arrays along the middle axis of \[outer, len, inner\].
pub(super) fn concat<T: Element>(s: &Concat, inputs: &[&[T]]) -> Result<PoolVec<T>> {
    let row: usize = s.lens.iter().sum::<usize>() * s.inner;
    let mut y = PoolVec::uninit("concat", s.outer * row)?;
    if y.is_empty() {
        return Ok(y);
    }
    let task = |(i, mut y): (usize, &mut [T])| {
        for (x, len) in inputs.iter().zip(&s.lens) {
            let part = len * s.inner;
            let (head, rest) = y.split_at_mut(part);
            head.copy_from_slice(&x[i * part..][..part]);
            y = rest;
        }
    };
    if y.len() <= PARALLEL_ELEMENTS {
        y.chunks_mut(row).enumerate().for_each(task);
    } else {
        y.par_chunks_mut(row).enumerate().for_each(task);
    }
    Ok(y)
}
