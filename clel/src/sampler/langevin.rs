//! Stochastic gradient Langevin dynamics.

use clel_autograd::{GradOptions, Var, grad_releasing};
use clel_nn::autocast_grad;
use clel_tensor::gpu::Family;
use clel_tensor::{Captured, Device, Expr, RngKey, Tensor, expr::Distribution};

use super::{Chains, Energy, Numbers, Observed, StepSchedule, Watch};
use crate::config::{SamplerConfig, Storage};
use crate::model::same_shape;
use crate::{Error, Result};

/// `x ← clamp(x − λ·∇E(x) + σ·ε, 0, 1)`, ε ~ N(0, I), over and over.
///
/// With λ = 100 and σ far below √(2λ) the chains are nearly a descent: the temperature is σ²/2λ.
#[derive(Debug, Clone, PartialEq)]
pub struct Langevin {
    /// K, steps of one run.
    pub steps: usize,
    /// λ, the weight of the gradient.
    pub step_size: f64,
    /// σ, the standard deviation of the noise of one step.
    pub noise: f64,
    /// Each component of the gradient is held in \[−c, c\].
    pub clip: Option<f64>,
    /// Whether the launches of a step are recorded and repeated in those that follow. The energy is then called in the first two steps of a run alone,
    /// and numbers of the host that it reads stay as they were: false for an energy that is another from step to step.
    pub capture: bool,
    /// How λ and σ change from step to step.
    pub schedule: StepSchedule,
    /// How the network's images are stored ([`clel_nn::autocast`]): as f32 where the device does not [gain](gains_by_halves) by less.
    pub storage: Storage,
}

/// Whether what is stored in half the bytes takes less time: on GPUs with 16-bit floats, but not on rasterisers, which convert them.
pub fn gains_by_halves(device: &Device) -> bool {
    matches!(device, Device::Wgpu(gpu) if gpu.has_f16() && gpu.family() == Family::Tiled)
}

/// One step of size 1 without noise, recorded where it is repeated.
impl Default for Langevin {
    fn default() -> Langevin {
        Langevin {
            steps: 1,
            step_size: 1.0,
            noise: 0.0,
            clip: None,
            capture: true,
            schedule: StepSchedule::CONSTANT,
            storage: Storage::F32,
        }
    }
}

/// What one step of a schedule multiplies with, as arrays of one number, so that a recorded step can be repeated with others.
struct Scales {
    step_size: Tensor,
    noise: Tensor,
    /// w, where images are known under noise.
    weight: Option<Tensor>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// The images after it.
    pub images: Tensor,
    /// The energies before it, \[N\].
    pub energies: Tensor,
    /// ∇E before it, not clipped.
    pub gradient: Tensor,
}

impl Scales {
    fn all(&self) -> Vec<&Tensor> {
        let mut all = vec![&self.step_size, &self.noise];
        all.extend(&self.weight);
        all
    }
}

impl Step {
    fn of([images, energies, gradient]: [Tensor; 3]) -> Step {
        Step {
            images,
            energies,
            gradient,
        }
    }
}

impl Langevin {
    /// The dynamics that a configuration names.
    pub fn of(config: &SamplerConfig) -> Langevin {
        Langevin {
            steps: config.steps,
            step_size: config.step_size,
            noise: config.noise,
            clip: config.clip,
            capture: config.capture,
            schedule: StepSchedule::of(config),
            storage: config.storage,
        }
    }

    /// The first step of a run, from images \[N, H, W, C\]; with σ = 0, `noise` is not looked at. Given noise is ε, of the images' shape.
    ///
    /// Beside the energy and its gradient this is one launch.
    ///
    /// # Errors
    /// What the energy reports, and energies that are not \[N\]; noise of another shape; a bound of the gradient below 0.
    pub fn step(&self, energy: &Energy<'_>, images: &Tensor, noise: Numbers<'_>) -> Result<Step> {
        self.observed_step(energy, images, noise, None, None)
    }

    /// A step after which what is known of the images is put right.
    fn observed_step(
        &self,
        energy: &Energy<'_>,
        images: &Tensor,
        noise: Numbers<'_>,
        observed: Option<&Observed>,
        scales: Option<&Scales>,
    ) -> Result<Step> {
        self.check(images, noise, observed)?;
        // ANCHOR: step
        let (energies, gradient) = self.gradient(energy, images)?;
        let mut inputs = vec![images, &gradient];
        let mut g = Expr::input(1);
        if let Some(c) = self.clip {
            g = g.maximum(-c).minimum(c);
        }
        let step_size = number(&mut inputs, scales.map(|s| &s.step_size), self.step_size);
        let mut next = Expr::input(0) - g * step_size;
        if self.noise != 0.0 {
            let epsilon = match noise {
                Numbers::Drawn(key) => Expr::random(Distribution::Normal, key),
                Numbers::Given(epsilon) => {
                    inputs.push(epsilon);
                    Expr::input(inputs.len() as u8 - 1)
                }
            };
            next = next + epsilon * number(&mut inputs, scales.map(|s| &s.noise), self.noise);
        }
        if let Some(observed) = observed {
            let weight = number(
                &mut inputs,
                scales.and_then(|s| s.weight.as_ref()),
                observed.weight(1.0),
            );
            next = observed.corrected(next, inputs.len(), weight);
            inputs.extend(observed.inputs());
        }
        let next = Tensor::pointwise(&next.maximum(0.0).minimum(1.0), &inputs)?;
        next.realize()?;
        // ANCHOR_END: step
        Ok(Step {
            images: next,
            energies,
            gradient,
        })
    }

    /// Refuses arrays that broadcasting would fit to the images, or the images to them.
    fn check(
        &self,
        images: &Tensor,
        noise: Numbers<'_>,
        observed: Option<&Observed>,
    ) -> Result<()> {
        if let Some(c) = self.clip
            && !(0.0..).contains(&c)
        {
            return Err(Error::Numbers {
                what: "bound of the gradient",
                why: format!("{c} is below 0, so that no number lies in [−c, c]"),
            });
        }
        match noise {
            Numbers::Given(noise) if self.noise != 0.0 => {
                same_shape("noise of the step", noise.shape(), images.shape())?;
            }
            _ => {}
        }
        observed.map_or(Ok(()), |observed| observed.check(images))
    }

    /// E and ∇E of images.
    fn gradient(&self, energy: &Energy<'_>, images: &Tensor) -> Result<(Tensor, Tensor)> {
        let x = Var::leaf(images.clone());
        let energy = || {
            let energies = energy(&x)?;
            let n = images.shape().get(..1).unwrap_or_default();
            same_shape("energies", energies.shape(), n)?;
            Ok(energies)
        };
        if self.storage == Storage::F16 && gains_by_halves(images.device()) {
            return autocast_grad(&x, energy);
        }
        let energy = energy()?;
        let energies = energy.tensor().clone();
        let mut gradient = grad_releasing(vec![energy], &[&x], &GradOptions::default())?;
        Ok((energies, gradient.remove(0).into_tensor()))
    }

    /// All steps from images \[N, H, W, C\]. Step k draws the noise of `key.at(key.step · 2³² + k)`, so that runs of different
    /// `key.step` share none, that and their steps being below 2³².
    ///
    /// A network's spectrally normalised weights are computed in every step, as in the official code, and in training mode with a power
    /// iteration each; inside [`clel_nn::hold_weights`] only once.
    ///
    /// With `capture` the energy is called in the first two steps alone; one that changes from step to step by numbers of the host needs
    /// `capture: false`.
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub fn run(&self, energy: &Energy<'_>, start: &Tensor, key: RngKey) -> Result<Chains> {
        self.follow(energy, start, key, None, &mut |_, _| Ok(()))
    }

    /// [`run`](Self::run) with images that are known in part, and an observer of the chains.
    ///
    /// # Errors
    /// Those of [`step`](Self::step); what is known of images of another shape; what the observer reports.
    pub fn follow(
        &self,
        energy: &Energy<'_>,
        start: &Tensor,
        key: RngKey,
        observed: Option<&Observed>,
        watch: &mut Watch<'_>,
    ) -> Result<Chains> {
        let noise = |k| Numbers::Drawn(key.at((key.step << 32) | k as u64));
        self.chain(energy, start, self.steps, noise, observed, watch)
    }

    /// One step for each array of noise ε, of the images' shape.
    ///
    /// # Errors
    /// What the energy reports; noise of another shape.
    pub fn run_given(
        &self,
        energy: &Energy<'_>,
        start: &Tensor,
        noise: &[Tensor],
    ) -> Result<Chains> {
        let given = |k: usize| Numbers::Given(&noise[k]);
        self.chain(energy, start, noise.len(), given, None, &mut |_, _| Ok(()))
    }

    pub(super) fn chain<'n>(
        &self,
        energy: &Energy<'_>,
        start: &Tensor,
        steps: usize,
        noise: impl Fn(usize) -> Numbers<'n>,
        observed: Option<&Observed>,
        watch: &mut Watch<'_>,
    ) -> Result<Chains> {
        let mut ends: Option<(Step, Step)> = None;
        let mut images = start.clone();
        let mut captured: Option<Captured<3>> = None;
        // before the first step: what goes to the device meanwhile cannot be recorded
        let scales = self.scales(start, steps, observed)?;
        for k in 0..steps {
            let noise = noise(k);
            let scales = scales.get(k);
            let step = match &captured {
                Some(captured) => {
                    let (inputs, key) = varying(&images, noise, scales);
                    Step::of(captured.replay(&inputs, key)?)
                }
                // the first step also computes what all have in common, weights that are held for one
                None if self.capture && k == 1 && k + 1 < steps => {
                    let (step, recorded) = self.record(energy, &images, noise, observed, scales)?;
                    captured = recorded;
                    step
                }
                None => self.observed_step(energy, &images, noise, observed, scales)?,
            };
            images = step.images.clone();
            watch(k + 1, &images)?;
            ends = match ends {
                None => Some((step.clone(), step)),
                Some((first, _)) => Some((first, step)),
            };
        }
        Ok(Chains {
            images,
            start: start.clone(),
            ends,
        })
    }

    /// For each step its factors, if they differ.
    fn scales(
        &self,
        images: &Tensor,
        steps: usize,
        observed: Option<&Observed>,
    ) -> Result<Vec<Scales>> {
        if self.schedule.is_constant() {
            return Ok(Vec::new());
        }
        let one = |value: f64| Tensor::full(&[1], value, images.dtype(), images.device());
        let at = |k: usize| {
            let [step_size, noise] = self.schedule.factors(k);
            let noisy = observed.filter(|o| matches!(o, Observed::Noisy { .. }));
            let weight = noisy.map(|observed| one(observed.weight(noise)));
            let scales = Scales {
                step_size: one(self.step_size * step_size)?,
                noise: one(self.noise * noise)?,
                weight: weight.transpose()?,
            };
            Tensor::realize_all(&scales.all())?;
            Ok(scales)
        };
        (0..steps).map(at).collect()
    }

    /// A step and, if each runs the same launches, their recording.
    fn record(
        &self,
        energy: &Energy<'_>,
        images: &Tensor,
        noise: Numbers<'_>,
        observed: Option<&Observed>,
        scales: Option<&Scales>,
    ) -> Result<(Step, Option<Captured<3>>)> {
        let (inputs, key) = varying(images, noise, scales);
        let (made, captured) = Captured::record(&inputs, key, || {
            let step = self.observed_step(energy, images, noise, observed, scales)?;
            Ok::<_, Error>([step.images, step.energies, step.gradient])
        })?;
        Ok((Step::of(made), captured))
    }
}

/// A number that is the same in all steps, or where it is not a further input.
fn number<'a>(inputs: &mut Vec<&'a Tensor>, scale: Option<&'a Tensor>, fixed: f64) -> Expr {
    match scale {
        None => Expr::constant(fixed),
        Some(scale) => {
            inputs.push(scale);
            Expr::input(inputs.len() as u8 - 1)
        }
    }
}

/// What differs from step to step.
fn varying<'a>(
    images: &'a Tensor,
    noise: Numbers<'a>,
    scales: Option<&'a Scales>,
) -> (Vec<&'a Tensor>, Option<RngKey>) {
    let mut inputs = vec![images];
    if let Some(scales) = scales {
        inputs.extend(scales.all());
    }
    match noise {
        Numbers::Drawn(key) => (inputs, Some(key)),
        Numbers::Given(epsilon) => {
            inputs.push(epsilon);
            (inputs, None)
        }
    }
}
