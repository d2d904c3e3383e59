//! Networks whose convolutions store their images in f16.

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, ConvOptions, GlobalAvgPool2d, Init, Layer, Linear,
    LinearOptions, Mode, Result, Sequential, autocast, autocast_grad, hold_weights,
};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches};

fn conv(init: &mut Init, [c, o]: [usize; 2]) -> Result<Conv2d> {
    let options = ConvOptions {
        pad: 1,
        ..ConvOptions::default()
    };
    Conv2d::new(init, c, o, 3, &options)
}

/// Goes from halves to single precision three times: a normalisation, an average over rectangular images, and no more after those.
fn network() -> Result<Sequential> {
    let mut init = Init::new(RngKey::new(5, 1), DType::F32, &Device::Cpu);
    Ok(Sequential::new()
        .push(conv(&mut init, [3, 8])?)
        .push(BatchNorm::new(&mut init, 8)?)
        .push(Activation::Silu)
        .push(conv(&mut init, [8, 8])?)
        .push(AvgPool2d::tiles(2))
        .push(GlobalAvgPool2d)
        .push(Linear::new(&mut init, 8, 4, &LinearOptions::default())?))
}

fn images(sides: [usize; 2]) -> Result<Tensor> {
    let [h, w] = sides;
    Ok(Tensor::uniform(
        &[4, h, w, 3],
        RngKey::new(1, 1),
        &Device::Cpu,
    )?)
}

/// Every gradient passes every place where halves are widened, and none is lost or counted twice, whatever its size.
#[test]
fn gradients_pass_all_conversions() -> Result<()> {
    let network = network()?;
    for sides in [[8, 6], [8, 8]] {
        let x = Var::leaf(images(sides)?);
        for size in [1e-6, 1.0, 1e6] {
            let value = |x: &Var| -> Result<Var> {
                let y = network.forward(x, Mode::Train)?;
                // the images count by themselves too
                let own = x.mul(x)?.mean_all()?;
                Ok(y.mul(&y)?.sum_all()?.add(&own)?.mul_scalar(size)?)
            };
            let exact = value(&x)?;
            let g = grad(&[&exact], &[&x], &GradOptions::default())?.remove(0);
            let (stored, found) = autocast_grad(&x, || value(&x))?;
            let (a, b) = (stored.item()?, exact.tensor().item()?);
            assert!((a - b).abs() < 2e-3 * b.abs() && a != b, "{a} {b}");
            let (found, g) = (found.to_vec::<f32>()?, g.tensor().to_vec::<f32>()?);
            let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| x * x).sum::<f32>().sqrt();
            let off = norm(&mut found.iter().zip(&g).map(|(a, b)| (a - b) / size as f32))
                / norm(&mut g.iter().map(|v| v / size as f32));
            assert!(
                off > 0.0 && off < 3e-3,
                "{sides:?}, times {size}: off by {off}"
            );
        }
    }
    Ok(())
}

/// The weights are converted once while they are held, and none where nothing is asked for.
#[test]
fn held_weights_are_converted_once() -> Result<()> {
    let mut init = Init::new(RngKey::new(5, 1), DType::F32, &Device::Cpu);
    let conv = conv(&mut init, [3, 8])?;
    let x: Var = images([8, 8])?.to_dtype(DType::F16)?.into();
    x.tensor().realize()?;
    let forward = || {
        conv.forward(&x, Mode::Eval)?
            .tensor()
            .to_vec::<clel_tensor::f16>()
            .map_err(Into::into)
    };
    let launches = |f: &dyn Fn() -> Result<Vec<clel_tensor::f16>>| -> Result<u64> {
        let (done, counts) = count_launches(f);
        done.map(|_| counts.values().sum())
    };
    autocast(DType::F16, || {
        hold_weights(|| {
            let first = launches(&forward)?;
            let second = launches(&forward)?;
            // the weight and the bias
            assert_eq!(first, second + 2);
            Ok::<_, clel_nn::Error>(())
        })
    })?;
    // a layer by itself goes on in the type of its weights
    let y = conv.forward(&x, Mode::Eval)?;
    assert_eq!(y.tensor().dtype(), DType::F32);
    Ok(())
}

/// An image whose gradient is infinite is alone with that.
#[test]
fn a_sick_image_is_alone() -> Result<()> {
    let mut init = Init::new(RngKey::new(5, 1), DType::F32, &Device::Cpu);
    let conv = conv(&mut init, [3, 8])?;
    let last = Linear::new(&mut init, 8, 1, &LinearOptions::default())?;
    let x = Var::leaf(images([8, 8])?);
    let weights = |first: f32| Tensor::from_slice(&[first, 1.0, 1.0, 1.0], &[4, 1], &Device::Cpu);
    let gradient = |first: f32| -> Result<Vec<f32>> {
        let weights: Var = weights(first)?.into();
        let (_, g) = autocast_grad(&x, || {
            let y = GlobalAvgPool2d.forward(&conv.forward(&x, Mode::Eval)?, Mode::Eval)?;
            Ok::<_, clel_nn::Error>(last.forward(&y, Mode::Eval)?.mul(&weights)?)
        })?;
        Ok(g.to_vec()?)
    };
    let (sick, well) = (gradient(f32::INFINITY)?, gradient(1.0)?);
    let image = 8 * 8 * 3;
    assert!(sick[..image].iter().all(|v| !v.is_finite()));
    for (a, b) in sick[image..].iter().zip(&well[image..]) {
        assert!((a - b).abs() <= 2e-3 * b.abs() + 1e-9, "{a} {b}");
    }
    Ok(())
}

/// A value that is f16 itself is scaled too; two networks are each by themselves; what does not depend on the images is an error as it is
/// without halves.
#[test]
fn sums_of_networks_and_values_of_halves() -> Result<()> {
    let mut init = Init::new(RngKey::new(5, 1), DType::F32, &Device::Cpu);
    let (a, b) = (conv(&mut init, [3, 8])?, conv(&mut init, [3, 8])?);
    let linear = Linear::new(&mut init, 8, 1, &LinearOptions::default())?;
    let x = Var::leaf(images([8, 8])?);
    let part = |conv: &Conv2d, size: f64| -> Result<Var> {
        let y = Activation::Silu.apply(&conv.forward(&x, Mode::Eval)?)?;
        let y = linear.forward(&GlobalAvgPool2d.forward(&y, Mode::Eval)?, Mode::Eval)?;
        Ok(y.mul_scalar(size)?)
    };
    let sum = || Ok::<_, clel_nn::Error>(part(&a, 1.0)?.add(&part(&b, 1e-5)?)?);
    let small = || Ok::<_, clel_nn::Error>(a.forward(&x, Mode::Eval)?.mul_scalar(1e-3)?.sum_all()?);
    for f in [&sum as &dyn Fn() -> Result<Var>, &small] {
        let g = grad(&[&f()?], &[&x], &GradOptions::default())?.remove(0);
        let (_, found) = autocast_grad(&x, f)?;
        let (found, g) = (found.to_vec::<f32>()?, g.tensor().to_vec::<f32>()?);
        let largest = g.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(
            found
                .iter()
                .zip(&g)
                .all(|(a, b)| (a - b).abs() < 3e-3 * largest)
        );
    }
    let elsewhere = Var::constant(x.tensor().clone());
    let unused = autocast_grad(&x, || {
        Ok::<_, clel_nn::Error>(a.forward(&elsewhere, Mode::Eval)?.sum_all()?)
    });
    assert!(unused.is_err());
    Ok(())
}
