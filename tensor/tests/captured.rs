//! Recorded launches run again: the same bits as the operations themselves, on both devices, and no recording where another run
//! might go another way.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;

use clel_tensor::gpu::{Gpu, GpuOptions, find_adapter};
use clel_tensor::{
    Captured, Device, Error, Expr, Result, RngKey, Tensor, count_launches, expr::Distribution,
};
use common::devices;

fn numbers(shape: &[usize], stream: u32, device: &Device) -> Result<Tensor> {
    let x = Tensor::uniform(shape, RngKey::new(9, stream), &Device::Cpu)?;
    let x = x.sub_scalar(0.5)?.to_device(device)?;
    x.realize()?;
    Ok(x)
}

/// Convolutions with what follows them, a product, sums, views and random numbers.
fn step(x: &Tensor, weights: &[Tensor; 2], key: RngKey) -> Result<[Tensor; 2]> {
    let h = x.conv2d(&weights[0], 1, 1)?;
    let h = h.maximum(&h.mul_scalar(0.2)?)?;
    let back = h.conv2d_input_grad(&weights[0], x.shape(), 1, 1)?;
    let pooled = h.mean(&[1, 2], false)?.matmul(&weights[1])?;
    let mirrored = x.flip(2)?.add(&pooled.sum_all()?)?;
    let noise = Expr::random(Distribution::Normal, key);
    let next = Expr::input(0) - Expr::input(1) * 0.1 + Expr::input(2) * 0.01 + noise * 0.01;
    let next = Tensor::pointwise(&next, &[x, &back, &mirrored])?;
    Ok([next, pooled.slice(0, 1, 1)?])
}

#[test]
fn a_repetition_gives_the_same_bits() -> Result<()> {
    for device in devices() {
        let weights = [
            numbers(&[8, 3, 3, 4], 1, &device)?,
            numbers(&[8, 5], 2, &device)?,
        ];
        let key = RngKey::new(3, 3);
        let [mut captured, mut plain] = [(); 2].map(|()| numbers(&[2, 5, 6, 4], 0, &device));
        let (captured, plain) = (captured.as_mut().unwrap(), plain.as_mut().unwrap());
        let (made, recorded) =
            Captured::record(&[captured], Some(key), || step(captured, &weights, key))?;
        let recorded = recorded.expect("nothing varies but the key");
        *captured = made[0].clone();
        *plain = step(plain, &weights, key)?[0].clone();
        plain.realize()?;
        for k in 1..4 {
            let (made, mut launches) =
                count_launches(|| recorded.replay(&[captured], Some(key.at(k))));
            let made = made?;
            let (wanted, plainly) = count_launches(|| {
                let wanted = step(plain, &weights, key.at(k))?;
                wanted.iter().try_for_each(|t| t.realize().map(drop))?;
                Ok::<_, Error>(wanted)
            });
            let wanted = wanted?;
            // what is made of a weight is made once, at the first
            if k > 1 && plainly.contains_key("embed") {
                *launches.entry("embed").or_default() += 1;
            }
            assert_eq!(launches, plainly, "{device}");
            for (made, wanted) in made.iter().zip(&wanted) {
                assert_eq!(made.shape(), wanted.shape());
                assert_eq!(made.to_vec::<f32>()?, wanted.to_vec::<f32>()?, "{device}");
            }
            ([*captured, _], [*plain, _]) = (made, wanted);
        }
        // another draw is another result; a view is as good an input as any
        let once = recorded.replay(&[captured], Some(key.at(9)))?;
        let other = recorded.replay(&[captured], Some(key.at(8)))?;
        assert_ne!(once[0].to_vec::<f32>()?, other[0].to_vec::<f32>()?);
        let view = Tensor::concat(&[captured, captured], 0)?.slice(0, 2, 2)?;
        let again = recorded.replay(&[&view], Some(key.at(9)))?;
        assert_eq!(once[0].to_vec::<f32>()?, again[0].to_vec::<f32>()?);
    }
    Ok(())
}

#[test]
fn what_could_differ_is_not_recorded() -> Result<()> {
    for device in devices() {
        let x = numbers(&[3], 0, &device)?;
        let key = RngKey::new(1, 1);
        let recorded = |step: &dyn Fn() -> Result<Tensor>| -> Result<bool> {
            let (_, captured) = Captured::record(&[&x], Some(key), || step().map(|t| [t]))?;
            Ok(captured.is_some())
        };
        assert!(recorded(&|| x.add_scalar(1.0))?);
        // numbers that come from the device, and go there
        assert!(!recorded(&|| x.add_scalar(x.to_vec::<f32>()?[0].into()))?);
        assert!(!recorded(&|| x.add(&Tensor::scalar(1.0f32, &device)?))?);
        // random numbers of another key
        assert!(!recorded(&|| x.add(&Tensor::uniform(
            &[3],
            key.at(5),
            &device
        )?))?);
        // something remembered
        let kept = RefCell::new(None);
        assert!(!recorded(&|| {
            let y = x.mul(&x)?;
            y.realize()?;
            *kept.borrow_mut() = Some(y.clone());
            y.add_scalar(1.0)
        })?);
        // remembered and returned, and remembered without having been computed
        assert!(!recorded(&|| {
            let y = x.mul(&x)?;
            *kept.borrow_mut() = Some(y.clone());
            Ok(y)
        })?);
        assert!(!recorded(&|| {
            *kept.borrow_mut() = Some(x.mul_scalar(0.9)?);
            x.add_scalar(1.0)
        })?);
        // a recording within, and a repetition within
        let (_, inner) = Captured::record(&[&x], None, || x.exp().map(|t| [t]))?;
        let inner = inner.expect("nothing varies");
        assert!(inner.replay(&[&x], Some(key)).is_err());
        assert!(!recorded(&|| inner.replay(&[&x], None).map(|[t]| t))?);
        let nested = || Captured::record(&[&x], None, || x.exp().map(|t| [t]));
        assert!(!recorded(&|| nested().map(|([t], _)| t))?);
        // after all of this recording is off, and another recording is one again
        assert!(recorded(&|| x.exp())?);
    }
    Ok(())
}

#[test]
fn inputs_of_other_shapes_are_refused() -> Result<()> {
    let x = numbers(&[2, 3], 0, &Device::Cpu)?;
    let (_, captured) = Captured::record(&[&x], None, || x.exp().map(|t| [t]))?;
    let captured = captured.expect("nothing varies");
    let other = numbers(&[3, 2], 0, &Device::Cpu)?;
    let why = captured.replay(&[&other], None).unwrap_err().to_string();
    assert!(why.contains("[3, 2]") && why.contains("[2, 3]"), "{why}");
    assert!(captured.replay(&[], None).is_err());
    assert!(captured.replay(&[&x, &x], None).is_err());
    Ok(())
}

/// The other parts of an array that lies side by side with an input are not the input.
#[test]
fn a_part_of_an_array_is_not_recorded() -> Result<()> {
    for device in devices() {
        let both = numbers(&[2, 64], 0, &device)?;
        let [first, second] = [0, 1].map(|row| both.slice(0, row, 1));
        let (first, second) = (first?, second?);
        let (made, captured) =
            Captured::record(&[&first], None, || first.add(&second).map(|t| [t]))?;
        assert!(captured.is_none(), "{device}");
        made[0].realize()?;
    }
    Ok(())
}

/// Convolutions large enough for minimal filtering, and of a few channels, which take several launches on a GPU.
#[test]
fn convolutions_of_several_launches_are_repeated() -> Result<()> {
    for device in devices() {
        let weights = [
            numbers(&[32, 3, 3, 3], 1, &device)?,
            numbers(&[32, 3, 3, 32], 2, &device)?,
        ];
        let step = |x: &Tensor| -> Result<[Tensor; 1]> {
            let h = x.conv2d(&weights[0], 1, 1)?;
            let h = h.maximum(&h.conv2d(&weights[1], 1, 1)?)?;
            let back = h.conv2d_input_grad(&weights[1], h.shape(), 1, 1)?;
            let back = back.conv2d_input_grad(&weights[0], x.shape(), 1, 1)?;
            Ok([x.add(&back.mul_scalar(1e-3)?)?])
        };
        let start = numbers(&[2, 24, 24, 3], 0, &device)?;
        let ([mut found], captured) = Captured::record(&[&start], None, || step(&start))?;
        let captured = captured.expect("nothing varies");
        let [mut plain] = step(&start)?;
        for _ in 0..3 {
            [found] = captured.replay(&[&found], None)?;
            [plain] = step(&plain)?;
            let (found, plain) = (found.to_vec::<f32>()?, plain.to_vec::<f32>()?);
            assert!(found.iter().all(|x| x.is_finite()));
            assert_eq!(found, plain, "{device}");
        }
    }
    Ok(())
}

/// An array from before the recording is held as it is, whether or not it had been computed.
#[test]
fn what_was_not_yet_computed_is_no_function_of_the_input() -> Result<()> {
    for device in devices() {
        let x = numbers(&[1, 4, 4, 2], 0, &device)?;
        let weight = numbers(&[2, 3, 3, 2], 1, &device)?;
        let doubled = x.mul_scalar(2.0)?;
        let filtered = x.conv2d(&weight, 1, 1)?;
        let bent = x.conv2d(&weight, 1, 1)?.maximum_scalar(0.0)?;
        let fixed = |y: &Tensor| {
            y.add(&doubled)?
                .add(&filtered)?
                .add(&bent)?
                .add(&doubled.exp()?)
        };
        let (made, recorded) = Captured::record(&[&x], None, || Ok::<_, Error>([fixed(&x)?]))?;
        let recorded = recorded.expect("nothing varies");
        assert_eq!(made[0].to_vec::<f32>()?, fixed(&x)?.to_vec::<f32>()?);
        let other = numbers(&[1, 4, 4, 2], 5, &device)?;
        let [again] = recorded.replay(&[&other], None)?;
        let (again, wanted) = (again.to_vec::<f32>()?, fixed(&other)?.to_vec::<f32>()?);
        for (a, b) in again.iter().zip(wanted) {
            assert!((a - b).abs() < 1e-5, "{device}: {a} {b}");
        }
    }
    Ok(())
}

/// What a GPU makes of a weight before it multiplies is made once for all repetitions, and changes no bit.
#[test]
fn transformed_weights_are_made_once() -> Result<()> {
    if devices().iter().all(|device| matches!(device, Device::Cpu)) {
        return Ok(());
    }
    let options = GpuOptions {
        always_winograd: true,
        ..GpuOptions::default()
    };
    let gpu = pollster::block_on(Gpu::open_with(find_adapter("")?, options))?;
    let device = Device::Wgpu(gpu);
    let weight = numbers(&[32, 3, 3, 32], 1, &device)?;
    let step = |x: &Tensor| -> Result<[Tensor; 1]> {
        let y = x.conv2d(&weight, 1, 1)?;
        Ok([y.conv2d_input_grad(&weight, x.shape(), 1, 1)?])
    };
    let convolutions = |counts: &BTreeMap<&'static str, u64>| -> u64 {
        let names = ["conv2d", "conv2d_input_grad"];
        names.iter().filter_map(|name| counts.get(name)).sum()
    };
    let x = numbers(&[2, 12, 12, 32], 0, &device)?;
    let (recorded, first) = count_launches(|| Captured::record(&[&x], None, || step(&x)));
    let ([plain], Some(recorded)) = recorded? else {
        panic!("nothing varies");
    };
    let plain = plain.to_vec::<f32>()?;
    for transforms in [2, 0, 0] {
        let (again, counts) = count_launches(|| recorded.replay(&[&x], None));
        assert_eq!(again?[0].to_vec::<f32>()?, plain);
        assert_eq!(convolutions(&counts) + 2 - transforms, convolutions(&first));
    }
    Ok(())
}
