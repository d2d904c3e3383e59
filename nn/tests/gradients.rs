//! Derivatives of every layer to order two, against central differences in f64, with respect to its input and
//! all its parameters.

use clel_autograd::{GradOptions, Var, check_grad, grad};
use clel_nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, ConvOptions, Fill, GlobalAvgPool2d, Init, Layer,
    Linear, LinearOptions, MaxPool2d, Mode, Module, Result, Sequential,
};
use clel_tensor::{DType, Device, RngKey, Tensor};

fn init() -> Init {
    Init::new(RngKey::new(5, 1), DType::F64, &Device::Cpu)
}

fn normal(shape: &[usize], stream: u32) -> Result<Tensor> {
    let x = Tensor::normal(shape, RngKey::new(11, stream), &Device::Cpu)?;
    Ok(x.to_dtype(DType::F64)?)
}

/// The layer as a function of its input and parameters, in the middle of a computation.
fn check(layer: &dyn Layer, x: &[usize], mode: Mode) -> Result<()> {
    let parameters = layer.parameters();
    let mut inputs = vec![normal(x, 0)?];
    inputs.extend(parameters.iter().map(|(_, p)| p.tensor()));
    let f = |v: &[Var]| {
        let run = || -> Result<Var> {
            for ((_, p), value) in parameters.iter().zip(&v[1..]) {
                p.bind(value.clone())?;
            }
            let y = layer.forward(&v[0].mul_scalar(0.7)?.add_scalar(0.1)?, mode)?;
            Ok(y.sin()?.mul_scalar(1.3)?)
        };
        run().map_err(|e| match e {
            clel_nn::Error::Autograd(e) => e,
            clel_nn::Error::Tensor(e) => e.into(),
            e => panic!("{e}"),
        })
    };
    Ok(check_grad(&f, &inputs, 2)?)
}

#[test]
fn convolutions() -> Result<()> {
    for (stride, pad, kernel, bias) in [(1, 1, 3, true), (2, 1, 3, false), (1, 0, 1, true)] {
        let options = ConvOptions {
            stride,
            pad,
            bias: bias.then_some(Fill::Normal(1.0)),
            ..ConvOptions::default()
        };
        let layer = Conv2d::new(&mut init(), 3, 4, kernel, &options)?;
        check(&layer, &[2, 5, 4, 3], Mode::Train)?;
    }
    Ok(())
}

#[test]
fn linear() -> Result<()> {
    let layer = Linear::new(&mut init(), 5, 3, &LinearOptions::default())?;
    check(&layer, &[4, 5], Mode::Train)?;
    check(&layer, &[2, 3, 5], Mode::Train)
}

/// In evaluation, where u and v are constants; the next test covers training.
#[test]
fn spectrally_normalised_weights() -> Result<()> {
    let conv = ConvOptions {
        pad: 1,
        spectral_norm: true,
        ..ConvOptions::default()
    };
    let layer = Conv2d::new(&mut init(), 2, 3, 3, &conv)?;
    check(&layer, &[1, 4, 3, 2], Mode::Eval)?;
    let linear = LinearOptions {
        spectral_norm: true,
        ..LinearOptions::default()
    };
    let layer = Linear::new(&mut init(), 4, 3, &linear)?;
    check(&layer, &[2, 4], Mode::Eval)
}

/// A training step's gradient is that of evaluation with the vectors that the step's power iteration left behind.
#[test]
fn power_iteration_carries_no_gradient() -> Result<()> {
    let options = LinearOptions {
        spectral_norm: true,
        ..LinearOptions::default()
    };
    let layer = Linear::new(&mut init(), 6, 5, &options)?;
    let (_, weight) = layer.weight().parameters().remove(0);
    weight.set(normal(&[5, 6], 3)?)?;
    let x = Var::constant(normal(&[2, 6], 4)?);
    let gradient = |mode| -> Result<Vec<f64>> {
        let y = layer.forward(&x, mode)?.sin()?.sum_all()?;
        let g = grad(&[&y], &[&weight.var()], &GradOptions::default())?;
        Ok(g[0].tensor().to_vec::<f64>()?)
    };
    for (a, b) in gradient(Mode::Train)?.iter().zip(gradient(Mode::Eval)?) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    Ok(())
}

#[test]
fn batch_norm() -> Result<()> {
    for mode in [Mode::Train, Mode::Eval] {
        let layer = BatchNorm::with_scale(&mut init(), 3, Fill::Normal(1.0))?;
        check(&layer, &[4, 3], mode)?;
        check(&layer, &[2, 2, 3, 3], mode)?;
    }
    Ok(())
}

#[test]
fn activations() -> Result<()> {
    for f in [
        Activation::Relu,
        Activation::LeakyRelu(0.2),
        Activation::Silu,
        Activation::Elu,
        Activation::Gelu,
        Activation::Softplus,
    ] {
        check(&f, &[3, 4], Mode::Train)?;
    }
    Ok(())
}

#[test]
fn pools() -> Result<()> {
    for (kernel, stride, pad) in [(2, 2, 0), (3, 2, 1)] {
        let average = AvgPool2d {
            kernel,
            stride,
            pad,
        };
        check(&average, &[2, 5, 6, 2], Mode::Train)?;
        let maximum = MaxPool2d {
            kernel,
            stride,
            pad,
        };
        check(&maximum, &[2, 5, 6, 2], Mode::Train)?;
    }
    check(&GlobalAvgPool2d, &[2, 3, 2, 4], Mode::Train)
}

#[test]
fn layers_in_sequence() -> Result<()> {
    let mut init = init();
    let conv = ConvOptions {
        pad: 1,
        spectral_norm: true,
        ..ConvOptions::default()
    };
    let net = Sequential::new()
        .push(Conv2d::new(&mut init, 1, 3, 3, &conv)?)
        .push(Activation::Silu)
        .push(AvgPool2d::tiles(2))
        .push(GlobalAvgPool2d)
        .push(Linear::new(&mut init, 3, 2, &LinearOptions::default())?);
    check(&net, &[2, 4, 4, 1], Mode::Eval)
}
