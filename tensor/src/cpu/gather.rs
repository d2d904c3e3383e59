//! Picking rows of a table by index, and the adjoint.

use rayon::prelude::*;

use super::PARALLEL_ELEMENTS;
use super::memory::PoolVec;
use super::real::Real;
use crate::primitive::Gather;
use crate::{Element, Result};

/// Ranges of table rows that `scatter_add` fills independently; each reads all indices.
const SCATTER_RANGES: usize = 8;

/// `y[i, :] = x[index[i], :]`, zeros where the index is out of range.
pub(super) fn gather<T: Element>(s: &Gather, x: &[T], index: &[u32]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("gather", s.picks * s.inner)?;
    if y.is_empty() {
        return Ok(y);
    }
    let picks = (PARALLEL_ELEMENTS / 4 / s.inner).max(1);
    let task = |(y, index): (&mut [T], &[u32])| {
        if s.inner == 1 {
            for (y, i) in y.iter_mut().zip(index) {
                *y = x.get(*i as usize).copied().unwrap_or_default();
            }
            return;
        }
        for (y, i) in y.chunks_exact_mut(s.inner).zip(index) {
            let i = *i as usize;
            if i < s.rows {
                y.copy_from_slice(&x[i * s.inner..][..s.inner]);
            } else {
                y.fill(T::default());
            }
        }
    };
    if y.len() <= PARALLEL_ELEMENTS {
        task((&mut y, index));
    } else {
        y.par_chunks_mut(picks * s.inner)
            .zip(index.par_chunks(picks))
            .for_each(task);
    }
    Ok(y)
}

/// `y[index[i], :] += g[i, :]` into zeros, in the order of i.
pub(super) fn scatter_add<T: Real>(s: &Gather, g: &[T], index: &[u32]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("scatter_add", s.rows * s.inner)?;
    if y.is_empty() {
        return Ok(y);
    }
    let small = y.len() + g.len() <= PARALLEL_ELEMENTS;
    let rows = if small {
        s.rows
    } else {
        s.rows.div_ceil(SCATTER_RANGES)
    };
    let task = |(range, y): (usize, &mut [T])| {
        y.fill(T::ZERO);
        for (i, row) in index.iter().enumerate() {
            let row = (*row as usize).wrapping_sub(range * rows);
            if row < y.len() / s.inner {
                let y = &mut y[row * s.inner..][..s.inner];
                for (y, g) in y.iter_mut().zip(&g[i * s.inner..]) {
                    *y += *g;
                }
            }
        }
    };
    if small {
        task((0, &mut y));
    } else {
        y.par_chunks_mut(rows * s.inner).enumerate().for_each(task);
    }
    Ok(y)
}
