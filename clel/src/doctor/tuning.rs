//! Whether a device has been tuned.

use std::path::PathBuf;

use clel_tensor::Device;
use clel_tensor::gpu::Family;
use serde::Serialize;

use super::Finding;
use crate::tune::{self, Known};

/// What `clel tune` has left of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tuning {
    /// Where it is kept; none where this system has no place for it.
    pub file: Option<PathBuf>,
    /// What is there.
    #[serde(flatten)]
    pub state: State,
    /// What is wrong with it.
    #[serde(skip)]
    pub finding: Option<Finding>,
}

/// What there is of a device's fastest kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// They are known.
    Tuned {
        /// For so many products.
        products: usize,
    },
    /// They were measured by another version of this program alone.
    Outdated,
    /// They were not measured.
    NotTuned,
    /// What was measured cannot be read.
    Damaged,
}

impl Tuning {
    /// What is kept for a device called so, which takes it over; none for devices without a choice of kernels.
    pub fn of(name: &str, device: &Device) -> Option<Tuning> {
        let Device::Wgpu(gpu) = device else {
            return None;
        };
        let mut finding = None;
        let state = match tune::load(gpu) {
            // a rasteriser has no tiles to choose between, whatever a file says
            Ok(_) if gpu.family() == Family::Direct => return None,
            Ok(Known::Nothing) => State::NotTuned,
            Ok(Known::Outdated) => State::Outdated,
            Ok(Known::Products(products)) => State::Tuned { products },
            Err(error) => {
                let what = format!("{name} is not tuned: {}", error.in_one_line());
                finding = Some(Finding::warning(what, tune::remedy(&error, gpu)));
                State::Damaged
            }
        };
        let file = tune::path(gpu).ok();
        Some(Tuning {
            file,
            state,
            finding,
        })
    }

    /// The same in words; nothing where there is something wrong.
    pub fn told(&self, name: &str) -> Option<String> {
        match self.state {
            State::Tuned { products } => Some(format!(
                "{name} is tuned for {products} products (`clel tune`)"
            )),
            State::Outdated => Some(format!(
                "{name} was tuned for another version of this program: `clel tune --device {name}` measures anew"
            )),
            State::NotTuned => Some(format!(
                "{name} is not tuned and computes as suits most cards: `clel tune --device {name}` finds its fastest kernels"
            )),
            State::Damaged => None,
        }
    }
}
