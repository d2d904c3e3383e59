//! Random chains of pointwise operations over views and broadcasts: fused against one launch for each operation, and WebGPU against the CPU.

mod common;

use clel_tensor::{
    DType, Device, Expr, Result, RngKey, Tensor,
    expr::{Binary, Unary},
    without_fusion,
};
use common::{devices, gpu};
use proptest::prelude::*;

/// One step of a chain: takes operands from what is there (index modulo its number).
#[derive(Debug, Clone)]
enum Step {
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Scalar(Binary, usize, f64),
    Select(usize, usize, usize),
    Normal(u64),
}

fn step() -> impl Strategy<Value = Step> {
    // functions that keep numbers finite; the others are tested one by one elsewhere
    let unary = prop::sample::select(vec![
        Unary::Neg,
        Unary::Abs,
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Recip,
        Unary::Sqrt,
    ]);
    let binary = prop::sample::select(vec![
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Max,
        Binary::Min,
        Binary::Lt,
        Binary::Le,
    ]);
    let i = 0..100usize;
    prop_oneof![
        3 => (unary, i.clone()).prop_map(|(f, a)| Step::Unary(f, a)),
        4 => (binary.clone(), i.clone(), i.clone()).prop_map(|(f, a, b)| Step::Binary(f, a, b)),
        2 => (binary, i.clone(), -2.0..2.0f64).prop_map(|(f, a, v)| Step::Scalar(f, a, v)),
        1 => (i.clone(), i.clone(), i).prop_map(|(c, a, b)| Step::Select(c, a, b)),
        1 => any::<u64>().prop_map(Step::Normal),
    ]
}

/// Leaves of all kinds that broadcast to `shape`: whole, transposed, flipped, sliced, a row, a column, one
/// number, a constant.
fn leaves(shape: [usize; 3], device: &Device) -> Result<Vec<Tensor>> {
    let [a, b, c] = shape;
    let random = |shape: &[usize], stream| -> Result<Tensor> {
        let t = Tensor::uniform(shape, RngKey::new(11, stream), &Device::Cpu)?;
        t.mul_scalar(2.0)?.sub_scalar(1.0)?.to_device(device)
    };
    Ok(vec![
        random(&[a, b, c], 0)?,
        random(&[c, a, b], 1)?.permute(&[1, 2, 0])?,
        random(&[a, b, c], 2)?.flip(2)?,
        random(&[a, 2 * b + 1, c], 3)?.slice_step(1, 1, b, 2)?,
        random(&[c], 4)?,
        random(&[b, 1], 5)?,
        random(&[], 6)?,
        Tensor::full(&[a, b, c], 0.7, DType::F32, device)?,
    ])
}

/// Runs the chain; the last value and, so that several results in a launch are tested too, the one before.
fn run(steps: &[Step], shape: [usize; 3], device: &Device) -> Result<Vec<f32>> {
    run_on(leaves(shape, device)?, steps, shape, device)
}

fn run_on(
    mut values: Vec<Tensor>,
    steps: &[Step],
    shape: [usize; 3],
    device: &Device,
) -> Result<Vec<f32>> {
    for s in steps {
        let at = |i: &usize| &values[i % values.len()];
        let next = match s {
            // kept away from poles and from the kink at 0
            Step::Unary(f @ (Unary::Recip | Unary::Sqrt), a) => {
                let e = (Expr::input(0).abs() + 0.5).unary(*f);
                Tensor::pointwise(&e, &[at(a)])?
            }
            Step::Unary(f, a) => Tensor::pointwise(&Expr::input(0).unary(*f), &[at(a)])?,
            Step::Binary(f, a, b) => {
                let e = Expr::input(0).binary(*f, Expr::input(1));
                Tensor::pointwise(&e, &[at(a), at(b)])?
            }
            Step::Scalar(f, a, v) => {
                Tensor::pointwise(&Expr::input(0).binary(*f, (*v).into()), &[at(a)])?
            }
            Step::Select(c, a, b) => at(c).less_than_scalar(0.1)?.select(at(a), at(b))?,
            Step::Normal(seed) => Tensor::normal(&shape, RngKey::new(*seed, 0), device)?,
        };
        // products of products stay in range
        values.push(next.clamp(-3.0, 3.0)?);
    }
    let last = &values[values.len() - 1];
    let before = &values[values.len() - 2];
    Tensor::realize_all(&[last, before])?;
    Ok([last.to_vec::<f32>()?, before.to_vec::<f32>()?].concat())
}

/// The share of elements that differ by more than rounding. Comparisons may flip where rounding decides, which
/// moves single elements; a wrong kernel moves them all.
fn differing(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let far = a
        .iter()
        .zip(b)
        // a NaN is far from everything
        .filter(|(a, b)| !close(**a, **b))
        .count();
    far as f64 / a.len().max(1) as f64
}

/// False if either is NaN.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 2e-4 * a.abs().max(1.0)
}

/// The share of elements that may differ: none, unless a comparison is among the steps.
fn allowed(steps: &[Step]) -> f64 {
    let compares = |s: &Step| {
        matches!(
            s,
            Step::Select(..)
                | Step::Binary(Binary::Lt | Binary::Le, ..)
                | Step::Scalar(Binary::Lt | Binary::Le, ..)
        )
    };
    if steps.iter().any(compares) {
        0.02
    } else {
        0.0
    }
}

fn shape() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![
        4 => [1..5usize, 1..7usize, 1..40usize],
        1 => [0..2usize, 0..2usize, 0..2usize],
    ]
}

#[test]
fn fused_equals_single_launches() {
    let steps = prop::collection::vec(step(), 1..60);
    proptest!(ProptestConfig::with_cases(500), |(steps in steps, shape in shape())| {
        // but for the last, a constant: two of them become one in f64 where they meet in an expression
        let leaves = leaves(shape, &Device::Cpu).unwrap().split_last().unwrap().1.to_vec();
        let run = || run_on(leaves.clone(), &steps, shape, &Device::Cpu);
        let (fused, single) = (run().unwrap(), without_fusion(run).unwrap());
        // bit by bit, so that NaN is NaN
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&fused), bits(&single));
    });
}

#[test]
fn wgpu_equals_cpu() {
    let Some(gpu) = gpu() else { return };
    let steps = prop::collection::vec(step(), 1..25);
    // few cases: a software driver takes a tenth of a second to compile each new kernel
    proptest!(ProptestConfig::with_cases(25), |(steps in steps, shape in shape())| {
        let cpu = run(&steps, shape, &Device::Cpu).unwrap();
        let wgpu = run(&steps, shape, &gpu).unwrap();
        prop_assert!(differing(&wgpu, &cpu) <= allowed(&steps));
        let single = without_fusion(|| run(&steps, shape, &gpu)).unwrap();
        prop_assert!(differing(&single, &cpu) <= allowed(&steps));
    });
}

#[test]
fn every_function_on_wgpu() -> Result<()> {
    let Some(gpu) = gpu() else { return Ok(()) };
    let n = 4099;
    let x: Vec<f32> = (0..n).map(|i| 0.01 + i as f32 * 2e-3).collect();
    let y: Vec<f32> = (0..n).map(|i| 3.0 - i as f32 * 1.1e-3).collect();
    let both = |device: &Device| -> Result<[Tensor; 2]> {
        Ok([
            Tensor::from_slice(&x, &[n], device)?,
            Tensor::from_slice(&y, &[n], device)?,
        ])
    };
    let ([cx, cy], [gx, gy]) = (both(&Device::Cpu)?, both(&gpu)?);
    let exprs = Unary::ALL
        .map(|f| Expr::input(0).unary(f))
        .into_iter()
        .chain(Binary::ALL.map(|f| Expr::input(0).binary(f, Expr::input(1))));
    for e in exprs {
        let want = Tensor::pointwise(&e, &[&cx, &cy])?.to_vec::<f32>()?;
        let got = Tensor::pointwise(&e, &[&gx, &gy])?.to_vec::<f32>()?;
        for (i, (g, w)) in got.iter().zip(&want).enumerate() {
            // WGSL grants exp, ln and pow a few units in the last place, sin and cos 2⁻¹¹ absolutely
            assert!(
                (g - w).abs() <= 5e-6 * w.abs().max(1.0),
                "{e:?} of {} and {}: {g} {w}",
                x[i],
                y[i]
            );
        }
    }
    Ok(())
}

#[test]
fn random_numbers_are_the_same_on_both_devices() -> Result<()> {
    let Some(gpu) = gpu() else { return Ok(()) };
    let key = RngKey::new(0x1234_5678_9abc, 7).at(1 << 40);
    for n in [1, 5, 1 << 12, 70_003] {
        let pair = |device: &Device| -> Result<[Vec<f32>; 2]> {
            Ok([
                Tensor::uniform(&[n], key, device)?.to_vec()?,
                Tensor::normal(&[n], key, device)?.to_vec()?,
            ])
        };
        let ([cu, cn], [gu, gn]) = (pair(&Device::Cpu)?, pair(&gpu)?);
        assert_eq!(cu, gu);
        assert!(
            cn.iter()
                .zip(&gn)
                .all(|(a, b)| (a - b).abs() <= 2e-6 * a.abs().max(1.0))
        );
    }
    Ok(())
}

#[test]
fn integers_pass_through_floats() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&[-1.5f32, 0.0, 2.9, 7.0], &[4], &device)?;
        assert_eq!(x.to_dtype(DType::U32)?.to_vec::<u32>()?, [0, 0, 2, 7]);
        let i = Tensor::from_slice(&[3u32, 0, 9], &[3], &device)?;
        assert_eq!(i.mul_scalar(0.5)?.to_vec::<f32>()?, [1.5, 0.0, 4.5]);
    }
    Ok(())
}

#[test]
fn not_a_number_survives() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&[f32::NAN, 1.0, -1.0], &[3], &device)?;
        let y = Tensor::from_slice(&[0.5f32, f32::NAN, 0.5], &[3], &device)?;
        for t in [
            x.maximum(&y)?,
            x.minimum(&y)?,
            y.maximum(&x)?,
            x.clamp(0.0, 1.0)?,
        ] {
            let v = t.to_vec::<f32>()?;
            assert!(v[0].is_nan(), "{v:?} on {device}");
        }
        assert!(x.maximum(&y)?.to_vec::<f32>()?[1].is_nan());
        assert_eq!(x.clamp(0.0, 1.0)?.to_vec::<f32>()?[1..], [1.0, 0.0]);
    }
    Ok(())
}

/// Whether zeros are computed yet or not: nothing that is no number gets lost by them.
#[test]
fn zero_times_infinity_is_no_number() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&[f32::NAN, f32::INFINITY, 2.0], &[3], &device)?;
        let zeros = Tensor::zeros(&[3], DType::F32, &device)?;
        let stored = Tensor::zeros(&[3], DType::F32, &device)?;
        stored.realize()?;
        for product in [x.mul_scalar(0.0)?, x.mul(&zeros)?, x.mul(&stored)?] {
            let v = product.to_vec::<f32>()?;
            assert!(
                v[0].is_nan() && v[1].is_nan() && v[2] == 0.0,
                "{v:?} on {device}"
            );
        }
        let one = Tensor::ones(&[3], DType::F32, &device)?;
        let chosen = x.select(&one, &zeros)?.to_vec::<f32>()?;
        assert_eq!(chosen, [1.0; 3], "{device}");
    }
    Ok(())
}

/// Also where a lazy array is inlined into what is made of it.
#[test]
fn a_constant_is_what_would_be_stored() -> Result<()> {
    let large = Tensor::full(&[1], 1e6, DType::F16, &Device::Cpu)?;
    let product = large.mul_scalar(1e-3)?.to_dtype(DType::F32)?;
    assert_eq!(product.to_vec::<f32>()?, [f32::INFINITY]);
    let third = Tensor::full(&[1], 1.0 / 3.0, DType::F32, &Device::Cpu)?;
    assert_eq!(
        third.mul_scalar(3e7)?.to_vec::<f32>()?,
        [(f64::from(1.0f32 / 3.0) * 3e7) as f32]
    );
    Ok(())
}

#[test]
fn whole_powers_of_negative_numbers() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&[-2.0f32, -0.5, 2.0, 0.0], &[4], &device)?;
        let inf = f32::INFINITY;
        for (exponent, powers) in [
            (3.0, [-8.0, -0.125, 8.0, 0.0]),
            (4.0, [16.0, 0.0625, 16.0, 0.0]),
            (7.0, [-128.0, -0.0078125, 128.0, 0.0]),
            (-1.0, [-0.5, -2.0, 0.5, inf]),
            (-2.0, [0.25, 4.0, 0.25, inf]),
        ] {
            let got = x.pow_scalar(exponent)?.to_vec::<f32>()?;
            assert_eq!(got, powers, "to the power {exponent} on {device}");
        }
    }
    Ok(())
}

#[test]
fn an_expression_over_arrays_that_are_not_there_is_an_error() -> Result<()> {
    let x = Tensor::ones(&[2], DType::F32, &Device::Cpu)?;
    let e = Expr::input(3) + 1.0;
    let one = Tensor::pointwise(&e, &[&x]).unwrap_err().to_string();
    assert_eq!(one, "pointwise: arrays given are 1, at least 4 needed");
    let lists = Tensor::pointwise_lists([&e], &[&[x]]).unwrap_err();
    assert_eq!(
        lists.to_string(),
        "pointwise_lists: arrays given are 1, at least 4 needed"
    );
    Ok(())
}

#[test]
fn sums_of_exponentials_of_infinities() -> Result<()> {
    let low = f32::NEG_INFINITY;
    let x = Tensor::from_slice(
        &[low, low, f32::INFINITY, 0.0, low, 2.0],
        &[3, 2],
        &Device::Cpu,
    )?;
    assert_eq!(
        x.logsumexp(&[1], false)?.to_vec::<f32>()?,
        [low, f32::INFINITY, 2.0]
    );
    assert!(
        x.mean(&[0, 0], false)
            .unwrap_err()
            .to_string()
            .contains("named twice")
    );
    Ok(())
}

/// The kernel for one number is not the kernel for one number a row, although both repeat it along rows.
#[test]
fn one_number_and_one_a_row_are_told_apart() -> Result<()> {
    for device in devices() {
        // a view, so that rows stay rows
        let x = Tensor::arange(16, DType::F32, &device)?
            .reshape(&[2, 8])?
            .slice(1, 0, 4)?;
        let sum = |y: &[f32], shape: &[usize]| -> Result<Vec<f32>> {
            x.add(&Tensor::from_slice(y, shape, &device)?)?.to_vec()
        };
        assert_eq!(sum(&[1.0], &[1, 1])?, [1., 2., 3., 4., 9., 10., 11., 12.]);
        assert_eq!(
            sum(&[1.0, 2.0], &[2, 1])?,
            [1., 2., 3., 4., 10., 11., 12., 13.]
        );
    }
    Ok(())
}
