//! Time of a layer's forward and backward at shapes where overhead, not arithmetic, could decide.
//!
//! `cargo bench -p clel-nn` prints microseconds, the median of many runs, on the CPU and with `-- wgpu` on that device.

use std::time::Instant;

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, Init, Layer, Linear, LinearOptions, Mode, Result,
    Sequential,
    optim::{Adam, Optimizer},
};
use clel_tensor::{DType, Device, RngKey, Tensor};

fn main() -> Result<()> {
    let word = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let device = Device::parse(word.as_deref().unwrap_or("cpu"))?;
    println!("on {device}, microseconds; gradients with respect to x | x and all parameters");
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &device);
    for (n, side, channels) in [(1, 4, 8), (8, 8, 32), (64, 8, 32), (64, 4, 64)] {
        let shape = [n, side, side, channels];
        for spectral_norm in [false, true] {
            let options = ConvOptions {
                pad: 1,
                spectral_norm,
                ..ConvOptions::default()
            };
            let conv = Conv2d::new(&mut init, channels, channels, 3, &options)?;
            let name = if spectral_norm {
                "conv3x3 + SN"
            } else {
                "conv3x3"
            };
            measure(name, &conv, &shape, &device)?;
        }
        let norm = BatchNorm::new(&mut init, channels)?;
        measure("batch norm", &norm, &shape, &device)?;
    }
    let linear = Linear::new(&mut init, 64, 256, &LinearOptions::default())?;
    measure("linear", &linear, &[64, 64], &device)?;
    let options = ConvOptions {
        pad: 1,
        spectral_norm: true,
        ..ConvOptions::default()
    };
    let mut block = Sequential::new();
    for _ in 0..6 {
        block = block
            .push(Conv2d::new(&mut init, 32, 32, 3, &options)?)
            .push(Activation::LeakyRelu(0.2));
    }
    measure(
        "6 × (conv3x3 + SN, leaky)",
        &block,
        &[64, 8, 8, 32],
        &device,
    )?;
    adam(&block)
}

fn measure(name: &str, layer: &dyn Layer, shape: &[usize], device: &Device) -> Result<()> {
    let x = Tensor::normal(shape, RngKey::new(2, 0), device)?;
    x.realize()?;
    let forward = median(|| {
        let y = layer.forward(&Var::leaf(x.clone()), Mode::Train)?;
        finish(&[y.tensor()])
    })?;
    let with_gradients = |parameters: bool| {
        median(|| {
            let x = Var::leaf(x.clone());
            let y = layer.forward(&x, Mode::Train)?.sum_all()?;
            let mut leaves = vec![x];
            if parameters {
                leaves.extend(layer.parameters().iter().map(|(_, p)| p.var()));
            }
            let leaves: Vec<&Var> = leaves.iter().collect();
            let g = grad(&[&y], &leaves, &GradOptions::default())?;
            finish(&g.iter().map(Var::tensor).collect::<Vec<_>>())
        })
    };
    let (to_x, to_all) = (with_gradients(false)?, with_gradients(true)?);
    println!(
        "{name:<28}{:<18} forward {forward:>8.1}   with gradients {to_x:>8.1} | {to_all:>8.1}",
        format!("{shape:?}")
    );
    Ok(())
}

fn adam(net: &dyn Layer) -> Result<()> {
    let parameters = net.parameters();
    let gradients = parameters.iter().map(|(_, p)| p.tensor());
    let gradients: Vec<Tensor> = gradients.collect();
    let mut adam = Adam::new([0.0, 0.999], 1e-8, 0.0)?;
    let time = median(|| {
        adam.step(&parameters, &gradients, 1e-4)?;
        let last = parameters[parameters.len() - 1].1.tensor();
        finish(&[&last])
    })?;
    println!("Adam, {} parameters: {time:.1}", parameters.len());
    Ok(())
}

/// Computes, and waits for the device.
fn finish(results: &[&Tensor]) -> Result<()> {
    Tensor::realize_all(results)?;
    if let Some(last) = results.last().filter(|t| !t.device().is_cpu()) {
        last.flatten(0)?.slice(0, 0, 1)?.item()?;
    }
    Ok(())
}

fn median(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 30 || (start.elapsed().as_secs_f64() < 0.5 && times.len() < 2000) {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
