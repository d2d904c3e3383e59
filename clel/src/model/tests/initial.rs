//! The values that networks start with.

use super::*;
use crate::config::PRESETS;

/// A rule for the initial values of a parameter.
#[derive(Debug, Clone, Copy)]
enum Start {
    Zeros,
    Ones,
    /// Of this standard deviation.
    Normal(f64),
    /// On −b to b.
    Uniform(f64),
}

/// Means and deviations within 5 of their own standard deviations, in a shape that tells the two distributions apart.
fn check(name: &str, values: &[f32], start: Start) {
    let n = values.len() as f64;
    let all = |v: f32| {
        assert!(
            values.iter().all(|found| *found == v),
            "{name}: not all {v}"
        )
    };
    // the fourth moment by the square of the variance
    let (deviation, fourth) = match start {
        Start::Zeros => return all(0.0),
        Start::Ones => return all(1.0),
        Start::Normal(deviation) => (deviation, 3.0),
        Start::Uniform(bound) => (bound / 3f64.sqrt(), 1.8),
    };
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    assert!(mean.abs() < 5.0 * deviation / n.sqrt(), "{name}: {mean}");
    let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n;
    let ratio = square / (deviation * deviation);
    let wide = 5.0 * ((fourth - 1.0) / n).sqrt();
    assert!((ratio - 1.0).abs() < wide, "{name}: {ratio}, {start:?}");
    let largest = values
        .iter()
        .map(|v| f64::from(v.abs()))
        .fold(0.0, f64::max);
    match start {
        Start::Uniform(bound) => {
            // rounding of f32
            assert!(largest <= bound * (1.0 + 1e-6), "{name}: {largest}");
            assert!(n < 200.0 || largest > 0.95 * bound, "{name}: {largest}");
        }
        _ => assert!(n < 500.0 || largest > 2.2 * deviation, "{name}: {largest}"),
    }
}

fn fan_in(shape: &[usize]) -> f64 {
    shape[1..].iter().product::<usize>() as f64
}

/// Convolutions Kaiming-normal by their inputs with gain 1, head and projector normal with 0.01, biases 0.
fn of_energy_network(name: &str, shape: &[usize]) -> Start {
    let linear = name.starts_with("head.") || name.starts_with("projection.");
    match name.rsplit_once('.') {
        Some((_, "bias")) => Start::Zeros,
        _ if linear => Start::Normal(0.01),
        _ => Start::Normal(1.0 / fan_in(shape).sqrt()),
    }
}

/// Convolutions Kaiming-normal by their outputs with gain √2, the last BatchNorm of a residual branch 0, linears as PyTorch's.
fn of_encoder(name: &str, shape: &[usize], hidden: usize) -> Start {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["fc", "0" | "3", "weight"] => Start::Uniform(1.0 / fan_in(shape).sqrt()),
        ["fc", "3", "bias"] => Start::Uniform(1.0 / (hidden as f64).sqrt()),
        ["fc", "1", "weight"] => Start::Ones,
        [layer, _, "bn2", "weight"] if layer.starts_with("layer") => Start::Zeros,
        [.., "downsample", "1", "weight"] => Start::Ones,
        [.., norm, "weight"] if norm.starts_with("bn") => Start::Ones,
        [.., "bias"] => Start::Zeros,
        // [O, KH, KW, I]
        _ => Start::Normal((2.0 / (shape[0] * shape[1] * shape[2]) as f64).sqrt()),
    }
}

/// How many parameters there are of each kind: constants, normal and uniform ones.
type Count = [usize; 3];

fn checked(module: &dyn Module, of: impl Fn(&str, &[usize]) -> Start) -> Count {
    let mut count = [0; 3];
    for (name, parameter) in module.parameters() {
        let start = of(&name, parameter.tensor().shape());
        check(&name, &parameter.tensor().to_vec::<f32>().unwrap(), start);
        count[match start {
            Start::Zeros | Start::Ones => 0,
            Start::Normal(_) => 1,
            Start::Uniform(_) => 2,
        }] += 1;
    }
    count
}

/// At a quarter of the widths: deviations follow from the shapes.
#[test]
fn networks_of_all_presets_start_with_the_stated_values() {
    let (resnet18, tiny) = ([42, 20, 3], [12, 5, 3]);
    for (preset, energy, encoder) in [
        ("digits", [9, 12, 0], tiny),
        ("fashion", [11, 14, 0], tiny),
        ("cifar10", [19, 22, 0], resnet18),
        ("cifar10-small", [11, 14, 0], resnet18),
        ("cifar10-large", [53, 55, 0], resnet18),
        ("imagenet32", [19, 22, 0], resnet18),
        ("celeba64", [23, 27, 0], resnet18),
    ] {
        let mut layers = Layers::preset(preset).unwrap();
        layers.set("data.path=not-read-here").unwrap();
        let mut config = layers.build().unwrap();
        let channels = match preset {
            "digits" | "fashion" => 1,
            _ => 3,
        };
        let latent = config.model.latent;
        for width in [&mut config.model.width, &mut config.encoder.width] {
            *width /= 4;
        }
        let normalisation = normalisation(channels);
        let f = EnergyNetwork::new(&config.model, &normalisation, &mut init()).unwrap();
        assert_eq!(checked(&f, of_energy_network), energy, "{preset}");
        let h = Encoder::new(&config.encoder, latent, &normalisation, &mut init()).unwrap();
        let hidden = config.encoder.hidden;
        let found = checked(&h, |name, shape| of_encoder(name, shape, hidden));
        assert_eq!(found, encoder, "{preset}");
        for (name, state) in h.states() {
            let values = state.tensor().to_vec::<f32>().unwrap();
            if name.ends_with("running_mean") {
                check(&name, &values, Start::Zeros);
            } else if name.ends_with("running_var") {
                check(&name, &values, Start::Ones);
            }
        }
    }
    assert_eq!(PRESETS.len(), 7);
}
