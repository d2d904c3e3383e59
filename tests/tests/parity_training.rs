//! Five whole training iterations of the tiny model against PyTorch, with every draw given: replay indices, restarts,
//! Langevin noise, augmentation parameters.

use clel::augment::{Affine, Params};
use clel::config::Network;
use clel::loss::{energy_loss, nt_xent};
use clel::model::{Encoder, EnergyNetwork};
use clel::sampler::{Draw, Langevin, Numbers, ReplayBuffer};
use clel_autograd::{Var, no_grad};
use clel_nn::optim::{Adam, Ema, Optimizer, Schedule, Sgd, ema_decay, gradients};
use clel_nn::{Layer, Mode, Module};
use clel_tensor::Tensor;
use clel_tests::{Case, EncoderShape, EnergyShape, Failure, load, on_the_cpu, same_values};
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

/// Everything that an iteration changes.
struct Training {
    ebm: EnergyNetwork,
    encoder: Encoder,
    ebm_average: EnergyNetwork,
    encoder_average: Encoder,
    buffer: ReplayBuffer,
    adam: Adam,
    sgd: Sgd,
}

/// What one iteration says.
struct Record {
    name: &'static str,
    value: Tensor,
}

impl Training {
    fn start(file: &Case<'_>) -> Result<Training, Failure> {
        let shapes = || file.fixture.note::<Shapes>("config");
        let initial = file.under("initial");
        let network = |shape: EnergyShape| -> Result<EnergyNetwork, Failure> {
            let net = shape.build(file, Network::Tiny)?;
            load(&initial.under("ebm"), &net)?;
            Ok(net)
        };
        let encoder = |shape: EncoderShape| -> Result<Encoder, Failure> {
            let net = shape.build(file)?;
            load(&initial.under("encoder"), &net)?;
            Ok(net)
        };
        let images = file.tensor("buffer")?;
        let ages = vec![0; images.shape()[0]];
        let momentum = file.fixture.note("momentum")?;
        Ok(Training {
            ebm: network(shapes()?.ebm)?,
            ebm_average: network(shapes()?.ebm)?,
            encoder: encoder(shapes()?.encoder)?,
            encoder_average: encoder(shapes()?.encoder)?,
            buffer: ReplayBuffer::from_parts(images, ages)?,
            adam: Adam::new([0.0, 0.999], 1e-8, 0.0)?,
            sgd: Sgd::new(momentum, file.fixture.note("weight_decay")?)?,
        })
    }

    /// Iteration i = 0, 1, …, in the order of the official code.
    fn iterate(&mut self, file: &Case<'_>, i: usize) -> Result<Vec<Record>, Failure> {
        let note = |key: &str| file.fixture.note::<f64>(key);
        let (batch, half_life) = (file.fixture.note("batch")?, note("ema_half_life")?);
        let copied = ((i + 1) as f64) < half_life / batch as f64;
        let decay = if copied {
            0.0
        } else {
            ema_decay(batch, half_life)
        };
        Ema::update(&self.ebm, &self.ebm_average, decay)?;
        Ema::update(&self.encoder, &self.encoder_average, decay)?;

        let data = row(file, "images", i)?;
        let samples = self.sample(file, i)?;

        let data_in = Var::constant(data.clone());
        let f_data = self.ebm.features(&data_in, Mode::Train)?;
        let g_data = self.ebm.project(&f_data, Mode::Train)?;
        let f_samples = self
            .ebm
            .features(&Var::constant(samples.clone()), Mode::Train)?;
        let g_samples = self.ebm.project(&f_samples, Mode::Train)?;
        let seen = Var::constant(affine(&file.under("latent"), i)?.apply(&data)?);
        let z = no_grad(|| self.encoder.latent(&seen, Mode::Train))?;
        let (alpha, beta) = (note("alpha")?, note("beta")?);
        let energies = energy_loss(&f_data, &g_data, &f_samples, &z, alpha, beta)?;

        let twice = Tensor::concat(&[&data, &data], 0)?;
        let views = affine(&file.under("views"), i)?.apply(&twice)?;
        let y = self.encoder.forward(&Var::constant(views), Mode::Train)?;
        let contrast = nt_xent(&y, Some(&g_samples), note("temperature")?)?;

        let warmup = Schedule::WarmUp {
            steps: file.fixture.note("energy_warmup")?,
        };
        let cosine = Schedule::Cosine {
            steps: file.fixture.note("iterations")?,
        };
        let rates = [
            note("energy_lr")? * warmup.factor(i as u64),
            note("encoder_lr")? * cosine.factor(i as u64),
        ];
        let (ebm, encoder) = (self.ebm.parameters(), self.encoder.parameters());
        let to_ebm = gradients(&energies.loss, &ebm)?;
        let to_encoder = gradients(&contrast, &encoder)?;
        self.adam.step(&ebm, &to_ebm, rates[0])?;
        self.sgd.step(&encoder, &to_encoder, rates[1])?;

        let rates = Tensor::from_slice(&rates.map(|r| r as f32), &[2], file.device)?;
        let log = [
            ("rates", rates),
            ("samples", samples),
            ("latent", z.into_tensor()),
            ("loss_ebm", energies.loss.into_tensor()),
            ("loss_encoder", contrast.into_tensor()),
            ("energy_pos", energies.data.into_tensor()),
            ("energy_neg", energies.samples.into_tensor()),
            ("similarity", energies.similarity.into_tensor()),
        ];
        Ok(log.map(|(name, value)| Record { name, value }).into())
    }

    /// Draws from the buffer, restarts, Langevin steps in training mode, writes back.
    fn sample(&mut self, file: &Case<'_>, i: usize) -> Result<Tensor, Failure> {
        let draw = Draw {
            indices: integers(&row(file, "indices", i)?)?,
            restarted: integers(&row(file, "restart", i)?)?
                .into_iter()
                .map(|r| r != 0)
                .collect(),
        };
        let fresh = row(file, "fresh", i)?;
        let mut images = self.buffer.start(&draw, Numbers::Given(&fresh))?;
        let langevin = Langevin {
            steps: file.fixture.note("steps")?,
            step_size: file.fixture.note("step_size")?,
            noise: file.fixture.note("sigma")?,
            clip: None,
        };
        let energy = |x: &Var| self.ebm.energy(x, Mode::Train);
        for k in 0..langevin.steps {
            let noise = row(file, "noise", i)?.slice(0, k, 1)?.squeeze(0)?;
            images = langevin
                .step(&energy, &images, Numbers::Given(&noise))?
                .images;
        }
        self.buffer.write(&draw, &images, langevin.steps as u64)?;
        Ok(images)
    }
}

#[test]
fn five_iterations() {
    on_the_cpu("training", |file| {
        let mut training = Training::start(file)?;
        let mut log: Vec<Vec<Record>> = Vec::new();
        for i in 0..file.fixture.note("iterations")? {
            log.push(training.iterate(file, i)?);
        }
        for column in 0..log[0].len() {
            let values = log.iter().map(|records| records[column].value.unsqueeze(0));
            let values = values.collect::<Result<Vec<Tensor>, _>>()?;
            let together = Tensor::concat(&values.iter().collect::<Vec<_>>(), 0)?;
            file.under("log").same(log[0][column].name, &together)?;
        }
        let last = file.under("final");
        last.same("buffer", training.buffer.images())?;
        same_values(&last.under("ebm"), &training.ebm)?;
        same_values(&last.under("encoder"), &training.encoder)?;
        same_values(&last.under("ebm_average"), &training.ebm_average)?;
        same_values(&last.under("encoder_average"), &training.encoder_average)
    });
}
