//! The settings that leave a part of the method out; in `iteration`, what an iteration draws and finds; in `kept`,
//! which checkpoint is the best.

mod fits;
mod iteration;
mod kept;
mod own_images;

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{Mode, Module};
use clel_tensor::{DType, Device, RngKey, Tensor};

use super::*;
use crate::config::{Config, Layers};
use crate::data::Images;
use crate::loss::energy_loss;
use crate::report::{History, RunDir};

/// A tiny model of 8×8 images, with further settings.
fn config(settings: &[&str]) -> Config {
    let mut layers = Layers::preset("digits").unwrap();
    let tiny = [
        "model.width=4",
        "model.hidden=8",
        "model.latent=4",
        "encoder.width=4",
        "encoder.hidden=8",
        "sampler.steps=2",
        "sampler.buffer=8",
        "train.batch=4",
        "train.ebm.warmup=0",
        "data.shape=[8, 8, 1]",
        "data.mean=[0.3]",
        "data.std=[0.4]",
    ];
    for setting in tiny.iter().chain(settings) {
        layers.set(setting).unwrap();
    }
    layers.build().unwrap()
}

/// A trainer after some iterations on noise, and what the last one found.
fn trained(settings: &[&str], iterations: u32) -> (Trainer, Option<Outcome>) {
    let mut trainer = Trainer::new(&config(settings), &Device::Cpu).unwrap();
    let mut last = None;
    for i in 0..iterations {
        let noise = Tensor::uniform(&[4, 8, 8, 1], RngKey::new(5, i), &Device::Cpu).unwrap();
        let images = Images::from_unit([4, 8, 8, 1], noise.to_vec().unwrap()).unwrap();
        let batch = trainer.draw(&images).unwrap();
        last = Some(trainer.iterate(&batch).unwrap());
    }
    (trainer, last)
}

/// All parameters and state of a network.
fn numbers(module: &dyn Module) -> Vec<(String, Vec<f32>)> {
    let arrays = clel_nn::files::export(module, "").unwrap();
    let values = |t: Tensor| t.to_vec::<f32>().unwrap();
    arrays
        .into_iter()
        .map(|(name, t)| (name, values(t)))
        .collect()
}

#[test]
fn without_latents_the_encoder_rests_and_the_energy_learns_as_with_beta_0() {
    let (resting, outcome) = trained(&["encoder.latents=none"], 3);
    let outcome = outcome.unwrap();
    assert!(outcome.encoder_loss.is_none() && outcome.similarity.is_none());
    let (fresh, _) = trained(&[], 0);
    for networks in [resting.live(), resting.average()] {
        assert_eq!(numbers(&networks.encoder), numbers(&fresh.live().encoder));
    }
    let (unguided, _) = trained(&["loss.beta=0"], 3);
    assert_eq!(
        numbers(&resting.live().energy),
        numbers(&unguided.live().energy)
    );
    assert_ne!(
        numbers(&resting.live().energy),
        numbers(&fresh.live().energy)
    );
    assert_ne!(
        numbers(&unguided.live().encoder),
        numbers(&fresh.live().encoder)
    );
    let (guided, _) = trained(&["loss.beta=0.01"], 3);
    assert_ne!(
        numbers(&resting.live().energy),
        numbers(&guided.live().energy)
    );
}

#[test]
fn an_encoder_at_rest_is_told_apart_after_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resting.safetensors");
    let (trainer, _) = trained(&["encoder.latents=none"], 1);
    trainer.save(&path).unwrap();
    assert_eq!(
        Trainer::load(&path, &Device::Cpu).unwrap().untrained(),
        ["encoder"]
    );
    let loaded = load_networks(&path, &Device::Cpu).unwrap();
    loaded.check_trained("ebm").unwrap();
    let told = loaded.check_trained("encoder").unwrap_err().to_string();
    assert!(told.contains("encoder.latents"), "{told}");
}

/// A run on an encoder from a checkpoint: it guides, stays as it is with its BatchNorm's statistics and its average, and needs its file no more
/// once the run has a checkpoint.
#[test]
fn a_frozen_encoder_guides_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let given = dir.path().join("given.safetensors");
    // so long that live and average differ
    let (teacher, _) = trained(&["train.ema_half_life=1"], 3);
    teacher.save(&given).unwrap();
    let encoder = numbers(&teacher.average().encoder);
    assert_ne!(encoder, numbers(&teacher.live().encoder));

    let file = format!("encoder.file={}", given.display());
    let frozen = ["encoder.latents=frozen", &file];
    let (trainer, outcome) = trained(&frozen, 2);
    let outcome = outcome.unwrap();
    assert!(outcome.encoder_loss.is_none());
    for networks in [trainer.live(), trainer.average()] {
        assert_eq!(numbers(&networks.encoder), encoder);
    }
    // the guide is that encoder in evaluation mode
    let (first, at_first) = trained(&[&frozen[..], &["model.spectral_norm=false"]].concat(), 1);
    let noise = Tensor::uniform(&[4, 8, 8, 1], RngKey::new(5, 0), &Device::Cpu).unwrap();
    let images = Images::from_unit([4, 8, 8, 1], noise.to_vec().unwrap()).unwrap();
    let start = Trainer::new(first.config(), &Device::Cpu).unwrap();
    let batch = start.draw(&images).unwrap();
    let seen = batch.latent.apply(&batch.images).unwrap();
    let z = teacher.average().encoder.latent(&seen.into(), Mode::Eval);
    let f = start
        .live()
        .energy
        .features(&batch.images.into(), Mode::Eval);
    let g = start.live().energy.project(&f.unwrap(), Mode::Eval);
    let wanted = crate::model::similarity(&g.unwrap(), &z.unwrap()).unwrap();
    let found = at_first.unwrap().similarity.unwrap();
    let pairs = found.to_vec::<f32>().unwrap().into_iter();
    for (a, b) in pairs.zip(wanted.tensor().to_vec::<f32>().unwrap()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

    let saved = dir.path().join("run.safetensors");
    trainer.save(&saved).unwrap();
    std::fs::remove_file(&given).unwrap();
    let mut again = Trainer::load(&saved, &Device::Cpu).unwrap();
    assert!(again.untrained().is_empty());
    let mut trainer = trainer;
    for trainer in [&mut trainer, &mut again] {
        let batch = trainer.draw(&images).unwrap();
        trainer.iterate(&batch).unwrap();
    }
    assert_eq!(
        numbers(&again.live().energy),
        numbers(&trainer.live().energy)
    );
    assert_eq!(numbers(&again.live().encoder), encoder);
    assert!(Trainer::new(trainer.config(), &Device::Cpu).is_err());
}

#[test]
fn byol_trains_encoder_and_predictor_and_its_target_lags_behind() {
    let byol = ["encoder.latents=byol", "loss.negatives=false"];
    let (drawn, _) = trained(&byol, 0);
    let (trainer, outcome) = trained(&byol, 2);
    let of = |trainer: &Trainer| {
        let byol = trainer.byol.as_ref().unwrap();
        [
            numbers(&trainer.live.encoder),
            numbers(&byol.predictor),
            numbers(&byol.target),
        ]
    };
    let (before, after) = (of(&drawn), of(&trainer));
    assert_eq!(before[0], before[2]);
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before, after);
    }
    let distance = |a: &[(String, Vec<f32>)], b: &[(String, Vec<f32>)]| -> f64 {
        let pairs = a
            .iter()
            .zip(b)
            .filter(|((name, _), _)| !name.contains("running"));
        let values = pairs.flat_map(|((_, a), (_, b))| a.iter().zip(b));
        values.map(|(a, b)| f64::from((a - b).abs())).sum()
    };
    let moved = distance(&after[2], &before[2]);
    assert!(moved < 0.1 * distance(&after[0], &before[0]), "{moved}");
    // no two images' predictions can miss each other by more than opposite directions
    let loss = outcome.unwrap().encoder_loss.unwrap().item().unwrap();
    assert!((0.0..8.0).contains(&loss), "{loss}");
}

#[test]
fn a_frozen_encoder_must_be_one_and_fit() {
    let dir = tempfile::tempdir().unwrap();
    let given = dir.path().join("given.safetensors");
    let file = format!("encoder.file={}", given.display());
    let told = |more: &[&str]| {
        let settings = [&["encoder.latents=frozen", &file], more].concat();
        let made = Trainer::new(&config(&settings), &Device::Cpu);
        made.err().map(|e| e.in_one_line()).unwrap_or_default()
    };
    assert!(told(&[]).contains("given.safetensors"), "{}", told(&[]));
    let (teacher, _) = trained(&[], 1);
    teacher.save(&given).unwrap();
    assert_eq!(told(&[]), "");
    let wrong = told(&["encoder.width=8", "model.latent=6"]);
    for part in [
        "encoder.width = 4",
        "encoder.width = 8",
        "model.latent = 4",
        "given",
    ] {
        assert!(wrong.contains(part), "{wrong}");
    }
    let wrong = told(&["encoder.network=resnet18"]);
    assert!(wrong.contains("encoder.network = tiny"), "{wrong}");
    let wrong = told(&[
        "data.shape=[8, 8, 3]",
        "data.mean=[0, 0, 0]",
        "data.std=[1, 1, 1]",
    ]);
    assert!(wrong.contains("channels of the images = 1"), "{wrong}");
    // of a run the best one, and not the newest
    let run = RunDir::create(&dir.path().join("run")).unwrap();
    run.write_config(&config(&["log.best=relative_frechet"]))
        .unwrap();
    let mut metrics = run.metrics(0).unwrap();
    for (step, distance) in [(1, 0.1), (2, 0.2)] {
        metrics
            .write(step, &[("relative_frechet", distance)])
            .unwrap();
    }
    teacher.save(&run.checkpoint_path(1)).unwrap();
    std::fs::write(run.checkpoint_path(2), "no checkpoint").unwrap();
    let best = format!("encoder.file={}", run.path().join("best").display());
    let made = Trainer::new(&config(&["encoder.latents=frozen", &best]), &Device::Cpu);
    let [found, expected] = [&made.unwrap(), &teacher].map(|t| numbers(&t.average().encoder));
    assert_eq!(found, expected);
    // an encoder alone, under its own names, as PyTorch would save it; then one with a number that is none, and no encoder at all
    let encoder = &teacher.average().encoder;
    clel_nn::files::save_module(&given, encoder).unwrap();
    assert_eq!(told(&[]), "");
    let weight = encoder.parameters()[0].1;
    let nan = Tensor::full(weight.tensor().shape(), f64::NAN, DType::F32, &Device::Cpu);
    weight.set(nan.unwrap()).unwrap();
    clel_nn::files::save_module(&given, encoder).unwrap();
    assert!(told(&[]).contains("NaN at position 0"), "{}", told(&[]));
    clel_nn::files::save_module(&given, &teacher.live().energy).unwrap();
    assert!(told(&[]).contains("no encoder here"), "{}", told(&[]));
    // an encoder that was never trained
    let (resting, _) = trained(&["encoder.latents=none"], 1);
    resting.save(&given).unwrap();
    assert!(told(&[]).contains("learnt nothing"), "{}", told(&[]));
}

#[test]
fn without_a_projector_the_directions_are_those_of_the_features() {
    let (trainer, outcome) = trained(&["model.projector=false", "loss.beta=0.1"], 2);
    let network = &trainer.live().energy;
    assert!(
        network
            .parameters()
            .iter()
            .all(|(name, _)| !name.starts_with("projection"))
    );
    let f = Var::leaf(Tensor::normal(&[3, 4], RngKey::new(1, 0), &Device::Cpu).unwrap());
    let g = network.project(&f, Mode::Train).unwrap();
    assert_eq!(
        g.tensor().to_vec::<f32>().unwrap(),
        f.tensor().to_vec::<f32>().unwrap()
    );
    let loss = outcome.unwrap().energy_loss.item().unwrap();
    assert!(loss.is_finite());
    // it is saved and read back
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("short.safetensors");
    trainer.save(&path).unwrap();
    let again = Trainer::load(&path, &Device::Cpu).unwrap();
    assert_eq!(numbers(&again.live().energy), numbers(network));
}

/// The gradient of the loss with f as its own direction, against central differences in f64.
#[test]
fn the_guide_turns_features_themselves_without_a_projector() {
    let draw = |rows: usize, stream| {
        let t = Tensor::normal(&[rows, 4], RngKey::new(2, stream), &Device::Cpu).unwrap();
        t.to_dtype(DType::F64).unwrap()
    };
    let (samples, z) = (draw(3, 1), draw(3, 2));
    let z = crate::model::direction(&z.into()).unwrap();
    let loss = |f: &Var| {
        energy_loss(f, f, &samples.clone().into(), &z, 1.0, 0.5)
            .unwrap()
            .loss
    };
    let (at, along) = (draw(3, 3), draw(3, 4));
    let f = Var::leaf(at.clone());
    let g = grad(&[&loss(&f)], &[&f], &GradOptions::default())
        .unwrap()
        .remove(0);
    let slope = g
        .tensor()
        .mul(&along)
        .unwrap()
        .sum_all()
        .unwrap()
        .item()
        .unwrap();
    let step = 1e-5;
    let moved = |h: f64| -> f64 {
        let x = at.add(&along.mul_scalar(h).unwrap()).unwrap();
        loss(&x.into()).tensor().item().unwrap()
    };
    let difference = (moved(step) - moved(-step)) / (2.0 * step);
    assert!((slope - difference).abs() < 1e-7, "{slope} {difference}");
}

#[test]
fn without_sample_negatives_the_contrastive_loss_has_fewer_terms() {
    let loss = |settings: &[&str]| {
        let (trainer, outcome) = trained(settings, 1);
        let loss = outcome.unwrap().encoder_loss.unwrap().item().unwrap();
        (numbers(&trainer.live().energy), loss)
    };
    let (energy, with) = loss(&[]);
    let (same, without) = loss(&["loss.negatives=false"]);
    assert_eq!(energy, same, "the energy network does not see them");
    assert!(without < with, "{without} {with}");
}
