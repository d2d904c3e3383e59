//! Convolutions with an epilogue against a convolution and a pointwise kernel, by the tiled kernels.

use super::matrix::TILED;
use super::primitives::in_f64;
use super::*;
use crate::cpu::CpuBuffer;
use crate::expr::{Access, Distribution, PointwiseKernel};
use crate::gpu::AdapterKind;
use crate::gpu::tiles::{TILES, Unit};
use crate::gpu::way::Plan;
use crate::primitive::{Conv2d, ConvPass, Primitive};
use crate::{DType, Expr, MatmulPrecision, RngKey, with_matmul_precision};

fn numbers(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| (i * 7919 % 1000) as f32 * 1e-3 - 0.5)
        .collect()
}

fn floats(gpu: &Gpu, buffer: &GpuBuffer, dtype: DType, len: usize) -> Vec<f64> {
    let mut x = CpuBuffer::uninit("test", dtype, len).unwrap();
    let bytes = gpu.read(buffer, len * dtype.size()).unwrap();
    x.bytes_mut().copy_from_slice(&bytes);
    in_f64(x.view())
}

fn check(gpu: &Gpu, pass: ConvPass, s: Conv2d, dtype: DType) {
    let primitive = Primitive::Conv(pass, s);
    let len = primitive.output_len();
    let channels = if pass == ConvPass::Forward { s.o } else { s.c };
    let lens = primitive.input_lens();
    let upload = |len: usize| {
        let x = CpuBuffer::copy_of("test", &numbers(len)).unwrap();
        let x = x.view().convert("test", dtype).unwrap();
        gpu.upload(x.view().bytes()).unwrap()
    };
    let (a, b) = (upload(lens[0]), upload(lens[1]));
    let (bias, other) = (upload(channels), upload(len));
    let access = |strides: &[isize]| Access {
        dtype,
        offset: 0,
        strides: strides.to_vec(),
    };
    let c = channels as isize;
    let inputs = vec![access(&[c, 1]), access(&[0, 1]), access(&[c, 1])];
    let noise = Expr::random(Distribution::Normal, RngKey::new(3, 4));
    let sum = Expr::input(0) + Expr::input(1) + Expr::input(2) * noise;
    let exprs = [(sum.clone(), dtype), (sum.maximum(0.0), dtype)];
    let kernel = PointwiseKernel::new(&[len / channels, channels], &exprs, inputs, DType::F32);
    // one, or minimal filtering's four
    let filtered = matches!(gpu.plan(&primitive, dtype), Some(Plan::Filtered(..)));
    let launches = if filtered { 4 } else { 1 };
    let square = [s.kh, s.kw, s.stride] == [3, 3, 1];
    assert_eq!(filtered, gpu.inner.options.always_winograd && square);
    let before = gpu.launches();
    let together = gpu
        .run_through(&primitive, dtype, &[&a, &b], &kernel, &[&bias, &other])
        .unwrap()
        .unwrap_or_else(|| panic!("{primitive:?} takes two launches"));
    let after = gpu.launches();
    assert_eq!(
        after.values().sum::<u64>(),
        before.values().sum::<u64>() + launches
    );
    let y = gpu.run(&primitive, dtype, &[&a, &b]).unwrap();
    let apart = gpu.pointwise(&kernel, &[&y, &bias, &other]).unwrap();
    for (together, apart) in together.iter().zip(&apart) {
        let [got, want] = [together, apart].map(|buffer| floats(gpu, buffer, dtype, len));
        // a long sum may be cut into parts when nothing follows it; and halves are rounded once more
        let rounding = if dtype == DType::F16 { 2e-3 } else { 1e-5 };
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            let near = (got - want).abs() <= rounding * want.abs().max(1.0);
            assert!(near, "{primitive:?}: element {i} is {got}, not {want}");
        }
    }
}

/// Convolutions: images, their height, width and channels, channels made, the window's side, its step and its edge.
const SHAPES: [[usize; 8]; 4] = [
    [2, 8, 8, 16, 16, 3, 1, 1],
    [1, 5, 7, 8, 12, 3, 1, 1],
    [3, 6, 9, 4, 20, 3, 2, 1],
    [2, 4, 4, 64, 68, 1, 1, 0],
];

fn conv([n, h, w, c, o, k, stride, pad]: [usize; 8]) -> Conv2d {
    let out = |len: usize| (len + 2 * pad - k) / stride + 1;
    Conv2d {
        n,
        h,
        w,
        c,
        o,
        kh: k,
        kw: k,
        stride,
        pad,
        oh: out(h),
        ow: out(w),
    }
}

fn check_all(gpu: &Gpu, shapes: &[[usize; 8]], dtype: DType) {
    for s in shapes.iter().copied().map(conv) {
        check(gpu, ConvPass::Forward, s, dtype);
        check(gpu, ConvPass::InputGrad, s, dtype);
    }
}

fn tiled(always_winograd: bool) -> GpuOptions {
    GpuOptions {
        family: Some(Family::Tiled),
        always_winograd,
        ..TEST_OPTIONS
    }
}

#[test]
fn one_launch_equals_two() {
    if let Some(gpu) = test_gpu_with(tiled(false)) {
        check_all(&gpu, &SHAPES, DType::F32);
    }
    if let Some(gpu) = test_gpu_with(TILED).filter(Gpu::has_f16) {
        check_all(&gpu, &SHAPES[1..3], DType::F16);
    }
}

#[test]
fn filtering_with_an_epilogue_equals_an_epilogue_afterwards() {
    if let Some(gpu) = test_gpu_with(tiled(true)) {
        check_all(&gpu, &SHAPES, DType::F32);
    }
}

/// Where there are units: by the tile that suits and, on a card, by each.
#[test]
fn one_launch_on_matrix_units_equals_two() {
    let every = TILES.into_iter().filter(|tile| tile.unit == Unit::Matrix);
    for tile in std::iter::once(None).chain(every.map(Some)) {
        let options = GpuOptions { tile, ..TILED };
        let Some(gpu) = test_gpu_with(options).filter(Gpu::has_matrix_units) else {
            return;
        };
        let space = gpu.inner.limits.max_compute_workgroup_storage_size;
        let fits = |precision| tile.is_none_or(|tile| tile.space(precision) <= space);
        for precision in [MatmulPrecision::High, MatmulPrecision::Medium] {
            if fits(precision) {
                // lines that no tile fits, and strides
                with_matmul_precision(precision, || check_all(&gpu, &SHAPES[1..3], DType::F32));
            }
        }
        if gpu.has_f16() && fits(MatmulPrecision::Medium) {
            check_all(&gpu, &SHAPES[1..3], DType::F16);
        }
        // Mesa's rasteriser takes half a minute to compile a kernel
        if gpu.summary().kind == AdapterKind::Software {
            return;
        }
    }
}

/// Sums of nothing are not computed by these kernels, which count steps in channels.
#[test]
fn without_channels_it_takes_two_launches() {
    let Some(gpu) = test_gpu_with(tiled(false)) else {
        return;
    };
    let s = conv([1, 4, 4, 0, 4, 3, 1, 1]);
    let nothing = gpu.upload(&[]).unwrap();
    let access = Access {
        dtype: DType::F32,
        offset: 0,
        strides: vec![1],
    };
    let double = [(Expr::input(0) * 2.0, DType::F32)];
    let kernel = PointwiseKernel::new(&[64], &double, vec![access], DType::F32);
    let primitive = Primitive::Conv(ConvPass::Forward, s);
    let inputs = [&nothing, &nothing];
    let made = gpu.run_through(&primitive, DType::F32, &inputs, &kernel, &[]);
    assert!(made.unwrap().is_none());
}
