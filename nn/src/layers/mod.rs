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
