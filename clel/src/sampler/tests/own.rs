//! What the book shows of steps, rounds and known pixels of one's own.

use super::*;
use crate::config::Augmentation;
use clel_nn::hold_weights;

// ANCHOR: curve
/// All steps of a run whose λ falls as 1/(k + 1).
fn annealed(
    langevin: &Langevin,
    energy: &Energy<'_>,
    mut images: Tensor,
    key: RngKey,
) -> Result<Tensor> {
    for k in 0..langevin.steps {
        let step = Langevin {
            step_size: langevin.step_size / (k + 1) as f64,
            ..langevin.clone()
        };
        let noise = key.at((key.step << 32) | k as u64);
        images = step.step(energy, &images, Numbers::Drawn(noise))?.images;
    }
    Ok(images)
}
// ANCHOR_END: curve

// ANCHOR: augmentation
/// Runs chains from `chains`, row-major [N, H, W, C]; `transform` is applied to them before each round, with the round's number.
fn run_transformed(
    rounds: &Rounds,
    energy: &Energy<'_>,
    mut chains: Vec<f32>,
    shape: [usize; 3],
    device: &Device,
    transform: impl Fn(&mut [f32], usize),
) -> Result<Vec<f32>> {
    for round in 0..rounds.count() {
        transform(&mut chains, round);
        let watch = &mut |_: usize, _: &Tensor| Ok(());
        rounds.round(energy, &mut chains, round, shape, device, watch)?;
    }
    Ok(chains)
}
// ANCHOR_END: augmentation

// ANCHOR: observed
/// Fills in what is not `known` (0 there; [H, W, 1]) of images [N, H, W, C], led by latents or not as `energy` is.
fn filled_in(
    langevin: &Langevin,
    energy: &Energy<'_>,
    images: &Tensor,
    known: &Tensor,
    key: RngKey,
) -> Result<Tensor> {
    let observed = Observed::Pixels {
        images: images.clone(),
        known: known.clone(),
    };
    let noise = RngKey { stream: 100, ..key };
    let start = Tensor::uniform(images.shape(), noise, images.device())?;
    let start = observed.correct(&start)?;
    let watch = &mut |_: usize, _: &Tensor| Ok(());
    // weights with a spectral norm are computed once
    let chains = hold_weights(|| langevin.follow(energy, &start, key, Some(&observed), watch))?;
    Ok(chains.images)
}
// ANCHOR_END: observed

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

/// Steps of ¼, ⅛ and 1/12 in the bowl leave ¾·⅞·11/12 of the distance from ½; a run's own first step draws the same noise.
#[test]
fn steps_have_a_curve_of_their_own() {
    let ends = annealed(&langevin(0.0, None), &bowl, start(), RngKey::new(0, 0)).unwrap();
    for (x, x0) in values(&ends).iter().zip(values(&start())) {
        let left = 0.75 * 0.875 * 11.0 / 12.0;
        assert!((x - (0.5 + left * (x0 - 0.5))).abs() < 1e-6);
    }
    let noisy = Langevin {
        step_size: 0.0,
        ..langevin(0.1, None)
    };
    let key = RngKey::new(3, 3).at(5);
    let ends = annealed(&noisy, &bowl, start(), key).unwrap();
    let run = noisy.run(&bowl, &start(), key).unwrap();
    assert_eq!(values(&ends), values(&run.images));
}

#[test]
fn rounds_have_a_transformation_of_their_own() {
    let rounds = Rounds {
        langevin: langevin(0.05, None),
        steps: 8,
        augmentation: Augmentation::None,
        restart: 0.0,
        seed: 5,
    };
    let (shape, device) = ([2, 2, 1], &Device::Cpu);
    let chains = || rounds.start(3, shape, device).unwrap();
    let rest = run_transformed(&rounds, &bowl, chains(), shape, device, |_, _| {});
    let run = rounds.run(&bowl, Start::Noise(3), shape, device).unwrap();
    assert_eq!(rest.unwrap(), run);
    let seen = std::cell::RefCell::new(Vec::new());
    let black = |chains: &mut [f32], round: usize| {
        chains.fill(0.0);
        seen.borrow_mut().push(round);
    };
    let ends = run_transformed(&rounds, &bowl, chains(), shape, device, black).unwrap();
    assert_eq!(*seen.borrow(), [0, 1, 2]);
    // the last round is of two steps from black: 7/16 of the way to ½, noise of 0.05·√1.5625 apart
    assert!(ends.iter().all(|v| (v - 0.218_75).abs() < 0.3), "{ends:?}");
    assert_ne!(ends, run);
}

#[test]
fn known_pixels_stay_with_an_energy_of_ones_own() {
    let images = Tensor::uniform(&[4, 2, 2, 1], RngKey::new(1, 7), &Device::Cpu).unwrap();
    let known = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0], &[2, 2, 1], &Device::Cpu).unwrap();
    let l = Langevin {
        steps: 40,
        ..langevin(0.0, None)
    };
    let ends = filled_in(&l, &bowl, &images, &known, RngKey::new(2, 2)).unwrap();
    for (x, y) in values(&ends).chunks(4).zip(values(&images).chunks(4)) {
        assert_eq!((x[0], x[3]), (y[0], y[3]));
        assert!((x[1] - 0.5).abs() < 1e-4 && (x[2] - 0.5).abs() < 1e-4);
    }
}

/// What the book says of energies that change by numbers of the host.
#[test]
fn a_recorded_run_calls_its_energy_in_two_steps() {
    let calls = |capture| {
        let count = std::cell::Cell::new(0);
        let counted = |x: &Var| {
            count.set(count.get() + 1);
            bowl(x)
        };
        let l = Langevin {
            steps: 6,
            capture,
            ..langevin(0.1, None)
        };
        l.run(&counted, &start(), RngKey::new(0, 0)).unwrap();
        count.get()
    };
    assert_eq!([calls(true), calls(false)], [2, 6]);
}
