//! Every operation on views of all kinds, sizes 0 and 1 included: WebGPU against the CPU.

mod common;

use clel_tensor::{Device, Result, RngKey, Tensor};
use common::gpu;
use proptest::prelude::*;

/// Numbers in (−1, 1) of this shape, stored in one of six ways: plainly, with the first and last axes exchanged,
/// backwards, as every second element, behind others, or as one repeated row.
fn view(shape: &[usize], kind: usize, stream: u32, device: &Device) -> Result<Tensor> {
    let random = |shape: &[usize]| -> Result<Tensor> {
        let u = Tensor::uniform(shape, RngKey::new(3, stream), &Device::Cpu)?;
        u.mul_scalar(2.0)?.sub_scalar(1.0)?.to_device(device)
    };
    let last = shape.len() - 1;
    let mut stored = shape.to_vec();
    match kind {
        1 => {
            stored.swap(0, last);
            random(&stored)?.transpose(0, last)
        }
        2 => random(shape)?.flip(last)?.flip(0),
        3 => {
            stored[last] = 2 * shape[last] + 1;
            random(&stored)?.slice_step(last, 1, shape[last], 2)
        }
        4 => {
            stored[0] += 2;
            random(&stored)?.slice(0, 1, shape[0])
        }
        5 => {
            stored[0] = 1;
            random(&stored)?.expand(shape)
        }
        _ => random(shape),
    }
}

/// What a geometry says: sizes, kinds of views, stride and padding.
#[derive(Debug, Clone)]
struct Geometry {
    size: [usize; 4],
    channels: [usize; 2],
    kind: [usize; 3],
    kernel: usize,
    stride: usize,
    pad: usize,
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let size = [0..4usize, 0..7usize, 0..7usize, 0..6usize];
    let channels = [1..6usize, 1..10usize];
    (
        size,
        channels,
        [0..6usize, 0..6usize, 0..6usize],
        1..4usize,
        1..3usize,
        0..2usize,
    )
        .prop_map(|(size, channels, kind, kernel, stride, pad)| Geometry {
            size,
            channels,
            kind,
            kernel,
            stride,
            pad,
        })
}

/// Results of all operations, named.
fn run(g: &Geometry, device: &Device) -> Result<Vec<(&'static str, Tensor)>> {
    let [a, b, c, d] = g.size;
    let [c_in, c_out] = g.channels;
    let x = |shape: &[usize], which: usize| view(shape, g.kind[which], which as u32, device);
    let mut out = Vec::new();

    let (p, q) = (x(&[b, c], 0)?, x(&[c, d], 1)?);
    out.push(("matmul", p.matmul(&q)?));
    out.push((
        "matmul, transposed",
        p.matmul_t(&x(&[d, c], 2)?, false, true)?,
    ));
    out.push((
        "matmul, batched",
        x(&[a, b, c], 0)?.matmul(&x(&[a, c, d], 1)?)?,
    ));
    out.push(("matmul, shared", x(&[a, b, c], 2)?.matmul(&q)?));

    let t = x(&[a, b, c], 0)?;
    for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
        out.push(("sum", t.sum(axes, true)?));
        out.push(("max", t.max(axes, false)?));
        out.push(("logsumexp", t.logsumexp(axes, false)?));
    }
    if b > 0 {
        out.push(("argmax", t.argmax(1)?));
    }

    // the last index is out of range
    let index = [0u32, 2, 1, 2, 90].map(|i| {
        i.min(if i < 90 {
            b.saturating_sub(1) as u32
        } else {
            i
        })
    });
    let index = Tensor::from_slice(&index, &[5], device)?;
    out.push(("gather", x(&[b, c], 1)?.gather(&index)?));
    out.push(("scatter_add", x(&[5, c], 2)?.scatter_add(&index, b)?));
    out.push(("pad", t.pad(&[(1, 0), (0, 2), (1, 1)])?));
    out.push(("embed", p.embed(&[2 * b + 2, 3 * c + 1], &[1, 0], &[2, 3])?));
    out.push(("concat", Tensor::concat(&[&t, &x(&[a, d, c], 1)?, &t], 1)?));

    let (h, w) = (b + g.kernel, c + g.kernel);
    let images = x(&[a, h, w, c_in], 0)?;
    let weight = x(&[c_out, g.kernel, g.kernel, c_in], 1)?;
    let y = images.conv2d(&weight, g.stride, g.pad)?;
    let gy = x(y.shape(), 2)?;
    out.push((
        "conv2d_input_grad",
        gy.conv2d_input_grad(&weight, images.shape(), g.stride, g.pad)?,
    ));
    out.push((
        "conv2d_weight_grad",
        images.conv2d_weight_grad(&gy, weight.shape(), g.stride, g.pad)?,
    ));
    out.push(("conv2d", y));
    let pad = g.pad.min(g.kernel / 2);
    let pooled = images.avg_pool2d(g.kernel, g.stride, pad)?;
    out.push((
        "avg_pool2d_spread",
        pooled.avg_pool2d_spread(images.shape(), g.kernel, g.stride, pad)?,
    ));
    out.push(("avg_pool2d", pooled));
    out.push(("max_pool2d", images.max_pool2d(g.kernel, g.stride, pad)?));
    let boxes: Vec<f32> = (0..a)
        .flat_map(|i| [(i % 2) as f32, 0.0, (h - 1).max(1) as f32, w as f32])
        .collect();
    let boxes = Tensor::from_slice(&boxes, &[a, 4], device)?;
    out.push(("resample_bicubic", images.resample_bicubic(&boxes, 5, 3)?));
    Ok(out)
}

fn numbers(t: &Tensor) -> Result<Vec<f32>> {
    match t.dtype() {
        clel_tensor::DType::U32 => Ok(t.to_vec::<u32>()?.into_iter().map(|v| v as f32).collect()),
        _ => t.to_vec::<f32>(),
    }
}

#[test]
fn every_operation_on_views() {
    let Some(gpu) = gpu() else { return };
    proptest!(ProptestConfig::with_cases(40), |(g in geometry())| {
        let (cpu, wgpu) = (run(&g, &Device::Cpu).unwrap(), run(&g, &gpu).unwrap());
        for ((name, want), (_, got)) in cpu.iter().zip(&wgpu) {
            prop_assert_eq!(want.shape(), got.shape(), "{}", name);
            let (want, got) = (numbers(want).unwrap(), numbers(got).unwrap());
            for (i, (w, v)) in want.iter().zip(&got).enumerate() {
                let close = w == v || (w - v).abs() <= 1e-5 * w.abs().max(1.0);
                prop_assert!(close, "{name} at {i}: {v}, on the CPU {w}");
            }
        }
    });
}
