//! A Langevin step and an iteration of training.

use std::time::Instant;

use clel_autograd::Var;
use clel_nn::{Mode, hold_weights};
use clel_tensor::gpu::Gpu;
use clel_tensor::primitive::Primitive;
use clel_tensor::{Device, RngKey};

use super::operations::random;
use super::session::{Amount, Session};
use super::subject::Subject;
use crate::data::{Images, Order};
use crate::model::multiply_adds;
use crate::sampler::Langevin;
use crate::train::{Networks, Trainer};
use crate::{Error, Result};

/// One step of Langevin dynamics, as the trainer's sampler takes it: in runs of several steps, the fewer the longer one takes. The rate
/// counts the network's multiply-adds forward and back to the images, as a plain convolution does them.
pub(super) fn step(subject: &Subject, session: &mut Session<'_>) -> Result<()> {
    let name = subject.name("step", "");
    if session.has(&name) {
        return Ok(());
    }
    let config = &subject.config;
    let [h, w, c] = subject.shape();
    let network = Networks::energy(config, session.device())?;
    let start = random(&[subject.batch(), h, w, c], session.device())?;
    let energy = |x: &Var| network.energy(x, Mode::Train);
    let run = |steps: usize| -> Result<()> {
        let langevin = Langevin {
            steps,
            ..Langevin::of(&config.sampler)
        };
        langevin.run(&energy, &start, RngKey::new(0, 2))?;
        Ok(())
    };
    let flops = 2 * 2 * subject.batch() * multiply_adds(&config.model, [h, w, c]);
    let measured = |session: &mut Session<'_>| {
        run(1)?;
        session.finish_run()?;
        let mut seconds = |steps| -> Result<f64> {
            let begin = Instant::now();
            run(steps)?;
            session.finish_run()?;
            Ok(begin.elapsed().as_secs_f64())
        };
        // the first of a run is recorded, the others are what a run takes its time for
        let (first, three) = (seconds(1)?, seconds(3)?);
        let one = ((three - first) / 2.0).max(first / 100.0);
        // some ten runs in the time that there is
        let steps = (session.time().as_secs_f64() / one / 10.0) as usize;
        let steps = steps.clamp(1, config.sampler.steps);
        session.measure(name, Amount::Operations(flops), steps, || run(steps))
    };
    if config.sampler.cache_spectral {
        hold_weights(|| measured(session))
    } else {
        measured(session)
    }
}

/// The products that an iteration of training asks a GPU for. That it is done does not matter: one Langevin step is as good as all.
///
/// # Errors
/// What the networks and the device report.
pub fn products(subject: &Subject, gpu: &Gpu) -> Result<Vec<Primitive>> {
    let mut config = subject.config.clone();
    config.sampler.steps = 1;
    let images = random_images(subject)?;
    gpu.watch_products(|| {
        let mut trainer = Trainer::new(&config, &Device::Wgpu(gpu.clone()))?;
        let first: Vec<usize> = (0..subject.batch()).collect();
        trainer.iterate(&trainer.draw(&images.select(&first))?)?;
        Ok(gpu.wait()?)
    })
}

/// One iteration of training on random images.
pub(super) fn iteration(subject: &Subject, session: &mut Session<'_>) -> Result<()> {
    let config = &subject.config;
    let name = subject.name("train", &format!(" K{}", config.sampler.steps));
    if session.has(&name) {
        return Ok(());
    }
    let images = random_images(subject)?;
    let mut order = Order::new(images.len(), subject.batch(), RngKey::new(0, 3));
    let mut trainer = Trainer::new(config, session.device())?;
    session.measure(name, Amount::Other, 1, || {
        let batch = trainer.draw(&images.select(order.batch(trainer.step())))?;
        let outcome = trainer.iterate(&batch)?;
        outcome.energy_loss.item()?;
        if let Some(loss) = outcome.encoder_loss {
            loss.item()?;
        }
        Ok(())
    })
}

/// 8-bit images of noise, two batches of them.
fn random_images(subject: &Subject) -> Result<Images> {
    let [h, w, c] = subject.shape();
    let shape = [2 * subject.batch(), h, w, c];
    let (len, key) = (shape.iter().product(), RngKey::new(0, 4));
    let bytes = (0u32..).flat_map(|i| key.block(i)).map(|word| word as u8);
    Images::from_levels(shape, bytes.take(len).collect(), 256).ok_or_else(|| Error::Mismatch {
        what: "random images".into(),
        found: format!("{len} values"),
        expected: format!("{shape:?}"),
    })
}
