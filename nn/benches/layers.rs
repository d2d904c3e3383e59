//! A layer's forward and backward at shapes where overhead, not arithmetic, could decide: `cargo bench -p clel-nn [-- FILTER]`,
//! on the CPU, or on what `CLEL_BENCH_DEVICE` names.

use std::time::Duration;

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, Init, Layer, Linear, LinearOptions, Mode, Result,
    Sequential,
    optim::{Adam, Optimizer},
};
use clel_tensor::{DType, Device, RngKey, Tensor};
use criterion::Criterion;

fn main() -> Result<()> {
    let word = std::env::var("CLEL_BENCH_DEVICE").unwrap_or("cpu".into());
    let device = Device::parse(&word)?;
    eprintln!("on {device}");
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &device);
    let normalised = ConvOptions {
        pad: 1,
        spectral_norm: true,
        ..ConvOptions::default()
    };
    let plain = ConvOptions {
        spectral_norm: false,
        ..normalised
    };
    for (n, side, channels) in [(1, 4, 8), (8, 8, 32), (64, 8, 32), (64, 4, 64)] {
        let shape = [n, side, side, channels];
        for (name, options) in [("conv3x3", &plain), ("conv3x3 + SN", &normalised)] {
            let conv = Conv2d::new(&mut init, channels, channels, 3, options)?;
            layer(&mut criterion, name, &conv, &shape, &device)?;
        }
        let norm = BatchNorm::new(&mut init, channels)?;
        layer(&mut criterion, "batch norm", &norm, &shape, &device)?;
    }
    let linear = Linear::new(&mut init, 64, 256, &LinearOptions::default())?;
    layer(&mut criterion, "linear", &linear, &[64, 64], &device)?;
    let mut block = Sequential::new();
    for _ in 0..6 {
        block = block
            .push(Conv2d::new(&mut init, 32, 32, 3, &normalised)?)
            .push(Activation::LeakyRelu(0.2));
    }
    let name = "6 x (conv3x3 + SN, leaky)";
    layer(&mut criterion, name, &block, &[64, 8, 8, 32], &device)?;
    adam(&mut criterion, &block, &device)?;
    criterion.final_summary();
    Ok(())
}

/// Forward, gradients to the input, and gradients to the input and all parameters.
fn layer(
    criterion: &mut Criterion,
    name: &str,
    layer: &dyn Layer,
    shape: &[usize],
    device: &Device,
) -> Result<()> {
    let x = Tensor::normal(shape, RngKey::new(2, 0), device)?;
    x.realize()?;
    let backward = |parameters: bool| -> Result<()> {
        let x = Var::leaf(x.clone());
        let y = layer.forward(&x, Mode::Train)?.sum_all()?;
        let mut leaves = vec![x];
        if parameters {
            leaves.extend(layer.parameters().iter().map(|(_, p)| p.var()));
        }
        let leaves: Vec<&Var> = leaves.iter().collect();
        let g = grad(&[&y], &leaves, &GradOptions::default())?;
        Tensor::realize_all(&g.iter().map(Var::tensor).collect::<Vec<_>>())?;
        Ok(device.wait()?)
    };
    let mut case = |what: &str, run: &dyn Fn() -> Result<()>| -> Result<()> {
        // what cannot run is an error, not a panic in the loop below
        run()?;
        criterion.bench_function(&format!("{name} {shape:?}, {what}"), |b| {
            b.iter(|| run().expect("has run before"));
        });
        Ok(())
    };
    case("forward", &|| {
        let y = layer.forward(&Var::leaf(x.clone()), Mode::Train)?;
        y.tensor().realize()?;
        Ok(device.wait()?)
    })?;
    case("gradient to x", &|| backward(false))?;
    case("all gradients", &|| backward(true))
}

fn adam(criterion: &mut Criterion, net: &dyn Layer, device: &Device) -> Result<()> {
    let parameters = net.parameters();
    let gradients: Vec<Tensor> = parameters.iter().map(|(_, p)| p.tensor()).collect();
    let mut adam = Adam::new([0.0, 0.999], 1e-8, 0.0)?;
    adam.step(&parameters, &gradients, 1e-4)?;
    criterion.bench_function(&format!("Adam, {} parameters", parameters.len()), |b| {
        b.iter(|| {
            let done = adam.step(&parameters, &gradients, 1e-4);
            done.and_then(|()| Ok(device.wait()?))
                .expect("has run before");
        });
    });
    Ok(())
}
