//! Learning rates over time.

use std::f64::consts::PI;

/// How a learning rate changes: a factor for each step t = 0, 1, 2, …
///
/// ```
/// use clel_nn::optim::Schedule;
/// assert_eq!(Schedule::WarmUp { steps: 4 }.factor(0), 0.25);
/// assert_eq!(Schedule::WarmUp { steps: 4 }.factor(9), 1.0);
/// assert_eq!(Schedule::Cosine { steps: 10 }.factor(0), 1.0);
/// assert!(Schedule::Cosine { steps: 10 }.factor(10) < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// 1.
    Constant,
    /// min(1, (t + 1)/steps): linear, then constant.
    WarmUp {
        /// Length of the rise.
        steps: u64,
    },
    /// (1 + cos(πt/steps))/2, then 0 (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts).
    Cosine {
        /// Length of the fall.
        steps: u64,
    },
}

impl Schedule {
    /// The factor of the learning rate at step t.
    pub fn factor(self, step: u64) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::WarmUp { steps } => {
                (step.saturating_add(1) as f64 / steps.max(1) as f64).min(1.0)
            }
            Schedule::Cosine { steps } => {
                let share = (step as f64 / steps.max(1) as f64).min(1.0);
                0.5 * (1.0 + (PI * share).cos())
            }
        }
    }
}
