//! Spectral normalisation (Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018).

use clel_autograd::Var;
use clel_tensor::{Expr, Tensor};

use crate::{FileOrder, Fill, Init, Mode, Result, State, Visitor};

/// Smallest length that a vector is divided by.
const EPS: f64 = 1e-12;
/// Power iterations when a layer is made, as in PyTorch.
const FIRST_ITERATIONS: usize = 15;

/// Estimates the largest singular value σ of a weight W, as a matrix \[out, columns\], from vectors u \[out\] and
/// v \[columns\] that follow its singular vectors from step to step.
#[derive(Debug)]
pub(crate) struct SpectralNorm {
    u: State,
    v: State,
}

impl SpectralNorm {
    /// Random vectors, brought near the singular vectors of `weight` \[out, …\].
    pub fn new(init: &mut Init, weight: &Tensor, columns: FileOrder) -> Result<SpectralNorm> {
        let matrix = as_matrix(weight)?;
        let u = init.fill(Fill::Normal(1.0), &matrix.shape()[..1])?;
        let v = init.fill(Fill::Normal(1.0), &matrix.shape()[1..])?;
        let mut v = unit(&v.unsqueeze(0)?)?;
        let mut u = unit(&u.unsqueeze(0)?)?;
        for _ in 0..FIRST_ITERATIONS {
            u = unit(&v.matmul_t(&matrix, false, true)?)?;
            v = unit(&u.matmul(&matrix)?)?;
        }
        Ok(SpectralNorm {
            u: State::new(u.squeeze(0)?),
            v: State::with_order(v.squeeze(0)?, columns),
        })
    }

    /// W/σ with σ = uᵀWv, differentiable in W with u and v constant. In training mode first one power
    /// iteration on the numbers of W: u ← Wv/‖Wv‖, then v ← Wᵀu/‖Wᵀu‖.
    pub fn apply(&self, weight: &Var, mode: Mode) -> Result<Var> {
        let matrix = weight.reshape(as_matrix(weight.tensor())?.shape())?;
        let mut v = self.v.tensor().unsqueeze(0)?;
        let u = match mode {
            Mode::Train => unit(&v.matmul_t(matrix.tensor(), false, true)?)?,
            Mode::Eval => self.u.tensor().unsqueeze(0)?,
        };
        // one product with Wᵀ serves both the iteration and σ = (uᵀW)v
        let row = Var::constant(u.clone()).matmul(&matrix)?;
        if mode == Mode::Train {
            v = unit(row.tensor())?;
            self.u.set(u.squeeze(0)?)?;
            self.v.set(v.squeeze(0)?)?;
        }
        let sigma = row.matmul_t(&Var::constant(v), false, true)?;
        Ok(weight.div(&sigma)?)
    }

    pub fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.state("_u", &self.u);
        v.state("_v", &self.v);
    }
}

/// \[out, …\] as \[out, columns\].
fn as_matrix(weight: &Tensor) -> Result<Tensor> {
    Ok(weight.flatten(1)?)
}

/// x/max(‖x‖, ε) of a row \[1, n\]: two small launches, the square being a product with itself.
fn unit(x: &Tensor) -> Result<Tensor> {
    let square = x.matmul_t(x, false, true)?;
    let length = Expr::input(1).sqrt().maximum(EPS);
    let y = Tensor::pointwise(&(Expr::input(0) / length), &[x, &square])?;
    y.realize()?;
    Ok(y)
}
