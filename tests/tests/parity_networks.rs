//! Both networks, narrow, against PyTorch: outputs, gradients to the image and to every parameter, state after a
//! training forward.

use clel::config::{EncoderNetwork, Network};
use clel::model::{energy, joint_energy};
use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{Layer, Mode, Module};
use clel_tests::{Case, EncoderShape, EnergyShape, Failure, load, on_every_device};
use clel_tests::{same_gradients, same_values};

const MODES: [(&str, Mode); 2] = [("train", Mode::Train), ("eval", Mode::Eval)];

/// Compares the gradient of the sum of `values` with respect to the images.
fn same_slope(case: &Case<'_>, key: &str, values: &Var, images: &Var) -> Result<(), Failure> {
    let g = grad(&[values], &[images], &GradOptions::default())?.remove(0);
    case.same(key, g.tensor())
}

fn energy_network(fixture: &str, network: Network) {
    on_every_device(fixture, |file| {
        let shape: EnergyShape = file.fixture.note("config")?;
        let net = shape.build(file, network)?;
        let (alpha, beta): (f64, f64) = (file.fixture.note("alpha")?, file.fixture.note("beta")?);
        let z = Var::constant(file.tensor("z")?);
        for (name, mode) in MODES {
            load(&file.under("initial"), &net)?;
            let case = file.under(name);
            let x = file.leaf("x")?;
            let f = net.features(&x, mode)?;
            let g = net.project(&f, mode)?;
            let (e, joint) = (energy(&f)?, joint_energy(&f, &g, &z, beta)?);
            case.same("f", f.tensor())?;
            case.same("g", g.tensor())?;
            case.same("energy", e.tensor())?;
            case.same("joint_energy", joint.tensor())?;
            same_slope(&case, "grad_x", &e, &x)?;
            same_slope(&case, "grad_x_joint", &joint, &x)?;
            let squares = e.mul(&e)?.mean_all()?.mul_scalar(alpha)?;
            let objective = joint.mean_all()?.add(&squares)?;
            same_gradients(&case.under("grad"), &net, &objective)?;
            let after = if mode == Mode::Train {
                "train.after"
            } else {
                "initial"
            };
            same_values(&file.under(after), &net)?;
        }
        Ok(())
    });
}

#[test]
fn energy_tiny() {
    energy_network("energy_tiny", Network::Tiny);
}

#[test]
fn energy_tiny_with_another_activation() {
    energy_network("energy_tiny_silu", Network::Tiny);
}

#[test]
fn energy_resnet_small_where_a_pool_leaves_out_a_row() {
    energy_network("energy_resnet_small_odd", Network::ResnetSmall);
}

#[test]
fn energy_resnet_small() {
    energy_network("energy_resnet_small", Network::ResnetSmall);
}

#[test]
fn energy_resnet() {
    energy_network("energy_resnet", Network::Resnet);
}

#[test]
fn energy_resnet_large() {
    energy_network("energy_resnet_large", Network::ResnetLarge);
}

fn encoder(fixture: &str) {
    on_every_device(fixture, |file| {
        let shape: EncoderShape = file.fixture.note("config")?;
        let net = shape.build(file)?;
        let seed = Var::constant(file.tensor("grad_y")?);
        for (name, mode) in MODES {
            load(&file.under("initial"), &net)?;
            let case = file.under(name);
            let x = file.leaf("x")?;
            let y = net.forward(&x, mode)?;
            case.same("y", y.tensor())?;
            let objective = y.mul(&seed)?.sum_all()?;
            same_slope(&case, "grad_x", &objective, &x)?;
            same_gradients(&case.under("grad"), &net, &objective)?;
            let after = if mode == Mode::Train {
                "train.after"
            } else {
                "initial"
            };
            same_values(&file.under(after), &net)?;
        }
        Ok(())
    });
}

#[test]
fn encoder_tiny() {
    encoder("encoder_tiny");
}

#[test]
fn encoder_resnet18() {
    encoder("encoder_resnet18");
}

/// Parameters of the presets at full width, as counted in PyTorch (`tests/reference/KEYS.md`) and, but for the tiny ones, in
/// the paper's implementation.
#[test]
fn parameter_counts_of_the_presets() {
    use clel::config::{Activation, EncoderConfig, Latents, ModelConfig, Stem};
    use clel::model::{Encoder, EnergyNetwork, Normalisation};
    use clel_nn::Init;
    use clel_tensor::{DType, Device, RngKey};
    let of = |channels| Normalisation {
        mean: vec![0.5; channels],
        std: vec![0.25; channels],
    };
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
    for (network, width, hidden, latent, channels, count) in [
        (Network::Tiny, 32, 256, 64, 1, 216_000),
        (Network::ResnetSmall, 64, 2048, 128, 3, 1_725_056),
        (Network::Resnet, 128, 2048, 128, 3, 6_955_648),
        (Network::Resnet64, 64, 2048, 128, 3, 7_036_032),
        (Network::ResnetLarge, 256, 2048, 128, 3, 30_706_816),
    ] {
        let config = ModelConfig {
            network,
            width,
            hidden,
            latent,
            activation: Activation::LeakyRelu,
            spectral_norm: false, // fifteen power iterations for nothing
            projector: true,
        };
        let net = EnergyNetwork::new(&config, &of(channels), &mut init).unwrap();
        assert_eq!(net.parameter_count(), count, "{network:?}");
    }
    let (small, large) = (Stem::Small, Stem::Large);
    for (network, stem, width, hidden, latent, channels, count) in [
        (EncoderNetwork::Tiny, small, 32, 256, 64, 1, 327_328),
        (
            EncoderNetwork::Resnet18,
            small,
            64,
            2048,
            128,
            3,
            12_483_776,
        ),
        (
            EncoderNetwork::Resnet18,
            large,
            64,
            2048,
            128,
            3,
            12_491_456,
        ),
    ] {
        let config = EncoderConfig {
            network,
            width,
            stem,
            hidden,
            latents: Latents::Contrastive,
            file: None,
            target_decay: 0.99,
        };
        let net = Encoder::new(&config, latent, &of(channels), &mut init).unwrap();
        assert_eq!(net.parameter_count(), count, "{network:?}");
    }
}
