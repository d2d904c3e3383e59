//! What a run of the sampler tells about its health.

use clel_tensor::{DType, Tensor};

use super::Step;
use crate::Result;

/// A run of the sampler.
#[derive(Debug, Clone)]
pub struct Chains {
    /// The samples, \[N, H, W, C\] in \[0, 1\].
    pub images: Tensor,
    /// Where they started.
    pub start: Tensor,
    /// The first and the last step; `None` without steps.
    pub(super) ends: Option<(Step, Step)>,
}

/// Means over a run's images and pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// Mean energy before the first step; 0 without steps.
    pub first_energy: f64,
    /// Mean energy before the last step; 0 without steps.
    pub last_energy: f64,
    /// Mean |∂E/∂x| of the first step, per pixel; 0 without steps.
    pub first_gradient: f64,
    /// Mean |∂E/∂x| of the last step, per pixel; 0 without steps.
    pub last_gradient: f64,
    /// Mean |x_K − x_0|.
    pub moved: f64,
    /// Share of the pixels that are 0 or 1.
    pub saturated: f64,
}

impl Chains {
    /// Computes the statistics and reads them back: a handful of launches and one wait for the device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn statistics(&self) -> Result<Statistics> {
        let x = &self.images;
        let moved = x.sub(&self.start)?.abs()?.mean_all()?;
        let bound = x.less_equal_scalar(0.0)?.add(&x.equal_scalar(1.0)?)?;
        let mut means = vec![moved, bound.mean_all()?];
        if let Some((first, last)) = &self.ends {
            for step in [first, last] {
                means.push(step.energies.mean_all()?);
                means.push(step.gradient.abs()?.mean_all()?);
            }
        }
        let rows: clel_tensor::Result<Vec<Tensor>> =
            means.iter().map(|m| m.reshape(&[1])).collect();
        let together = Tensor::concat(&rows?.iter().collect::<Vec<_>>(), 0)?;
        let values: Vec<f64> = match together.dtype() {
            DType::F64 => together.to_vec()?,
            _ => {
                let values = together.to_vec::<f32>()?;
                values.into_iter().map(f64::from).collect()
            }
        };
        let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
        Ok(Statistics {
            moved: at(0),
            saturated: at(1),
            first_energy: at(2),
            first_gradient: at(3),
            last_energy: at(4),
            last_gradient: at(5),
        })
    }
}
