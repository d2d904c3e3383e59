//! Chains whose network stores its images in f16.

use clel::config::{Layers, Storage};
use clel::model::{EnergyNetwork, Normalisation};
use clel::sampler::{Langevin, Numbers};
use clel_autograd::Var;
use clel_nn::{Init, Mode, Module, autocast_grad, hold_weights};
use clel_tensor::{DType, Device, RngKey, Tensor, Winograd, with_winograd};
use clel_tests::{devices, with_halves};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The usual devices, and a GPU with the kernels of graphics hardware.
fn all_devices() -> Vec<Device> {
    let mut all = devices().to_vec();
    all.extend(with_halves());
    all.retain(|device| device.supports(DType::F16));
    all
}

/// The network of a preset, its last weights times a number, on which depends how large energies and gradients are.
fn network(preset: &str, activation: &str, size: f64, device: &Device) -> Outcome<EnergyNetwork> {
    let mut layers = Layers::preset(preset)?;
    layers.set("data.path=unused")?;
    layers.set("model.width=16")?;
    layers.set(&format!("model.activation={activation}"))?;
    let config = layers.build()?;
    let channels = if preset == "digits" { 1 } else { 3 };
    let normalisation = Normalisation {
        mean: vec![0.3; channels],
        std: vec![0.35; channels],
    };
    let mut init = Init::new(RngKey::new(0, 0), DType::F32, device);
    let network = EnergyNetwork::new(&config.model, &normalisation, &mut init)?;
    for (name, p) in network.parameters() {
        if name.starts_with("head") {
            p.set(p.tensor().mul_scalar(size)?)?;
        }
    }
    Ok(network)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let norm = |all: &mut dyn Iterator<Item = f64>| all.map(|v| v * v).sum::<f64>().sqrt();
    let size = norm(&mut b.iter().map(|v| f64::from(*v)));
    norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b))) / size
}

/// Energies and their gradient with respect to images, with arrays of f16 and without.
fn both(network: &EnergyNetwork, x: &Tensor) -> Outcome<[(Vec<f32>, Vec<f32>); 2]> {
    let energy = |x: &Var| network.energy(x, Mode::Eval);
    let leaf = Var::leaf(x.clone());
    let (halves, of_halves) = autocast_grad(&leaf, || energy(&leaf))?;
    let step = Langevin::default().step(&energy, x, Numbers::Drawn(RngKey::new(0, 0)))?;
    Ok([
        (halves.to_vec()?, of_halves.to_vec()?),
        (step.energies.to_vec()?, step.gradient.to_vec()?),
    ])
}

/// The gradient with respect to the images, of f16's precision: as small as at the beginning of training, where every number of it and
/// most of those it is computed from are below what f16 can hold, and a million times as large.
#[test]
fn gradients_keep_their_precision_whatever_their_size() -> Outcome {
    for device in all_devices() {
        for (preset, shape) in [
            ("digits", [8, 8, 8, 1]),
            ("cifar10-large", [2, 32, 32, 3]),
            // the averages of one branch are over squares, those of the others are not
            ("cifar10-large", [2, 40, 32, 3]),
        ] {
            let x = Tensor::uniform(&shape, RngKey::new(3, 1), &device)?;
            // smooth: which side of a kink a rounded number falls on would count for much
            for (activation, size, limit) in [
                ("silu", 1.0, 1.5e-3),
                ("silu", 1e3, 1.5e-3),
                ("leaky_relu", 1.0, 3e-2),
            ] {
                let network = network(preset, activation, size, &device)?;
                let [(energies, gradient), (exactly, exact)] = both(&network, &x)?;
                let of = format!("{device}, {preset}, {activation}, head times {size}");
                let largest = exact.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                assert!(size > 1.0 || largest < 5e-5, "{of}: {largest}");
                let error = distance(&gradient, &exact);
                assert!(
                    (1e-5..limit).contains(&error),
                    "{of}: the gradient is off by {error}"
                );
                let error = distance(&energies, &exactly);
                assert!(
                    (1e-7..limit).contains(&error),
                    "{of}: the energy is off by {error}"
                );
            }
        }
    }
    Ok(())
}

/// What a step takes for more images is little more than half; without minimal filtering, whose products are f32.
#[test]
fn steps_of_halves_take_half_the_memory() -> Outcome {
    let peak = |storage, batch| -> Outcome<Option<u64>> {
        let Some(device) = with_halves() else {
            return Ok(None);
        };
        let network = network("cifar10-small", "silu", 1.0, &device)?;
        let energy = |x: &Var| network.energy(x, Mode::Eval);
        let x = Tensor::uniform(&[batch, 32, 32, 3], RngKey::new(3, 1), &device)?;
        let langevin = Langevin {
            steps: 4,
            storage,
            ..Langevin::default()
        };
        let run = || langevin.run(&energy, &x, RngKey::new(0, 2));
        with_winograd(Winograd::Off, || hold_weights(run))?;
        match &device {
            Device::Wgpu(gpu) => Ok(Some(gpu.memory().peak)),
            Device::Cpu => Ok(None),
        }
    };
    let more = |storage| -> Outcome<Option<u64>> {
        let peaks = peak(storage, 8)?.zip(peak(storage, 16)?);
        Ok(peaks.map(|(fewer, more)| more - fewer))
    };
    if let (Some(wide), Some(halves)) = (more(Storage::F32)?, more(Storage::F16)?) {
        assert!(10 * halves < 6 * wide, "{halves} bytes, {wide} of f32");
    }
    Ok(())
}
