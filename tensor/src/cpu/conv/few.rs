//! Convolutions of a few channels, the first of every image network.
//!
//! The other kernels fill their registers with channels; here these would stay mostly empty, so
//! the taps of the kernel stand in for channels.

use rayon::prelude::*;

use super::PARALLEL_MULTIPLIES;
use super::gather::{Axis, Pass};
use super::kernel::{Kernels, MAX_ROWS, Tap};
use super::weight_grad;
use crate::Result;
use crate::cpu::each_row;
use crate::cpu::embed::embed;
use crate::cpu::memory::PoolVec;
use crate::cpu::real::Real;
use crate::primitive::{Conv2d, Embed};

const INPUT_GRAD: &str = "conv2d_input_grad";
/// Input channels that are few.
const FEW: usize = 4;
/// Bands of rows that few images are cut into for their gradients. Not the number of threads, on which results must not depend.
const BANDS: usize = 16;
/// Rows of a band, at least: it computes the windows at its edges again.
const BAND: usize = 8;

/// True where this module is the faster one.
pub(super) fn applies(s: &Conv2d) -> bool {
    s.c <= FEW && s.kw > 1 && s.c > 0 && s.o > 0
}

/// On a padded copy, the taps of a kernel row are one window of `kw · c` contiguous elements.
pub(super) fn forward<T: Real>(s: &Conv2d, x: &[T], weight: &[T]) -> Result<PoolVec<T>> {
    let (h, w) = (s.h + 2 * s.pad, s.w + 2 * s.pad);
    let padded = Embed {
        shape: vec![s.n, s.h, s.w, s.c],
        out: vec![s.n, h, w, s.c],
        start: vec![0, s.pad, s.pad, 0],
        step: vec![1; 4],
    };
    let x = embed(&padded, x)?;
    let depth = s.kw * s.c;
    let pass = Pass {
        op: "conv2d",
        images: s.n,
        rows: Axis::new(s.oh, h, s.kh, w * s.c, |i, tap| Some(i * s.stride + tap)),
        cols: Axis::new(s.ow, w, 1, s.c, |i, _| Some(i * s.stride)),
        depth,
        pitch: s.c,
        columns: s.o,
        period: 1,
    };
    pass.run(&x, |o, tap, k| weight[(o * s.kh + tap) * depth + k])
}

/// The cotangent of every window, `g · weight`, added up where windows overlap.
pub(super) fn input_grad<T: Real>(s: &Conv2d, g: &[T], weight: &[T]) -> Result<PoolVec<T>> {
    input_grad_by(s, g, weight, T::kernels(s.kh * s.kw * s.c))
}

fn input_grad_by<T: Real>(
    s: &Conv2d,
    g: &[T],
    weight: &[T],
    kernels: Kernels<T>,
) -> Result<PoolVec<T>> {
    let mut x = PoolVec::uninit(INPUT_GRAD, s.n * s.h * s.w * s.c)?;
    if x.is_empty() {
        return Ok(x);
    }
    let windows = Windows::new(s, weight, kernels)?;
    let bands = BANDS.div_ceil(s.n).min(s.h / BAND).max(1);
    let (row, band) = (s.w * s.c, s.h.div_ceil(bands));
    let cotangents = s.oh * s.ow * s.o;
    let of_image = |(image, x): (usize, _)| (&g[image * cotangents..][..cotangents], x);
    if s.n * s.oh * s.ow * windows.multiplies() >= PARALLEL_MULTIPLIES {
        let images = x.par_chunks_mut(s.h * row).enumerate().map(of_image);
        let bands = images.flat_map(|(g, x): (&[T], &mut [T])| {
            let bands = x.par_chunks_mut(band * row).enumerate();
            bands.map(move |(i, x)| (g, i * band, x))
        });
        bands.try_for_each(|(g, first, x)| windows.add_up(g, first, x))?;
    } else {
        let mut images = x.chunks_mut(s.h * row).enumerate().map(of_image);
        images.try_for_each(|(g, x): (&[T], &mut [T])| windows.add_up(g, 0, x))?;
    }
    Ok(x)
}

/// The cotangents of windows: products of the output's cotangents and the weights.
struct Windows<'a, T: Real> {
    s: &'a Conv2d,
    kernels: Kernels<T>,
    /// \[column tile, output channel, columns of a tile\], zeros beyond the last element of a window.
    panels: PoolVec<T>,
    /// Elements of a window, rounded up to whole tiles.
    width: usize,
}

impl<'a, T: Real> Windows<'a, T> {
    fn new(s: &'a Conv2d, weight: &[T], kernels: Kernels<T>) -> Result<Self> {
        let window = s.kh * s.kw * s.c;
        let columns = kernels.columns;
        let width = window.next_multiple_of(columns);
        let mut panels = PoolVec::filled(INPUT_GRAD, width * s.o, T::ZERO)?;
        for (tile, panel) in panels.chunks_exact_mut(s.o * columns).enumerate() {
            let own = tile * columns..window.min((tile + 1) * columns);
            for (o, row) in panel.chunks_exact_mut(columns).enumerate() {
                row[..own.len()].copy_from_slice(&weight[o * window..][own.clone()]);
            }
        }
        Ok(Windows {
            s,
            kernels,
            panels,
            width,
        })
    }

    /// Multiply-adds for one window.
    fn multiplies(&self) -> usize {
        self.width * self.s.o
    }

    /// Fills the rows of x from `first` on, of an image with the cotangents g.
    fn add_up(&self, g: &[T], first: usize, x: &mut [T]) -> Result<()> {
        let s = self.s;
        let (row, part) = (s.w * s.c, s.kw * s.c);
        let rows = x.len() / row;
        // rows of x with the padding beside them
        let pitch = (s.w + 2 * s.pad) * s.c;
        let mut sums = PoolVec::filled(INPUT_GRAD, rows * pitch, T::ZERO)?;
        let pixels = s.ow.next_multiple_of(self.kernels.rows);
        let mut windows = PoolVec::uninit(INPUT_GRAD, pixels * self.width)?;
        // rows of windows that reach into these
        let from = (first + s.pad + 1).saturating_sub(s.kh).div_ceil(s.stride);
        let to = ((first + rows - 1 + s.pad) / s.stride + 1).min(s.oh);
        for i in from..to {
            self.row(&g[i * s.ow * s.o..][..s.ow * s.o], &mut windows);
            for di in 0..s.kh {
                let Some(h) = (i * s.stride + di).checked_sub(s.pad + first) else {
                    continue;
                };
                if h < rows {
                    let windows = windows.chunks_exact(self.width).take(s.ow);
                    let windows = windows.map(|window| &window[di * part..][..part]);
                    overlap(windows, s.stride * s.c, &mut sums[h * pitch..][..pitch]);
                }
            }
        }
        for (x, sums) in x.chunks_exact_mut(row).zip(sums.chunks_exact(pitch)) {
            x.copy_from_slice(&sums[s.pad * s.c..][..row]);
        }
        Ok(())
    }

    /// The windows of a row of g: \[pixels, width\].
    fn row(&self, g: &[T], windows: &mut [T]) {
        let (o, columns) = (self.s.o, self.kernels.columns);
        let last = self.s.ow - 1;
        let windows = windows.as_mut_ptr();
        for first in (0..self.s.ow).step_by(self.kernels.rows) {
            // rows beyond the last pixel repeat it; there is room for their results
            let tap = Tap {
                rows: std::array::from_fn(|r| g[(first + r).min(last) * o..].as_ptr()),
                weights: 0,
            };
            for (tile, panel) in self.panels.chunks_exact(o * columns).enumerate() {
                let at = |r| windows.wrapping_add((first + r) * self.width + tile * columns);
                let out: [*mut T; MAX_ROWS] = std::array::from_fn(at);
                // SAFETY: `o` elements of g for each row, a panel of as many rows of columns; the kernel writes its own number of rows
                // of windows, up to a multiple of which there is room. The kernels are those of this processor.
                unsafe { (self.kernels.gather)(&[tap], o, panel.as_ptr(), &out) };
            }
        }
    }
}

/// Adds each part to the sums, `step` further on than the one before.
fn overlap<'a, T: Real>(parts: impl Iterator<Item = &'a [T]>, step: usize, sums: &mut [T]) {
    for (j, part) in parts.enumerate() {
        let sums = &mut sums[j * step..][..part.len()];
        // the usual lengths, known to the compiler
        match part.len() {
            3 => add::<T, 3>(sums, part),
            9 => add::<T, 9>(sums, part),
            _ => sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += *x),
        }
    }
}

#[inline(always)]
fn add<T: Real, const LEN: usize>(sums: &mut [T], part: &[T]) {
    if let (Some(sums), Some(part)) = (sums.first_chunk_mut::<LEN>(), part.first_chunk::<LEN>()) {
        for i in 0..LEN {
            sums[i] += part[i];
        }
    }
}

/// The windows as pixels of `kh · kw · c` channels, which `g` multiplies as an image: their
/// weight gradient is the one asked for, transposed.
pub(super) fn weight_grad<T: Real>(s: &Conv2d, x: &[T], g: &[T]) -> Result<PoolVec<T>> {
    let windows = windows(s, x)?;
    let window = s.kh * s.kw * s.c;
    let transposed = Conv2d {
        h: s.oh,
        w: s.ow,
        c: s.o,
        o: window,
        kh: 1,
        kw: 1,
        stride: 1,
        pad: 0,
        ..*s
    };
    let dw = weight_grad::weight_grad(&transposed, g, &windows)?;
    let mut y = PoolVec::uninit("conv2d_weight_grad", dw.len())?;
    for (i, y) in y.chunks_exact_mut(window).enumerate() {
        for (j, y) in y.iter_mut().enumerate() {
            *y = dw[j * s.o + i];
        }
    }
    Ok(y)
}

/// The window of every output pixel: \[n, oh, ow, kh, kw, c\], zeros from the padding.
fn windows<T: Real>(s: &Conv2d, x: &[T]) -> Result<PoolVec<T>> {
    let part = s.kw * s.c;
    let window = s.kh * part;
    let mut y = PoolVec::uninit("conv2d_weight_grad", s.n * s.oh * s.ow * window)?;
    each_row(&mut y, s.ow * window, |row, y| {
        let (image, i) = (row / s.oh, row % s.oh);
        for di in 0..s.kh {
            let h = (i * s.stride + di).wrapping_sub(s.pad);
            let inside = h < s.h;
            let x = if inside {
                &x[(image * s.h + h) * s.w * s.c..][..s.w * s.c]
            } else {
                &[]
            };
            for (j, y) in y.chunks_exact_mut(window).enumerate() {
                let y = &mut y[di * part..][..part];
                // the window begins `skip` elements before the row, or at element `from` of it
                let skip = (s.pad * s.c).saturating_sub(j * s.stride * s.c).min(part);
                let from = (j * s.stride * s.c).saturating_sub(s.pad * s.c);
                let len = (part - skip).min(x.len().saturating_sub(from));
                if len == part {
                    y.copy_from_slice(&x[from..from + part]);
                } else {
                    y.fill(T::ZERO);
                    if len > 0 {
                        y[skip..skip + len].copy_from_slice(&x[from..from + len]);
                    }
                }
            }
        }
    });
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::super::kernel::{sets_f32, sets_f64};
    use super::*;

    fn check<T: Real>(s: &Conv2d, kernels: Kernels<T>) {
        let numbers = |len: usize, seed: usize| -> Vec<T> {
            let each = (0..len).map(|i| T::from_f64(((i * 7919 + seed) % 7) as f64 - 3.0));
            each.collect()
        };
        let g = numbers(s.n * s.oh * s.ow * s.o, 1);
        let weight = numbers(s.o * s.kh * s.kw * s.c, 2);
        let mut want = vec![T::ZERO; s.n * s.h * s.w * s.c];
        for (pixel, g) in g.chunks(s.o).enumerate() {
            let (image, i, j) = (pixel / s.ow / s.oh, pixel / s.ow % s.oh, pixel % s.ow);
            for tap in 0..s.kh * s.kw {
                let h = (i * s.stride + tap / s.kw).wrapping_sub(s.pad);
                let w = (j * s.stride + tap % s.kw).wrapping_sub(s.pad);
                if h < s.h && w < s.w {
                    for (o, g) in g.iter().enumerate() {
                        for c in 0..s.c {
                            let at = ((image * s.h + h) * s.w + w) * s.c + c;
                            want[at] += *g * weight[(o * s.kh * s.kw + tap) * s.c + c];
                        }
                    }
                }
            }
        }
        let got = input_grad_by(s, &g, &weight, kernels).unwrap();
        assert!(got[..] == want, "{s:?}, {} rows", kernels.rows);
    }

    /// Not only the instructions that are picked here: the others are for other processors.
    #[test]
    fn every_instruction_set_adds_up_the_same() {
        for (n, side, c, k, stride, pad) in
            [(2, 19, 3, 3, 1, 1), (1, 24, 4, 5, 2, 2), (3, 9, 1, 3, 1, 0)]
        {
            let out = (side + 2 * pad - k) / stride + 1;
            #[rustfmt::skip]
            let s = Conv2d { n, h: side, w: side, c, o: 21, kh: k, kw: k, stride, pad, oh: out, ow: out };
            sets_f32().flatten().for_each(|kernels| check(&s, kernels));
            sets_f64().flatten().for_each(|kernels| check(&s, kernels));
        }
    }
}
