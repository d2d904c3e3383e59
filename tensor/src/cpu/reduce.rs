//! Reductions of the middle axis of \[outer, len, inner\].
//!
//! The reduced axis is cut into chunks of a length that depends on the geometry alone; chunks
//! are folded in parallel and merged in order, so results do not depend on the threads. Sums
//! are carried in f64: one rounding, at the end.

use rayon::prelude::*;

use super::memory::PoolVec;
use super::real::Real;
use crate::primitive::Reduce;
use crate::{Element, Result};

/// Elements that one task folds, roughly.
const CHUNK: usize = 1 << 15;
/// Columns that are folded side by side: their accumulators stay in the first-level cache.
const COLUMNS: usize = 256;
/// Independent accumulators along a contiguous axis, to hide the latency of addition.
const LANES: usize = 16;

/// An associative operation with a neutral element.
trait Fold<T> {
    type Acc: Copy + Send + Sync;
    const EMPTY: Self::Acc;
    /// Takes in `x`, which stands at `index` of the reduced axis.
    fn step(acc: Self::Acc, x: T, index: usize) -> Self::Acc;
    fn merge(a: Self::Acc, b: Self::Acc) -> Self::Acc;
}

struct Sum;
impl<T: Real> Fold<T> for Sum {
    type Acc = f64;
    const EMPTY: f64 = 0.0;
    #[inline(always)]
    fn step(acc: f64, x: T, _: usize) -> f64 {
        acc + x.into()
    }
    fn merge(a: f64, b: f64) -> f64 {
        a + b
    }
}

struct Max;
impl<T: Real> Fold<T> for Max {
    type Acc = T;
    const EMPTY: T = T::NEG_INFINITY;
    #[inline(always)]
    fn step(acc: T, x: T, _: usize) -> T {
        if x > acc { x } else { acc }
    }
    fn merge(a: T, b: T) -> T {
        if b > a { b } else { a }
    }
}

struct ArgMax;
impl<T: Real> Fold<T> for ArgMax {
    /// The maximum and its index; `u32::MAX` before anything was found.
    type Acc = (T, u32);
    const EMPTY: (T, u32) = (T::NEG_INFINITY, u32::MAX);
    #[inline(always)]
    fn step(acc: (T, u32), x: T, index: usize) -> (T, u32) {
        if x > acc.0 { (x, index as u32) } else { acc }
    }
    fn merge(a: (T, u32), b: (T, u32)) -> (T, u32) {
        if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) {
            b
        } else {
            a
        }
    }
}

/// Sum over the middle axis.
pub(super) fn sum<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<T>> {
    reduce::<T, Sum, T>("sum", s, x, T::from_f64)
}

/// Maximum over the middle axis. NaN is never chosen.
pub(super) fn max<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<T>> {
    reduce::<T, Max, T>("max", s, x, |m| m)
}

/// Index of the first maximum; 0 where there is nothing above −∞.
pub(super) fn argmax<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<u32>> {
    reduce::<T, ArgMax, u32>(
        "argmax",
        s,
        x,
        |(_, index)| {
            if index == u32::MAX { 0 } else { index }
        },
    )
}

fn reduce<T: Real, F: Fold<T>, U: Element>(
    op: &'static str,
    s: &Reduce,
    x: &[T],
    finish: fn(F::Acc) -> U,
) -> Result<PoolVec<U>> {
    let mut y = PoolVec::uninit(op, s.outer * s.inner)?;
    if y.is_empty() {
        return Ok(y);
    }
    if s.len == 0 {
        y.fill(finish(F::EMPTY));
        return Ok(y);
    }
    let chunk = CHUNK.div_ceil(s.inner.min(COLUMNS)).min(s.len);
    let chunks = s.len.div_ceil(chunk);
    // A task folds one chunk of the axis for `COLUMNS` columns of one outer index, or, where
    // that is little work, for several outer indices.
    if chunks == 1 {
        let rows = (CHUNK / (s.len * s.inner)).max(1);
        let task = |(i, y): (usize, &mut [U])| {
            let mut acc = vec![F::EMPTY; s.inner.min(COLUMNS)];
            for (j, y) in y.chunks_mut(s.inner).enumerate() {
                let x = &x[(i * rows + j) * s.len * s.inner..][..s.len * s.inner];
                for (block, y) in y.chunks_mut(COLUMNS).enumerate() {
                    let acc = &mut acc[..y.len()];
                    fold::<T, F>(x, s.inner, block * COLUMNS, 0, acc);
                    for (y, acc) in y.iter_mut().zip(acc) {
                        *y = finish(*acc);
                    }
                }
            }
        };
        if y.len() > rows * s.inner {
            y.par_chunks_mut(rows * s.inner).enumerate().for_each(task);
        } else {
            y.chunks_mut(rows * s.inner).enumerate().for_each(task);
        }
        return Ok(y);
    }
    let partial: Vec<Vec<F::Acc>> = (0..s.outer * chunks)
        .into_par_iter()
        .map(|task| {
            let (i, start) = (task / chunks, task % chunks * chunk);
            let len = chunk.min(s.len - start);
            let x = &x[(i * s.len + start) * s.inner..][..len * s.inner];
            let mut acc = vec![F::EMPTY; s.inner];
            for (block, acc) in acc.chunks_mut(COLUMNS).enumerate() {
                fold::<T, F>(x, s.inner, block * COLUMNS, start, acc);
            }
            acc
        })
        .collect();
    for (y, partial) in y.chunks_mut(s.inner).zip(partial.chunks(chunks)) {
        for (column, y) in y.iter_mut().enumerate() {
            let all = partial.iter().map(|acc| acc[column]);
            *y = finish(all.fold(F::EMPTY, F::merge));
        }
    }
    Ok(y)
}

/// Folds the columns `first .. first + acc.len()` of x\[len, inner\] into `acc`, from empty;
/// row 0 stands at `start` of the reduced axis.
fn fold<T: Real, F: Fold<T>>(
    x: &[T],
    inner: usize,
    first: usize,
    start: usize,
    acc: &mut [F::Acc],
) {
    if inner == 1 {
        let mut lanes = [F::EMPTY; LANES];
        let (whole, rest) = x.as_chunks::<LANES>();
        for (i, x) in whole.iter().enumerate() {
            for lane in 0..LANES {
                lanes[lane] = F::step(lanes[lane], x[lane], start + i * LANES + lane);
            }
        }
        for (lane, x) in rest.iter().enumerate() {
            lanes[lane] = F::step(lanes[lane], *x, start + whole.len() * LANES + lane);
        }
        acc[0] = lanes.into_iter().fold(F::EMPTY, F::merge);
        return;
    }
    acc.fill(F::EMPTY);
    for (i, row) in x.chunks_exact(inner).enumerate() {
        for (acc, x) in acc.iter_mut().zip(&row[first..]) {
            *acc = F::step(*acc, *x, start + i);
        }
    }
}
