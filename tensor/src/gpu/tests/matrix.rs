//! Products with less than f32's precision: on matrix units as exact as they say, without them the very same as ever.

use std::sync::Arc;

use super::*;
use crate::cpu::{CpuBuffer, CpuView};
use crate::gpu::tiles::{TILES, Unit};
use crate::gpu::{AdapterKind, MatrixUnits};
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::{DType, MatmulPrecision, Winograd, with_matmul_precision, with_winograd};

/// For the tiled kernels with all that a device has: its matrix units, its halves.
pub(super) const TILED: GpuOptions = GpuOptions {
    family: Some(Family::Tiled),
    smallest_limits: false,
    ..TEST_OPTIONS
};

/// Numbers in [−½, ½), as `seed` has it: the hash lowbias32 of their places (Wellons, hash-prospector). They must not sum to more than random
/// ones do, or else the error of a long sum is small beside it whatever the precision.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let hash = |i: u32| {
        let x = i.wrapping_add(seed.wrapping_mul(0x9e37_79b9));
        let x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
        let x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
        x ^ x >> 16
    };
    (0..len as u32)
        .map(|i| (hash(i) >> 8) as f32 / (1 << 24) as f32 - 0.5)
        .collect()
}

/// The error with this precision where the left factor is times `scale`.
fn error(gpu: &Gpu, primitive: &Primitive, precision: MatmulPrecision, scale: f32) -> f64 {
    error_of(gpu, primitive, precision, &|factor, _| match factor {
        0 => scale,
        _ => 1.0,
    })
}

/// ‖computed − exact‖ / ‖exact‖ with this precision, where the numbers of a factor are times what `scale` has for them; the exact result in f64 on
/// the CPU.
fn error_of(
    gpu: &Gpu,
    primitive: &Primitive,
    precision: MatmulPrecision,
    scale: &dyn Fn(usize, usize) -> f32,
) -> f64 {
    let lens = primitive.input_lens().into_iter().enumerate();
    let inputs: Vec<Vec<f32>> = lens
        .map(|(factor, len)| {
            let numbers = numbers(len, factor as u32).into_iter().enumerate();
            numbers.map(|(i, x)| x * scale(factor, i)).collect()
        })
        .collect();
    let exact: Vec<CpuBuffer> = inputs
        .iter()
        .map(|x| {
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            CpuBuffer::copy_of("test", &x).unwrap()
        })
        .collect();
    let exact: Vec<CpuView<'_>> = exact.iter().map(CpuBuffer::view).collect();
    let exact = crate::cpu::run(primitive, &exact).unwrap();
    let CpuView::F64(exact) = exact.view() else {
        panic!("not f64");
    };
    let upload = |x: &Vec<f32>| gpu.upload(bytemuck::cast_slice(x)).unwrap();
    let buffers: Vec<GpuBuffer> = inputs.iter().map(upload).collect();
    let buffers: Vec<&GpuBuffer> = buffers.iter().collect();
    let output =
        with_matmul_precision(precision, || gpu.run(primitive, DType::F32, &buffers)).unwrap();
    let bytes = gpu.read(&output, exact.len() * 4).unwrap();
    let got: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
    let squares = |x: f64| x * x;
    let differences = got
        .iter()
        .zip(exact)
        .map(|(g, e)| squares(f64::from(*g) - e));
    let norm: f64 = exact.iter().map(|e| squares(*e)).sum();
    (differences.sum::<f64>() / norm).sqrt()
}

/// Products of every kind, small ones everywhere; large enough for every tile on cards that have units.
fn products(gpu: &Gpu) -> Vec<Primitive> {
    let mut all = Vec::new();
    for bits in 0..4u8 {
        all.push(Primitive::MatMul(MatMul {
            batch: 2,
            m: 68,
            n: 36,
            k: 44,
            a_transposed: bits & 1 == 1,
            b_transposed: bits & 2 == 2,
            a_batched: true,
            b_batched: false,
        }));
    }
    let mut shapes = vec![(2, 9, 20, 36, 1), (3, 6, 8, 12, 2)];
    let software = gpu.summary().kind == AdapterKind::Software;
    if gpu.has_matrix_units() && !software {
        shapes.extend([
            (32, 32, 64, 128, 1),
            (16, 32, 64, 64, 1),
            (8, 32, 64, 64, 1),
        ]);
    }
    for (n, side, c, o, stride) in shapes {
        let out = (side - 1) / stride + 1;
        let shape = Conv2d {
            n,
            h: side,
            w: side,
            c,
            o,
            kh: 3,
            kw: 3,
            stride,
            pad: 1,
            oh: out,
            ow: out,
        };
        let passes = [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad];
        all.extend(passes.map(|pass| Primitive::Conv(pass, shape)));
    }
    all
}

/// Tiles that only tuning chooses, where there are units.
#[test]
fn every_matrix_tile() {
    for tile in TILES.into_iter().filter(|tile| tile.unit == Unit::Matrix) {
        let options = GpuOptions {
            tile: Some(tile),
            ..TILED
        };
        let Some(gpu) = test_gpu_with(options).filter(Gpu::has_matrix_units) else {
            return;
        };
        let bounds = [
            (MatmulPrecision::High, 1e-5),
            (MatmulPrecision::Medium, 1e-3),
        ];
        for (precision, bound) in bounds {
            // some have no room for two halves a factor
            if tile.space(precision) > gpu.inner.limits.max_compute_workgroup_storage_size {
                continue;
            }
            // Mesa's rasteriser takes half a minute to compile a kernel
            let few = gpu.summary().kind == AdapterKind::Software;
            let of_the_few = |p: &Primitive| matches!(p, Primitive::Conv(_, s) if s.stride == 1);
            let all = products(&gpu).into_iter();
            for primitive in all.filter(|p| !few || of_the_few(p)) {
                let error = error(&gpu, &primitive, precision, 1.0);
                assert!(error < bound, "{tile}, {primitive:?}: {error:e}");
            }
        }
    }
}

/// Their kernels have no use for units, and what would be chosen for the sake of units must not be.
#[test]
fn rasterisers_do_without_units() {
    let options = GpuOptions {
        family: Some(Family::Direct),
        smallest_limits: false,
        ..TEST_OPTIONS
    };
    if let Some(gpu) = test_gpu_with(options) {
        assert!(!gpu.has_matrix_units());
    }
}

/// Where the kernel counts on subgroups larger than they are, as it must on cards with several sizes: each part of a tile is made twice.
#[test]
fn subgroups_may_be_smaller_than_counted_on() {
    let Some(mut gpu) = test_gpu_with(TILED) else {
        return;
    };
    let Some(units) = gpu.inner.summary.matrix_units else {
        return;
    };
    let twice = MatrixUnits {
        subgroup: 2 * units.subgroup,
        ..units
    };
    let threads = gpu.inner.limits.max_compute_invocations_per_workgroup as usize;
    if !twice.can_be_used() || twice.most_threads() > threads {
        return;
    }
    Arc::get_mut(&mut gpu.inner).unwrap().summary.matrix_units = Some(twice);
    for primitive in products(&gpu) {
        let error = error(&gpu, &primitive, MatmulPrecision::High, 1.0);
        assert!(error < 1e-5, "{primitive:?}: {error:e}");
    }
}

#[test]
fn each_precision_is_what_it_says() {
    let Some(gpu) = test_gpu_with(TILED) else {
        return;
    };
    for primitive in products(&gpu) {
        let error = |precision, scale| error(&gpu, &primitive, precision, scale);
        let highest = error(MatmulPrecision::Highest, 1.0);
        let high = error(MatmulPrecision::High, 1.0);
        let medium = error(MatmulPrecision::Medium, 1.0);
        assert!(highest < 1e-6, "{primitive:?}: {highest:e}");
        if !gpu.has_matrix_units() {
            assert_eq!([high, medium], [highest; 2], "{primitive:?}");
            continue;
        }
        // they cut sums off rather than round them (Ootomo and Yokota, IJHPCA 36, 2022, section 3.2)
        assert!(high < 1e-5, "{primitive:?}: {high:e}");
        // two factors with 11 bits each
        assert!((1e-5..1e-3).contains(&medium), "{primitive:?}: {medium:e}");
        // what f16 has as denormal numbers
        let small = error(MatmulPrecision::High, 1e-5);
        assert!(small < 3e-5, "{primitive:?}, small numbers: {small:e}");
    }
}

/// Winograd's minimal filtering, of which matrix units make the products: tiles become halves when they are transformed.
#[test]
fn filtered_convolutions() {
    let options = GpuOptions {
        always_winograd: true,
        ..TILED
    };
    let Some(gpu) = test_gpu_with(options).filter(Gpu::has_matrix_units) else {
        return;
    };
    let filtered = |primitive: &Primitive| match primitive {
        Primitive::Conv(pass, s) => s.stride == 1 && *pass != ConvPass::WeightGrad,
        _ => false,
    };
    for primitive in products(&gpu).into_iter().filter(filtered) {
        for (choice, bound) in [(Winograd::Two, 1e-5), (Winograd::Four, 3e-5)] {
            for scale in [1.0, 1e-5] {
                let error = with_winograd(choice, || {
                    error(&gpu, &primitive, MatmulPrecision::High, scale)
                });
                assert!(
                    error < bound,
                    "{primitive:?} {choice:?} times {scale}: {error:e}"
                );
            }
        }
    }
    for (kernel, flag) in [
        ("winograd_input", " SPLIT=1"),
        ("winograd_weight", " SPLIT=1"),
        ("gemm_matrix", " READY=1"),
    ] {
        let made = |key: &String| key.starts_with(kernel) && key.contains(flag);
        assert!(gpu.compiled().iter().any(made), "{:?}", gpu.compiled());
    }
}

/// Small numbers in one factor alone, and in some of the steps alone, where what they are multiplied by makes them count.
#[test]
fn small_numbers_count_wherever_they_are() {
    let Some(gpu) = test_gpu_with(TILED).filter(Gpu::has_matrix_units) else {
        return;
    };
    let side = 64;
    let product = Primitive::MatMul(MatMul {
        batch: 1,
        m: side,
        n: side,
        k: 256,
        a_transposed: false,
        b_transposed: false,
        a_batched: false,
        b_batched: false,
    });
    for small in [0, 1] {
        for from in [0, 64, 224] {
            let scale = |factor: usize, i: usize| {
                let step = if factor == 0 { i % 256 } else { i / side };
                match (step >= from, factor == small) {
                    (false, _) => 1.0,
                    (true, true) => 1e-5,
                    (true, false) => 1e4,
                }
            };
            let error = error_of(&gpu, &product, MatmulPrecision::High, &scale);
            assert!(error < 3e-5, "{small} from {from}: {error:e}");
        }
    }
}
