//! One iteration of training (paper, section 3.3 and appendix A; the order is that of the official implementation).

use clel_autograd::{Var, no_grad};
use clel_nn::{
    Layer, Mode, Module, Parameter, hold_weights,
    optim::{Adam, Ema, Optimizer, Schedule as Rate, Sgd, ema_decay, gradients},
};
use clel_tensor::{Device, RngKey, Tensor};

use super::{Byol, Networks, frozen::read_encoder, streams};
use crate::{
    Result,
    augment::Params,
    config::{Config, Latents, Schedule},
    data::Images,
    loss::{EnergyLoss, energy_loss, marginal_loss, nt_xent},
    model::{Encoder, EnergyNetwork},
    sampler::{Chains, Draw, Langevin, Numbers, ReplayBuffer},
};

/// Everything that training changes.
pub struct Trainer {
    pub(super) config: Config,
    pub(super) device: Device,
    pub(super) live: Networks,
    pub(super) average: Networks,
    /// What `encoder.latents = byol` has beside the encoder.
    pub(super) byol: Option<Byol>,
    pub(super) adam: Adam,
    pub(super) sgd: Sgd,
    pub(super) buffer: ReplayBuffer,
    pub(super) step: u64,
    /// Networks, `ebm` or `encoder`, that are as they were drawn: left so by an import, or with no part in the training.
    pub(super) untrained: Vec<String>,
    /// The images that it has learnt from, in words, where that is known.
    pub(super) learnt_from: Option<String>,
}

/// What one iteration is given. [`Trainer::draw`] draws it; tests write it down.
pub struct Batch<'a> {
    /// Data, \[n, H, W, C\] in \[0, 1\], of the size of the buffer's chains.
    pub images: Tensor,
    /// Which chains go on.
    pub draw: Draw,
    /// Where those of them that start again start from.
    pub restart: Numbers<'a>,
    /// How the chains are augmented before they go on.
    pub chains: Params,
    /// Noise of the Langevin steps.
    pub noise: Noise<'a>,
    /// How the data are augmented for their latents.
    pub latent: Params,
    /// How the data, twice in a row, are augmented for the encoder's loss: 2n images.
    pub views: Params,
}

/// Noise of the Langevin steps of one iteration.
#[derive(Debug, Clone, Copy)]
pub enum Noise<'a> {
    /// That of a key.
    Drawn(RngKey),
    /// One array \[n, H, W, C\] for each of `sampler.steps` steps, n the number of chains that go on.
    Given(&'a [Tensor]),
}

/// What one iteration found. Nothing is read back from the device unless it is asked for.
pub struct Outcome {
    /// The energy network's loss, a scalar.
    pub energy_loss: Tensor,
    /// The encoder's loss, a scalar; none where it does not learn.
    pub encoder_loss: Option<Tensor>,
    /// E(x) of the data, \[n\].
    pub data: Tensor,
    /// E(x̃) of the samples, \[n\].
    pub samples: Tensor,
    /// cos(ĝ(f(x)), z) of the data, \[n\]; none without latents.
    pub similarity: Option<Tensor>,
    /// The sampler's run.
    pub chains: Chains,
    /// Learning rates of the energy network and of the encoder.
    pub rates: [f64; 2],
}

impl Trainer {
    /// At step 0, with what the configuration's seed draws, and a frozen encoder from its file.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`](crate::Error::ConfigInvalid) if settings make no sense ([`Config::check`]) or the data's shape is not among them;
    /// the configuration lacks the data's statistics; the encoder's file does not fit it; what the device reports.
    pub fn new(config: &Config, device: &Device) -> Result<Trainer> {
        config.check()?;
        if config.data.shape.is_none() {
            let why = "data.shape: not set; expected [height, width, channels] of the images";
            return Err(crate::Error::ConfigInvalid {
                problems: vec![why.to_owned()],
            });
        }
        let trainer = Trainer::drawn(config, device, usize::MAX)?;
        if let Some(file) = &config.encoder.file {
            read_encoder(file, config, [&trainer.live, &trainer.average])?;
        }
        Ok(trainer)
    }

    /// The same, the encoder drawn whatever it is to be, and each network of `most` values at most: for whoever has other values for them.
    pub(crate) fn drawn(config: &Config, device: &Device, most: usize) -> Result<Trainer> {
        let adam = &config.train.ebm;
        let sgd = &config.train.encoder;
        let shape = config.data.shape.unwrap_or_default();
        let key = RngKey::new(config.drawing_seed(), streams::BUFFER);
        let live = Networks::at_most(most, config, device)?;
        live.join_parameters()?;
        let average = Networks::at_most(most, config, device)?;
        average.join_parameters()?;
        Ok(Trainer {
            live,
            average,
            byol: match config.encoder.latents {
                Latents::Byol => Some(Byol::new(config, device)?),
                _ => None,
            },
            adam: Adam::new([adam.beta1, adam.beta2], adam.epsilon, 0.0)?,
            sgd: Sgd::new(sgd.momentum, sgd.weight_decay)?,
            buffer: ReplayBuffer::fresh(config.sampler.buffer, shape, key, device)?,
            step: 0,
            untrained: match config.encoder.latents.exist() {
                true => Vec::new(),
                false => vec!["encoder".to_owned()],
            },
            learnt_from: None,
            config: config.clone(),
            device: device.clone(),
        })
    }

    /// Iterations done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Says how far the networks have come that were put into this trainer ([`live`](Trainer::live) and [`average`](Trainer::average), by
    /// [`Ema::update`] with a decay of 0), and which of them, `ebm` or `encoder`, are as drawn. From the step follow the order of the data, random
    /// numbers and schedules; the optimisers' moments stay as they are, 0 in a new trainer. With `encoder.latents = byol` the target
    /// becomes a copy of the encoder.
    ///
    /// ```
    /// use clel::{config::Layers, nn::optim::Ema, tensor::Device, train::{Networks, Trainer}};
    /// let mut config = Layers::preset("digits")?.build()?;
    /// config.data.shape = Some([8, 8, 1]);
    /// (config.data.mean, config.data.std) = (Some(vec![0.3]), Some(vec![0.4]));
    /// let own = Networks::energy(&config, &Device::Cpu)?; // a loop of your own trains it
    /// let mut trainer = Trainer::new(&config, &Device::Cpu)?;
    /// for networks in [trainer.live(), trainer.average()] {
    ///     Ema::update(&own, &networks.energy, 0.0)?;
    /// }
    /// trainer.set_progress(500, vec!["encoder".to_owned()])?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("own.safetensors");
    /// trainer.save(&path)?;
    /// # assert_eq!(Trainer::load(&path, &Device::Cpu)?.step(), 500);
    /// # Ok::<(), clel::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) for a name of neither network; what the device reports.
    pub fn set_progress(&mut self, step: u64, untrained: Vec<String>) -> Result<()> {
        let known = |name: &String| ["ebm", "encoder"].contains(&name.as_str());
        if let Some(other) = untrained.iter().find(|name| !known(name)) {
            return Err(crate::Error::Mismatch {
                what: "a network that is as drawn".into(),
                found: format!("`{other}`"),
                expected: "`ebm` or `encoder`".into(),
            });
        }
        (self.step, self.untrained) = (step, untrained);
        match &self.byol {
            Some(byol) => byol.restart(&self.live.encoder),
            None => Ok(()),
        }
    }

    /// Networks, `ebm` or `encoder`, that are as they were drawn.
    pub fn untrained(&self) -> &[String] {
        &self.untrained
    }

    /// What is trained, and how.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The networks that are trained.
    pub fn live(&self) -> &Networks {
        &self.live
    }

    /// Their moving averages. They follow at the start of an iteration, so what the last one learnt is not in them yet: average ←
    /// d · average + (1 − d) · live, d = [`ema_decay`]\(n, h\) for a batch of n images and h = `train.ema_half_life`. While (step + 1) · n < h
    /// they are plain copies.
    pub fn average(&self) -> &Networks {
        &self.average
    }

    /// The sampler's chains.
    pub fn buffer(&self) -> &ReplayBuffer {
        &self.buffer
    }

    /// Goes on with other chains.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) unless number and size stay.
    pub fn set_buffer(&mut self, buffer: ReplayBuffer) -> Result<()> {
        let (found, expected) = (buffer.images().shape(), self.buffer.images().shape());
        if found != expected {
            return Err(crate::Error::Mismatch {
                what: "images of the replay buffer".into(),
                found: format!("{found:?}"),
                expected: format!("{expected:?}"),
            });
        }
        self.buffer = buffer;
        Ok(())
    }

    /// A key for the use `stream` in the next iteration.
    fn key(&self, stream: u32) -> RngKey {
        RngKey::new(self.config.drawing_seed(), stream).at(self.step)
    }

    /// What the next iteration works on, with these data: depends on the seed and the step alone.
    ///
    /// # Errors
    /// What the device reports.
    pub fn draw(&self, data: &Images) -> Result<Batch<'static>> {
        let [n, h, w, c] = data.shape();
        let values = data.dequantised(self.key(streams::DEQUANTISE));
        let (augmentation, sampler) = (&self.config.augmentation, &self.config.sampler);
        let params = |family, n, stream| Params::draw(family, n, [h, w], self.key(stream));
        let key = self.key(streams::DRAW);
        let draw = Draw::random(n, self.buffer.len(), sampler.restart, key);
        Ok(Batch {
            images: Tensor::from_slice(&values, &[n, h, w, c], &self.device)?,
            restart: Numbers::Drawn(self.key(streams::RESTART)),
            chains: params(sampler.augmentation, draw.indices.len(), streams::CHAINS),
            draw,
            noise: Noise::Drawn(self.key(streams::LANGEVIN)),
            latent: params(augmentation.ebm, n, streams::LATENT),
            views: params(augmentation.encoder, 2 * n, streams::VIEWS),
        })
    }

    /// The first parameter that holds NaN or an infinity, in words. Waits for the device.
    pub(super) fn not_finite(&self) -> Result<Option<String>> {
        let mut all: Vec<(&str, &dyn Module)> = self.live.named().into();
        all.extend(self.byol.iter().map(|byol| ("byol.", byol as &dyn Module)));
        for (prefix, module) in all {
            for (name, parameter) in module.parameters() {
                // a sum is finite only if all of its parts are
                let sum = parameter.tensor().abs()?.mean_all()?.item()?;
                if !sum.is_finite() {
                    return Ok(Some(format!(
                        "`{prefix}{name}` holds numbers that are not finite"
                    )));
                }
            }
        }
        Ok(None)
    }

    /// One iteration: averages, samples, both losses, both optimisers.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) for a batch that does not fit, before anything has changed. What the device reports, which may
    /// leave an iteration half done: go on from a checkpoint then.
    pub fn iterate(&mut self, batch: &Batch<'_>) -> Result<Outcome> {
        self.check(batch)?;
        let settings = self.config.train.clone();
        settings.with_kernels(|| self.advance(batch))
    }

    fn advance(&mut self, batch: &Batch<'_>) -> Result<Outcome> {
        // ANCHOR: iteration
        self.update_averages(batch.images.shape()[0])?;
        let chains = self.sample(batch)?;
        let rates = self.rates();

        // the losses share no parameter, so these two backward passes are one over their sum; the first graph is gone before the
        // second is made
        let energy = energy_parameters(&self.live.energy, &self.config);
        let (parts, negatives) = self.energy_loss(batch, &chains.images)?;
        let (energy_loss, loss) = (parts.loss.tensor().clone(), parts.loss);
        let energy_gradients = gradients(loss, &energy)?;

        let mut encoder_loss = None;
        if self.config.encoder.latents.learn() {
            let loss = self.encoder_loss(batch, negatives.as_ref())?;
            let encoder = encoder_parameters(&self.live.encoder, self.byol.as_ref());
            encoder_loss = Some(loss.tensor().clone());
            let encoder_gradients = gradients(loss, &encoder)?;
            self.sgd.step(&encoder, &encoder_gradients, rates[1])?;
            if let Some(byol) = &self.byol {
                let steps = self.config.train.iterations as u64;
                byol.follow(&self.live.encoder, self.step, steps)?;
            }
        }
        self.adam.step(&energy, &energy_gradients, rates[0])?;
        self.step += 1;
        // ANCHOR_END: iteration
        let learns = |name: &str| name != "encoder" || encoder_loss.is_some();
        self.untrained.retain(|name| !learns(name));
        Ok(Outcome {
            energy_loss,
            encoder_loss,
            data: parts.data,
            samples: parts.samples,
            similarity: parts.similarity,
            chains,
            rates,
        })
    }

    /// The loss of the energy network, and, where the contrastive loss wants them, the directions g of the samples \[n, latent\] as
    /// constants.
    fn energy_loss(
        &self,
        batch: &Batch<'_>,
        samples: &Tensor,
    ) -> Result<(EnergyLoss, Option<Var>)> {
        let (energy, encoder) = (&self.live.energy, &self.live.encoder);
        let loss = &self.config.loss;
        let f_data = energy.features(&batch.images.clone().into(), Mode::Train)?;
        let f_samples = energy.features(&samples.clone().into(), Mode::Train)?;
        if !self.config.encoder.latents.exist() {
            return Ok((marginal_loss(&f_data, &f_samples, loss.alpha)?, None));
        }
        let g_data = energy.project(&f_data, Mode::Train)?;
        // an encoder that does not learn keeps its BatchNorm statistics too
        let mode = match self.config.encoder.latents.learn() {
            true => Mode::Train,
            false => Mode::Eval,
        };
        let z = no_grad(|| encoder.latent(&batch.latent.apply(&batch.images)?.into(), mode))?;
        let wanted = self.config.encoder.latents == Latents::Contrastive && loss.negatives;
        let negatives = match wanted {
            true => Some(no_grad(|| energy.project(&f_samples, Mode::Train))?),
            false => None,
        };
        let parts = energy_loss(&f_data, &g_data, &f_samples, &z, loss.alpha, loss.beta)?;
        Ok((parts, negatives))
    }

    /// The loss of the encoder.
    fn encoder_loss(&self, batch: &Batch<'_>, negatives: Option<&Var>) -> Result<Var> {
        let twice = Tensor::concat(&[&batch.images, &batch.images], 0)?;
        let views = batch.views.apply(&twice)?.into();
        if let Some(byol) = &self.byol {
            return byol.loss(&self.live.encoder, &views);
        }
        let views = self.live.encoder.forward(&views, Mode::Train)?;
        nt_xent(&views, negatives, self.config.loss.tau)
    }

    /// The averages follow at the start of an iteration, before the optimisers' step; before `half_life / batch` iterations
    /// they are plain copies.
    fn update_averages(&self, batch: usize) -> Result<()> {
        let half_life = self.config.train.ema_half_life;
        let young = (self.step + 1) as f64 * (batch as f64) < half_life;
        let decay = if young {
            0.0
        } else {
            ema_decay(batch, half_life)
        };
        let rests = !self.config.encoder.latents.learn();
        for ((name, live), (_, average)) in self.live.named().into_iter().zip(self.average.named())
        {
            if rests && name == "encoder." {
                continue;
            }
            Ema::update(live, average, decay)?;
        }
        Ok(())
    }

    /// The batch's chains go on for K steps and return to the buffer.
    fn sample(&mut self, batch: &Batch<'_>) -> Result<Chains> {
        let start = batch
            .chains
            .apply(&self.buffer.start(&batch.draw, batch.restart)?)?;
        let langevin = Langevin::of(&self.config.sampler);
        let network = &self.live.energy;
        // training mode: every step is a power iteration of every spectral norm, unless they are held
        let energy = |x: &Var| network.energy(x, Mode::Train);
        let run = || match batch.noise {
            Noise::Drawn(key) => langevin.run(&energy, &start, key),
            Noise::Given(noise) => langevin.run_given(&energy, &start, noise),
        };
        let chains = match self.config.sampler.cache_spectral {
            true => hold_weights(run)?,
            false => run()?,
        };
        self.buffer
            .write(&batch.draw, &chains.images, langevin.steps as u64)?;
        Ok(chains)
    }

    /// What the energy's optimiser trains, by name: without latents, or where `loss.beta` is 0, the energy network without its projector, which gets
    /// no gradient then.
    pub fn energy_parameters(&self) -> Vec<(String, &Parameter)> {
        energy_parameters(&self.live.energy, &self.config)
    }

    /// Learning rates of the energy network and of the encoder in the next iteration.
    pub fn rates(&self) -> [f64; 2] {
        let train = &self.config.train;
        let rate = |lr: f64, warmup: usize, schedule: Schedule| {
            let rise = match warmup {
                0 => 1.0,
                steps => Rate::WarmUp {
                    steps: steps as u64,
                }
                .factor(self.step),
            };
            let fall = match schedule {
                Schedule::Constant => 1.0,
                Schedule::Cosine => Rate::Cosine {
                    steps: train.iterations as u64,
                }
                .factor(self.step),
            };
            lr * rise * fall
        };
        let (a, s) = (&train.ebm, &train.encoder);
        [
            rate(a.lr, a.warmup, a.schedule),
            rate(s.lr, s.warmup, s.schedule),
        ]
    }
}

/// What the encoder's loss trains.
pub(super) fn encoder_parameters<'a>(
    encoder: &'a Encoder,
    byol: Option<&'a Byol>,
) -> Vec<(String, &'a Parameter)> {
    match byol {
        Some(byol) => byol.parameters(encoder),
        None => encoder.parameters(),
    }
}

/// The projector has no part in E(x): without latents, or where β = 0, it gets no gradient at all and is left alone.
pub(super) fn energy_parameters<'a>(
    network: &'a EnergyNetwork,
    config: &Config,
) -> Vec<(String, &'a Parameter)> {
    let guided = config.encoder.latents.exist() && config.loss.beta != 0.0;
    let all = network.parameters().into_iter();
    all.filter(|(name, _)| guided || !name.starts_with("projection."))
        .collect()
}
