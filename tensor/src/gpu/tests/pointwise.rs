//! Pointwise kernels against the node list evaluated element by element in f64.

use proptest::prelude::*;

use super::*;
use crate::expr::{Access, Binary, Distribution, Node, PointwiseKernel, Unary};
use crate::random::{normal_pair, uniform};
use crate::{DType, Expr, RngKey};

/// One input: its elements and how they are read.
#[derive(Clone)]
struct Operand {
    data: Vec<f32>,
    access: Access,
}

fn contiguous(data: &[f32]) -> Operand {
    Operand {
        data: data.to_vec(),
        access: Access {
            dtype: DType::F32,
            offset: 0,
            strides: vec![1],
        },
    }
}

fn run(gpu: &Gpu, kernel: &PointwiseKernel, operands: &[Operand]) -> Vec<Vec<f64>> {
    let buffers: Vec<GpuBuffer> = operands
        .iter()
        .map(|o| match o.access.dtype {
            DType::U32 => {
                let words: Vec<u32> = o.data.iter().map(|x| *x as u32).collect();
                gpu.upload(bytemuck::cast_slice(&words)).unwrap()
            }
            _ => gpu.upload(bytemuck::cast_slice(&o.data)).unwrap(),
        })
        .collect();
    let outputs = gpu
        .pointwise(kernel, &buffers.iter().collect::<Vec<_>>())
        .unwrap();
    let read = |(buffer, (_, dtype)): (&GpuBuffer, &(u16, DType))| -> Vec<f64> {
        let bytes = gpu.read(buffer, kernel.len() * 4).unwrap();
        match dtype {
            DType::U32 => bytemuck::pod_collect_to_vec::<u8, u32>(&bytes)
                .into_iter()
                .map(f64::from)
                .collect(),
            _ => bytemuck::pod_collect_to_vec::<u8, f32>(&bytes)
                .into_iter()
                .map(f64::from)
                .collect(),
        }
    };
    outputs.iter().zip(&kernel.roots).map(read).collect()
}

/// The same by definition: element e of each output.
fn evaluate(kernel: &PointwiseKernel, operands: &[Operand], e: usize) -> Vec<f64> {
    let mut index = vec![0; kernel.shape.len()];
    let mut rest = e;
    for axis in (0..index.len()).rev() {
        index[axis] = rest % kernel.shape[axis];
        rest /= kernel.shape[axis];
    }
    let mut values: Vec<f64> = Vec::new();
    for node in &kernel.nodes {
        let at = |i: u16| values[usize::from(i)];
        let value = match *node {
            Node::Input(n) => {
                let access = &kernel.inputs[usize::from(n)];
                let walked = index
                    .iter()
                    .zip(&access.strides)
                    .map(|(i, s)| *i as isize * s);
                let position = access.offset as isize + walked.sum::<isize>();
                f64::from(operands[usize::from(n)].data[position as usize])
            }
            Node::Const(value) => value,
            Node::Unary(f, a) => f.apply(at(a)),
            Node::Binary(f, a, b) => f.apply(at(a), at(b)),
            Node::Select(c, a, b) => at(if at(c) != 0.0 { a } else { b }),
            Node::Random(distribution, key) => {
                let w = key.block(e as u32 / 4);
                f64::from(match distribution {
                    Distribution::Uniform => uniform(w[e % 4]),
                    Distribution::Normal => {
                        let pair = e % 4 / 2 * 2;
                        normal_pair(w[pair], w[pair + 1])[e % 2]
                    }
                })
            }
        };
        values.push(value);
    }
    kernel
        .roots
        .iter()
        .map(|(root, _)| values[usize::from(*root)])
        .collect()
}

/// Whether a number is what was wanted, but for a share `tolerance[0]` of it and `tolerance[1]`; NaN equals NaN. Overflows and denormals are
/// those of f32, and for a denormal a device may write 0 (WGSL, 15.7.2).
fn agrees(got: f64, want: f64, tolerance: [f64; 2]) -> bool {
    let want = f64::from(want as f32);
    let close = (got - want).abs() <= tolerance[0] * want.abs() + tolerance[1];
    let flushed = got == 0.0 && want.abs() < f64::from(f32::MIN_POSITIVE);
    close || flushed || got == want || (got.is_nan() && want.is_nan())
}

/// The operands with 0 for every denormal, as a device may read them.
fn flushed(operands: &[Operand]) -> Vec<Operand> {
    let flush = |x: &f32| if x.is_subnormal() { 0.0 } else { *x };
    let mut flushed = operands.to_vec();
    for operand in &mut flushed {
        operand.data = operand.data.iter().map(flush).collect();
    }
    flushed
}

/// Every element agrees with the reference.
fn compare(gpu: &Gpu, kernel: &PointwiseKernel, operands: &[Operand], tolerance: [f64; 2]) {
    let outputs = run(gpu, kernel, operands);
    let read_flushed = flushed(operands);
    for e in 0..kernel.len() {
        let wanted = evaluate(kernel, operands, e);
        let or = evaluate(kernel, &read_flushed, e);
        for (n, (output, (want, or))) in outputs.iter().zip(wanted.iter().zip(or)).enumerate() {
            let got = output[e];
            assert!(
                agrees(got, *want, tolerance) || agrees(got, or, tolerance),
                "{kernel:?}: output {n}, element {e} is {got}, not {want}"
            );
        }
    }
}

fn kernel_of(expr: Expr, operands: &[Operand]) -> PointwiseKernel {
    let shape = [operands[0].data.len()];
    let accesses = operands.iter().map(|o| o.access.clone()).collect();
    PointwiseKernel::new(&shape, &[(expr, DType::F32)], accesses, DType::F32)
}

const SPECIAL: [f32; 24] = [
    0.0,
    -0.0,
    1e-40,
    1e-30,
    -1e-30,
    1e-8,
    -3e-4,
    0.01,
    0.6249,
    -0.626,
    0.999_999,
    1.000_001,
    -1.0,
    1.5,
    std::f32::consts::E,
    -9.9,
    11.0,
    -50.0,
    80.0,
    1e6,
    -1e30,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

#[test]
fn every_function_of_one_number() {
    let Some(gpu) = test_gpu() else { return };
    let mut x = SPECIAL.to_vec();
    x.extend((0..2000).map(|i| i as f32 * 0.0137 - 13.7));
    x.extend((0..2000).map(|i| i as f32 * 0.00097 - 0.97));
    for f in Unary::ALL {
        let values: Vec<f32> = match f {
            // beyond, angles lose their digits
            Unary::Sin | Unary::Cos => x.iter().copied().filter(|v| v.abs() < 5e3).collect(),
            _ => x.clone(),
        };
        let tolerance = match f {
            Unary::Sin | Unary::Cos => [0.0, 5e-7],
            // the part of e⁻⁸⁷ and less is denormal
            Unary::Exp | Unary::Sigmoid => [3e-7, 1e-44],
            // four units in the last place, where the argument is near 1 or the result small beside it
            Unary::ExpM1 | Unary::Ln | Unary::Ln1P => [4e-7, 0.0],
            _ => [2.5e-7, 0.0],
        };
        let operands = [contiguous(&values)];
        compare(
            &gpu,
            &kernel_of(Expr::input(0).unary(f), &operands),
            &operands,
            tolerance,
        );
    }
}

#[test]
fn every_function_of_two_numbers() {
    let Some(gpu) = test_gpu() else { return };
    let finite: Vec<f32> = SPECIAL.iter().copied().filter(|x| x.is_finite()).collect();
    for f in Binary::ALL {
        let positive = f == Binary::Pow;
        let values = |rotation: usize, base: bool| -> Vec<f32> {
            (0..finite.len() * finite.len())
                .map(|i| {
                    finite[if rotation == 0 {
                        i % finite.len()
                    } else {
                        i / finite.len()
                    }]
                })
                .map(|x| match (positive, base) {
                    (true, true) => x.abs().clamp(1e-3, 50.0),
                    (true, false) => x.clamp(-3.0, 3.0),
                    _ => x,
                })
                .collect()
        };
        let operands = [contiguous(&values(0, true)), contiguous(&values(1, false))];
        let tolerance = match f {
            Binary::Pow => [2e-6, 0.0],
            // what f64 represents and f32 does not
            Binary::Mul => [1e-7, 2e-45],
            // 2½ units in the last place are allowed (WGSL, 15.7.4.1)
            Binary::Div => [3e-7, 2e-45],
            _ => [1e-7, 0.0],
        };
        let kernel = kernel_of(Expr::input(0).binary(f, Expr::input(1)), &operands);
        let outputs = run(&gpu, &kernel, &operands);
        let read_flushed = flushed(&operands);
        for (e, got) in outputs[0].iter().enumerate() {
            let want = evaluate(&kernel, &operands, e)[0];
            let or = evaluate(&kernel, &read_flushed, e)[0];
            let (a, b) = (operands[0].data[e], operands[1].data[e]);
            let undefined = want.is_nan() && f == Binary::Div;
            assert!(
                agrees(*got, want, tolerance) || agrees(*got, or, tolerance) || undefined,
                "{f:?}({a}, {b}) is {got}, not {want}"
            );
        }
    }
}

/// WGSL's own power is undefined below 0, and drivers differ at 0 and infinity.
#[test]
fn powers_of_any_sign() {
    let Some(gpu) = test_gpu() else { return };
    let inf = f32::INFINITY;
    let bases = [
        -2.0,
        -0.5,
        -1.0,
        -0.0,
        0.0,
        0.3,
        1.0,
        1.5,
        3.0,
        inf,
        -inf,
        f32::NAN,
    ];
    let exponents = [
        -inf,
        -3.0,
        -2.0,
        -1.5,
        -1.0,
        -0.0,
        0.0,
        0.5,
        1.0,
        2.0,
        3.0,
        4.5,
        9.0,
        16_777_218.0,
        inf,
        f32::NAN,
    ];
    let pairs = bases.map(|a| exponents.map(|b| [a, b]));
    let side = |n: usize| pairs.iter().flatten().map(|pair| pair[n]).collect();
    let (a, b): (Vec<f32>, Vec<f32>) = (side(0), side(1));
    let operands = [contiguous(&a), contiguous(&b)];
    let kernel = kernel_of(Expr::input(0).pow(Expr::input(1)), &operands);
    let got = &run(&gpu, &kernel, &operands)[0];
    for ((got, a), b) in got.iter().zip(a).zip(b) {
        let want = a.powf(b);
        assert!(
            agrees(*got, f64::from(want), [2e-6, 0.0]),
            "{a} to the power {b} is {got}, not {want}"
        );
        assert!(
            want.is_nan() || want.is_sign_negative() == got.is_sign_negative(),
            "{a} to the power {b} is {got}, not {want}"
        );
    }
}

#[test]
fn infinities_and_nan_are_seen() {
    let Some(gpu) = test_gpu() else { return };
    let operands = [contiguous(&SPECIAL)];
    let kernel = kernel_of(Expr::input(0).non_finite(), &operands);
    let got = &run(&gpu, &kernel, &operands)[0];
    for (got, x) in got.iter().zip(SPECIAL) {
        assert_eq!(*got == 1.0, !x.is_finite(), "{x}");
    }
}

/// An axis of an input: its length, and whether it is repeated (stride 0), flipped, or strided.
fn strided(shape: &[usize], kinds: &[u8], order: usize, offset: usize, dtype: DType) -> Operand {
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    let rank = axes.len().max(1);
    axes.rotate_left(order % rank);
    let mut strides = vec![0isize; shape.len()];
    let mut size = 1usize;
    let mut start = offset;
    for axis in axes.into_iter().rev() {
        let kind = kinds[axis % kinds.len()];
        let step = if kind == 2 { 2 } else { 1 };
        match kind {
            0 => continue,
            1 => {
                strides[axis] = -(size as isize);
                start += size * shape[axis].saturating_sub(1);
            }
            _ => strides[axis] = (size * step) as isize,
        }
        size *= shape[axis] * step;
    }
    let data = super::primitives::numbers(size + offset, offset as u32);
    let data = match dtype {
        DType::U32 => data.iter().map(|x| (x * 1000.0).abs().floor()).collect(),
        _ => data,
    };
    Operand {
        data,
        access: Access {
            dtype,
            offset: start,
            strides,
        },
    }
}

#[test]
fn views_of_all_kinds() {
    let Some(gpu) = test_gpu() else { return };
    let shape = prop::collection::vec(
        prop_oneof![1 => Just(0usize), 8 => 1usize..7, 4 => Just(8usize)],
        0..5,
    );
    let kinds = prop::collection::vec(0u8..6, 4);
    let operand = (kinds, 0usize..4, 0usize..6);
    let drawn = (shape, prop::collection::vec(operand, 3), any::<bool>());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let result = runner.run(&drawn, |(shape, operands, words)| {
        let operands: Vec<Operand> = operands
            .iter()
            .enumerate()
            .map(|(n, (kinds, order, offset))| {
                let dtype = if n == 2 { DType::U32 } else { DType::F32 };
                strided(&shape, kinds, *order, *offset, dtype)
            })
            .collect();
        let [a, b, c] = [0, 1, 2].map(Expr::input);
        let sum = a.clone() * 1.5 + b * -2.0 + c;
        let roots = if words {
            vec![(sum.clone(), DType::F32), (sum.abs(), DType::U32)]
        } else {
            vec![(sum, DType::F32), (a * 2.0, DType::F32)]
        };
        let accesses = operands.iter().map(|o| o.access.clone()).collect();
        let kernel = PointwiseKernel::new(&shape, &roots, accesses, DType::F32);
        // 1 more for numbers that truncation cuts differently
        let absolute = if words { 1.0 } else { 1e-6 };
        compare(&gpu, &kernel, &operands, [2e-7, absolute]);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn words_saturate() {
    let Some(gpu) = test_gpu() else { return };
    let x = [
        -1.0,
        0.0,
        0.99,
        7.5,
        16_777_216.0,
        4e9,
        5e9,
        f32::INFINITY,
        f32::NAN,
    ];
    let operands = [contiguous(&x)];
    let roots = [(Expr::input(0), DType::U32)];
    let accesses = vec![operands[0].access.clone()];
    let kernel = PointwiseKernel::new(&[x.len()], &roots, accesses, DType::F32);
    let want: Vec<f64> = x.iter().map(|x| f64::from(*x as u32)).collect();
    assert_eq!(run(&gpu, &kernel, &operands)[0], want);
}

#[test]
fn random_numbers_are_those_of_the_cpu() {
    let Some(gpu) = test_gpu() else { return };
    let key = RngKey::new(0x1234_5678_9abc_def0, 9).at(0xfff_ffff_ffff);
    for shape in [vec![10_001], vec![3, 4, 5], vec![7, 3]] {
        // a strided input chooses the walk
        let kinds = [3, 3, 3];
        let operands = [strided(&shape, &kinds, 1, 0, DType::F32)];
        let access = vec![operands[0].access.clone()];
        for (distribution, tolerance) in
            [(Distribution::Uniform, 0.0), (Distribution::Normal, 2e-6)]
        {
            let expr = Expr::random(distribution, key) + Expr::input(0) * 1e-30;
            let kernel =
                PointwiseKernel::new(&shape, &[(expr, DType::F32)], access.clone(), DType::F32);
            compare(&gpu, &kernel, &operands, [0.0, tolerance]);
        }
    }
}

#[test]
fn constants_keys_and_shapes_are_parameters() {
    let Some(gpu) = test_gpu() else { return };
    let operands = [contiguous(&[1.0, 2.0, 3.0, 4.0, 5.0])];
    for (step, constant) in [(0, 0.5), (1, -7.0), (2, f64::INFINITY)] {
        let noise = Expr::random(Distribution::Normal, RngKey::new(3, 1).at(step));
        let kernel = kernel_of(Expr::input(0) * 2.0 + noise.maximum(constant), &operands);
        run(&gpu, &kernel, &operands);
    }
    let longer = [contiguous(&[0.25; 999])];
    let noise = Expr::random(Distribution::Normal, RngKey::new(3, 1));
    run(
        &gpu,
        &kernel_of(Expr::input(0) * 3.0 + noise.maximum(0.1), &longer),
        &longer,
    );
    let mut compiled = gpu.compiled();
    compiled.retain(|key| key.starts_with("pointwise"));
    assert_eq!(
        compiled,
        ["pointwise Flat1 Vector:f32 in0 const Mul(0,1) Normal const Max(3,4) Add(2,5) ->6:f32"]
    );
    assert_eq!(gpu.launches()["pointwise"], 4);
}

#[test]
fn grids_beyond_one_row() {
    let Some(gpu) = test_gpu() else { return };
    // 65,536 workgroups of 256 elements and one element more
    let n = 65_536 * 256 + 1;
    let kernel = PointwiseKernel::new(
        &[n],
        &[(
            Expr::random(Distribution::Uniform, RngKey::new(1, 2)),
            DType::F32,
        )],
        vec![],
        DType::F32,
    );
    let got = &run(&gpu, &kernel, &[])[0];
    for e in [0, 1, n / 2, n - 2, n - 1] {
        assert_eq!(got[e], evaluate(&kernel, &[], e)[0]);
    }
    assert!(got.iter().all(|x| (0.0..1.0).contains(x)));
}

#[test]
fn texts_are_portable() {
    let functions = Unary::ALL
        .into_iter()
        .map(|f| Expr::input(0).unary(f))
        .chain(Binary::ALL.map(|f| Expr::input(0).binary(f, Expr::input(1))))
        .chain([Expr::input(2).select(Expr::input(0), 0.25)])
        .chain(
            [Distribution::Uniform, Distribution::Normal]
                .map(|d| Expr::random(d, RngKey::new(1, 1)) * Expr::input(0)),
        );
    let exprs: Vec<Expr> = functions.collect();
    for shape in [vec![12], vec![3, 8], vec![2, 3, 5]] {
        for kinds in [[3, 3, 3], [0, 3, 1], [2, 0, 4]] {
            let dtypes = [DType::F32, DType::F32, DType::U32];
            let accesses: Vec<Access> = dtypes
                .map(|dtype| strided(&shape, &kinds, 1, 4, dtype).access)
                .to_vec();
            for expr in &exprs {
                let roots = [(expr.clone(), DType::F32), (expr.clone(), DType::U32)];
                let kernel = PointwiseKernel::new(&shape, &roots, accesses.clone(), DType::F32);
                let layout = crate::gpu::layout::Layout::of(&kernel);
                for turns in [1, 4] {
                    let text = crate::gpu::pointwise_text::text(&kernel, &layout, turns).unwrap();
                    super::shaders::translate(&format!("{kernel:?}"), &text);
                }
            }
        }
    }
}
