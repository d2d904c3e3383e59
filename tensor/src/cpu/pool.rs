//! Pooling over square windows of \[n, h, w, c\].

use std::ops::Range;

use super::memory::PoolVec;
use super::real::Real;
use super::reduce::max_or_nan;
use super::simd::widest;
use super::{CpuBuffer, each_row};
use crate::Result;
use crate::primitive::{Pool2d, PoolPass};

/// Runs one pooling pass.
pub(super) fn pool<T: Real>(pass: PoolPass, s: &Pool2d, x: &[T]) -> Result<CpuBuffer> {
    Ok(match pass {
        PoolPass::Average => T::buffer(average(s, x)?),
        PoolPass::Spread => T::buffer(spread(s, x)?),
        PoolPass::MaxIndex => max_index(s, x)?.into(),
    })
}

/// Input positions that the window of output position `i` covers, along an axis of `len`.
fn window(s: &Pool2d, i: usize, len: usize) -> Range<usize> {
    let start = i * s.stride;
    start.saturating_sub(s.pad).min(len)..(start + s.k).saturating_sub(s.pad).min(len)
}

/// Output positions whose windows cover input position `i`, along an axis with `out` outputs.
fn windows_over(s: &Pool2d, i: usize, out: usize) -> Range<usize> {
    let end = ((i + s.pad) / s.stride + 1).min(out);
    let start = (i + s.pad + 1).saturating_sub(s.k).div_ceil(s.stride);
    start.min(end)..end
}

/// `y += x` in f32 or f64, over channels.
fn accumulate<T: Real>(y: &mut [T], x: &[T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += *x;
    }
}

fn average<T: Real>(s: &Pool2d, x: &[T]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("avg_pool2d", s.n * s.oh * s.ow * s.c)?;
    let scale = T::from_f64(1.0 / (s.k as f64 * s.k as f64));
    each_row(&mut y, s.ow * s.c, |row, y| {
        let (image, i) = (row / s.oh, row % s.oh);
        for (j, y) in y.chunks_mut(s.c).enumerate() {
            y.fill(T::ZERO);
            for h in window(s, i, s.h) {
                for w in window(s, j, s.w) {
                    accumulate(y, &x[((image * s.h + h) * s.w + w) * s.c..][..s.c]);
                }
            }
            y.iter_mut().for_each(|y| *y = *y * scale);
        }
    });
    Ok(y)
}

fn spread<T: Real>(s: &Pool2d, g: &[T]) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("avg_pool2d_spread", s.n * s.h * s.w * s.c)?;
    let scale = T::from_f64(1.0 / (s.k as f64 * s.k as f64));
    each_row(&mut y, s.w * s.c, |row, y| {
        let (image, h) = (row / s.h, row % s.h);
        for (w, y) in y.chunks_mut(s.c).enumerate() {
            y.fill(T::ZERO);
            for i in windows_over(s, h, s.oh) {
                for j in windows_over(s, w, s.ow) {
                    accumulate(y, &g[((image * s.oh + i) * s.ow + j) * s.c..][..s.c]);
                }
            }
            y.iter_mut().for_each(|y| *y = *y * scale);
        }
    });
    Ok(y)
}

/// Position of the first NaN of each window, or else of its first maximum. A window that lies wholly in the
/// padding gives `u32::MAX`, which `gather` reads as zero.
fn max_index<T: Real>(s: &Pool2d, x: &[T]) -> Result<PoolVec<u32>> {
    let mut y = PoolVec::uninit("max_pool2d_index", s.n * s.oh * s.ow * s.c)?;
    each_row(&mut y, s.ow * s.c, |row, y| {
        let (image, i) = (row / s.oh, row % s.oh);
        let mut best = vec![T::ZERO; s.c];
        let mut places = Vec::with_capacity(s.k * s.k);
        for (j, y) in y.chunks_mut(s.c).enumerate() {
            places.clear();
            for h in window(s, i, s.h) {
                let pixels = window(s, j, s.w).map(|w| (image * s.h + h) * s.w + w);
                places.extend(pixels.map(|pixel| pixel * s.c));
            }
            widest(
                #[inline(always)]
                || first_maxima(x, &places, &mut best, y),
            );
        }
    });
    Ok(y)
}

/// For each channel the place in x of the first NaN of the pixels that begin at `places`, or else of their first maximum.
#[inline(always)]
fn first_maxima<T: Real>(x: &[T], places: &[usize], best: &mut [T], y: &mut [u32]) {
    best.fill(T::NEG_INFINITY);
    for &at in places {
        for (best, x) in best.iter_mut().zip(&x[at..]) {
            *best = max_or_nan(*best, *x);
        }
    }
    y.fill(u32::MAX);
    // backwards, so that the first one stays
    for &at in places.iter().rev() {
        let here = y.iter_mut().zip(best.iter()).zip(&x[at..]);
        for (c, ((y, best), x)) in (0u32..).zip(here) {
            let fits = (*x == *best) | (x.is_nan() & best.is_nan());
            *y = if fits { at as u32 + c } else { *y };
        }
    }
}
