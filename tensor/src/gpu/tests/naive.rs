//! The definitions of the primitives, as loops in f64: what the kernels are compared with.

use crate::primitive::{Concat, Conv2d, ConvPass, MatMul, Pool2d, PoolPass, Primitive, ReduceKind};

/// The output of `primitive`; indices are numbers too.
pub(super) fn run(primitive: &Primitive, inputs: &[Vec<f64>]) -> Vec<f64> {
    let mut y = vec![0.0; primitive.output_len()];
    let x = &inputs[0];
    match primitive {
        Primitive::MatMul(s) => matmul(s, x, &inputs[1], &mut y),
        Primitive::Conv(pass, s) => {
            let second = &inputs[1];
            taps(s, |image, weight, out| match pass {
                ConvPass::Forward => y[out] += x[image] * second[weight],
                ConvPass::InputGrad => y[image] += x[out] * second[weight],
                ConvPass::WeightGrad => y[weight] += x[image] * second[out],
            });
        }
        Primitive::Reduce(kind, s) => {
            for (slot, y) in y.iter_mut().enumerate() {
                let (o, i) = (slot / s.inner, slot % s.inner);
                let line = (0..s.len).map(|l| x[(o * s.len + l) * s.inner + i]);
                *y = match kind {
                    ReduceKind::Sum => line.sum(),
                    ReduceKind::Max => line.fold(f64::NEG_INFINITY, f64::max),
                    ReduceKind::ArgMax => first_max(line.enumerate()) as f64,
                };
            }
        }
        Primitive::Pool(pass, s) => pool(*pass, s, x, &mut y),
        Primitive::Gather(s) => {
            for (i, row) in inputs[1].iter().map(|&r| r as usize).enumerate() {
                if row < s.rows {
                    let from = &x[row * s.inner..][..s.inner];
                    y[i * s.inner..][..s.inner].copy_from_slice(from);
                }
            }
        }
        Primitive::ScatterAdd(s) => {
            for (i, row) in inputs[1].iter().map(|&r| r as usize).enumerate() {
                for j in 0..s.inner {
                    if row < s.rows {
                        y[row * s.inner + j] += x[i * s.inner + j];
                    }
                }
            }
        }
        Primitive::Embed(s) => {
            for (from, value) in x.iter().enumerate() {
                let (mut rest, mut at, mut stride) = (from, 0, 1);
                for axis in (0..s.out.len()).rev() {
                    let i = rest % s.shape[axis];
                    rest /= s.shape[axis];
                    at += (s.start[axis] + i * s.step[axis]) * stride;
                    stride *= s.out[axis];
                }
                y[at] = *value;
            }
        }
        Primitive::Concat(s) => concat(s, inputs, &mut y),
    }
    y
}

fn first_max(line: impl Iterator<Item = (usize, f64)>) -> usize {
    let mut best: Option<(usize, f64)> = None;
    for (i, value) in line {
        if best.is_none_or(|(_, b)| value > b) {
            best = Some((i, value));
        }
    }
    best.map_or(0, |(i, _)| i)
}

fn matmul(s: &MatMul, a: &[f64], b: &[f64], y: &mut [f64]) {
    for (at, y) in y.iter_mut().enumerate() {
        let (n, m, batch) = (at % s.n, at / s.n % s.m, at / s.n / s.m);
        let (ab, bb) = (
            usize::from(s.a_batched) * batch,
            usize::from(s.b_batched) * batch,
        );
        for k in 0..s.k {
            let i = if s.a_transposed {
                k * s.m + m
            } else {
                m * s.k + k
            };
            let j = if s.b_transposed {
                n * s.k + k
            } else {
                k * s.n + n
            };
            *y += a[ab * s.m * s.k + i] * b[bb * s.k * s.n + j];
        }
    }
}

/// Calls `each(position in x, in weight, in y)` for every product of a convolution.
fn taps(s: &Conv2d, mut each: impl FnMut(usize, usize, usize)) {
    for out in 0..s.n * s.oh * s.ow * s.o {
        let (o, j, i, n) = (
            out % s.o,
            out / s.o % s.ow,
            out / s.o / s.ow % s.oh,
            out / s.o / s.ow / s.oh,
        );
        for (di, dj) in (0..s.kh).flat_map(|di| (0..s.kw).map(move |dj| (di, dj))) {
            let (row, column) = (i * s.stride + di, j * s.stride + dj);
            let inside =
                row >= s.pad && row < s.h + s.pad && column >= s.pad && column < s.w + s.pad;
            for c in 0..s.c {
                if inside {
                    let image = ((n * s.h + row - s.pad) * s.w + column - s.pad) * s.c + c;
                    each(image, ((o * s.kh + di) * s.kw + dj) * s.c + c, out);
                }
            }
        }
    }
}

fn pool(pass: PoolPass, s: &Pool2d, x: &[f64], y: &mut [f64]) {
    let scale = 1.0 / (s.k * s.k) as f64;
    for out in 0..s.n * s.oh * s.ow * s.c {
        let (c, j, i, n) = (
            out % s.c,
            out / s.c % s.ow,
            out / s.c / s.ow % s.oh,
            out / s.c / s.ow / s.oh,
        );
        let window: Vec<usize> = (0..s.k * s.k)
            .map(|d| (i * s.stride + d / s.k, j * s.stride + d % s.k))
            .filter(|(row, column)| *row >= s.pad && row - s.pad < s.h && *column >= s.pad)
            .filter(|(_, column)| column - s.pad < s.w)
            .map(|(row, column)| ((n * s.h + row - s.pad) * s.w + column - s.pad) * s.c + c)
            .collect();
        match pass {
            PoolPass::Average => y[out] = window.iter().map(|&at| x[at]).sum::<f64>() * scale,
            PoolPass::Spread => window.iter().for_each(|&at| y[at] += x[out] * scale),
            PoolPass::MaxIndex => y[out] = first_max(window.iter().map(|&at| (at, x[at]))) as f64,
        }
    }
}

fn concat(s: &Concat, inputs: &[Vec<f64>], y: &mut [f64]) {
    let total: usize = s.lens.iter().sum();
    let mut start = 0;
    for (x, len) in inputs.iter().zip(&s.lens) {
        for o in 0..s.outer {
            let row = len * s.inner;
            y[(o * total + start) * s.inner..][..row].copy_from_slice(&x[o * row..][..row]);
        }
        start += len;
    }
}
