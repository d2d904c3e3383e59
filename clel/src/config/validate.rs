//! Values that are well-formed but make no sense.

use super::networks::{EncoderNetwork, Latents, Stem};
use super::tree::{Config, RESIZED, Source, StepShape};
use crate::{Error, Result};

/// The largest number that a setting which counts something may be.
const LARGEST: usize = 10_000_000;
/// The largest height and width of an image.
pub(crate) const LARGEST_SIDE: usize = 4096;
/// The largest width of a layer.
const WIDEST: usize = 16_384;
/// The largest number of images in a batch or in a picture.
const LARGEST_BATCH: usize = 16_384;

/// Collects what is wrong, as (key, what would be right).
#[derive(Default)]
struct Problems(Vec<(&'static str, String)>);

impl Problems {
    fn must(&mut self, holds: bool, key: &'static str, why: impl Into<String>) {
        if !holds {
            self.0.push((key, why.into()));
        }
    }

    fn positive(&mut self, key: &'static str, value: f64) {
        let holds = value.is_finite() && value > 0.0;
        self.must(holds, key, "must be a finite number above 0");
    }

    fn not_negative(&mut self, key: &'static str, value: f64) {
        let holds = value.is_finite() && value >= 0.0;
        self.must(holds, key, "must be a finite number, 0 or above");
    }

    /// Refuses a number that networks and chains, of 32-bit floats, would take for infinity.
    fn narrow(&mut self, key: &'static str, value: f64) {
        let most = f32::MAX;
        let holds = !value.is_finite() || value.abs() <= f64::from(most);
        let why = format!("must be at most {most:e}: it becomes a 32-bit float");
        self.must(holds, key, why);
    }

    /// And one by which they divide, lest they take it for 0.
    fn narrow_divisor(&mut self, key: &'static str, value: f64) {
        self.narrow(key, value);
        let least = f32::MIN_POSITIVE;
        let holds = value <= 0.0 || value >= f64::from(least);
        let why = format!("must be at least {least:e}: it becomes a 32-bit float");
        self.must(holds, key, why);
    }

    fn share(&mut self, key: &'static str, value: f64) {
        self.must((0.0..=1.0).contains(&value), key, "must lie in 0..=1");
    }

    fn decay(&mut self, key: &'static str, value: f64) {
        self.must(
            (0.0..1.0).contains(&value),
            key,
            "must lie in 0..1, 1 excluded",
        );
    }

    fn count(&mut self, key: &'static str, value: usize, largest: usize) {
        self.must(value > 0, key, "must be at least 1");
        self.at_most(key, value, largest);
    }

    /// Beyond any use, and near where sizes of arrays overflow.
    fn at_most(&mut self, key: &'static str, value: usize, largest: usize) {
        self.must(value <= largest, key, format!("must be at most {largest}"));
    }
}

impl Config {
    /// Refuses settings that make no sense, all of them in one error: those that [`Layers::build`](super::Layers::build) and [`Config::parse`]
    /// refuse, for a configuration whose fields were written since. What such a one trained, no checkpoint would give back.
    ///
    /// ```
    /// let mut config = clel::config::Layers::preset("digits")?.build()?;
    /// config.check()?;
    /// config.loss.tau = 0.0;
    /// assert!(config.check().unwrap_err().to_string().contains("loss.tau = 0.0: must be"));
    /// # Ok::<(), clel::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub fn check(&self) -> Result<()> {
        let words = self.in_words();
        let mut problems: Vec<String> = problems(self)
            .into_iter()
            .map(|(key, why)| match words.get(key) {
                Some(value) => format!("{key} = {value}: {why}"),
                None => format!("{key}: {why}"),
            })
            .collect();
        // a seed beyond TOML's numbers, say, or a path that is no text
        if let Err(error) = toml::Table::try_from(self) {
            problems.push(format!("cannot be written as TOML: {error}"));
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Error::ConfigInvalid { problems }),
        }
    }

    /// Refuses images \[height, width\] of which the energy network's pools leave nothing. Encoders take any.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub(crate) fn check_size(&self, [h, w]: [usize; 2]) -> Result<()> {
        let least = self.model.network.least_side();
        if h.min(w) >= least {
            return Ok(());
        }
        let problem = format!(
            "model.network = {}: {}",
            self.model.network.name(),
            too_small([h, w], least)
        );
        Err(Error::ConfigInvalid {
            problems: vec![problem],
        })
    }
}

fn too_small([h, w]: [usize; 2], least: usize) -> String {
    format!(
        "images of {h}×{w} are too small, it halves them until less than a pixel is left; expected at least {least}×{least}, or a smaller network"
    )
}

/// All problems of a configuration, as (key, what would be right).
pub(super) fn problems(c: &Config) -> Vec<(&'static str, String)> {
    let mut p = Problems::default();
    data(c, &mut p);
    networks(c, &mut p);
    sampler(c, &mut p);
    train(c, &mut p);
    health(c, &mut p);
    p.count("log.grid_images", c.log.grid_images, LARGEST_BATCH);
    p.not_negative("log.checkpoint_minutes", c.log.checkpoint_minutes);
    p.at_most("eval.samples", c.eval.samples, LARGEST);
    p.at_most("eval.rounds", c.eval.rounds, LARGEST);
    p.must(
        c.eval.samples != 1,
        "eval.samples",
        "a covariance needs at least 2 samples; 0 leaves the evaluation out",
    );
    p.0
}

fn data(c: &Config, p: &mut Problems) {
    p.must(
        c.data.path.is_some() || !c.data.source.needs_path(),
        "data.path",
        format!(
            "this source needs a path, for example --path {}",
            c.data.source.example_path()
        ),
    );
    p.must(
        (0.0..1.0).contains(&c.data.test_share),
        "data.test_share",
        "must lie in 0..1, 1 excluded",
    );
    if let Some(size) = c.data.size {
        p.must(
            size.iter().all(|s| (1..=LARGEST_SIDE).contains(s)),
            "data.size",
            format!("must be [height, width], both in 1..={LARGEST_SIDE}"),
        );
        p.must(c.data.source.is_resized(), "data.size", RESIZED);
    }
    p.must(
        c.data.attribute.is_none() || c.data.source == Source::Celeba,
        "data.attribute",
        "only celeba has attributes",
    );
    if let Some([h, w, channels]) = c.data.shape {
        p.must(
            h > 0 && w > 0 && (channels == 1 || channels == 3),
            "data.shape",
            "must be [height, width, channels] with 1 or 3 channels",
        );
        let least = c.model.network.least_side();
        p.must(h.min(w) >= least, "model.network", too_small([h, w], least));
        for (key, values) in [("data.mean", &c.data.mean), ("data.std", &c.data.std)] {
            let fits = values.as_ref().is_none_or(|v| v.len() == channels);
            p.must(
                fits,
                key,
                format!("must have one number for each of {channels} channels"),
            );
        }
    }
    if let (Some(mean), Some(std)) = (&c.data.mean, &c.data.std) {
        p.must(
            mean.len() == std.len(),
            "data.std",
            format!(
                "must have one number a channel, {} as data.mean has",
                mean.len()
            ),
        );
    }
    if let Some(mean) = &c.data.mean {
        p.must(
            mean.iter().all(|m| m.is_finite()),
            "data.mean",
            "must be finite",
        );
        mean.iter().for_each(|m| p.narrow("data.mean", *m));
    }
    if let Some(std) = &c.data.std {
        let holds = std.iter().all(|s| s.is_finite() && *s > 0.0);
        p.must(holds, "data.std", "must be finite and above 0");
        std.iter().for_each(|s| p.narrow_divisor("data.std", *s));
    }
}

fn networks(c: &Config, p: &mut Problems) {
    p.must(
        c.model.latent > 1,
        "model.latent",
        "must be at least 2: directions live on a sphere",
    );
    p.must(
        c.encoder.network != EncoderNetwork::Tiny || c.encoder.stem == Stem::Small,
        "encoder.stem",
        "must be small for the tiny encoder, whose images are small",
    );
    for (key, width) in [
        ("model.width", c.model.width),
        ("model.hidden", c.model.hidden),
        ("encoder.width", c.encoder.width),
        ("encoder.hidden", c.encoder.hidden),
    ] {
        p.count(key, width, WIDEST);
    }
    p.at_most("model.latent", c.model.latent, WIDEST);
    let frozen = c.encoder.latents == Latents::Frozen;
    p.must(
        !frozen || c.encoder.file.is_some(),
        "encoder.file",
        "encoder.latents = frozen needs the encoder's file, for example --set encoder.file=runs/digits-001",
    );
    p.must(
        frozen || c.encoder.file.is_none(),
        "encoder.file",
        "is read for encoder.latents = frozen alone",
    );
    p.must(
        c.encoder.latents != Latents::Byol || !c.loss.negatives,
        "loss.negatives",
        "BYOL has no negatives, so the model's samples cannot be some: say so with --set loss.negatives=false",
    );
    p.decay("encoder.target_decay", c.encoder.target_decay);
    p.not_negative("loss.beta", c.loss.beta);
    p.not_negative("loss.alpha", c.loss.alpha);
    p.positive("loss.tau", c.loss.tau);
    p.narrow_divisor("loss.tau", c.loss.tau);
    for (key, weight) in [("loss.beta", c.loss.beta), ("loss.alpha", c.loss.alpha)] {
        p.narrow(key, weight);
    }
}

fn sampler(c: &Config, p: &mut Problems) {
    let s = &c.sampler;
    p.count("sampler.steps", s.steps, LARGEST);
    p.positive("sampler.step_size", s.step_size);
    p.not_negative("sampler.noise", s.noise);
    p.positive("sampler.step_size_end", s.step_size_end);
    match s.schedule {
        StepShape::Geometric => p.positive("sampler.noise_end", s.noise_end),
        _ => p.not_negative("sampler.noise_end", s.noise_end),
    }
    for (key, end) in [
        ("sampler.step_size_end", s.step_size_end),
        ("sampler.noise_end", s.noise_end),
    ] {
        p.must(
            s.schedule != StepShape::Constant || end == 1.0,
            key,
            "is the end of a schedule: choose one with sampler.schedule, linear, cosine or geometric",
        );
    }
    for (key, factor) in [
        ("sampler.step_size", s.step_size),
        ("sampler.noise", s.noise),
        ("sampler.step_size_end", s.step_size_end),
        ("sampler.noise_end", s.noise_end),
        ("sampler.clip", s.clip.unwrap_or_default()),
    ] {
        p.narrow(key, factor);
    }
    p.share("sampler.restart", s.restart);
    if let Some(clip) = s.clip {
        p.positive("sampler.clip", clip);
    }
    p.at_most("sampler.buffer", s.buffer, LARGEST);
    p.must(
        s.buffer >= c.train.batch,
        "sampler.buffer",
        format!(
            "must hold at least one batch: a batch is {} distinct images (train.batch)",
            c.train.batch
        ),
    );
}

fn train(c: &Config, p: &mut Problems) {
    let t = &c.train;
    p.must(
        t.batch > 1,
        "train.batch",
        "must be at least 2: BatchNorm and the contrastive loss compare images",
    );
    p.at_most("train.batch", t.batch, LARGEST_BATCH);
    p.must(t.iterations > 0, "train.iterations", "must be at least 1");
    p.positive("train.ema_half_life", t.ema_half_life);
    p.not_negative("train.ebm.lr", t.ebm.lr);
    p.decay("train.ebm.beta1", t.ebm.beta1);
    p.decay("train.ebm.beta2", t.ebm.beta2);
    p.positive("train.ebm.epsilon", t.ebm.epsilon);
    p.not_negative("train.encoder.lr", t.encoder.lr);
    p.decay("train.encoder.momentum", t.encoder.momentum);
    p.not_negative("train.encoder.weight_decay", t.encoder.weight_decay);
    for (key, factor) in [
        ("train.ebm.lr", t.ebm.lr),
        ("train.ebm.epsilon", t.ebm.epsilon),
        ("train.encoder.lr", t.encoder.lr),
        ("train.encoder.weight_decay", t.encoder.weight_decay),
    ] {
        p.narrow(key, factor);
    }
}

fn health(c: &Config, p: &mut Problems) {
    let h = &c.health;
    p.positive("health.energy", h.energy);
    p.positive("health.gap_deviations", h.gap_deviations);
    p.share("health.gradient", h.gradient);
    p.share("health.saturated", h.saturated);
    p.must(
        h.rolled_back <= h.rollbacks,
        "health.rolled_back",
        "is counted by the program, up to health.rollbacks",
    );
    p.at_most("health.rollbacks", h.rollbacks, LARGEST);
    let gentler = h.rate_factor > 0.0 && h.rate_factor <= 1.0;
    p.must(
        gentler,
        "health.rate_factor",
        "must lie in 0..=1, 0 excluded",
    );
}
