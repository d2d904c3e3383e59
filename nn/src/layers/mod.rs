//! The layers. Images are \[N, H, W, C\], everything else \[…, features\].

mod activation;
mod autocast;
mod batch_norm;
mod conv;
mod flatten;
mod held;
mod linear;
mod pool;
mod scoped;
mod sequential;
mod spectral;
mod weight;

use clel_autograd::Var;
use clel_tensor::DType;

use crate::{Error, Result};

pub use activation::Activation;
pub use autocast::{autocast, autocast_grad};
pub use batch_norm::BatchNorm;
pub use conv::{Conv2d, ConvOptions};
pub use flatten::Flatten;
pub use held::hold_weights;
pub use linear::{Linear, LinearOptions};
pub use pool::{AvgPool2d, GlobalAvgPool2d, MaxPool2d};
pub use sequential::Sequential;
pub use weight::Weight;

/// Refuses an input of another type than the weights, before an operation within the layer does it in words of its own.
fn check_dtype(layer: &'static str, x: &Var, weights: DType) -> Result<()> {
    match x.tensor().dtype() {
        found if found == weights => Ok(()),
        found => Err(Error::InputDType {
            layer,
            found,
            expected: weights,
        }),
    }
}
