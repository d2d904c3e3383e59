//! Reductions of the middle axis of \[outer, len, inner\].
//!
//! The reduced axis is cut into chunks of a length that depends on the geometry alone; chunks
//! are folded in parallel and merged in order, so results do not depend on the threads. Sums
//! are carried in f64: one rounding, at the end.

use rayon::prelude::*;

use super::memory::PoolVec;
use super::real::Real;
use super::simd::widest;
use crate::Result;
use crate::primitive::Reduce;

/// Elements that one task folds, roughly.
const CHUNK: usize = 1 << 15;
/// Columns that are folded side by side: their accumulators stay in the first-level cache.
const COLUMNS: usize = 256;
/// Independent accumulators along a contiguous axis, to hide the latency of addition.
const LANES: usize = 16;

/// Rows that are shorter are folded one element after another: setting the lanes up takes longer.
const SHORT: usize = 2 * LANES;

/// An associative operation with a neutral element.
trait Fold<T: Real>: Sized {
    type Acc: Copy + Send + Sync;
    const EMPTY: Self::Acc;
    fn step(acc: Self::Acc, x: T) -> Self::Acc;
    fn merge(a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn finish(acc: Self::Acc) -> T;
    /// Folds the columns `first .. first + acc.len()` of x\[len, inner\] into `acc`, from empty.
    #[inline(always)]
    fn columns(x: &[T], inner: usize, first: usize, acc: &mut [Self::Acc]) {
        fold::<T, Self>(x, inner, first, acc);
    }
}

struct Sum;
impl<T: Real> Fold<T> for Sum {
    type Acc = f64;
    const EMPTY: f64 = 0.0;
    #[inline(always)]
    fn step(acc: f64, x: T) -> f64 {
        acc + x.into()
    }
    fn merge(a: f64, b: f64) -> f64 {
        a + b
    }
    fn finish(acc: f64) -> T {
        T::from_f64(acc)
    }
}

/// The maximum, NaN if an element is, as PyTorch's `amax`. A step forgets NaN, in one instruction; another notes
/// that there was one. Selecting NaN at every step takes twice the time.
struct Max;
impl<T: Real> Fold<T> for Max {
    type Acc = T;
    const EMPTY: T = T::NEG_INFINITY;
    #[inline(always)]
    fn step(acc: T, x: T) -> T {
        if x > acc { x } else { acc }
    }
    fn merge(a: T, b: T) -> T {
        MaxOrNan::step(a, b)
    }
    fn finish(acc: T) -> T {
        acc
    }
    #[inline(always)]
    fn columns(x: &[T], inner: usize, first: usize, acc: &mut [T]) {
        if inner == 1 && x.len() < SHORT {
            acc[0] = x.iter().fold(Self::EMPTY, |acc, x| MaxOrNan::step(acc, *x));
            return;
        }
        let mut nan = [0u32; LANES];
        acc.fill(Self::EMPTY);
        if inner == 1 {
            let (whole, rest) = x.as_chunks::<LANES>();
            let mut lanes = [Self::EMPTY; LANES];
            for x in whole {
                max_lanes(&mut lanes, &mut nan, x);
            }
            for x in lanes.iter().chain(rest) {
                acc[0] = Self::step(acc[0], *x);
                nan[0] |= u32::from(x.is_nan());
            }
        } else {
            for row in x.chunks_exact(inner) {
                let (whole, rest) = row[first..][..acc.len()].as_chunks::<LANES>();
                let (lanes, last) = acc.as_chunks_mut::<LANES>();
                for (lanes, x) in lanes.iter_mut().zip(whole) {
                    max_lanes(lanes, &mut nan, x);
                }
                for (acc, x) in last.iter_mut().zip(rest) {
                    *acc = Self::step(*acc, *x);
                    nan[0] |= u32::from(x.is_nan());
                }
            }
        }
        if nan != [0; LANES] {
            fold::<T, MaxOrNan>(x, inner, first, acc);
        }
    }
}

/// Sixteen steps side by side; which lanes met NaN.
#[inline(always)]
fn max_lanes<T: Real>(acc: &mut [T; LANES], nan: &mut [u32; LANES], x: &[T; LANES]) {
    for lane in 0..LANES {
        acc[lane] = Max::step(acc[lane], x[lane]);
        nan[lane] |= u32::from(x[lane].is_nan());
    }
}

/// The maximum, minding NaN at every step.
struct MaxOrNan;
impl<T: Real> Fold<T> for MaxOrNan {
    type Acc = T;
    const EMPTY: T = T::NEG_INFINITY;
    #[inline(always)]
    fn step(acc: T, x: T) -> T {
        max_or_nan(acc, x)
    }
    fn merge(a: T, b: T) -> T {
        Self::step(a, b)
    }
    fn finish(acc: T) -> T {
        acc
    }
}

/// The larger one, NaN if x is; one that was met stays, since nothing is larger.
#[inline(always)]
pub(super) fn max_or_nan<T: Real>(acc: T, x: T) -> T {
    let larger = if x > acc { x } else { acc };
    if x.is_nan() { x } else { larger }
}

/// Sum over the middle axis.
pub(super) fn sum<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<T>> {
    reduce::<T, Sum>("sum", s, x)
}

/// Maximum over the middle axis: NaN where there is one.
pub(super) fn max<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<T>> {
    reduce::<T, Max>("max", s, x)
}

/// Index of the first NaN, or else of the first maximum; 0 over nothing.
pub(super) fn argmax<T: Real>(s: &Reduce, x: &[T]) -> Result<PoolVec<u32>> {
    let max = max(s, x)?;
    let mut y = PoolVec::filled("argmax", s.outer * s.inner, 0u32)?;
    if x.is_empty() {
        return Ok(y);
    }
    let rows = (CHUNK / (s.len * s.inner)).max(1);
    let task = |((y, max), x): ((&mut [u32], &[T]), &[T])| {
        let each = y.chunks_mut(s.inner).zip(max.chunks(s.inner));
        for ((y, max), x) in each.zip(x.chunks(s.len * s.inner)) {
            if s.inner == 1 {
                let first = match max[0].is_nan() {
                    true => x.iter().position(|x| x.is_nan()),
                    false => x.iter().position(|x| *x == max[0]),
                };
                y[0] = first.unwrap_or(0) as u32;
                continue;
            }
            if max.iter().any(|max| max.is_nan()) {
                first_rows(x, max, y, |x, max| (x == max) | (x.is_nan() & max.is_nan()));
            } else {
                first_rows(x, max, y, |x, max| x == max);
            }
        }
    };
    if x.len() > CHUNK {
        (y.par_chunks_mut(rows * s.inner))
            .zip(max.par_chunks(rows * s.inner))
            .zip(x.par_chunks(rows * s.len * s.inner))
            .for_each(task);
    } else {
        task(((&mut y, &max), x));
    }
    Ok(y)
}

/// For each column of x\[len, columns\] the first row in which `fits` holds.
#[inline(always)]
fn first_rows<T: Real>(x: &[T], max: &[T], y: &mut [u32], fits: impl Fn(T, T) -> bool) {
    // backwards, so that the first one stays
    for (i, x) in x.chunks(max.len()).enumerate().rev() {
        for ((y, max), x) in y.iter_mut().zip(max).zip(x) {
            *y = if fits(*x, *max) { i as u32 } else { *y };
        }
    }
}

fn reduce<T: Real, F: Fold<T>>(op: &'static str, s: &Reduce, x: &[T]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit(op, s.outer * s.inner)?;
    if y.is_empty() {
        return Ok(y);
    }
    if s.len == 0 {
        y.fill(F::finish(F::EMPTY));
        return Ok(y);
    }
    let chunk = CHUNK.div_ceil(s.inner.min(COLUMNS)).min(s.len);
    let chunks = s.len.div_ceil(chunk);
    // A task folds one chunk of the axis for `COLUMNS` columns of one outer index, or, where
    // that is little work, for several outer indices.
    if chunks == 1 {
        let rows = (CHUNK / (s.len * s.inner)).max(1);
        let task = |(i, y): (usize, &mut [T])| {
            let mut acc = vec![F::EMPTY; s.inner.min(COLUMNS)];
            for (j, y) in y.chunks_mut(s.inner).enumerate() {
                let x = &x[(i * rows + j) * s.len * s.inner..][..s.len * s.inner];
                for (block, y) in y.chunks_mut(COLUMNS).enumerate() {
                    let acc = &mut acc[..y.len()];
                    columns::<T, F>(x, s.inner, block * COLUMNS, acc);
                    for (y, acc) in y.iter_mut().zip(acc) {
                        *y = F::finish(*acc);
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
                columns::<T, F>(x, s.inner, block * COLUMNS, acc);
            }
            acc
        })
        .collect();
    for (y, partial) in y.chunks_mut(s.inner).zip(partial.chunks(chunks)) {
        for (column, y) in y.iter_mut().enumerate() {
            let all = partial.iter().map(|acc| acc[column]);
            *y = F::finish(all.fold(F::EMPTY, F::merge));
        }
    }
    Ok(y)
}

/// [`Fold::columns`] with wide registers.
fn columns<T: Real, F: Fold<T>>(x: &[T], inner: usize, first: usize, acc: &mut [F::Acc]) {
    widest(
        #[inline(always)]
        || F::columns(x, inner, first, acc),
    );
}

/// See [`Fold::columns`].
#[inline(always)]
fn fold<T: Real, F: Fold<T>>(x: &[T], inner: usize, first: usize, acc: &mut [F::Acc]) {
    if inner == 1 {
        let (whole, rest) = x.as_chunks::<LANES>();
        let mut total = F::EMPTY;
        if !whole.is_empty() {
            let mut lanes = [F::EMPTY; LANES];
            for x in whole {
                for lane in 0..LANES {
                    lanes[lane] = F::step(lanes[lane], x[lane]);
                }
            }
            total = lanes.into_iter().fold(total, F::merge);
        }
        acc[0] = rest.iter().fold(total, |acc, x| F::step(acc, *x));
        return;
    }
    acc.fill(F::EMPTY);
    for row in x.chunks_exact(inner) {
        for (acc, x) in acc.iter_mut().zip(&row[first..]) {
            *acc = F::step(*acc, *x);
        }
    }
}
