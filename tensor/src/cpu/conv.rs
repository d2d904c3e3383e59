//! The three passes of a 2-D convolution.

use super::matmul::matmul;
use super::memory::PoolVec;
use super::real::Real;
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, MatMul};

/// Runs one pass.
pub(super) fn conv<T: Real>(pass: ConvPass, s: &Conv2d, a: &[T], b: &[T]) -> Result<PoolVec<T>> {
    let taps = s.kh * s.kw;
    let pixels = s.n * s.oh * s.ow;
    let shape = |m, n, k, a_transposed, b_transposed| MatMul {
        batch: 1,
        m,
        n,
        k,
        a_transposed,
        b_transposed,
        a_batched: false,
        b_batched: false,
    };
    match pass {
        ConvPass::Forward => {
            let patches = patches(s, a)?;
            matmul(&shape(pixels, s.o, taps * s.c, false, true), &patches, b)
        }
        ConvPass::WeightGrad => {
            let patches = patches(s, a)?;
            matmul(&shape(s.o, taps * s.c, pixels, true, false), b, &patches)
        }
        ConvPass::InputGrad => {
            let patches = matmul(&shape(pixels, taps * s.c, s.o, false, false), a, b)?;
            let mut x = PoolVec::filled("conv2d_input_grad", s.n * s.h * s.w * s.c, T::ZERO)?;
            each_tap(s, |patch, pixel| {
                for c in 0..s.c {
                    x[pixel * s.c + c] += patches[patch * s.c + c];
                }
            });
            Ok(x)
        }
    }
}

/// The window of every output pixel: \[n·oh·ow, kh·kw·c\].
fn patches<T: Real>(s: &Conv2d, x: &[T]) -> Result<PoolVec<T>> {
    let len = s.n * s.oh * s.ow * s.kh * s.kw * s.c;
    let mut y = PoolVec::filled("conv2d", len, T::ZERO)?;
    each_tap(s, |patch, pixel| {
        y[patch * s.c..][..s.c].copy_from_slice(&x[pixel * s.c..][..s.c]);
    });
    Ok(y)
}

/// Calls `f(output pixel · taps + tap, input pixel)` for all that do not lie in the padding.
fn each_tap(s: &Conv2d, mut f: impl FnMut(usize, usize)) {
    for i in 0..s.n * s.oh * s.ow {
        let (image, oi, oj) = (i / (s.oh * s.ow), i / s.ow % s.oh, i % s.ow);
        for tap in 0..s.kh * s.kw {
            let h = (oi * s.stride + tap / s.kw).wrapping_sub(s.pad);
            let w = (oj * s.stride + tap % s.kw).wrapping_sub(s.pad);
            if h < s.h && w < s.w {
                f(i * s.kh * s.kw + tap, (image * s.h + h) * s.w + w);
            }
        }
    }
}
