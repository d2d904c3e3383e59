//! What happens at the beginning of a round.

use super::*;
use crate::augment::augment;
use crate::config::Augmentation;
use crate::model::EVALUATION_BATCH;
use crate::train::streams;

const SHAPE: [usize; 3] = [8, 8, 3];
const SEED: u64 = 5;
const FAMILIES: [Augmentation; 3] = [
    Augmentation::Weak,
    Augmentation::Strong,
    Augmentation::Affine,
];

/// Rounds of one step that leaves images as they are.
fn resting(rounds: usize, augmentation: Augmentation, restart: f64) -> Rounds {
    Rounds {
        langevin: Langevin {
            step_size: 0.0,
            ..Langevin::default()
        },
        steps: rounds,
        augmentation,
        restart,
        seed: SEED,
    }
}

/// The key of round `round` of the batch `part`.
fn key(stream: u32, part: u64, round: u64) -> RngKey {
    RngKey::new(SEED, stream).at((part << 16) | round)
}

fn images(n: usize) -> Tensor {
    let [h, w, c] = SHAPE;
    Tensor::uniform(&[n, h, w, c], RngKey::new(1, 9), &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

#[test]
fn each_round_augments_every_chain_by_a_key_of_its_own() {
    // two batches
    let x = images(EVALUATION_BATCH + 2);
    let parts = [(0, EVALUATION_BATCH), (EVALUATION_BATCH, 2)];
    for family in FAMILIES {
        let ends = |rounds| {
            let (start, of) = (values(&x), resting(rounds, family, 0.0));
            of.run(&bowl, Start::Images(&start), SHAPE, &Device::Cpu)
                .unwrap()
        };
        assert_eq!(ends(0), values(&x), "without a round");
        let mut wanted = x.clone();
        for round in 0..2 {
            let augmented = parts.into_iter().enumerate().map(|(part, (first, n))| {
                let part_key = key(streams::EVALUATION_CHAINS, part as u64, round);
                augment(&wanted.slice(0, first, n).unwrap(), family, part_key).unwrap()
            });
            let augmented: Vec<Tensor> = augmented.collect();
            let next = Tensor::concat(&augmented.iter().collect::<Vec<_>>(), 0).unwrap();
            assert_ne!(values(&next), values(&wanted), "{family:?}");
            wanted = next;
            assert_eq!(ends(round as usize + 1), values(&wanted), "{family:?}");
        }
    }
}

#[test]
fn chains_start_again_before_they_are_augmented_and_not_in_the_first_round() {
    let x = images(3);
    let noise = |round| {
        let key = key(streams::EVALUATION_RESTART, 0, round);
        Tensor::uniform(x.shape(), key, &Device::Cpu).unwrap()
    };
    for family in FAMILIES {
        let ends = |rounds| {
            let (start, of) = (values(&x), resting(rounds, family, 1.0));
            of.run(&bowl, Start::Images(&start), SHAPE, &Device::Cpu)
                .unwrap()
        };
        let augmented = |x: &Tensor, round| {
            let key = key(streams::EVALUATION_CHAINS, 0, round);
            values(&augment(x, family, key).unwrap())
        };
        assert_eq!(ends(1), augmented(&x, 0), "{family:?}");
        assert_eq!(ends(2), augmented(&noise(1), 1), "{family:?}");
        assert_eq!(ends(3), augmented(&noise(2), 2), "{family:?}");
    }
}

/// Starts and restarts of an evaluation.
#[test]
fn the_noise_of_rounds_is_uniform_and_always_new() {
    let (count, none) = (EVALUATION_BATCH + 30, Augmentation::None);
    let start = resting(1, none, 1.0).start(count, SHAPE, &Device::Cpu);
    let mut seen = vec![start.unwrap()];
    for rounds in [2, 3] {
        let of = resting(rounds, none, 1.0);
        seen.push(
            of.run(&bowl, Start::Noise(count), SHAPE, &Device::Cpu)
                .unwrap(),
        );
    }
    let of = resting(1, none, 1.0);
    assert_eq!(
        of.run(&bowl, Start::Noise(count), SHAPE, &Device::Cpu)
            .unwrap(),
        seen[0],
        "a chain from noise does not start again in the first round"
    );
    for values in &seen {
        assert_uniform(values);
    }
    let size = SHAPE.iter().product();
    assert_all_differ(&seen.concat(), size);
}
