//! Every primitive on odd geometries against its definition and against the CPU.

use proptest::prelude::*;

use super::*;
use crate::cpu::{CpuBuffer, CpuView};
use crate::gpu::tiles::{TILES, Unit};
use crate::primitive::*;
use crate::random::RngKey;
use crate::{DType, MatmulPrecision};

/// Numbers in \[−1, 1), different for each `salt`; every seventh repeats to make ties.
pub(super) fn numbers(n: usize, salt: u32) -> Vec<f32> {
    let key = RngKey::new(11, salt);
    (0..n)
        .map(|i| {
            let word = key.block((i / 7 * 7 + i % 7 % 6) as u32)[0];
            crate::random::uniform(word) * 2.0 - 1.0
        })
        .collect()
}

fn indices(n: usize, below: usize, salt: u32) -> Vec<u32> {
    let key = RngKey::new(12, salt);
    (0..n)
        .map(|i| key.block(i as u32)[0] % (below as u32 + 2))
        .collect()
}

/// Lengths of the inputs, those of indices with the number of rows.
fn inputs(primitive: &Primitive) -> Vec<(usize, Option<usize>)> {
    let plain = |n: usize| (n, None);
    match primitive {
        Primitive::MatMul(s) => {
            let batch = |batched: bool| if batched { s.batch } else { 1 };
            vec![
                plain(batch(s.a_batched) * s.m * s.k),
                plain(batch(s.b_batched) * s.k * s.n),
            ]
        }
        Primitive::Conv(pass, s) => {
            let x = plain(s.n * s.h * s.w * s.c);
            let w = plain(s.o * s.kh * s.kw * s.c);
            let y = plain(s.n * s.oh * s.ow * s.o);
            match pass {
                ConvPass::Forward => vec![x, w],
                ConvPass::InputGrad => vec![y, w],
                ConvPass::WeightGrad => vec![x, y],
            }
        }
        Primitive::Reduce(_, s) => vec![plain(s.outer * s.len * s.inner)],
        Primitive::Pool(PoolPass::Spread, s) => vec![plain(s.n * s.oh * s.ow * s.c)],
        Primitive::Pool(_, s) => vec![plain(s.n * s.h * s.w * s.c)],
        Primitive::Gather(s) => vec![plain(s.rows * s.inner), (s.picks, Some(s.rows))],
        Primitive::ScatterAdd(s) => vec![plain(s.picks * s.inner), (s.picks, Some(s.rows))],
        Primitive::Embed(s) => vec![plain(s.shape.iter().product())],
        Primitive::Concat(s) => s
            .lens
            .iter()
            .map(|l| plain(s.outer * l * s.inner))
            .collect(),
    }
}

/// Runs a primitive of f32 arrays on the device and compares with the definition and with the CPU.
pub(super) fn check(gpu: &Gpu, primitive: &Primitive) {
    check_of(gpu, primitive, DType::F32);
}

/// The same with arrays of a type.
pub(super) fn check_of(gpu: &Gpu, primitive: &Primitive, dtype: DType) {
    let mut buffers = Vec::new();
    let mut values = Vec::new();
    let mut twins = Vec::new();
    for (salt, (n, rows)) in inputs(primitive).into_iter().enumerate() {
        match rows {
            None => {
                let x = CpuBuffer::copy_of("test", &numbers(n, salt as u32)).unwrap();
                let x = x.view().convert("test", dtype).unwrap();
                buffers.push(gpu.upload(x.view().bytes()).unwrap());
                values.push(in_f64(x.view()));
                twins.push(x);
            }
            Some(rows) => {
                let x = indices(n, rows, salt as u32);
                twins.push(CpuBuffer::copy_of("test", &x).unwrap());
                buffers.push(gpu.upload(bytemuck::cast_slice(&x)).unwrap());
                values.push(x.into_iter().map(f64::from).collect());
            }
        }
    }
    let want = naive::run(primitive, &values);
    let refs: Vec<&GpuBuffer> = buffers.iter().collect();
    let output = gpu
        .run(primitive, dtype, &refs)
        .unwrap_or_else(|error| panic!("{primitive:?}: {error}"));
    let made = primitive.output_dtype(dtype);
    let mut got = CpuBuffer::uninit("test", made, want.len()).unwrap();
    let bytes = gpu.read(&output, want.len() * made.size()).unwrap();
    got.bytes_mut().copy_from_slice(&bytes);
    let got = in_f64(got.view());
    let views: Vec<CpuView<'_>> = twins.iter().map(CpuBuffer::view).collect();
    let twin = in_f64(crate::cpu::run(primitive, &views).unwrap().view());
    let terms = match primitive {
        Primitive::MatMul(s) => s.k,
        Primitive::Conv(ConvPass::Forward, s) => s.kh * s.kw * s.c,
        Primitive::Conv(ConvPass::InputGrad, s) => s.kh * s.kw * s.o,
        Primitive::Conv(ConvPass::WeightGrad, s) => s.n * s.oh * s.ow,
        Primitive::Reduce(ReduceKind::Sum, s) => s.len,
        Primitive::ScatterAdd(s) => 4 * s.picks / s.rows.max(1) + 16,
        _ => 1,
    };
    // rounding of each addition, most of them in parts: a fraction of Σ |terms|
    let terms = terms as f64;
    let roundings = terms.min(8.0 * terms.sqrt()).max(2.0);
    let sizes: Vec<Vec<f64>> = values
        .iter()
        .map(|x| x.iter().map(|x| x.abs()).collect())
        .collect();
    let sizes = naive::run(primitive, &sizes);
    // and of the result when it is stored: half a unit in the last place, normal or not
    let stored = |want: f64| match made {
        DType::F16 => (want.abs() * 2f64.powi(-11)).max(2f64.powi(-25)),
        _ => 0.0,
    };
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        let close = (got - want).abs() <= roundings * 6e-8 * sizes[i] + stored(*want);
        assert!(
            close || got == want,
            "{primitive:?}: element {i} is {got}, not {want}"
        );
        // the CPU rounds as often
        let near = (got - twin[i]).abs() <= 2.0 * (roundings * 6e-8 * sizes[i] + stored(*want));
        assert!(
            near || *got == twin[i],
            "{primitive:?}: element {i} is {got}, {} on the CPU",
            twin[i]
        );
    }
}

pub(super) fn in_f64(x: CpuView<'_>) -> Vec<f64> {
    let x = x.convert("test", DType::F64).unwrap();
    x.view().elements("test").unwrap().to_vec()
}

/// Runs `check` on `cases` draws of `strategy`.
pub(super) fn check_drawn(gpu: &Gpu, cases: u32, strategy: impl Strategy<Value = Primitive>) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let result = runner.run(&strategy, |primitive| {
        check(gpu, &primitive);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn reductions() {
    let Some(gpu) = test_gpu() else { return };
    let kinds = [ReduceKind::Sum, ReduceKind::Max, ReduceKind::ArgMax];
    let sizes = (0usize..5, 0usize..200, 0usize..9, 0usize..3);
    let drawn = sizes.prop_map(|(outer, len, inner, kind)| {
        Primitive::Reduce(kinds[kind], Reduce { outer, len, inner })
    });
    check_drawn(
        &gpu,
        60,
        drawn.prop_filter(
            "no maximum of nothing",
            |p| !matches!(p, Primitive::Reduce(ReduceKind::ArgMax, s) if s.len == 0),
        ),
    );
    for kind in kinds {
        for (outer, len, inner) in [
            (1, 100_003, 1),
            (1, 100_004, 1),
            (3, 5_000, 4),
            (2, 3_001, 5),
            (70_000, 3, 1),
            (1, 2, 4_300_000),
        ] {
            check(&gpu, &Primitive::Reduce(kind, Reduce { outer, len, inner }));
        }
    }
}

#[test]
fn long_sums_are_accurate() {
    let Some(gpu) = test_gpu() else { return };
    // 0.1 is not exact: sequential addition of a million of them is off by 1 %. Runs of 16 in
    // parts of 256 make about 3 · 32 roundings, all of the same sign here.
    let n = 1_000_000;
    let x = gpu.upload(bytemuck::cast_slice(&vec![0.1f32; n])).unwrap();
    let shape = Reduce {
        outer: 1,
        len: n,
        inner: 1,
    };
    let y = gpu
        .run(
            &Primitive::Reduce(ReduceKind::Sum, shape),
            DType::F32,
            &[&x],
        )
        .unwrap();
    let sum: f32 = bytemuck::pod_read_unaligned(&gpu.read(&y, 4).unwrap());
    let want = f64::from(0.1f32) * n as f64;
    assert!((f64::from(sum) - want).abs() < 1e-6 * want, "{sum}");
}

#[test]
fn pools() {
    let Some(gpu) = test_gpu() else { return };
    let passes = [PoolPass::Average, PoolPass::Spread, PoolPass::MaxIndex];
    let sizes = (0usize..3, 1usize..9, 1usize..9, 1usize..10);
    let window = (1usize..4, 1usize..4, 0usize..2, 0usize..3);
    let drawn = (sizes, window).prop_filter_map(
        "window larger than the image",
        |((n, h, w, c), (k, stride, pad, pass))| {
            let pad = pad.min(k - 1);
            let out = |side: usize| Some((side + 2 * pad).checked_sub(k)? / stride + 1);
            let shape = Pool2d {
                n,
                h,
                w,
                c,
                k,
                stride,
                pad,
                oh: out(h)?,
                ow: out(w)?,
            };
            Some(Primitive::Pool(passes[pass], shape))
        },
    );
    check_drawn(&gpu, 80, drawn);
}

#[test]
fn gathers_and_scatters() {
    let Some(gpu) = test_gpu() else { return };
    let drawn = (1usize..9, 0usize..40, 0usize..9, any::<bool>()).prop_map(
        |(rows, picks, inner, gather)| {
            let shape = Gather { rows, picks, inner };
            if gather {
                Primitive::Gather(shape)
            } else {
                Primitive::ScatterAdd(shape)
            }
        },
    );
    check_drawn(&gpu, 60, drawn);
    for (rows, picks, inner) in [
        (3, 30_000, 1),
        (5_000, 20_000, 1),
        (2_000, 10_000, 4),
        (100_000, 3_000, 3),
        (300, 90_000, 1),
    ] {
        let shape = Gather { rows, picks, inner };
        check(&gpu, &Primitive::Gather(shape));
        check(&gpu, &Primitive::ScatterAdd(shape));
    }
    // more than 65,535 workgroups
    check(
        &gpu,
        &Primitive::Gather(Gather {
            rows: 10,
            picks: 4_300_000,
            inner: 1,
        }),
    );
}

#[test]
fn scatters_do_not_depend_on_the_order_of_threads() {
    let Some(gpu) = test_gpu() else { return };
    let shape = Gather {
        rows: 4_000,
        picks: 50_000,
        inner: 1,
    };
    let index = indices(shape.picks, shape.rows, 5);
    let g = numbers(shape.picks, 6);
    let mut want = vec![0.0f32; shape.rows];
    for (row, g) in index.iter().zip(&g) {
        if let Some(sum) = want.get_mut(*row as usize) {
            *sum += g;
        }
    }
    let g = gpu.upload(bytemuck::cast_slice(&g)).unwrap();
    let index = gpu.upload(bytemuck::cast_slice(&index)).unwrap();
    let y = gpu
        .run(&Primitive::ScatterAdd(shape), DType::F32, &[&g, &index])
        .unwrap();
    let got: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&y, shape.rows * 4).unwrap());
    assert!(got == want);
}

#[test]
fn embeddings() {
    let Some(gpu) = test_gpu() else { return };
    let axis = (0usize..5, 0usize..3, 1usize..4, 0usize..3);
    let drawn = prop::collection::vec(axis, 0..5).prop_map(|axes| {
        let mut shape = Embed {
            shape: vec![],
            out: vec![],
            start: vec![],
            step: vec![],
        };
        for (len, start, step, after) in axes {
            shape.shape.push(len);
            shape.start.push(start);
            shape.step.push(step);
            shape
                .out
                .push(start + len.saturating_sub(1) * step + len.min(1) + after);
        }
        Primitive::Embed(shape)
    });
    check_drawn(&gpu, 100, drawn);
}

#[test]
fn concatenations() {
    let Some(gpu) = test_gpu() else { return };
    let drawn = (
        0usize..4,
        prop::collection::vec(0usize..9, 1..12),
        0usize..5,
    )
        .prop_map(|(outer, lens, inner)| Primitive::Concat(Concat { outer, lens, inner }));
    check_drawn(&gpu, 60, drawn);
}

/// The usual device for tests, with each family of kernels.
pub(super) fn families() -> Vec<Gpu> {
    let open = |family| {
        test_gpu_with(GpuOptions {
            family: Some(family),
            ..TEST_OPTIONS
        })
    };
    [Family::Direct, Family::Tiled]
        .into_iter()
        .filter_map(open)
        .collect()
}

#[test]
fn products() {
    families().iter().for_each(products_on);
}

fn products_on(gpu: &Gpu) {
    // more than 65,535 workgroups of 64 threads, or of one product each
    let many = match gpu.family() {
        Family::Direct => 4_200_000,
        Family::Tiled => 65_600,
    };
    check(
        gpu,
        &Primitive::MatMul(MatMul {
            batch: many,
            m: 1,
            n: 1,
            k: 2,
            a_transposed: false,
            b_transposed: false,
            a_batched: true,
            b_batched: false,
        }),
    );
    let side = || prop_oneof![1usize..20, Just(4usize), Just(8usize), Just(32usize)];
    let sizes = (1usize..4, side(), side(), 0usize..40);
    let drawn = (sizes, prop::array::uniform4(any::<bool>())).prop_map(
        |((batch, m, n, k), [at, bt, ab, bb])| {
            Primitive::MatMul(MatMul {
                batch,
                m,
                n,
                k,
                a_transposed: at,
                b_transposed: bt,
                a_batched: ab,
                b_batched: bb,
            })
        },
    );
    check_drawn(gpu, 60, drawn);
    for (batch, m, n, k) in [
        (1, 1, 1, 5_000),
        (2, 10, 7, 3_003),
        (1, 130, 70, 260),
        (2, 36, 4, 32),
        (1, 36, 68, 2048),
        (3, 0, 4, 2),
        (2, 3, 4, 0),
    ] {
        for bits in 0..4u8 {
            check(
                gpu,
                &Primitive::MatMul(MatMul {
                    batch,
                    m,
                    n,
                    k,
                    a_transposed: bits & 1 == 1,
                    b_transposed: bits & 2 == 2,
                    a_batched: true,
                    b_batched: batch < 10,
                }),
            );
        }
    }
}

#[test]
fn convolutions() {
    families().iter().for_each(convolutions_on);
}

fn convolutions_on(gpu: &Gpu) {
    let passes = [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad];
    let channels = || prop_oneof![1usize..7, Just(4usize), Just(8usize), Just(20usize)];
    let sizes = (0usize..4, 1usize..9, 1usize..9, channels(), channels());
    let side = || prop_oneof![4 => 1usize..4, 1 => Just(7usize)];
    let window = (side(), side(), 1usize..4, 0usize..4, 0usize..3);
    let drawn = (sizes, window).prop_filter_map(
        "window larger than the image",
        |((n, h, w, c, o), (kh, kw, stride, pad, pass))| {
            let out = |side: usize, k: usize| Some((side + 2 * pad).checked_sub(k)? / stride + 1);
            let shape = Conv2d {
                n,
                h,
                w,
                c,
                o,
                kh,
                kw,
                stride,
                pad,
                oh: out(h, kh)?,
                ow: out(w, kw)?,
            };
            Some(Primitive::Conv(passes[pass], shape))
        },
    );
    check_drawn(gpu, 150, drawn);
    for pass in passes {
        // sums of nothing, too
        let empty = [
            (2, 5, 0, 3),
            (2, 5, 3, 0),
            (2, 5, 0, 4),
            (2, 5, 4, 0),
            (0, 5, 3, 4),
        ];
        for (n, side, c, o) in [(2, 33, 16, 24), (300, 8, 3, 5)].into_iter().chain(empty) {
            let shape = Conv2d {
                n,
                h: side,
                w: side,
                c,
                o,
                kh: 3,
                kw: 3,
                stride: 1,
                pad: 1,
                oh: side,
                ow: side,
            };
            check(gpu, &Primitive::Conv(pass, shape));
        }
        // of single pixels of every other line: no tap reaches the pixels between, whose gradient is 0
        let shape = Conv2d {
            n: 2,
            h: 6,
            w: 7,
            c: 32,
            o: 32,
            kh: 1,
            kw: 1,
            stride: 2,
            pad: 0,
            oh: 3,
            ow: 4,
        };
        check(gpu, &Primitive::Conv(pass, shape));
    }
}

/// Each tile of the tiled kernels makes every product, of lines of fours and others, over more than one tile and part of a step.
#[test]
fn every_tile() {
    for tile in TILES.into_iter().filter(|t| t.unit == Unit::Registers) {
        let options = GpuOptions {
            family: Some(Family::Tiled),
            tile: Some(tile),
            smallest_limits: tile.space(MatmulPrecision::Highest) <= 16 << 10,
            ..TEST_OPTIONS
        };
        let Some(gpu) = test_gpu_with(options) else {
            return;
        };
        let transposed = [(false, false), (false, true), (true, false), (true, true)];
        for (a_transposed, b_transposed) in transposed {
            for (m, n, k) in [(132, 136, 44), (35, 7, 13), (132, 136, 64), (36, 4, 64)] {
                let product = MatMul {
                    batch: 2,
                    m,
                    n,
                    k,
                    a_transposed,
                    b_transposed,
                    a_batched: true,
                    b_batched: false,
                };
                check(&gpu, &Primitive::MatMul(product));
            }
        }
        for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
            for (c, o, stride, pad) in [
                (20, 36, 1, 1),
                (32, 64, 1, 1),
                (32, 32, 2, 1),
                (4, 12, 2, 0),
                (3, 8, 1, 1),
                (5, 6, 2, 2),
            ] {
                // lines of pixels that steps reach over, and a line that they do not
                let [h, w] = if (c, stride) == (32, 1) {
                    [3, 32]
                } else {
                    [9, 6]
                };
                let out = |side: usize| (side + 2 * pad - 3) / stride + 1;
                let shape = Conv2d {
                    n: 3,
                    h,
                    w,
                    c,
                    o,
                    kh: 3,
                    kw: 3,
                    stride,
                    pad,
                    oh: out(h),
                    ow: out(w),
                };
                check(&gpu, &Primitive::Conv(pass, shape));
            }
        }
    }
}
