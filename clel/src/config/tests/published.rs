//! The presets against what the paper and its official implementation state. The values are typed from there, and every field of a section
//! that decides what is computed is named.

use super::*;
use crate::config::tree::WinogradTiles;

const CIFAR: [&str; 5] = [
    "cifar10",
    "cifar10-small",
    "cifar10-large",
    "imagenet32",
    "celeba64",
];

fn preset(name: &str) -> Config {
    let mut layers = Layers::preset(name).unwrap();
    layers.set("data.path=not-read-here").unwrap();
    layers.build().unwrap()
}

fn model(network: Network, width: usize, hidden: usize, latent: usize) -> ModelConfig {
    ModelConfig {
        network,
        width,
        hidden,
        latent,
        activation: Activation::LeakyRelu,
        spectral_norm: true,
        projector: true,
    }
}

fn encoder(network: EncoderNetwork, width: usize, stem: Stem, hidden: usize) -> EncoderConfig {
    EncoderConfig {
        network,
        width,
        stem,
        hidden,
        latents: Latents::Contrastive,
        file: None,
        target_decay: 0.99,
    }
}

/// That of the contrastive loss and of the energy's, the same in all presets.
const LOSS: LossConfig = LossConfig {
    beta: 0.01,
    alpha: 1.0,
    tau: 0.2,
    negatives: true,
};

fn train(iterations: usize, lr: f64, warmup: usize) -> TrainConfig {
    TrainConfig {
        batch: 64,
        iterations,
        ema_half_life: 20_000.0,
        winograd: WinogradTiles::Four,
        matmul_precision: Precision::Highest,
        ebm: AdamConfig {
            lr,
            beta1: 0.0,
            beta2: 0.999,
            // PyTorch's own
            epsilon: 1e-8,
            warmup,
            schedule: Schedule::Constant,
        },
        encoder: SgdConfig {
            lr: 0.03,
            momentum: 0.9,
            weight_decay: 5e-4,
            warmup: 0,
            schedule: Schedule::Cosine,
        },
    }
}

/// The steps of a training run of the sampler, all alike and without a clip of the gradient.
fn sampler(steps: usize, noise: f64, buffer: usize, restart: f64) -> SamplerConfig {
    SamplerConfig {
        steps,
        step_size: 100.0,
        noise,
        schedule: StepShape::Constant,
        step_size_end: 1.0,
        noise_end: 1.0,
        clip: None,
        buffer,
        restart,
        augmentation: Augmentation::Strong,
        cache_spectral: false,
        capture: true,
        storage: Storage::F32,
    }
}

#[test]
fn natural_images_are_trained_as_in_the_paper() {
    for name in CIFAR {
        let found = preset(name);
        assert_eq!(found.loss, LOSS, "{name}");
        // a power iteration in each of the 60 steps: no cache
        assert_eq!(found.sampler, sampler(60, 0.001, 10_000, 0.001), "{name}");
        assert_eq!(found.train, train(100_000, 1e-4, 2000), "{name}");
        let strong = AugmentationConfig {
            encoder: Augmentation::Strong,
            ebm: Augmentation::Strong,
        };
        assert_eq!(found.augmentation, strong, "{name}");
        assert_eq!(found.eval.rounds, 10, "{name}");
    }
}

#[test]
fn natural_images_have_the_networks_of_the_paper() {
    for (name, network, width) in [
        ("cifar10", Network::Resnet, 128),
        ("cifar10-small", Network::ResnetSmall, 64),
        ("cifar10-large", Network::ResnetLarge, 256),
        ("imagenet32", Network::Resnet, 128),
        ("celeba64", Network::Resnet64, 64),
    ] {
        let found = preset(name);
        assert_eq!(found.model, model(network, width, 2048, 128), "{name}");
        let stem = match name {
            "celeba64" => Stem::Large,
            _ => Stem::Small,
        };
        let resnet18 = encoder(EncoderNetwork::Resnet18, 64, stem, 2048);
        assert_eq!(found.encoder, resnet18, "{name}");
    }
    let sources = CIFAR.map(|name| preset(name).data.source);
    let cifar = Source::Cifar10;
    assert_eq!(
        sources,
        [cifar, cifar, cifar, Source::Imagenet32, Source::Celeba]
    );
}

/// Not in the paper: what a prototype in PyTorch was found to learn digits with in minutes.
#[test]
fn digits_are_trained_as_a_prototype_was() {
    let found = preset("digits");
    assert_eq!(found.data.source, Source::Digits);
    assert_eq!(found.model, model(Network::Tiny, 32, 256, 64));
    assert_eq!(
        found.encoder,
        encoder(EncoderNetwork::Tiny, 32, Stem::Small, 256)
    );
    assert_eq!(found.loss, LOSS);
    let wanted = SamplerConfig {
        // a shifted digit in the buffer is no digit
        augmentation: Augmentation::None,
        // quicker, and told as a departure from the official implementation
        cache_spectral: true,
        ..sampler(20, 0.01, 2000, 0.03)
    };
    assert_eq!(found.sampler, wanted);
    assert_eq!(found.train, train(1500, 2e-3, 300));
    let gentle = AugmentationConfig {
        encoder: Augmentation::Affine,
        ebm: Augmentation::Affine,
    };
    assert_eq!(found.augmentation, gentle);

    let fashion = preset("fashion");
    assert_eq!(fashion.data.source, Source::Fashion);
    assert_eq!(fashion.model, model(Network::ResnetSmall, 24, 256, 64));
    let tiny = encoder(EncoderNetwork::Tiny, 16, Stem::Small, 256);
    assert_eq!(fashion.encoder, tiny);
    assert_eq!(fashion.loss, found.loss);
    assert_eq!(fashion.sampler, found.sampler);
    assert_eq!(fashion.train, found.train);
    assert_eq!(fashion.augmentation, found.augmentation);
}

/// Half of what an average holds is gone after 20 000 images.
#[test]
fn averages_have_the_decay_of_the_paper() {
    let train = preset("cifar10").train;
    let decay = clel_nn::optim::ema_decay(train.batch, train.ema_half_life);
    // 0.5^(64/20000)
    assert!((decay - 0.997_784_38).abs() < 1e-8, "{decay}");
}
