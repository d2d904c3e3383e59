//! Arrays of f16: every primitive against its definition in f64 and the CPU, by the kernels of both families.

use super::primitives::check_of;
use super::*;
use crate::DType;
use crate::primitive::{
    Concat, Conv2d, ConvPass, Embed, Gather, MatMul, Pool2d, PoolPass, Primitive, Reduce,
    ReduceKind,
};

/// A device whose arrays may be of f16.
fn gpu(family: Family, always_winograd: bool) -> Option<Gpu> {
    let options = GpuOptions {
        family: Some(family),
        smallest_limits: false,
        always_winograd,
        ..TEST_OPTIONS
    };
    let gpu = test_gpu_with(options)?;
    // Mesa's rasteriser, which tests require, has them
    let missing = gpu.summary().name.contains("llvmpipe") && !gpu.has_f16();
    assert!(!missing, "{:?} has no f16", gpu.summary());
    gpu.has_f16().then_some(gpu)
}

fn conv(c: usize, o: usize, k: usize, stride: usize, pad: usize) -> Conv2d {
    Conv2d {
        n: 2,
        h: 9,
        w: 7,
        c,
        o,
        kh: k,
        kw: k,
        stride,
        pad,
        oh: (9 + 2 * pad - k) / stride + 1,
        ow: (7 + 2 * pad - k) / stride + 1,
    }
}

const PASSES: [ConvPass; 3] = [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad];

fn primitives() -> Vec<Primitive> {
    let mut all = Vec::new();
    // whole vectors, odd lines, a sum in parts
    for (m, n, k) in [(20, 36, 24), (5, 7, 3), (3, 8, 5000), (33, 1, 9)] {
        for (a_transposed, b_transposed) in [(false, false), (false, true), (true, false)] {
            all.push(Primitive::MatMul(MatMul {
                batch: 2,
                m,
                n,
                k,
                a_transposed,
                b_transposed,
                a_batched: true,
                b_batched: false,
            }));
        }
    }
    for s in [
        conv(3, 8, 3, 1, 1),
        conv(8, 12, 3, 1, 1),
        conv(8, 4, 3, 2, 1),
        conv(12, 8, 1, 1, 0),
        conv(5, 3, 2, 1, 0),
    ] {
        all.extend(PASSES.map(|pass| Primitive::Conv(pass, s)));
    }
    for c in [3, 8] {
        let s = Pool2d {
            n: 2,
            h: 8,
            w: 6,
            c,
            k: 2,
            stride: 2,
            pad: 0,
            oh: 4,
            ow: 3,
        };
        let passes = [PoolPass::Average, PoolPass::Spread, PoolPass::MaxIndex];
        all.extend(passes.map(|pass| Primitive::Pool(pass, s)));
    }
    for (outer, len, inner) in [(3, 65, 4), (2, 40, 1), (1, 9000, 1), (4, 7, 3)] {
        let s = Reduce { outer, len, inner };
        let kinds = [ReduceKind::Sum, ReduceKind::Max, ReduceKind::ArgMax];
        all.extend(kinds.map(|kind| Primitive::Reduce(kind, s)));
    }
    let s = Gather {
        rows: 5,
        picks: 11,
        inner: 3,
    };
    all.extend([Primitive::Gather(s), Primitive::ScatterAdd(s)]);
    all.push(Primitive::Embed(Embed {
        shape: vec![2, 3],
        out: vec![5, 4],
        start: vec![1, 0],
        step: vec![2, 1],
    }));
    all.push(Primitive::Concat(Concat {
        outer: 3,
        lens: vec![1, 4],
        inner: 5,
    }));
    all
}

#[test]
fn every_primitive_of_halves() {
    for family in [Family::Tiled, Family::Direct] {
        let Some(gpu) = gpu(family, false) else {
            return;
        };
        for primitive in primitives() {
            check_of(&gpu, &primitive, DType::F16);
        }
        let by_tiles = gpu
            .compiled()
            .iter()
            .any(|key| key.starts_with("gemm_tiled") && key.ends_with("ELEMENT=f16 RESULT=f16"));
        assert_eq!(by_tiles, family == Family::Tiled, "{:?}", gpu.compiled());
    }
}

#[test]
fn minimal_filtering_of_halves() {
    let Some(gpu) = gpu(Family::Tiled, true) else {
        return;
    };
    for s in [conv(8, 12, 3, 1, 1), conv(4, 16, 3, 1, 0)] {
        for pass in [ConvPass::Forward, ConvPass::InputGrad] {
            check_of(&gpu, &Primitive::Conv(pass, s), DType::F16);
        }
    }
    // matrix units, where there are any, are quicker still
    let kernel = match gpu.has_matrix_units() {
        true => "gemm_matrix",
        false => "winograd_input",
    };
    let of_halves = |key: &String| key.starts_with(kernel) && key.contains("ELEMENT=f16");
    assert!(gpu.compiled().iter().any(of_halves), "{:?}", gpu.compiled());
}
