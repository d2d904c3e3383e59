//! One expression over lists of arrays: the bits of one array after the other, on both devices; and views that kernels are given in place.

mod common;

use std::collections::BTreeMap;

use clel_tensor::{
    DType, Device, Error, Expr, Result, RngKey, Tensor, count_launches, expr::Distribution,
};
use common::devices;
use proptest::prelude::*;

fn numbers(shape: &[usize], stream: u32, device: &Device) -> Result<Tensor> {
    let x = Tensor::uniform(shape, RngKey::new(21, stream), &Device::Cpu)?;
    let x = x.sub_scalar(0.5)?.to_device(device)?;
    x.realize()?;
    Ok(x)
}

/// Numbers \[rows, columns\] in one of five ways: plain, not computed yet, a constant, exchanged axes, behind others.
fn array(size: [usize; 2], kind: usize, stream: u32, device: &Device) -> Result<Tensor> {
    let [rows, columns] = size;
    match kind {
        1 => numbers(&size, stream, device)?.mul_scalar(3.0),
        2 => Tensor::full(&size, 0.25, DType::F32, device),
        3 => numbers(&[columns, rows], stream, device)?.transpose(0, 1),
        4 => numbers(&[rows + 1, columns], stream, device)?.slice(0, 1, rows),
        _ => numbers(&size, stream, device),
    }
}

type Kinds = Vec<([usize; 2], [usize; 2])>;

/// Sizes, empty and large enough for several threads among them, and how the arrays of two lists are stored.
fn kinds() -> impl Strategy<Value = Kinds> {
    let side = prop_oneof![8 => 0..9usize, 1 => 100..300usize];
    let size = [side.clone(), side];
    prop::collection::vec((size, [0..5usize, 0..5usize]), 1..7)
}

fn check(device: &Device, kinds: &Kinds) -> Result<()> {
    let list = |which: usize| -> Result<Vec<Tensor>> {
        let all = kinds.iter().enumerate();
        all.map(|(i, (size, kind))| array(*size, kind[which], (2 * i + which) as u32, device))
            .collect()
    };
    let (a, b) = (list(0)?, list(1)?);
    let sum = Expr::input(0) * 0.75 + Expr::input(1) * Expr::input(0);
    let root = Expr::input(1).abs().sqrt() / (Expr::input(0).abs() + 1e-3);
    let both = [&sum, &root];
    let bits = |t: &Tensor| -> Result<Vec<u32>> {
        Ok(t.to_vec::<f32>()?.iter().map(|x| x.to_bits()).collect())
    };
    let made = Tensor::pointwise_lists(both, &[&a, &b])?;
    for (e, made) in both.iter().zip(&made) {
        for (i, found) in made.iter().enumerate() {
            let wanted = Tensor::pointwise(e, &[&a[i], &b[i]])?;
            assert_eq!(found.shape(), wanted.shape());
            assert_eq!(bits(found)?, bits(&wanted)?, "{device}: {e:?} of array {i}");
        }
    }
    // and from its own results
    let [sums, roots] = &made;
    let (again, launches) = count_launches(|| Tensor::pointwise_lists([&sum], &[sums, roots]));
    // a GPU launches nothing for nothing
    let nothing = device != &Device::Cpu && sums.iter().all(Tensor::is_empty);
    let wanted = if nothing { 0 } else { 1 };
    assert_eq!(
        launches.values().sum::<u64>(),
        wanted,
        "{device}: {launches:?}"
    );
    for (i, found) in again?[0].iter().enumerate() {
        let wanted = Tensor::pointwise(&sum, &[&sums[i], &roots[i]])?;
        assert_eq!(bits(found)?, bits(&wanted)?, "{device}: again, array {i}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn lists_give_the_bits_of_one_array_after_the_other(kinds in kinds()) {
        for device in devices() {
            check(&device, &kinds).unwrap();
        }
    }
}

#[test]
fn types_may_differ_along_lists_but_not_shapes() -> Result<()> {
    let wide = Tensor::from_slice(&[1.5f64, 2.0], &[2], &Device::Cpu)?;
    let narrow = numbers(&[70], 0, &Device::Cpu)?;
    let list = [narrow.clone(), wide.clone(), narrow.clone()];
    let [made] = Tensor::pointwise_lists([&(Expr::input(0) + 1.0)], &[&list])?;
    assert_eq!(made[1].to_vec::<f64>()?, [2.5, 3.0]);
    assert_eq!(
        made[2].to_vec::<f32>()?,
        narrow.add_scalar(1.0)?.to_vec::<f32>()?
    );
    let sum = Expr::input(0) + Expr::input(1);
    let fit = |lists: &[&[Tensor]]| Tensor::pointwise_lists([&sum], lists);
    let e = fit(&[&list, &list[..2]]).expect_err("their lengths differ");
    assert!(e.to_string().contains("[3] and [2]"), "{e}");
    let e = fit(&[&list[..1], &list[1..2]]).expect_err("their shapes differ");
    assert!(
        matches!(e, Error::Shapes { .. }) && e.to_string().contains("[70] and [2]"),
        "{e}"
    );
    assert!(matches!(fit(&[]), Err(Error::Shape { .. })));
    let noise = Expr::random(Distribution::Normal, RngKey::new(0, 0)) + Expr::input(0);
    let e = Tensor::pointwise_lists([&noise], &[&list]).expect_err("it draws");
    assert!(e.to_string().contains("random numbers"), "{e}");
    let eight = (1..8).map(Expr::input).fold(Expr::input(0), |a, b| a + b);
    let e = Tensor::pointwise_lists([&eight], &[&list[..]; 8]).expect_err("there are too many");
    assert!(
        e.to_string().contains("9 lists and expressions; at most 8"),
        "{e}"
    );
    Ok(())
}

/// Kernels that are no pointwise ones are given a view in place where a GPU can bind it, and a copy elsewhere.
#[test]
fn views_at_multiples_of_256_bytes_are_bound_in_place() -> Result<()> {
    for device in devices() {
        let x = numbers(&[300], 1, &device)?;
        let weight = numbers(&[8, 5], 2, &device)?;
        for start in [0, 64, 128, 65, 4] {
            let part = x.slice(0, start, 64)?.reshape(&[8, 8])?;
            let (product, launches) = count_launches(|| part.matmul(&weight));
            let copied = matches!(device, Device::Wgpu(_)) && start % 64 != 0;
            let mut wanted = BTreeMap::from([("matmul", 1)]);
            if copied {
                wanted.insert("pointwise", 1);
            }
            assert_eq!(launches, wanted, "{device}, from {start}");
            let (values, all) = (part.to_vec::<f32>()?, x.to_vec::<f32>()?);
            assert_eq!(values, all[start..start + 64]);
            let own = Tensor::from_slice(&values, &[8, 8], &device)?;
            assert_eq!(
                product?.to_vec::<f32>()?,
                own.matmul(&weight)?.to_vec::<f32>()?
            );
        }
        // a convolution with what follows it
        let filters = x.slice(0, 64, 2 * 9 * 4)?.reshape(&[2, 3, 3, 4])?;
        let image = numbers(&[1, 5, 6, 4], 3, &device)?;
        let activated = |filters: &Tensor| image.conv2d(filters, 1, 1)?.maximum_scalar(0.0);
        let own = Tensor::from_slice(&filters.to_vec::<f32>()?, &[2, 3, 3, 4], &device)?;
        let found = activated(&filters)?.to_vec::<f32>()?;
        assert_eq!(found, activated(&own)?.to_vec::<f32>()?);
    }
    Ok(())
}

/// Small factors, which some GPU kernels take as uniforms: behind others in one array, and as large as a uniform may be.
#[test]
fn small_factors_behind_others() -> Result<()> {
    let product = |k: usize, n: usize, device: &Device| -> Result<Vec<f32>> {
        let list = [numbers(&[3, 5], 1, device)?, numbers(&[k, n], 2, device)?];
        let [parts] = Tensor::pointwise_lists([&(Expr::input(0) * 2.0)], &[&list])?;
        numbers(&[40, k], 3, device)?.matmul(&parts[1])?.to_vec()
    };
    for device in devices() {
        for [k, n] in [[8, 64], [16, 100], [128, 128]] {
            let pairs = product(k, n, &device)?.into_iter();
            let pairs = pairs.zip(product(k, n, &Device::Cpu)?);
            let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-5, "{device}: {k} × {n}: {apart}");
        }
    }
    Ok(())
}
