//! The energies of images by a trained model.

use clel_autograd::{Var, no_grad};
use clel_nn::Mode;
use clel_tensor::{Device, Tensor};

use super::Loaded;
use crate::{Result, model};

impl Loaded {
    /// E(x) and E(x, z) with this β of images of the model's size, row-major \[N, H, W, C\], z their own latents, by the averaged networks
    /// in evaluation mode. Without β both are E(x), and no latents are computed.
    ///
    /// # Errors
    /// What the device reports.
    pub(super) fn energies(
        &self,
        images: &[f32],
        beta: f64,
        device: &Device,
    ) -> Result<[Vec<f32>; 2]> {
        let [h, w, c] = self.config.data.shape.unwrap_or_default();
        let n = images.len() / (h * w * c).max(1);
        let x: Var = Tensor::from_slice(images, &[n, h, w, c], device)?.into();
        let networks = &self.average;
        no_grad(|| {
            let f = networks.energy.features(&x, Mode::Eval)?;
            if beta == 0.0 {
                let energy = model::energy(&f)?.tensor().to_vec()?;
                return Ok([energy.clone(), energy]);
            }
            let g = networks.energy.project(&f, Mode::Eval)?;
            let z = networks.encoder.latent(&x, Mode::Eval)?;
            let energy = model::energy(&f)?;
            let joint = model::joint_energy(&f, &g, &z, beta)?;
            Ok([energy.tensor().to_vec()?, joint.tensor().to_vec()?])
        })
    }
}
