//! Step sizes and noise that change over the steps of a run.

use std::f64::consts::PI;
use std::fmt;

use crate::config::{SamplerConfig, StepShape};

/// How step size and noise go from what they are at the first step of a run to what they are at the last: as factors.
///
/// ```
/// use clel::{config::StepShape, sampler::StepSchedule};
/// let falling = StepSchedule { shape: StepShape::Geometric, step_size_end: 0.01, noise_end: 1.0, steps: 3 };
/// assert_eq!(falling.factors(0), [1.0, 1.0]);
/// assert!((falling.factors(1)[0] - 0.1).abs() < 1e-12);
/// assert!((falling.factors(2)[0] - 0.01).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepSchedule {
    /// The course between first and last step.
    pub shape: StepShape,
    /// Factor of the step size at the last step.
    pub step_size_end: f64,
    /// Factor of the noise at the last step.
    pub noise_end: f64,
    /// K, the steps from the first to the last. A run that takes fewer of them ends before; what comes after is like the last.
    pub steps: usize,
}

impl StepSchedule {
    /// All steps alike.
    pub const CONSTANT: StepSchedule = StepSchedule {
        shape: StepShape::Constant,
        step_size_end: 1.0,
        noise_end: 1.0,
        steps: 1,
    };

    /// The schedule that a configuration names.
    pub fn of(config: &SamplerConfig) -> StepSchedule {
        StepSchedule {
            shape: config.schedule,
            step_size_end: config.step_size_end,
            noise_end: config.noise_end,
            steps: config.steps,
        }
    }

    /// Whether all steps are alike.
    pub fn is_constant(&self) -> bool {
        self.shape == StepShape::Constant || (self.step_size_end == 1.0 && self.noise_end == 1.0)
    }

    /// Factors of the step size and of the noise in step k = 0, 1, … With t = k/(K − 1) and the end e: 1 + (e − 1)·t (linear),
    /// e + (1 − e)·(1 + cos πt)/2 (cosine), eᵗ (geometric).
    pub fn factors(&self, k: usize) -> [f64; 2] {
        let t = match self.steps {
            0 | 1 => 0.0,
            steps => (k as f64 / (steps - 1) as f64).min(1.0),
        };
        [self.step_size_end, self.noise_end].map(|end| match self.shape {
            StepShape::Constant => 1.0,
            StepShape::Linear => 1.0 + (end - 1.0) * t,
            StepShape::Cosine => end + (1.0 - end) * 0.5 * (1.0 + (PI * t).cos()),
            StepShape::Geometric => end.powf(t),
        })
    }
}

/// `cosine to 0.1 of the step size and 0.5 of the noise`.
impl fmt::Display for StepSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_constant() {
            true => write!(f, "constant"),
            false => write!(
                f,
                "{} to {} of the step size and {} of the noise",
                self.shape.name(),
                self.step_size_end,
                self.noise_end
            ),
        }
    }
}
