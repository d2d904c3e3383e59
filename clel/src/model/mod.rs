//! The two networks, and the energies that they define.
//!
//! * [`EnergyNetwork`]: features f(x) and their directions g(f), from which [`energy`] and [`joint_energy`] follow.
//! * [`Encoder`]: the encoder h, whose normalised output is the latent z.
//!
//! Both are [`Module`](clel_nn::Module)s under the names of the PyTorch reference (`tests/reference/KEYS.md`), so that
//! safetensors files cross both ways. Images are \[N, H, W, C\] in \[0, 1\]; the networks normalise them.

mod arithmetic;
mod block;
mod encoder;
mod energy;
mod network;
mod normalize;
mod resnet18;
#[cfg(test)]
mod tests;
mod tiny_encoder;

/// Images that go through a network at a time outside training: the widest layer of `resnet_large` then takes 64 MiB, half
/// of what every WebGPU device can bind.
pub(crate) const EVALUATION_BATCH: usize = 64;

pub use arithmetic::{Convolution, convolutions, linears, multiply_adds, usual_shape};
pub use encoder::Encoder;
pub(crate) use encoder::predictor;
pub use energy::{direction, energy, joint_energy, similarity};
pub(crate) use energy::{rows, same_shape};
pub use network::EnergyNetwork;
pub use normalize::Normalisation;
pub(crate) use normalize::Normalize;
