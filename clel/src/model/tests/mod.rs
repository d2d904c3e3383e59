mod initial;

use clel_autograd::{GradOptions, Var, check_grad, grad};
use clel_nn::{Init, Layer, Mode, Module};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches, largest_array};

use super::*;
use crate::config::{
    Activation, EncoderConfig, EncoderNetwork, Latents, Layers, ModelConfig, Network, Stem,
};

fn normalisation(channels: usize) -> Normalisation {
    Normalisation {
        mean: vec![0.4; channels],
        std: vec![0.3; channels],
    }
}

fn init() -> Init {
    Init::new(RngKey::new(1, 1), DType::F32, &Device::Cpu)
}

fn network(network: Network, width: usize, hidden: usize, latent: usize) -> EnergyNetwork {
    let config = ModelConfig {
        network,
        width,
        hidden,
        latent,
        activation: Activation::LeakyRelu,
        spectral_norm: true,
        projector: true,
    };
    let channels = if network == Network::Tiny { 1 } else { 3 };
    EnergyNetwork::new(&config, &normalisation(channels), &mut init()).unwrap()
}

fn encoder(network: EncoderNetwork, width: usize, hidden: usize, latent: usize) -> Encoder {
    let config = EncoderConfig {
        network,
        width,
        stem: Stem::Small,
        hidden,
        latents: Latents::Contrastive,
        file: None,
        target_decay: 0.99,
    };
    let channels = if network == EncoderNetwork::Tiny {
        1
    } else {
        3
    };
    Encoder::new(&config, latent, &normalisation(channels), &mut init()).unwrap()
}

#[test]
fn least_sides_are_what_the_pools_leave_something_of() {
    for kind in [
        Network::Tiny,
        Network::ResnetSmall,
        Network::Resnet,
        Network::Resnet64,
        Network::ResnetLarge,
    ] {
        let made = network(kind, 2, 2, 2);
        let channels = if kind == Network::Tiny { 1 } else { 3 };
        let seen = |h, w| {
            let image = Tensor::zeros(&[1, h, w, channels], DType::F32, &Device::Cpu);
            made.features(&image.unwrap().into(), Mode::Eval)
        };
        let least = kind.least_side();
        seen(least, least).unwrap();
        assert!(seen(least - 1, least).is_err(), "{}", kind.name());
    }
    // an encoder takes any
    for kind in [EncoderNetwork::Tiny, EncoderNetwork::Resnet18] {
        let channels = if kind == EncoderNetwork::Tiny { 1 } else { 3 };
        let image = Tensor::zeros(&[1, 1, 1, channels], DType::F32, &Device::Cpu).unwrap();
        let latent = encoder(kind, 2, 2, 2).latent(&image.into(), Mode::Eval);
        latent.unwrap().tensor().realize().unwrap();
    }
}

/// Counts of the paper (1.7 M, 6.96 M, 30.7 M) and of the PyTorch reference, to the last parameter.
#[test]
fn networks_have_as_many_parameters_as_published() {
    for (name, width, count) in [
        (Network::ResnetSmall, 64, 1_725_056),
        (Network::Resnet, 128, 6_955_648),
        (Network::ResnetLarge, 256, 30_706_816),
    ] {
        let found = network(name, width, 2048, 128).parameter_count();
        assert_eq!(found, count, "{name:?}");
    }
    assert_eq!(
        network(Network::Tiny, 32, 256, 64).parameter_count(),
        216_000
    );
    let resnet18 = encoder(EncoderNetwork::Resnet18, 64, 2048, 128);
    assert_eq!(resnet18.parameter_count(), 12_483_776);
    let tiny = encoder(EncoderNetwork::Tiny, 32, 256, 64);
    assert_eq!(tiny.parameter_count(), 327_328);
}

#[test]
fn outputs_have_the_stated_shapes() {
    for (name, side, channels) in [
        (Network::Tiny, 8, 1),
        (Network::ResnetSmall, 16, 3),
        (Network::ResnetLarge, 32, 3),
    ] {
        let net = network(name, 4, 16, 6);
        let x = Tensor::uniform(&[2, side, side, channels], RngKey::new(2, 2), &Device::Cpu);
        let x = Var::constant(x.unwrap());
        let f = net.features(&x, Mode::Eval).unwrap();
        assert_eq!(f.shape(), [2, 6]);
        assert_eq!(net.project(&f, Mode::Eval).unwrap().shape(), [2, 6]);
        assert_eq!(net.energy(&x, Mode::Train).unwrap().shape(), [2]);
        let wrong = Var::constant(Tensor::zeros(&[2, 8, 8, 2], DType::F32, &Device::Cpu).unwrap());
        assert!(net.features(&wrong, Mode::Eval).is_err());
    }
    let x = Tensor::uniform(&[3, 8, 8, 1], RngKey::new(2, 2), &Device::Cpu).unwrap();
    let h = encoder(EncoderNetwork::Tiny, 4, 16, 6);
    assert_eq!(h.forward(&x.into(), Mode::Train).unwrap().shape(), [3, 6]);
}

/// The largest array that a network of a preset writes in one evaluation batch, sampling included, fits the binding that
/// WebGPU guarantees (`maxStorageBufferBindingSize`, 128 MiB). Computed at an eighth of the widths, which every large array is
/// proportional to.
#[test]
fn an_evaluation_batch_fits_a_binding() {
    const MIB: usize = 1 << 20;
    for (preset, largest) in [
        ("cifar10-small", 16),
        ("cifar10", 32),
        ("cifar10-large", 64),
    ] {
        let mut layers = Layers::preset(preset).unwrap();
        layers.set("data.path=not-read-here").unwrap();
        let mut config = layers.build().unwrap();
        for width in [&mut config.model.width, &mut config.encoder.width] {
            assert!(width.is_multiple_of(8), "{preset}");
            *width /= 8;
        }
        let latent = config.model.latent;
        let f = EnergyNetwork::new(&config.model, &normalisation(3), &mut init()).unwrap();
        let h = Encoder::new(&config.encoder, latent, &normalisation(3), &mut init()).unwrap();
        let shape = [EVALUATION_BATCH, 32, 32, 3];
        let x = Var::leaf(Tensor::uniform(&shape, RngKey::new(2, 2), &Device::Cpu).unwrap());
        let ((), bytes) = largest_array(|| {
            let e = f.energy(&x, Mode::Eval).unwrap();
            let g = grad(&[&e], &[&x], &GradOptions::default()).unwrap();
            let z = h.latent(&x, Mode::Eval).unwrap();
            Tensor::realize_all(&[g[0].tensor(), z.tensor()]).unwrap();
        });
        assert_eq!(8 * bytes, largest * MIB, "{preset}");
        assert!(8 * bytes <= 128 * MIB, "{preset}");
    }
}

#[test]
fn energies_are_of_rows() {
    let of = |shape: &[usize]| -> Var {
        let array = Tensor::normal(shape, RngKey::new(3, 9), &Device::Cpu);
        array.unwrap().into()
    };
    let (v, cube, map) = (of(&[4, 3]), of(&[4, 3, 3]), of(&[4, 2, 2, 3]));
    let joint = |f: &Var, g: &Var, z: &Var| joint_energy(f, g, z, 0.5);
    // one latent for all
    joint(&v, &v, &of(&[1, 3])).unwrap();
    let wrong = [
        ("energy of rank 3", energy(&cube)),
        ("energy of rank 4", energy(&map)),
        ("direction of rank 3", direction(&cube)),
        ("direction of rank 4", direction(&map)),
        ("similarity, rank 3", similarity(&v, &of(&[4, 4, 3]))),
        ("similarity, one number", similarity(&v, &of(&[4, 1]))),
        ("similarity, one direction", similarity(&of(&[1, 3]), &v)),
        ("joint, one feature", joint(&of(&[1, 3]), &v, &v)),
    ];
    let accepted = wrong
        .iter()
        .filter(|(_, found)| !matches!(found, Err(crate::Error::Mismatch { .. })));
    let accepted: Vec<_> = accepted.map(|(what, _)| what).collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}

/// E(x, z) by hand, and that its two parts are what they are said to be.
#[test]
fn the_joint_energy_is_lowest_along_its_direction() {
    let row = |v: &[f32]| Var::constant(Tensor::from_slice(v, &[1, 2], &Device::Cpu).unwrap());
    let (f, g) = (row(&[0.6, 0.8]), row(&[0.0, 3.0]));
    let joint = |z: &[f32]| {
        let e = joint_energy(&f, &g, &row(z), 0.25).unwrap();
        e.tensor().item().unwrap()
    };
    assert!((joint(&[0.0, 1.0]) - (0.5 - 0.25)).abs() < 1e-6);
    assert!((joint(&[0.0, -1.0]) - (0.5 + 0.25)).abs() < 1e-6);
    assert!((joint(&[1.0, 0.0]) - 0.5).abs() < 1e-6);
}

#[test]
fn the_direction_of_nothing_has_a_finite_gradient() {
    let zero = Var::leaf(Tensor::zeros(&[1, 3], DType::F32, &Device::Cpu).unwrap());
    let d = direction(&zero).unwrap();
    let g = grad(&[&d], &[&zero], &GradOptions::default()).unwrap();
    assert!(
        g[0].tensor()
            .to_vec::<f32>()
            .unwrap()
            .iter()
            .all(|v| v.is_finite())
    );
}

#[test]
fn the_gradient_to_the_image_computes_no_weight_gradient() {
    let net = network(Network::Tiny, 4, 16, 6);
    let x = Tensor::uniform(&[2, 8, 8, 1], RngKey::new(2, 2), &Device::Cpu).unwrap();
    let x = Var::leaf(x);
    let (g, counts) = count_launches(|| {
        let e = net.energy(&x, Mode::Train).unwrap();
        let g = grad(&[&e], &[&x], &GradOptions::default()).unwrap();
        g[0].tensor().realize().unwrap();
    });
    let () = g;
    assert_eq!(counts.get("conv2d_weight_grad"), None, "{counts:?}");
    assert_eq!(counts.get("conv2d"), counts.get("conv2d_input_grad"));
}

/// E(x) of a whole network with each non-linearity, differentiated twice, against central differences in f64.
#[test]
fn energies_have_right_derivatives_with_every_activation() {
    let mut energies = Vec::new();
    for activation in [
        Activation::LeakyRelu,
        Activation::Relu,
        Activation::Elu,
        Activation::Silu,
        Activation::Gelu,
        Activation::Softplus,
    ] {
        let config = ModelConfig {
            network: Network::Tiny,
            width: 3,
            hidden: 6,
            latent: 4,
            activation,
            spectral_norm: true,
            projector: true,
        };
        let mut init = Init::new(RngKey::new(4, 1), DType::F64, &Device::Cpu);
        let net = EnergyNetwork::new(&config, &normalisation(1), &mut init).unwrap();
        // the head's first values are so small that nothing would be left to compare
        for (name, p) in net.parameters() {
            if name.starts_with("head") {
                p.set(p.tensor().mul_scalar(30.0).unwrap()).unwrap();
            }
        }
        let x = Tensor::uniform(&[2, 8, 8, 1], RngKey::new(4, 2), &Device::Cpu).unwrap();
        let x = x.to_dtype(DType::F64).unwrap();
        let f = |v: &[Var]| {
            let e = net.energy(&v[0], Mode::Eval).map_err(|e| match e {
                crate::Error::Autograd(e) => e,
                e => panic!("{e}"),
            })?;
            e.mul_scalar(1.3)?.sin()
        };
        check_grad(&f, std::slice::from_ref(&x), 2)
            .unwrap_or_else(|e| panic!("{activation:?}: {e}"));
        let e = net.energy(&x.into(), Mode::Eval).unwrap();
        energies.push(e.tensor().to_vec::<f64>().unwrap()[0]);
    }
    // each is another function
    energies.sort_by(f64::total_cmp);
    let gap = |pair: &[f64]| pair[1] - pair[0] > 1e-6 * pair[1];
    assert!(energies.windows(2).all(gap), "{energies:?}");
}

/// Multiply-adds of one image's forward pass that the paper's networks take: 0.116, 0.93 and 4.22 billion.
#[test]
fn networks_compute_as_much_as_published() {
    for (network, width, expected) in [
        (Network::ResnetSmall, 64, "0.116"),
        (Network::Resnet, 128, "0.93"),
        (Network::ResnetLarge, 256, "4.22"),
    ] {
        let config = ModelConfig {
            network,
            width,
            hidden: 2048,
            latent: 128,
            activation: Activation::LeakyRelu,
            spectral_norm: true,
            projector: true,
        };
        let found = multiply_adds(&config, usual_shape(network)) as f64 * 1e-9;
        let digits = expected.len() - 2;
        assert_eq!(format!("{found:.digits$}"), expected, "{network:?}");
    }
}

/// Weights of the listed convolutions and linears, and one bias an output of all but the 1×1 convolutions, are all parameters of f.
#[test]
fn the_listed_layers_are_those_of_the_network() {
    for name in [Network::Tiny, Network::ResnetSmall, Network::ResnetLarge] {
        let config = ModelConfig {
            network: name,
            width: 4,
            hidden: 8,
            latent: 6,
            activation: Activation::LeakyRelu,
            spectral_norm: true,
            projector: true,
        };
        let mut count = 0;
        for c in convolutions(&config, usual_shape(name)) {
            let bias = usize::from(c.kernel > 1);
            count += c.outputs * (c.inputs * c.kernel * c.kernel + bias);
        }
        for [inputs, outputs] in linears(&config) {
            count += (inputs + 1) * outputs;
        }
        let projection = 6 * 8 + 8 * 6;
        let found = network(name, 4, 8, 6).parameter_count();
        assert_eq!(count + projection, found, "{name:?}");
    }
}
