//! Five whole training iterations of the tiny model against PyTorch, with every draw given: replay indices, restarts,
//! Langevin noise, augmentation parameters.

use clel::{
    augment::{Affine, Params},
    config::{Config, Latents, Layers, Network},
    sampler::{Draw, Numbers, ReplayBuffer},
    train::{Batch, Byol, Noise, Outcome, Trainer},
};
use clel_nn::optim::{Optimizer, Schedule, Sgd, gradients};
use clel_tensor::Tensor;
use clel_tests::{Case, EncoderShape, EnergyShape, Failure, load, on_every_device, same_values};
use serde::Deserialize;

/// The note `config`.
#[derive(Deserialize)]
struct Shapes {
    ebm: EnergyShape,
    encoder: EncoderShape,
}

/// Row i of a tensor whose first axis counts iterations.
fn row(case: &Case<'_>, key: &str, i: usize) -> Result<Tensor, Failure> {
    Ok(case.tensor(key)?.slice(0, i, 1)?.squeeze(0)?)
}

fn integers(t: &Tensor) -> Result<Vec<usize>, Failure> {
    Ok(t.to_vec::<u32>()?.into_iter().map(|v| v as usize).collect())
}

/// The augmentation of iteration i.
fn affine(case: &Case<'_>, i: usize) -> Result<Params, Failure> {
    let numbers = |key: &str| -> Result<Vec<f64>, Failure> {
        let values = row(case, key, i)?.to_vec::<f32>()?;
        Ok(values.into_iter().map(f64::from).collect())
    };
    let (rotation, scale) = (numbers("rotation")?, numbers("scale")?);
    let (shift, brightness) = (numbers("shift")?, numbers("brightness")?);
    let one = |i: usize| Affine {
        rotation: rotation[i],
        scale: scale[i],
        shift: [shift[2 * i], shift[2 * i + 1]],
        brightness: brightness[i],
    };
    Ok(Params::Affine((0..rotation.len()).map(one).collect()))
}

/// The configuration that the fixture's notes describe.
fn config(file: &Case<'_>) -> Result<Config, Failure> {
    let shapes = file.fixture.note::<Shapes>("config")?;
    let number = |key: &str| file.fixture.note::<f64>(key);
    let count = |key: &str| file.fixture.note::<usize>(key);
    let mut config = Layers::preset("digits")?.build()?;
    let (mean, std) = shapes.ebm.statistics();
    config.data.shape = Some([8, 8, 1]);
    (config.data.mean, config.data.std) = (Some(mean), Some(std));
    config.model = shapes.ebm.config(Network::Tiny);
    config.encoder = shapes.encoder.config();
    config.loss.alpha = number("alpha")?;
    config.loss.beta = number("beta")?;
    config.loss.tau = number("temperature")?;
    config.sampler.steps = count("steps")?;
    config.sampler.step_size = number("step_size")?;
    config.sampler.noise = number("sigma")?;
    config.sampler.buffer = file.tensor("buffer")?.shape()[0];
    config.sampler.cache_spectral = false;
    config.train.batch = count("batch")?;
    config.train.iterations = count("iterations")?;
    config.train.ema_half_life = number("ema_half_life")?;
    config.train.ebm.lr = number("energy_lr")?;
    config.train.ebm.warmup = count("energy_warmup")?;
    config.train.encoder.lr = number("encoder_lr")?;
    config.train.encoder.momentum = number("momentum")?;
    config.train.encoder.weight_decay = number("weight_decay")?;
    Ok(config)
}

/// A trainer with the fixture's initial values.
fn start(file: &Case<'_>) -> Result<Trainer, Failure> {
    let mut trainer = Trainer::new(&config(file)?, file.device)?;
    let initial = file.under("initial");
    load(&initial.under("ebm"), &trainer.live().energy)?;
    load(&initial.under("encoder"), &trainer.live().encoder)?;
    let images = file.tensor("buffer")?;
    let ages = vec![0; images.shape()[0]];
    trainer.set_buffer(ReplayBuffer::from_parts(images, ages)?)?;
    Ok(trainer)
}

/// Iteration i = 0, 1, … on the fixture's draws.
fn iterate(trainer: &mut Trainer, file: &Case<'_>, i: usize) -> Result<Outcome, Failure> {
    let fresh = row(file, "fresh", i)?;
    let noise = row(file, "noise", i)?;
    let steps = 0..noise.shape()[0];
    let noise: Vec<Tensor> = steps
        .map(|k| noise.slice(0, k, 1)?.squeeze(0))
        .collect::<Result<_, _>>()?;
    let restarted = integers(&row(file, "restart", i)?)?;
    let batch = Batch {
        images: row(file, "images", i)?,
        draw: Draw {
            indices: integers(&row(file, "indices", i)?)?,
            restarted: restarted.into_iter().map(|r| r != 0).collect(),
        },
        restart: Numbers::Given(&fresh),
        chains: affine(&file.under("chains"), i)?,
        noise: Noise::Given(&noise),
        latent: affine(&file.under("latent"), i)?,
        views: affine(&file.under("views"), i)?,
    };
    Ok(trainer.iterate(&batch)?)
}

#[test]
fn five_iterations() {
    on_every_device("training", |file| {
        let mut trainer = start(file)?;
        let mut outcomes = Vec::new();
        for i in 0..file.fixture.note("iterations")? {
            outcomes.push(iterate(&mut trainer, file, i)?);
        }
        let log = file.under("log");
        let compare = |name: &str, of: &dyn Fn(&Outcome) -> Tensor| -> Result<(), Failure> {
            let rows = outcomes.iter().map(|o| of(o).unsqueeze(0));
            let rows = rows.collect::<Result<Vec<Tensor>, _>>()?;
            log.same(name, &Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0)?)
        };
        compare("samples", &|o| o.chains.images.clone())?;
        compare("loss_ebm", &|o| o.energy_loss.clone())?;
        compare("loss_encoder", &|o| o.encoder_loss.clone().unwrap())?;
        compare("energy_pos", &|o| o.data.clone())?;
        compare("energy_neg", &|o| o.samples.clone())?;
        compare("similarity", &|o| o.similarity.clone().unwrap())?;
        let rates: Vec<f32> = outcomes
            .iter()
            .flat_map(|o| o.rates.map(|r| r as f32))
            .collect();
        let rates = Tensor::from_slice(&rates, &[outcomes.len(), 2], file.device)?;
        log.same("rates", &rates)?;

        let last = file.under("final");
        last.same("buffer", trainer.buffer().images())?;
        same_values(&last.under("ebm"), &trainer.live().energy)?;
        same_values(&last.under("encoder"), &trainer.live().encoder)?;
        same_values(&last.under("ebm_average"), &trainer.average().energy)?;
        same_values(&last.under("encoder_average"), &trainer.average().encoder)
    });
}

/// Encoder, predictor and target after some steps of BYOL on given views.
#[test]
fn steps_of_byol() {
    on_every_device("byol", |file| {
        let number = |key: &str| file.fixture.note::<f64>(key);
        let iterations: usize = file.fixture.note("iterations")?;
        let shape: EncoderShape = file.fixture.note("config")?;
        let mut config = Layers::preset("digits")?.build()?;
        (config.data.mean, config.data.std) = shape.statistics();
        config.model.latent = shape.latent();
        config.encoder = shape.config();
        config.encoder.latents = Latents::Byol;
        config.encoder.target_decay = number("target_decay")?;
        config.train.iterations = iterations;

        let encoder = shape.build(file)?;
        let byol = Byol::new(&config, file.device)?;
        load(&file.under("initial.encoder"), &encoder)?;
        load(&file.under("initial.predictor"), &byol.predictor)?;
        byol.restart(&encoder)?;
        let (lr, mut sgd) = (
            number("lr")?,
            Sgd::new(number("momentum")?, number("weight_decay")?)?,
        );
        let rate = Schedule::Cosine {
            steps: iterations as u64,
        };
        let mut losses = Vec::new();
        for i in 0..iterations {
            let loss = byol.loss(&encoder, &row(file, "views", i)?.into())?;
            losses.push(loss.tensor().unsqueeze(0)?);
            let parameters = byol.parameters(&encoder);
            let found = gradients(loss, &parameters)?;
            sgd.step(&parameters, &found, lr * rate.factor(i as u64))?;
            byol.follow(&encoder, i as u64, iterations as u64)?;
        }
        file.same(
            "loss",
            &Tensor::concat(&losses.iter().collect::<Vec<_>>(), 0)?,
        )?;
        let last = file.under("final");
        same_values(&last.under("encoder"), &encoder)?;
        same_values(&last.under("target"), &byol.target)?;
        same_values(&last.under("predictor"), &byol.predictor)
    });
}
