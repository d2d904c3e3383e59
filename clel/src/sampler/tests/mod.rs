mod own;
mod refusals;
mod replay;
mod rounds;

use clel_autograd::Var;
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches};

use super::*;
use crate::config::{Layers, StepShape, Storage};

/// E(x) = ½‖x − ½‖², whose gradient is x − ½.
fn bowl(x: &Var) -> Result<Var> {
    let d = x.sub_scalar(0.5)?;
    Ok(d.mul(&d)?.mul_scalar(0.5)?.sum(&[1, 2, 3], false)?)
}

fn langevin(noise: f64, clip: Option<f64>) -> Langevin {
    Langevin {
        steps: 3,
        step_size: 0.25,
        noise,
        clip,
        ..Langevin::default()
    }
}

fn start() -> Tensor {
    Tensor::uniform(&[4, 2, 2, 1], RngKey::new(1, 1), &Device::Cpu).unwrap()
}

/// Numbers on [0, 1) whose mean and variance are those of the uniform distribution, within 4.5 of their own standard deviations.
fn assert_uniform(values: &[f32]) {
    assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    assert!((mean - 0.5).abs() < 4.5 / (12.0 * n).sqrt(), "{mean}");
    let square = |v: &f32| (f64::from(*v) - 0.5).powi(2);
    let variance = values.iter().map(square).sum::<f64>() / n;
    // E(x − ½)⁴ is 1/80, the square of the variance 1/144
    let deviation = ((1.0 / 80.0 - 1.0 / 144.0) / n).sqrt();
    let off = (variance - 1.0 / 12.0).abs();
    assert!(off < 4.5 * deviation, "{variance}");
}

/// No two of the images of `size` numbers begin alike.
fn assert_all_differ(values: &[f32], size: usize) {
    let heads = values
        .chunks(size)
        .map(|image| [image[0].to_bits(), image[1].to_bits()]);
    let mut heads: Vec<[u32; 2]> = heads.collect();
    let all = heads.len();
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), all);
}

#[test]
fn the_dynamics_are_those_of_the_configuration() {
    let mut layers = Layers::preset("digits").unwrap();
    for set in [
        "sampler.steps=7",
        "sampler.step_size=3.5",
        "sampler.noise=0.25",
        "sampler.clip=0.75",
        "sampler.capture=false",
        "sampler.schedule=geometric",
        "sampler.step_size_end=0.5",
        "sampler.noise_end=0.125",
        "sampler.storage=f16",
    ] {
        layers.set(set).unwrap();
    }
    let of = Langevin::of(&layers.clone().build().unwrap().sampler);
    let wanted = Langevin {
        steps: 7,
        step_size: 3.5,
        noise: 0.25,
        clip: Some(0.75),
        capture: false,
        schedule: StepSchedule {
            shape: StepShape::Geometric,
            step_size_end: 0.5,
            noise_end: 0.125,
            steps: 7,
        },
        storage: Storage::F16,
    };
    assert_eq!(of, wanted);
    layers.set("sampler.clip=none").unwrap();
    assert_eq!(Langevin::of(&layers.build().unwrap().sampler).clip, None);
}

/// A run without steps holds the images that it was given.
#[test]
fn pixels_at_both_ends_are_saturated_and_no_others() {
    let share = |values: [f32; 8]| {
        let images = Tensor::from_slice(&values, &[2, 2, 2, 1], &Device::Cpu).unwrap();
        let rest = Langevin {
            steps: 0,
            ..langevin(0.0, None)
        };
        let chains = rest.run(&bowl, &images, RngKey::new(0, 0)).unwrap();
        let found = chains.statistics().unwrap();
        let wanted = Statistics {
            saturated: found.saturated,
            ..Statistics::default()
        };
        assert_eq!(found, wanted);
        found.saturated
    };
    let below_one = 1.0 - f32::EPSILON / 2.0;
    let near = [1e-30, below_one, 0.5, 0.25];
    let with = |ends: [f32; 4]| -> [f32; 8] {
        let mut all = [0.0; 8];
        all[..4].copy_from_slice(&ends);
        all[4..].copy_from_slice(&near);
        all
    };
    assert_eq!(share(with([0.75; 4])), 0.0);
    assert_eq!(share(with([0.0, 0.0, 0.0, 0.75])), 0.375);
    assert_eq!(share(with([1.0, 0.75, 0.75, 1.0])), 0.25);
    assert_eq!(share(with([0.0, 0.0, 0.0, 1.0])), 0.5);
}

#[test]
fn steps_go_down_the_gradient() {
    let chains = langevin(0.0, None)
        .run(&bowl, &start(), RngKey::new(0, 0))
        .unwrap();
    let x0 = start().to_vec::<f32>().unwrap();
    for (x, x0) in chains.images.to_vec::<f32>().unwrap().iter().zip(&x0) {
        // d ← ¾ d, three times
        assert!((x - (0.5 + 0.421_875 * (x0 - 0.5))).abs() < 1e-6);
    }
    let s = chains.statistics().unwrap();
    let mean = |f: &dyn Fn(f64) -> f64| {
        x0.iter().map(|x| f(f64::from(*x) - 0.5)).sum::<f64>() / x0.len() as f64
    };
    assert!((s.first_gradient - mean(&|d| d.abs())).abs() < 1e-6);
    assert!((s.last_gradient - 0.5625 * mean(&|d| d.abs())).abs() < 1e-6);
    assert!((s.first_energy - 4.0 * mean(&|d| d * d / 2.0)).abs() < 1e-6);
    assert!((s.moved - (1.0 - 0.421_875) * mean(&|d| d.abs())).abs() < 1e-6);
    assert_eq!(s.saturated, 0.0);
}

#[test]
fn gradients_are_clipped_and_pixels_clamped() {
    let step = |clip, size| {
        let l = Langevin {
            step_size: size,
            ..langevin(0.0, clip)
        };
        l.step(&bowl, &start(), Numbers::Drawn(RngKey::new(0, 0)))
            .unwrap()
            .images
    };
    let x0 = start().to_vec::<f32>().unwrap();
    let clipped = step(Some(0.1), 1.0).to_vec::<f32>().unwrap();
    for (x, x0) in clipped.iter().zip(&x0) {
        assert!((x - (x0 - (x0 - 0.5).clamp(-0.1, 0.1))).abs() < 1e-6);
    }
    let far = step(None, -1e6);
    let values = far.to_vec::<f32>().unwrap();
    assert!(values.iter().all(|v| *v == 0.0 || *v == 1.0));
}

/// Noise alone: its mean and deviation, that it repeats, and that no two steps or runs share it.
#[test]
fn noise_has_the_stated_deviation_and_repeats() {
    let flat = |x: &Var| Ok(x.mul_scalar(1e-12)?.sum(&[1, 2, 3], false)?);
    let middle = Tensor::full(&[50, 8, 8, 1], 0.5, DType::F32, &Device::Cpu).unwrap();
    let run = |steps, key| {
        let l = Langevin {
            steps,
            noise: 0.01,
            ..langevin(0.0, None)
        };
        let chains = l.run(&flat, &middle, key).unwrap();
        chains.images.to_vec::<f32>().unwrap()
    };
    let once = run(1, RngKey::new(4, 2).at(7));
    assert_eq!(once, run(1, RngKey::new(4, 2).at(7)));
    assert_ne!(once, run(1, RngKey::new(4, 2).at(8)));
    let deviation = |values: &[f32]| {
        let square = |v: &f32| (f64::from(*v) - 0.5).powi(2);
        (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt()
    };
    assert!((deviation(&once) / 0.01 - 1.0).abs() < 0.05);
    // four independent steps add up to twice the deviation, not to four times
    assert!((deviation(&run(4, RngKey::new(4, 2))) / 0.02 - 1.0).abs() < 0.05);
}

#[test]
fn the_update_is_one_launch() {
    let x = start();
    x.realize().unwrap();
    let noise = Numbers::Drawn(RngKey::new(0, 0));
    let (step, with) = count_launches(|| langevin(0.1, Some(1.0)).step(&bowl, &x, noise));
    step.unwrap();
    // the squares, their sum, and the update, in which the bowl's gradient is included
    assert_eq!(with.values().sum::<u64>(), 3, "{with:?}");
}

#[test]
fn the_buffer_gives_takes_and_ages() {
    let mut buffer = ReplayBuffer::fresh(6, [2, 2, 1], RngKey::new(2, 2), &Device::Cpu).unwrap();
    let before = buffer.images().to_vec::<f32>().unwrap();
    let draw = Draw {
        indices: vec![4, 1, 2],
        restarted: vec![false, true, false],
    };
    let fresh = Tensor::full(&[3, 2, 2, 1], 9.0, DType::F32, &Device::Cpu).unwrap();
    let taken = buffer.start(&draw, Numbers::Given(&fresh)).unwrap();
    let taken = taken.to_vec::<f32>().unwrap();
    assert_eq!(taken[..4], before[16..20]);
    assert_eq!(taken[4..8], [9.0; 4]);
    assert_eq!(taken[8..], before[8..12]);

    let new: Vec<f32> = (0..12).map(|v| v as f32).collect();
    let new = Tensor::from_slice(&new, &[3, 2, 2, 1], &Device::Cpu).unwrap();
    buffer.write(&draw, &new, 5).unwrap();
    buffer
        .write(
            &Draw {
                indices: vec![4],
                restarted: vec![false],
            },
            &new.slice(0, 0, 1).unwrap(),
            5,
        )
        .unwrap();
    let after = buffer.images().to_vec::<f32>().unwrap();
    assert_eq!(after[..4], before[..4]);
    assert_eq!(after[4..8], [4.0, 5.0, 6.0, 7.0]);
    assert_eq!(after[8..12], [8.0, 9.0, 10.0, 11.0]);
    assert_eq!(after[12..16], before[12..16]);
    assert_eq!(after[16..20], [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(buffer.ages(), [0, 5, 5, 0, 10, 0]);
}

#[test]
fn draws_restart_as_often_as_asked() {
    let restarted = |p: f64| {
        let all = (0..200).flat_map(|step| {
            let draw = Draw::random(10, 50, p, RngKey::new(6, 6).at(step));
            assert!(draw.indices.iter().all(|i| *i < 50));
            draw.restarted
        });
        all.filter(|r| *r).count()
    };
    assert_eq!((restarted(0.0), restarted(1.0)), (0, 2000));
    // 200 expected, with a standard deviation of 13
    assert!((140..260).contains(&restarted(0.1)));
}

#[test]
fn what_does_not_fit_the_buffer_is_refused() {
    let mut buffer = ReplayBuffer::fresh(3, [2, 2, 1], RngKey::new(2, 2), &Device::Cpu).unwrap();
    let beyond = Draw {
        indices: vec![3],
        restarted: vec![false],
    };
    let key = Numbers::Drawn(RngKey::new(0, 0));
    assert!(buffer.start(&beyond, key).is_err());
    let draw = Draw::random(2, 3, 0.0, RngKey::new(0, 0));
    assert!(buffer.write(&draw, &start(), 1).is_err());
    assert!(ReplayBuffer::from_parts(start(), vec![0; 3]).is_err());
}

#[test]
fn rounds_of_all_chains_are_the_chains_of_all_rounds() {
    let rounds = |restart| Rounds {
        langevin: langevin(0.01, None),
        steps: 8,
        augmentation: crate::config::Augmentation::None,
        restart,
        seed: 5,
    };
    // more chains than a batch has; the last round is shorter
    let (count, shape) = (100, [2, 2, 1]);
    let ends = |r: &Rounds| {
        r.run(&bowl, Start::Noise(count), shape, &Device::Cpu)
            .unwrap()
    };
    let often = rounds(0.3);
    let mut chains = often.start(count, shape, &Device::Cpu).unwrap();
    let mut restarted = 0;
    for round in 0..often.count() {
        let before = chains.clone();
        often
            .round(
                &bowl,
                &mut chains,
                round,
                shape,
                &Device::Cpu,
                &mut |_, _| Ok(()),
            )
            .unwrap();
        // three steps of a quarter take a chain to 0.42 of its distance from ½, two to 0.56, noise apart; a new one does not go on from there
        let kept = if round == 2 { 0.5625f32 } else { 0.421_875 };
        let goes_on = |(a, b): (&f32, &f32)| ((b - 0.5) - kept * (a - 0.5)).abs() < 0.1;
        let pairs = before.chunks(4).zip(chains.chunks(4));
        let new = pairs
            .filter(|(a, b)| !a.iter().zip(*b).all(goes_on))
            .count();
        assert!(round > 0 || new == 0, "{new}");
        restarted += new;
    }
    assert_eq!(chains, ends(&often));
    // 60 of 200 expected, with a standard deviation of 6.5; some new ones happen to lie near
    assert!((15..90).contains(&restarted), "{restarted}");
    assert_ne!(ends(&rounds(0.0)), chains);
}

/// In a bowl the samples of p(x | y) are normal: prior N(½, T), T = σ²/2λ, and y = x + s·ε give the mean (s²·½ + T·y)/(s² + T), whatever
/// the step size.
#[test]
fn noisy_images_weigh_as_much_as_their_noise_allows() {
    let l = Langevin {
        steps: 400,
        ..langevin(0.02, None)
    };
    let (t, s, y) = (0.02f64.powi(2) / 0.5, 0.03f64, 0.8f64);
    let x = Tensor::full(&[60, 4, 4, 1], y, DType::F32, &Device::Cpu).unwrap();
    let observed = Observed::noisy(x.clone(), s, &l);
    let chains = l.follow(
        &bowl,
        &x,
        RngKey::new(8, 8),
        Some(&observed),
        &mut |_, _| Ok(()),
    );
    let mean = chains.unwrap().images.mean_all().unwrap();
    let wanted = (s * s * 0.5 + t * y) / (s * s + t);
    // of 960 pixels of deviation 0.02
    let mean: f64 = mean.item().unwrap();
    assert!((mean - wanted).abs() < 0.002, "{mean} {wanted}");
    // what is seen without noise is known
    let elsewhere = Tensor::uniform(x.shape(), RngKey::new(3, 3), &Device::Cpu).unwrap();
    let exact = Observed::noisy(x, 1e-9, &l).correct(&elsewhere).unwrap();
    let exact = exact.to_vec::<f32>().unwrap();
    assert!(exact.iter().all(|v| (v - 0.8).abs() < 1e-6));
}

#[test]
fn what_is_known_is_the_same_in_recorded_steps() {
    let images = Tensor::uniform(&[4, 2, 2, 1], RngKey::new(1, 7), &Device::Cpu).unwrap();
    let known = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0], &[1, 2, 2, 1], &Device::Cpu).unwrap();
    let observed = Observed::Pixels {
        images: images.clone(),
        known,
    };
    let mut seen = Vec::new();
    let mut run = |capture| {
        let l = Langevin {
            steps: 6,
            capture,
            ..langevin(0.1, None)
        };
        let mut watch = |k, x: &Tensor| {
            seen.push((k, x.to_vec::<f32>()?));
            Ok(())
        };
        let chains = l.follow(
            &bowl,
            &start(),
            RngKey::new(2, 3),
            Some(&observed),
            &mut watch,
        );
        chains.unwrap().images.to_vec::<f32>().unwrap()
    };
    let (recorded, built) = (run(true), run(false));
    assert_eq!(recorded, built);
    assert_eq!(seen[..6], seen[6..]);
    assert_eq!((seen[5].0, &seen[5].1), (6, &recorded));
    let images = images.to_vec::<f32>().unwrap();
    for (_, x) in &seen {
        for (x, y) in x.chunks(4).zip(images.chunks(4)) {
            assert_eq!((x[0], x[3]), (y[0], y[3]));
            assert_ne!((x[1], x[2]), (y[1], y[2]));
        }
    }
}

/// A geometric fall of the step size by 4 and of the noise by 2 in three steps.
fn falling(noise: f64, capture: bool) -> Langevin {
    Langevin {
        capture,
        schedule: StepSchedule {
            shape: StepShape::Geometric,
            step_size_end: 0.25,
            noise_end: 0.5,
            steps: 3,
        },
        ..langevin(noise, None)
    }
}

#[test]
fn schedules_run_from_one_to_their_ends() {
    for shape in [StepShape::Linear, StepShape::Cosine, StepShape::Geometric] {
        let schedule = StepSchedule {
            shape,
            step_size_end: 0.25,
            noise_end: 4.0,
            steps: 5,
        };
        let at = |k| schedule.factors(k);
        let near = |a: [f64; 2], b: [f64; 2]| {
            assert!(
                (a[0] - b[0]).abs() < 1e-12 && (a[1] - b[1]).abs() < 1e-12,
                "{shape:?}: {a:?} {b:?}"
            );
        };
        near(at(0), [1.0, 1.0]);
        near(at(4), [0.25, 4.0]);
        near(at(9), [0.25, 4.0]);
        near(
            at(2),
            match shape {
                StepShape::Geometric => [0.5, 2.0],
                _ => [0.625, 2.5],
            },
        );
        // a quarter of the way: half of 1 − cos(π/4) of it along the cosine
        let share = match shape {
            StepShape::Cosine => 0.5 - 0.125f64.sqrt(),
            _ => 0.25,
        };
        let quarter = match shape {
            StepShape::Geometric => [0.25f64.powf(0.25), 4.0f64.powf(0.25)],
            _ => [1.0 - 0.75 * share, 1.0 + 3.0 * share],
        };
        near(at(1), quarter);
        assert!(!schedule.is_constant());
    }
    assert!(StepSchedule::CONSTANT.is_constant());
    let flat = StepSchedule {
        shape: StepShape::Linear,
        ..StepSchedule::CONSTANT
    };
    assert!(flat.is_constant());
}

#[test]
fn scheduled_steps_have_their_sizes_and_noise() {
    // steps of ¼, ⅛ and 1/16 leave ¾·⅞·15/16 of the distance from ½
    let chains = falling(0.0, true)
        .run(&bowl, &start(), RngKey::new(0, 0))
        .unwrap();
    let x0 = start().to_vec::<f32>().unwrap();
    for (x, x0) in chains.images.to_vec::<f32>().unwrap().iter().zip(&x0) {
        let left = 0.75 * 0.875 * 0.9375;
        assert!((x - (0.5 + left * (x0 - 0.5))).abs() < 1e-6);
    }
    // on flat ground the variances of the steps add up: σ²(1 + ½ + ¼)
    let flat = |x: &Var| Ok(x.mul_scalar(1e-12)?.sum(&[1, 2, 3], false)?);
    let middle = Tensor::full(&[60, 8, 8, 1], 0.5, DType::F32, &Device::Cpu).unwrap();
    let chains = falling(0.02, true).run(&flat, &middle, RngKey::new(4, 2));
    let values = chains.unwrap().images.to_vec::<f32>().unwrap();
    let square = |v: &f32| (f64::from(*v) - 0.5).powi(2);
    let variance = values.iter().map(square).sum::<f64>() / values.len() as f64;
    assert!((variance / (0.02f64.powi(2) * 1.75) - 1.0).abs() < 0.1);
    // the first step is that of all runs
    let first = |l: Langevin| {
        let key = Numbers::Drawn(RngKey::new(3, 3));
        let step = l.step(&bowl, &start(), key).unwrap();
        step.images.to_vec::<f32>().unwrap()
    };
    assert_eq!(first(falling(0.1, true)), first(langevin(0.1, None)));
}

/// Repeated steps have the sizes of their own schedule, also where images are known in part or noise is given.
#[test]
fn scheduled_steps_are_the_same_when_recorded() {
    let images = Tensor::uniform(&[4, 2, 2, 1], RngKey::new(1, 7), &Device::Cpu).unwrap();
    let known = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0], &[1, 2, 2, 1], &Device::Cpu).unwrap();
    let pixels = Observed::Pixels {
        images: images.clone(),
        known,
    };
    let noisy = Observed::noisy(images, 0.1, &falling(0.1, true));
    let long = |capture| {
        let mut l = falling(0.1, capture);
        (l.steps, l.schedule.steps) = (7, 7);
        l
    };
    for observed in [None, Some(&pixels), Some(&noisy)] {
        let run = |capture| {
            let chains =
                long(capture).follow(&bowl, &start(), RngKey::new(2, 3), observed, &mut |_, _| {
                    Ok(())
                });
            chains.unwrap().images.to_vec::<f32>().unwrap()
        };
        assert_eq!(run(true), run(false), "{observed:?}");
    }
    let noise: Vec<Tensor> = (0..7)
        .map(|k| Tensor::normal(&[4, 2, 2, 1], RngKey::new(5, k), &Device::Cpu).unwrap())
        .collect();
    let given = |capture| {
        let chains = long(capture).run_given(&bowl, &start(), &noise).unwrap();
        chains.images.to_vec::<f32>().unwrap()
    };
    assert_eq!(given(true), given(false));
}

/// The temperature falls with the noise, and with it the weight of a noisy image, as the last steps' own formula has it.
#[test]
fn a_schedule_of_the_noise_is_one_of_the_weight_of_noisy_images() {
    let y = Tensor::full(&[4, 2, 2, 1], 0.8, DType::F32, &Device::Cpu).unwrap();
    let l = Langevin {
        noise: 0.1,
        ..falling(0.1, true)
    };
    let observed = Observed::noisy(y, 0.1, &l);
    let flat = |x: &Var| Ok(x.mul_scalar(1e-12)?.sum(&[1, 2, 3], false)?);
    let none = vec![Tensor::zeros(&[4, 2, 2, 1], DType::F32, &Device::Cpu).unwrap(); 3];
    let mut x = 0.0;
    for factor in [1.0, 0.5f64.sqrt(), 0.5] {
        let p = 0.5 * (0.1f64 * factor / 0.1).powi(2);
        x += (0.8 - x) * p / (1.0 + p);
    }
    let start = none[0].clone();
    let given = |k: usize| Numbers::Given(&none[k]);
    let chains = l.chain(&flat, &start, 3, given, Some(&observed), &mut |_, _| Ok(()));
    for found in chains.unwrap().images.to_vec::<f32>().unwrap() {
        assert!((f64::from(found) - x).abs() < 1e-6, "{found} {x}");
    }
}
