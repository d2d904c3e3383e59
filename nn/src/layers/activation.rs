//! Pointwise non-linearities.

use std::f64::consts::PI;

use clel_autograd::Var;
use clel_tensor::Expr;

use crate::{Layer, Mode, Module, Result, Visitor};

/// Where softplus differs from its argument by less than f32 can tell.
const STRAIGHT: f64 = 20.0;

/// A pointwise non-linearity.
///
/// ```
/// use clel_nn::Activation;
/// use clel_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[-2.0f32, 0.0, 3.0], &[3], &Device::Cpu)?;
/// let y = Activation::LeakyRelu(0.5).apply(&x.into())?;
/// assert_eq!(y.tensor().to_vec::<f32>()?, [-1.0, 0.0, 3.0]);
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// max(x, 0); its derivative at 0 is 0.
    Relu,
    /// x where positive, slope·x elsewhere.
    LeakyRelu(f64),
    /// x·σ(x) (Elfwing et al., 2018), also called swish.
    Silu,
    /// x where positive, eˣ − 1 elsewhere (Clevert et al., 2016).
    Elu,
    /// x·Φ(x), Φ the distribution function of the normal distribution, by the formula with tanh (Hendrycks and Gimpel, 2016):
    /// ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
    Gelu,
    /// ln(1 + eˣ), and x where that is the same, above 20.
    Softplus,
}

impl Activation {
    /// The function as an expression of its input.
    pub fn expr(self) -> Expr {
        let x = || Expr::input(0);
        let positive = || Expr::constant(0.0).less_than(x());
        match self {
            // NaN stays, as in PyTorch
            Activation::Relu => x().less_equal(0.0).select(0.0, x()),
            Activation::LeakyRelu(slope) => positive().select(x(), x() * slope),
            Activation::Silu => x() * x().sigmoid(),
            // the exponential must be finite on the other side too: its derivative there is 0 times it
            Activation::Elu => positive().select(x(), x().minimum(0.0).exp_m1()),
            Activation::Gelu => {
                let inner = x() * (x() * x() * 0.044_715 + 1.0) * (2.0 / PI).sqrt();
                x() * 0.5 * (inner.tanh() + 1.0)
            }
            Activation::Softplus => {
                let curved = x().minimum(STRAIGHT).exp().ln_1p();
                Expr::constant(STRAIGHT).less_than(x()).select(x(), curved)
            }
        }
    }

    /// The function of each element.
    ///
    /// # Errors
    /// What the device reports.
    pub fn apply(self, x: &Var) -> Result<Var> {
        // where the sign survives, the result tells the slope
        let slope = match self {
            Activation::Relu => 0.0,
            Activation::LeakyRelu(slope) if slope > 0.0 => slope,
            _ => return Ok(Var::pointwise(&self.expr(), &[x])?),
        };
        let positive = Expr::constant(0.0).less_than(Expr::input(0));
        let slope = positive.select(1.0, slope);
        Ok(Var::piecewise_linear(&self.expr(), &slope, x)?)
    }
}

impl Module for Activation {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for Activation {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        self.apply(x)
    }
}
