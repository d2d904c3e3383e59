//! What an iteration is given, and what it makes of it.

use super::*;
use crate::augment::{Params, Weak};
use crate::config::Augmentation;
use crate::data::Pixels;
use crate::sampler::{Draw, Numbers, ReplayBuffer};

/// A trainer whose Langevin steps leave the chains as they are.
fn resting(settings: &[&str]) -> Trainer {
    let mut config = config(settings);
    // not 0, but as a 32-bit float
    (config.sampler.step_size, config.sampler.noise) = (1e-300, 0.0);
    Trainer::new(&config, &Device::Cpu).unwrap()
}

fn unit_images(shape: [usize; 4]) -> Images {
    let noise = Tensor::uniform(&shape, RngKey::new(5, 0), &Device::Cpu).unwrap();
    Images::from_unit(shape, noise.to_vec().unwrap()).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

/// Some of the chains start again, all of them are augmented, and so they return to where they were taken from.
#[test]
fn chains_are_augmented_before_they_go_on() {
    let images = unit_images([4, 8, 8, 1]);
    for family in ["weak", "affine", "strong"] {
        let setting = format!("sampler.augmentation={family}");
        let mut trainer = resting(&[&setting]);
        let mut batch = trainer.draw(&images).unwrap();
        batch.draw.restarted = vec![false, true, false, false];
        let before = trainer.buffer().clone();
        let plain = before.start(&batch.draw, batch.restart).unwrap();
        let augmented = values(&batch.chains.apply(&plain).unwrap());
        let plain = values(&plain);
        let outcome = trainer.iterate(&batch).unwrap();

        assert_eq!(values(&outcome.chains.start), augmented, "{family}");
        let (before, after) = (values(before.images()), values(trainer.buffer().images()));
        let rows = plain.chunks(64).zip(augmented.chunks(64));
        for (&place, (plain, augmented)) in batch.draw.indices.iter().zip(rows) {
            assert_ne!(plain, augmented, "{family}");
            assert_eq!(after[place * 64..][..64], *augmented, "{family}");
        }
        for place in (0..8).filter(|place| !batch.draw.indices.contains(place)) {
            assert_eq!(after[place * 64..][..64], before[place * 64..][..64]);
        }
    }
}

#[test]
fn a_chain_that_is_mirrored_returns_mirrored() {
    let mut trainer = resting(&["sampler.augmentation=weak"]);
    let mut batch = trainer.draw(&unit_images([4, 8, 8, 1])).unwrap();
    let flip = Weak {
        top: 4,
        left: 4,
        flip: true,
    };
    batch.chains = Params::Weak(vec![flip; 4]);
    let place = batch.draw.indices[2];
    let before = values(trainer.buffer().images())[place * 64..][..64].to_vec();
    trainer.iterate(&batch).unwrap();
    let after = values(trainer.buffer().images());
    let rows = before.chunks(8);
    let mirrored: Vec<f32> = rows.flat_map(|row| row.iter().rev().copied()).collect();
    assert_eq!(after[place * 64..][..64], mirrored);
}

/// 16 images of 8×9 pixels, each family of augmentation in another place.
fn drawn_with(restart: &str) -> Trainer {
    let settings = [
        "data.shape=[8, 9, 1]",
        "sampler.buffer=20",
        "augmentation.encoder=strong",
        "augmentation.ebm=weak",
        "sampler.augmentation=affine",
        restart,
    ];
    let mut trainer = Trainer::new(&config(&settings), &Device::Cpu).unwrap();
    trainer.set_progress(3, Vec::new()).unwrap();
    trainer
}

#[test]
fn an_iteration_draws_each_augmentation_where_it_belongs() {
    let trainer = drawn_with("sampler.restart=0.5");
    let images = unit_images([16, 8, 9, 1]);
    let batch = trainer.draw(&images).unwrap();
    let key = |stream| RngKey::new(trainer.config().seed, stream).at(3);
    let params = |family, n, stream| Params::draw(family, n, [8, 9], key(stream));
    assert_eq!(
        batch.latent,
        params(Augmentation::Weak, 16, streams::LATENT)
    );
    assert_eq!(
        batch.views,
        params(Augmentation::Strong, 32, streams::VIEWS)
    );
    assert_eq!(
        batch.chains,
        params(Augmentation::Affine, 16, streams::CHAINS)
    );
    assert_eq!(batch.draw, Draw::random(16, 20, 0.5, key(streams::DRAW)));
    assert!(matches!(batch.restart, Numbers::Drawn(k) if k == key(streams::RESTART)));
    assert!(matches!(batch.noise, Noise::Drawn(k) if k == key(streams::LANGEVIN)));
    // numbers of 0..1 are as they are
    assert_eq!(values(&batch.images), images.to_unit());

    let Params::Strong(views) = &batch.views else {
        panic!("{:?}", batch.views)
    };
    for i in 0..16 {
        assert_ne!(views[i], views[i + 16], "two views of image {i}");
    }
    // another iteration draws anew
    let mut next = drawn_with("sampler.restart=0.5");
    next.set_progress(4, Vec::new()).unwrap();
    let next = next.draw(&images).unwrap();
    assert_ne!(next.latent, batch.latent);
    assert_ne!(next.views, batch.views);
    assert_ne!(next.chains, batch.chains);
    assert_ne!(next.draw, batch.draw);
}

#[test]
fn chains_start_again_all_or_none_or_as_often_as_asked() {
    let images = unit_images([16, 8, 9, 1]);
    for (restart, wanted) in [("sampler.restart=0", 0), ("sampler.restart=1", 16)] {
        let trainer = drawn_with(restart);
        let batch = trainer.draw(&images).unwrap();
        let restarted = batch.draw.restarted.iter().filter(|r| **r).count();
        assert_eq!(restarted, wanted, "{restart}");
        // what they start from is not in the buffer
        let start = trainer.buffer().start(&batch.draw, batch.restart).unwrap();
        let (start, own) = (values(&start), values(trainer.buffer().images()));
        let known = |image: &[f32]| own.chunks(72).any(|chain| chain == image);
        let known = start.chunks(72).filter(|image| known(image)).count();
        assert_eq!(known, 16 - wanted, "{restart}");
    }
}

#[test]
fn data_are_dequantised_anew_in_each_iteration() {
    let levels: Vec<u8> = (0..16 * 72).map(|i| (i % 256) as u8).collect();
    let images = Images::from_levels([16, 8, 9, 1], levels.clone(), 256).unwrap();
    assert!(matches!(images.pixels(), Pixels::Levels { .. }));
    let mut trainer = drawn_with("sampler.restart=0");
    let mut seen = Vec::new();
    for step in [3, 4] {
        trainer.set_progress(step, Vec::new()).unwrap();
        let batch = trainer.draw(&images).unwrap();
        let pairs = values(&batch.images).into_iter().zip(&levels);
        // within a level: exact, but for the rounding of (v + u)/256
        let within = pairs.map(|(x, v)| f64::from(x) * 256.0 - f64::from(*v));
        let within: Vec<f64> = within.collect();
        assert!(within.iter().all(|u| (0.0..=1.0).contains(u)));
        let n = within.len() as f64;
        let mean = within.iter().sum::<f64>() / n;
        let square = |u: &f64| (u - 0.5).powi(2);
        let variance = within.iter().map(square).sum::<f64>() / n;
        // 1152 uniform numbers: 4.5 standard deviations of their mean and of their variance
        assert!((mean - 0.5).abs() < 0.039, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.01, "{variance}");
        seen.push(within);
    }
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn no_two_uses_share_a_stream() {
    let source = include_str!("../streams.rs");
    let number = |line: &str| -> Option<u32> {
        let (_, rest) = line.strip_prefix("pub const ")?.split_once(": u32 = ")?;
        Some(rest.strip_suffix(';').unwrap().parse().unwrap())
    };
    let mut all: Vec<u32> = source.lines().filter_map(number).collect();
    let constants = source.matches("const ").count();
    assert_eq!(all.len(), constants, "each constant is read");
    assert!(all.contains(&streams::LANGEVIN));
    // the others are for whoever uses the library; long evaluations count in the bits above these eight
    assert!(all.iter().all(|stream| *stream < 32), "{all:?}");
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), constants, "{all:?}");
}

fn figure(all: &figures::Figures, name: &str) -> f64 {
    let found = all.iter().find(|f| f.0 == name);
    found
        .unwrap_or_else(|| panic!("{name} is not in {all:?}"))
        .1
}

/// Mean of ½‖f(x)‖² in f64.
fn mean_energy(networks: &Networks, x: &Tensor) -> f64 {
    let f = networks.energy.features(&x.clone().into(), Mode::Eval);
    let f = values(f.unwrap().tensor());
    f.iter().map(|f| 0.5 * f64::from(*f).powi(2)).sum::<f64>() / x.shape()[0] as f64
}

#[track_caller]
fn close(found: f64, wanted: f64) {
    let off = (found - wanted).abs();
    assert!(off <= 1e-5 * wanted.abs(), "{found} instead of {wanted}");
}

/// Of an outcome whose every number is known.
#[test]
fn figures_are_means_of_what_an_iteration_found() {
    let row = |v: &[f32]| Tensor::from_slice(v, &[v.len()], &Device::Cpu).unwrap();
    let one = |v: f32| Tensor::from_slice(&[v], &[], &Device::Cpu).unwrap();
    // gradients of ½x² are x: a half, then three quarters of it
    let slope = |x: &Var| Ok(x.mul(x)?.mul_scalar(0.5)?.sum(&[1, 2, 3], false)?);
    let start = [1.0f32, 0.8, 0.2, 0.0].repeat(2 * 16);
    let start = Tensor::from_slice(&start, &[2, 8, 8, 1], &Device::Cpu).unwrap();
    let langevin = crate::sampler::Langevin {
        steps: 2,
        step_size: 0.25,
        ..Default::default()
    };
    let outcome = Outcome {
        energy_loss: one(0.7),
        encoder_loss: Some(one(0.9)),
        data: row(&[1.0, 2.0, 6.0]),
        samples: row(&[0.5, 1.5]),
        similarity: Some(row(&[0.25, -0.75])),
        chains: langevin.run(&slope, &start, RngKey::new(0, 0)).unwrap(),
        rates: [1e-3, 2e-2],
    };
    let mut trainer = Trainer::new(&config(&[]), &Device::Cpu).unwrap();
    let chains = trainer.buffer().images().clone();
    let ages = vec![1, 2, 3, 4, 0, 0, 0, 6];
    trainer
        .set_buffer(ReplayBuffer::from_parts(chains, ages).unwrap())
        .unwrap();
    let all = figures::figures(&trainer, &outcome).unwrap();
    for (name, wanted) in [
        ("E(data)", 3.0),
        ("E(samples)", 1.0),
        ("gap", 2.0),
        ("energy_loss", 0.7),
        ("encoder_loss", 0.9),
        ("similarity", -0.25),
        ("gradient_first", 0.5),
        ("gradient_last", 0.375),
        ("moved", 0.5 * (1.0 - 0.5625)),
        // those that were 0
        ("saturated", 0.25),
        ("mean_age", 2.0),
        ("energy_rate", 1e-3),
        ("encoder_rate", 2e-2),
    ] {
        close(figure(&all, name), wanted);
    }
    let key = RngKey::new(trainer.config().seed, streams::EVALUATION_START).at(u64::MAX);
    let noise = Tensor::uniform(&[2, 8, 8, 1], key, &Device::Cpu).unwrap();
    close(
        figure(&all, "E(noise)"),
        mean_energy(trainer.live(), &noise),
    );
    let mut names: Vec<&str> = all.iter().map(|f| f.0).collect();
    assert_eq!(names.len(), 14);
    names.dedup();
    assert_eq!(names.len(), 14);
}

/// Without spectral norms, whose power iterations change the network from one pass to the next, an iteration's figures are those of the
/// network as it was before.
#[test]
fn an_iteration_tells_the_energies_of_its_data_and_its_samples() {
    let settings = ["model.spectral_norm=false", "sampler.restart=0"];
    let mut trainer = Trainer::new(&config(&settings), &Device::Cpu).unwrap();
    let before = Trainer::new(&config(&settings), &Device::Cpu).unwrap();
    // images that are dark, and so not like the noise of the buffer
    let dark = Images::from_unit([4, 8, 8, 1], vec![0.1; 256]).unwrap();
    let batch = trainer.draw(&dark).unwrap();
    let outcome = trainer.iterate(&batch).unwrap();
    let all = figures::figures(&trainer, &outcome).unwrap();
    let [data, samples] =
        [&batch.images, &outcome.chains.images].map(|x| mean_energy(before.live(), x));
    assert!((data / samples - 1.0).abs() > 0.1, "{data} {samples}");
    close(figure(&all, "E(data)"), data);
    close(figure(&all, "E(samples)"), samples);
    let off = figure(&all, "gap") - (data - samples);
    assert!(off.abs() < 1e-5 * data.max(samples), "{off}");

    let x = Var::leaf(outcome.chains.start.clone());
    let energy = before.live().energy.energy(&x, Mode::Train).unwrap();
    let g = grad(&[&energy], &[&x], &GradOptions::default()).unwrap();
    let g = g[0].tensor().abs().unwrap().mean_all().unwrap();
    close(figure(&all, "gradient_first"), g.item().unwrap());
    // four of eight chains have taken two steps
    assert_eq!(figure(&all, "mean_age"), 1.0);
}
