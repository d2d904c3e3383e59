//! What layers compute, remember and refuse.

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, Error, Fill, GlobalAvgPool2d, Init, Layer, Linear,
    LinearOptions, Mode, Module, Parameter, Result, Weight,
};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches};

fn init(dtype: DType) -> Init {
    Init::new(RngKey::new(5, 1), dtype, &Device::Cpu)
}

fn zeros(shape: &[usize]) -> Result<Var> {
    Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?.into())
}

/// Where eˣ is small beside 1, or differs little from it, values and derivatives keep their digits.
#[test]
fn smooth_activations_are_exact_near_zero_and_far_below() -> Result<()> {
    let points = [-1e-7f32, -3e-5, -0.01, -1.0, -5.0, -14.0, -20.0];
    for (activation, value, derivative) in [
        (
            Activation::Elu,
            f64::exp_m1 as fn(f64) -> f64,
            f64::exp as fn(f64) -> f64,
        ),
        (
            Activation::Softplus,
            |x| x.exp().ln_1p(),
            |x| 1.0 / (1.0 + (-x).exp()),
        ),
    ] {
        let x = Var::leaf(Tensor::from_slice(&points, &[points.len()], &Device::Cpu)?);
        let y = activation.apply(&x)?;
        let slope = grad(&[&y.sum_all()?], &[&x], &GradOptions::default())?;
        let computed = y.tensor().to_vec::<f32>()?;
        let computed = computed.into_iter().zip(slope[0].tensor().to_vec::<f32>()?);
        for (x, (y, slope)) in points.iter().map(|x| f64::from(*x)).zip(computed) {
            for (computed, exact) in [(y, value(x)), (slope, derivative(x))] {
                let error = (f64::from(computed) - exact).abs() / exact.abs();
                let most = 4.0 * f64::from(f32::EPSILON);
                assert!(
                    error < most,
                    "{activation:?} at {x}: {computed} instead of {exact}"
                );
            }
        }
    }
    Ok(())
}

/// σ reaches the largest singular value, known for a matrix U·diag(3, 1)·Vᵀ with orthogonal columns.
#[test]
fn sigma_converges_to_the_largest_singular_value() -> Result<()> {
    let weight = Weight::new(&mut init(DType::F64), &[2, 3], Fill::Normal(1.0), true)?;
    let (c, s) = (0.6, 0.8);
    // rows: 3·c·e₀ − s·e₁, 3·s·e₀ + c·e₁
    let w = [3.0 * c, -s, 0.0, 3.0 * s, c, 0.0];
    let (_, original) = weight.parameters().remove(0);
    original.set(Tensor::from_slice(&w, &[2, 3], &Device::Cpu)?)?;
    for _ in 0..20 {
        weight.value(Mode::Train)?;
    }
    let used = weight.value(Mode::Eval)?.tensor().to_vec::<f64>()?;
    for (used, w) in used.iter().zip(w) {
        assert!((used - w / 3.0).abs() < 1e-12, "{used} {}", w / 3.0);
    }
    Ok(())
}

#[test]
fn evaluation_changes_nothing() -> Result<()> {
    let mut init = init(DType::F32);
    let options = ConvOptions {
        spectral_norm: true,
        ..ConvOptions::default()
    };
    let conv = Conv2d::new(&mut init, 2, 3, 3, &options)?;
    let norm = BatchNorm::new(&mut init, 3)?;
    let x = Tensor::normal(&[2, 5, 5, 2], RngKey::new(1, 1), &Device::Cpu)?;
    let states = || {
        let all = conv.states().into_iter().chain(norm.states());
        all.map(|(_, s)| s.tensor()).collect::<Vec<_>>()
    };
    let run = |mode| norm.forward(&conv.forward(&x.clone().into(), mode)?, mode);
    let before = states();
    run(Mode::Eval)?;
    assert!(before.iter().zip(states()).all(|(a, b)| a.same(&b)));
    run(Mode::Train)?;
    assert!(before.iter().zip(states()).all(|(a, b)| !a.same(&b)));
    Ok(())
}

/// Nothing but the products of the method: two with W, two lengths, σ; and pointwise u, v, W/σ.
#[test]
fn spectral_norm_launches_eight_kernels() -> Result<()> {
    let weight = Weight::new(
        &mut init(DType::F32),
        &[8, 3, 3, 4],
        Fill::Normal(1.0),
        true,
    )?;
    let (result, launches) = count_launches(|| {
        weight.value(Mode::Train)?.tensor().realize()?;
        Ok::<(), Error>(())
    });
    result?;
    assert_eq!(launches.get("matmul"), Some(&5), "{launches:?}");
    assert_eq!(launches.get("pointwise"), Some(&3), "{launches:?}");
    Ok(())
}

#[test]
fn initial_values() -> Result<()> {
    let moments = |t: Tensor| -> Result<(f64, f64, f64)> {
        let v = t.to_vec::<f64>()?;
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let var = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64;
        let largest = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        Ok((mean, var.sqrt(), largest))
    };
    let mut init = init(DType::F64);
    let shape = [64, 3, 3, 32]; // fan_in 288
    let root = 288f64.sqrt();
    let (mean, std, _) = moments(init.fill(Fill::KaimingNormal { gain: 1.0 }, &shape)?)?;
    assert!(
        mean.abs() < 2e-3 && (std * root - 1.0).abs() < 0.02,
        "{mean} {std}"
    );
    let (mean, std, _) = moments(init.fill(Fill::Normal(0.01), &shape)?)?;
    assert!(
        mean.abs() < 3e-4 && (std - 0.01).abs() < 2e-4,
        "{mean} {std}"
    );
    let (mean, std, largest) = moments(init.fill(Fill::FanInUniform, &shape)?)?;
    assert!(mean.abs() < 1e-3 && largest <= 1.0 / root && largest > 0.99 / root);
    assert!((std * root * 3f64.sqrt() - 1.0).abs() < 0.02);
    assert_eq!(moments(init.fill(Fill::ONES, &shape)?)?, (1.0, 0.0, 1.0));
    // every array is another draw
    let pair = [0, 1].map(|_| init.fill(Fill::Normal(1.0), &[4]));
    let [a, b] = pair;
    assert_ne!(a?.to_vec::<f64>()?, b?.to_vec::<f64>()?);
    Ok(())
}

#[test]
fn wrong_inputs_name_the_layer_and_the_shapes() -> Result<()> {
    let mut init = init(DType::F32);
    let conv = Conv2d::new(&mut init, 3, 4, 3, &ConvOptions::default())?;
    let linear = Linear::new(&mut init, 3, 4, &LinearOptions::default())?;
    let norm = BatchNorm::new(&mut init, 3)?;
    let message = |layer: &dyn Layer, shape: &[usize]| -> Result<String> {
        let e = layer.forward(&zeros(shape)?, Mode::Train);
        Ok(e.expect_err("the shape is wrong").to_string())
    };
    for (layer, shape, words) in [
        (
            &conv as &dyn Layer,
            &[1, 8, 8, 4][..],
            "Conv2d: input of shape [1, 8, 8, 4], expected [N, H, W, 3] with H, W ≥ 3",
        ),
        (&conv, &[1, 2, 8, 3], "Conv2d: input of shape [1, 2, 8, 3]"),
        (&conv, &[8, 3], "Conv2d: input of shape [8, 3]"),
        (
            &linear,
            &[2, 4],
            "Linear: input of shape [2, 4], expected [N, …, 3]",
        ),
        (&linear, &[3], "Linear: input of shape [3]"),
        (
            &norm,
            &[4, 2],
            "BatchNorm: input of shape [4, 2], expected [N, …, 3]",
        ),
        (
            &norm,
            &[1, 3],
            "BatchNorm: input of shape [1, 3] has one value per channel",
        ),
        (
            &norm,
            &[1, 1, 1, 3],
            "BatchNorm: input of shape [1, 1, 1, 3] has one value",
        ),
        (&norm, &[0, 3], "BatchNorm: input of shape [0, 3] has"),
        (
            &GlobalAvgPool2d,
            &[2, 3],
            "GlobalAvgPool2d: input of shape [2, 3]",
        ),
    ] {
        let message = message(layer, shape)?;
        assert!(message.starts_with(words), "{message}");
    }
    for (layer, name, shape) in [
        (&conv as &dyn Layer, "Conv2d", &[1, 8, 8, 3][..]),
        (&linear, "Linear", &[2, 3]),
        (&norm, "BatchNorm", &[2, 3]),
    ] {
        for dtype in [DType::F64, DType::U32] {
            let x = Tensor::zeros(shape, dtype, &Device::Cpu)?.into();
            let e = layer.forward(&x, Mode::Eval).expect_err("the type differs");
            let words = format!("{name}: the input is {dtype}, the weights f32");
            assert!(e.to_string().starts_with(&words), "{e}");
        }
    }
    Ok(())
}

#[test]
fn wrong_settings_are_refused() {
    let mut init = init(DType::F32);
    let none = ConvOptions {
        stride: 0,
        ..ConvOptions::default()
    };
    let setting = |e: Error| matches!(e, Error::Setting { .. });
    assert!(Conv2d::new(&mut init, 1, 1, 3, &none).is_err_and(setting));
    assert!(Linear::new(&mut init, 0, 1, &LinearOptions::default()).is_err_and(setting));
    assert!(BatchNorm::new(&mut init, 0).is_err_and(setting));
    for fill in [
        Fill::Normal(f64::NAN),
        Fill::Normal(-1.0),
        Fill::Uniform(-1.0),
        Fill::Uniform(f64::INFINITY),
        Fill::KaimingNormal { gain: f64::NAN },
        Fill::Constant(f64::NEG_INFINITY),
    ] {
        assert!(init.fill(fill, &[2]).is_err_and(setting), "{fill:?}");
    }
    assert!(init.fill(Fill::Constant(-2.0), &[2]).is_ok());
    for (eps, momentum) in [(-1.0, 0.1), (f64::NAN, 0.1), (1e-5, 1.5)] {
        let y = BatchNorm::new(&mut init, 1).and_then(|mut norm| {
            (norm.eps, norm.momentum) = (eps, momentum);
            norm.forward(&zeros(&[2, 1])?, Mode::Train)
        });
        assert!(y.is_err_and(setting), "{eps} {momentum}");
    }
    let mut words = Init::new(RngKey::new(1, 1), DType::U32, &Device::Cpu);
    let dtype = |e: Error| matches!(e, Error::DType { .. });
    assert!(BatchNorm::new(&mut words, 1).is_err_and(dtype));
}

/// Sizes beyond what can be counted are errors of a type, in every profile of the compiler.
#[test]
fn sizes_without_measure_are_refused() -> Result<()> {
    let huge = 1 << 30;
    let message = |made: Result<()>| made.expect_err("it is too large").to_string();
    for bias in [None, Some(Fill::FanInUniform)] {
        let conv = ConvOptions {
            bias,
            ..ConvOptions::default()
        };
        let words = message(Conv2d::new(&mut init(DType::F32), huge, 1, huge, &conv).map(drop));
        assert!(
            words.contains("shape [1, 1073741824, 1073741824, 1073741824]"),
            "{words}"
        );
    }
    let most = usize::MAX;
    let linear = LinearOptions::default();
    let mut used = init(DType::F32);
    used.fill(Fill::ONES, &[24])?;
    for made in [
        Linear::new(&mut used, most, most, &linear),
        Linear::after_flatten(&mut used, [most, 2, 1], most, &linear),
    ] {
        let words = message(made.map(drop));
        assert!(
            words.contains(&format!("shape [{most}, {most}]")),
            "{words}"
        );
        assert!(!words.contains("left"), "{words}");
    }
    let mut few = init(DType::F32).at_most(24);
    let words = message(Linear::new(&mut few, most, most, &linear).map(drop));
    assert!(
        words.contains("more than the 24 values that are left"),
        "{words}"
    );
    for pad in [most, most / 4, most >> 12] {
        let options = ConvOptions {
            pad,
            ..ConvOptions::default()
        };
        let conv = Conv2d::new(&mut init(DType::F32), 1, 1, 3, &options)?;
        let y = conv.forward(&zeros(&[1, 4, 4, 1])?, Mode::Eval);
        let words = message(y.and_then(|y| Ok(y.tensor().to_vec::<f32>().map(drop)?)));
        assert!(words.starts_with("conv2d: "), "{words}");
    }
    Ok(())
}

#[test]
fn a_parameter_keeps_its_shape() -> Result<()> {
    let p = Parameter::new(Tensor::zeros(&[2, 3], DType::F32, &Device::Cpu)?);
    for other in [
        Tensor::zeros(&[3, 2], DType::F32, &Device::Cpu)?,
        Tensor::zeros(&[2, 3], DType::F64, &Device::Cpu)?,
    ] {
        let message = p.set(other).expect_err("it differs").to_string();
        assert!(message.contains("[2, 3] f32"), "{message}");
    }
    Ok(())
}

/// Batches of no image pass through evaluation.
#[test]
fn empty_batches() -> Result<()> {
    let mut init = init(DType::F32);
    let conv = Conv2d::new(&mut init, 3, 4, 3, &ConvOptions::default())?;
    let norm = BatchNorm::new(&mut init, 4)?;
    let y = norm.forward(
        &conv.forward(&zeros(&[0, 8, 8, 3])?, Mode::Eval)?,
        Mode::Eval,
    )?;
    assert_eq!(y.shape(), [0, 6, 6, 4]);
    assert_eq!(GlobalAvgPool2d.forward(&y, Mode::Eval)?.shape(), [0, 4]);
    Ok(())
}
