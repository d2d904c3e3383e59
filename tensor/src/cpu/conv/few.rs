//! Convolutions of a few channels, the first of every image network.
//!
//! The other kernels fill their registers with channels; here these would stay mostly empty, so
//! the taps of the kernel stand in for channels.

use super::gather::{Axis, Pass};
use super::weight_grad;
use crate::Result;
use crate::cpu::each_row;
use crate::cpu::embed::embed;
use crate::cpu::matmul::matmul;
use crate::cpu::memory::PoolVec;
use crate::cpu::real::Real;
use crate::primitive::{Conv2d, Embed, MatMul};

/// Input channels that are few.
const FEW: usize = 4;

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
    let window = s.kh * s.kw * s.c;
    let product = MatMul {
        batch: 1,
        m: s.n * s.oh * s.ow,
        n: window,
        k: s.o,
        a_transposed: false,
        b_transposed: false,
        a_batched: false,
        b_batched: false,
    };
    let windows = matmul(&product, g, weight)?;
    let mut x = PoolVec::uninit("conv2d_input_grad", s.n * s.h * s.w * s.c)?;
    let part = s.kw * s.c;
    each_row(&mut x, s.w * s.c, |row, x| {
        let (image, h) = (row / s.h, row % s.h);
        let mut sums = vec![T::ZERO; (s.w + 2 * s.pad) * s.c];
        for di in 0..s.kh {
            let Some(i) = (h + s.pad).checked_sub(di) else {
                continue;
            };
            if !i.is_multiple_of(s.stride) || i / s.stride >= s.oh {
                continue;
            }
            let from = (image * s.oh + i / s.stride) * s.ow * window;
            let windows = windows[from..][..s.ow * window].chunks_exact(window);
            for (j, window) in windows.enumerate() {
                let to = &mut sums[j * s.stride * s.c..][..part];
                for (to, from) in to.iter_mut().zip(&window[di * part..][..part]) {
                    *to += *from;
                }
            }
        }
        x.copy_from_slice(&sums[s.pad * s.c..][..x.len()]);
    });
    Ok(x)
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
