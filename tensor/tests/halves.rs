//! Arrays of f16: what they hold, and that nothing depends on where they begin or how long they are. Convolutions of such are in
//! `convolutions.rs`, every primitive in the crate's own tests.

mod common;

use clel_tensor::gpu::{Gpu, GpuOptions, find_adapter};
use clel_tensor::{DType, Device, Error, Expr, Result, RngKey, Tensor, f16};
use common::{devices, gpu, has_halves};

/// The devices that have arrays of f16: the CPU, and most GPUs.
fn with_halves() -> impl Iterator<Item = Device> {
    devices().into_iter().filter(has_halves)
}

fn halves(numbers: &[f32]) -> Vec<f16> {
    numbers.iter().map(|x| f16::from_f32(*x)).collect()
}

/// Rounded to the nearest number, of two the even one; what is too large is infinite. Numbers below 6·10⁻⁵ have fewer bits, or none where a
/// driver takes them for zero.
#[test]
fn numbers_are_rounded_when_they_are_stored() -> Result<()> {
    let third = 1.0f32 / 3.0;
    let given = [third, 2049.0, 2051.0, -65504.0, 0.1, 1e5];
    let stored = [
        0.333_251_95,
        2048.0,
        2052.0,
        -65504.0,
        0.099_975_586,
        f32::INFINITY,
    ];
    for device in with_halves() {
        let x = Tensor::from_slice(&given, &[6], &device)?;
        let h = x.to_dtype(DType::F16)?;
        assert_eq!(h.to_vec::<f16>()?, halves(&stored), "{device}");
        // what was not stored is not rounded before
        let at_once = x.mul_scalar(3.0)?.to_dtype(DType::F16)?;
        assert_eq!(at_once.to_vec::<f16>()?[4].to_f32(), 0.300_048_83);
        assert_eq!(h.mul_scalar(3.0)?.to_vec::<f16>()?[4].to_f32(), 0.299_804_7);
        assert_eq!(h.to_dtype(DType::F32)?.to_vec::<f32>()?, stored, "{device}");
        assert_eq!(h.to_device(&Device::Cpu)?.to_vec::<f16>()?, halves(&stored));
        assert_eq!(
            Tensor::arange(5, DType::F16, &device)?.sum_all()?.item()?,
            10.0
        );
    }
    Ok(())
}

/// Parts that begin and end at half a word.
#[test]
fn parts_begin_anywhere() -> Result<()> {
    for device in with_halves() {
        let x = Tensor::arange(300, DType::F16, &device)?;
        x.realize()?;
        for (from, len) in [(1, 1), (1, 7), (3, 256), (129, 5), (128, 171), (299, 1)] {
            let part = x.slice(0, from, len)?;
            let want: Vec<f16> = (from..from + len)
                .map(|i| f16::from_f32(i as f32))
                .collect();
            assert_eq!(part.to_vec::<f16>()?, want, "{device}");
            let twice = part.add(&part)?.to_vec::<f16>()?;
            assert!(
                twice
                    .iter()
                    .zip(&want)
                    .all(|(t, w)| t.to_f32() == 2.0 * w.to_f32())
            );
            let total: f32 = want.iter().map(|v| v.to_f32()).sum();
            assert_eq!(
                part.sum_all()?.item()? as f32,
                f16::from_f32(total).to_f32()
            );
        }
    }
    Ok(())
}

/// One expression over arrays of lengths that are no whole words.
#[test]
fn lists_of_any_lengths() -> Result<()> {
    for device in with_halves() {
        let lens = [3usize, 0, 130, 1, 64];
        let array = |n: &usize, k: u64| {
            let x = Tensor::uniform(&[*n], RngKey::new(k, *n as u32), &Device::Cpu)?;
            x.to_dtype(DType::F16)?.to_device(&device)
        };
        let a = lens
            .iter()
            .map(|n| array(n, 1))
            .collect::<Result<Vec<_>>>()?;
        let b = lens
            .iter()
            .map(|n| array(n, 2))
            .collect::<Result<Vec<_>>>()?;
        let sum = Expr::input(0) + Expr::input(1) * 2.0;
        let [mut once] = Tensor::pointwise_lists([&sum], &[&a, &b])?;
        // results lie side by side, others do not
        once[0] = once[0].add_scalar(1.0)?;
        let [twice] = Tensor::pointwise_lists([&sum], &[&once, &b])?;
        for i in 1..lens.len() {
            let b = b[i].mul_scalar(2.0)?;
            assert_eq!(once[i].to_vec::<f16>()?, a[i].add(&b)?.to_vec::<f16>()?);
            assert_eq!(
                twice[i].to_vec::<f16>()?,
                once[i].add(&b)?.to_vec::<f16>()?,
                "{device}"
            );
        }
    }
    Ok(())
}

/// Nothing reads the numbers of one type as those of another.
#[test]
fn types_do_not_mix() -> Result<()> {
    for device in with_halves() {
        let h = Tensor::ones(&[2], DType::F16, &device)?;
        let x = Tensor::arange(2, DType::F32, &device)?;
        let refused = x.add(&h).unwrap_err();
        assert_eq!(refused.to_string(), "add: elements are f16, expected f32");
        assert!(matches!(h.to_vec::<f32>(), Err(Error::AskedFor { .. })));
        let image = |dtype| Tensor::ones(&[1, 4, 4, 1], dtype, &device);
        for [a, b] in [
            [DType::F16, DType::F32],
            [DType::F32, DType::F16],
            [DType::F32, DType::U32],
        ] {
            let (x, w) = (image(a)?, image(b)?);
            let refused = [
                x.conv2d(&w, 1, 0).err(),
                x.conv2d_input_grad(&w, &[1, 7, 7, 1], 1, 0).err(),
                x.conv2d_weight_grad(&w, &[1, 1, 1, 1], 1, 0).err(),
                x.matmul(&w).err(),
            ];
            for e in refused {
                assert!(matches!(e, Some(Error::DType { .. })), "{a} by {b}: {e:?}");
            }
        }
    }
    Ok(())
}

/// Sums may be too large for the type, means are not.
#[test]
fn means_do_not_overflow() -> Result<()> {
    for device in with_halves() {
        let ones = Tensor::ones(&[70_000], DType::F16, &device)?;
        assert_eq!(ones.sum_all()?.item()?, f64::INFINITY);
        assert_eq!(ones.mean_all()?.item()?, 1.0);
    }
    Ok(())
}

/// A convolution in f32 stores halves itself, where it is asked for nothing else.
#[test]
fn a_convolution_may_store_halves() -> Result<()> {
    for device in with_halves() {
        let random = |shape: &[usize], stream| {
            Tensor::uniform(shape, RngKey::new(8, stream), &Device::Cpu)?.to_device(&device)
        };
        let (x, w) = (random(&[2, 8, 8, 8], 1)?, random(&[12, 3, 3, 8], 2)?);
        let stored = x.conv2d(&w, 1, 1)?.to_dtype(DType::F16)?.to_vec::<f16>()?;
        let wide = x.conv2d(&w, 1, 1)?.to_vec::<f32>()?;
        let near = |(a, b): (&f16, &f32)| (a.to_f32() - b).abs() <= b.abs() * 5e-4;
        assert!(stored.iter().zip(&wide).all(near), "{device}");
    }
    Ok(())
}

/// A device without such floats refuses them by name.
#[test]
fn devices_without_them_say_so() -> Result<()> {
    if gpu().is_none() {
        return Ok(());
    }
    let options = GpuOptions {
        smallest_limits: true,
        ..GpuOptions::default()
    };
    let device = Device::Wgpu(pollster::block_on(Gpu::open_with(
        find_adapter("")?,
        options,
    ))?);
    assert!(!device.supports(DType::F16) && device.supports(DType::F32));
    let x = Tensor::ones(&[2], DType::F32, &device)?;
    let refused = x.to_dtype(DType::F16).unwrap_err().to_string();
    assert!(refused.contains("16-bit floats; use f32"), "{refused}");
    Ok(())
}
