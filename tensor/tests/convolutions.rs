//! Convolutions launched together with what follows them, against one launch for each operation; on both devices.

mod common;

use std::sync::OnceLock;

use clel_tensor::gpu::{Family, Gpu, GpuOptions, find_adapter};
use clel_tensor::{
    DType, Device, Expr, Result, RngKey, Tensor, Winograd, count_launches,
    expr::{Binary, Distribution},
    with_winograd, without_fusion,
};
use common::{gpu, has_halves};
use proptest::prelude::*;

/// One operation of a random network: operands are taken from what there is, modulo its number.
#[derive(Debug, Clone)]
enum Step {
    Conv(usize),
    InputGrad(usize),
    /// 1×1, which never uses minimal filtering.
    Mix(usize),
    Bias(usize),
    LeakyRelu(usize),
    Binary(Binary, usize, usize),
    Noise(usize, u64),
    Realize(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let i = 0..100usize;
    let binary = prop::sample::select(vec![Binary::Add, Binary::Sub, Binary::Mul, Binary::Max]);
    prop_oneof![
        3 => i.clone().prop_map(Step::Conv),
        2 => i.clone().prop_map(Step::InputGrad),
        1 => i.clone().prop_map(Step::Mix),
        2 => i.clone().prop_map(Step::Bias),
        2 => i.clone().prop_map(Step::LeakyRelu),
        4 => (binary, i.clone(), i.clone()).prop_map(|(f, a, b)| Step::Binary(f, a, b)),
        1 => (i.clone(), any::<u64>()).prop_map(|(a, s)| Step::Noise(a, s)),
        1 => i.prop_map(Step::Realize),
    ]
}

/// The images [n, h, w, c] of all steps, which stay within about ±1; the last ones are read first.
fn run(shape: [usize; 4], steps: &[Step], device: &Device) -> Result<Vec<Vec<f32>>> {
    run_in(DType::F32, shape, steps, device)
}

/// The same with arrays of a type, from numbers that f16 holds.
fn run_in(
    dtype: DType,
    shape: [usize; 4],
    steps: &[Step],
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let c = shape[3];
    let random = |shape: &[usize], stream, size: f64| -> Result<Tensor> {
        let t = Tensor::uniform(shape, RngKey::new(5, stream), &Device::Cpu)?;
        let t = t.sub_scalar(0.5)?.mul_scalar(2.0 * size)?;
        t.to_dtype(DType::F16)?.to_dtype(dtype)?.to_device(device)
    };
    let size = (1.0 / (9 * c) as f64).sqrt();
    let weight = random(&[c, 3, 3, c], 1, size)?;
    let mix = random(&[c, 1, 1, c], 2, 3.0 * size)?;
    let bias = random(&[c], 3, 0.1)?;
    let mut all = vec![random(&shape, 4, 1.0)?];
    for step in steps {
        let at = |i: usize| &all[i % all.len()];
        let next = match *step {
            Step::Conv(i) => at(i).conv2d(&weight, 1, 1)?,
            Step::InputGrad(i) => at(i).conv2d_input_grad(&weight, &shape, 1, 1)?,
            Step::Mix(i) => at(i).conv2d(&mix, 1, 0)?,
            Step::Bias(i) => at(i).add(&bias)?,
            Step::LeakyRelu(i) => {
                let positive = Expr::constant(0.0).less_than(Expr::input(0));
                let f = positive.select(Expr::input(0), Expr::input(0) * 0.2);
                Tensor::pointwise(&f, &[at(i)])?
            }
            Step::Binary(f, i, j) => {
                let f = Expr::input(0).binary(f, Expr::input(1)) * 0.5;
                Tensor::pointwise(&f, &[at(i), at(j)])?
            }
            Step::Noise(i, seed) => {
                let noise = Expr::random(Distribution::Normal, RngKey::new(seed, 0));
                Tensor::pointwise(&(Expr::input(0) + noise * 0.1), &[at(i)])?
            }
            Step::Realize(i) => at(i).realize()?.clone(),
        };
        all.push(next);
    }
    let numbers = |t: &Tensor| t.to_dtype(DType::F32)?.to_vec();
    all.iter().rev().map(numbers).collect()
}

fn assert_close(a: &[Vec<f32>], b: &[Vec<f32>], limit: f32) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.len(), b.len());
        for (j, (a, b)) in a.iter().zip(b).enumerate() {
            assert!(
                (a - b).abs() <= limit,
                "array {i} from the end, element {j}: {a} {b}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn fused_equals_single_launches(
        n in 1..4usize,
        h in 1..9usize,
        w in 1..13usize,
        c in prop::sample::select(vec![1usize, 3, 4, 8, 16, 24]),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let shape = [n, h, w, c];
        let single = without_fusion(|| run(shape, &steps, &Device::Cpu))?;
        // the same convolution, so the same numbers
        prop_assert_eq!(&run(shape, &steps, &Device::Cpu)?, &single);
        let defined = with_winograd(Winograd::Off, || run(shape, &steps, &Device::Cpu))?;
        assert_close(&defined, &single, 3e-6);
        // a third of the cases: each compiles kernels of its own
        if n == 1 && let Some(gpu) = gpu() {
            assert_close(&run(shape, &steps, &gpu)?, &single, 1e-5);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Arrays of f16 differ from those of f32 by what each is rounded by when it is stored, fused or not, by whatever kernels.
    #[test]
    fn halves_are_rounded_when_they_are_stored(
        h in 1..9usize,
        w in 1..13usize,
        c in prop::sample::select(vec![1usize, 3, 4, 8, 16, 24]),
        steps in prop::collection::vec(step(), 1..10),
    ) {
        let shape = [1, h, w, c];
        let wide = run(shape, &steps, &Device::Cpu)?;
        let limit = 4e-3;
        assert_close(&run_in(DType::F16, shape, &steps, &Device::Cpu)?, &wide, limit);
        let single = without_fusion(|| run_in(DType::F16, shape, &steps, &Device::Cpu))?;
        assert_close(&single, &wide, limit);
        for gpu in families() {
            assert_close(&run_in(DType::F16, shape, &steps, gpu)?, &wide, limit);
            let single = without_fusion(|| run_in(DType::F16, shape, &steps, gpu))?;
            assert_close(&single, &wide, limit);
        }
    }
}

/// The adapter with the kernels of software rasterisers, and with those of graphics hardware.
fn families() -> &'static [Device] {
    static FAMILIES: OnceLock<Vec<Device>> = OnceLock::new();
    FAMILIES.get_or_init(|| {
        if gpu().is_none() {
            return Vec::new();
        }
        let open = |family| {
            let options = GpuOptions {
                family: Some(family),
                // or what is so small would go another way
                always_winograd: family == Family::Tiled,
                ..GpuOptions::default()
            };
            let adapter = find_adapter("").unwrap();
            Device::Wgpu(pollster::block_on(Gpu::open_with(adapter, options)).unwrap())
        };
        let mut both = [Family::Direct, Family::Tiled].map(open).to_vec();
        both.retain(has_halves);
        both
    })
}

/// conv → bias → activation is one launch; the residual sum and its activation too, both being needed.
#[test]
fn a_block_is_two_launches() -> Result<()> {
    let cpu = Device::Cpu;
    let shape = [2, 8, 8, 16];
    let [x, bias] = [&shape[..], &[16]].map(|s| Tensor::normal(s, RngKey::new(1, 0), &cpu));
    let (x, bias) = (x?, bias?);
    let weight = Tensor::normal(&[16, 3, 3, 16], RngKey::new(1, 1), &cpu)?.mul_scalar(0.1)?;
    for t in [&x, &bias, &weight] {
        t.realize()?;
    }
    let relu = |t: &Tensor| t.maximum_scalar(0.0);
    let block = || -> Result<(Tensor, Tensor)> {
        let h = relu(&x.conv2d(&weight, 1, 1)?.add(&bias)?)?;
        let y = x.add(&h.conv2d(&weight, 1, 1)?.add(&bias)?)?;
        let next = relu(&y)?;
        next.realize()?;
        Ok((y, next))
    };
    let (fused, counts) = count_launches(block);
    let (y, next) = fused?;
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("conv2d", 2)]);
    // y was computed with its activation
    let (numbers, counts) = count_launches(|| y.to_vec::<f32>());
    assert!(counts.is_empty(), "{counts:?}");
    let (want_y, want_next) = without_fusion(block)?;
    assert_eq!(numbers?, want_y.to_vec::<f32>()?);
    assert_eq!(next.to_vec::<f32>()?, want_next.to_vec::<f32>()?);
    Ok(())
}

/// A convolution that somebody holds is stored along with what follows it, not computed twice.
#[test]
fn a_held_convolution_is_launched_once() -> Result<()> {
    let x = Tensor::normal(&[1, 8, 8, 16], RngKey::new(1, 0), &Device::Cpu)?;
    let weight = Tensor::normal(&[16, 3, 3, 16], RngKey::new(1, 1), &Device::Cpu)?;
    let y = x.conv2d(&weight, 1, 1)?;
    let twice = y.add(&y)?;
    twice.realize()?;
    let (y, counts) = count_launches(|| y.to_vec::<f32>());
    assert!(counts.is_empty(), "{counts:?}");
    let twice = twice.to_vec::<f32>()?;
    assert!(y?.iter().zip(twice).all(|(y, t)| 2.0 * y == t));
    Ok(())
}

/// Enough tiles for many tasks, which cross images and have lines of several heights.
#[test]
fn large_batches_are_the_same_in_one_launch() -> Result<()> {
    let steps = [
        Step::Conv(0),
        Step::Bias(1),
        Step::LeakyRelu(2),
        Step::InputGrad(3),
        Step::Binary(Binary::Add, 4, 0),
        Step::Noise(5, 9),
    ];
    for shape in [
        [16, 32, 32, 16],
        [40, 4, 4, 64],
        [5, 31, 33, 32],
        [97, 8, 8, 8],
    ] {
        let (together, counts) = count_launches(|| run(shape, &steps, &Device::Cpu));
        assert_eq!(
            counts["conv2d"] + counts["conv2d_input_grad"],
            2,
            "{counts:?}"
        );
        let single = without_fusion(|| run(shape, &steps, &Device::Cpu))?;
        assert!(together? == single, "{shape:?}");
    }
    Ok(())
}

/// The choice is the caller's, whenever the numbers are asked for.
#[test]
fn the_choice_holds_for_what_waits() -> Result<()> {
    let x = Tensor::normal(&[2, 8, 8, 32], RngKey::new(1, 0), &Device::Cpu)?;
    let weight = Tensor::normal(&[32, 3, 3, 32], RngKey::new(1, 1), &Device::Cpu)?;
    let by = |choice| with_winograd(choice, || x.conv2d(&weight, 1, 1)?.to_vec::<f32>());
    let (defined, filtered) = (by(Winograd::Off)?, by(Winograd::Four)?);
    assert_ne!(defined, filtered);
    let later = with_winograd(Winograd::Off, || x.conv2d(&weight, 1, 1))?;
    assert_eq!(later.to_vec::<f32>()?, defined);
    let within = x.conv2d(&weight, 1, 1)?;
    assert_eq!(
        with_winograd(Winograd::Off, || within.to_vec::<f32>())?,
        filtered
    );
    Ok(())
}
