//! Neural-network layers, initialisers, losses, optimisers.
//!
//! A layer is a plain struct with a `forward`; what it learns lies in [`Parameter`] cells, what it remembers (running
//! statistics, spectral-norm vectors) in [`State`] cells. [`Module::visit`] lists both under the dotted names that
//! PyTorch gives them.
//!
//! ```
//! use clel_autograd::Var;
//! use clel_nn::{Activation, Conv2d, ConvOptions, Init, Layer, Mode, Module, Sequential};
//! use clel_tensor::{DType, Device, RngKey, Tensor};
//! let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
//! let conv = ConvOptions { pad: 1, spectral_norm: true, ..ConvOptions::default() };
//! let net = Sequential::new()
//!     .push(Conv2d::new(&mut init, 3, 8, 3, &conv)?)
//!     .push(Activation::LeakyRelu(0.2));
//! let x = Var::constant(Tensor::zeros(&[2, 16, 16, 3], DType::F32, &Device::Cpu)?);
//! assert_eq!(net.forward(&x, Mode::Train)?.shape(), [2, 16, 16, 8]);
//! let names: Vec<String> = net.parameters().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["0.parametrizations.weight.original", "0.bias"]);
//! # Ok::<(), clel_nn::Error>(())
//! ```

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod cell;
mod error;
pub mod files;
pub mod init;
mod layers;
pub mod loss;
mod module;
pub mod optim;

pub use clel_autograd as autograd;
pub use clel_tensor as tensor;

pub use cell::{FileOrder, Parameter, State};
pub use error::{Error, Result};
pub use init::{Fill, Init};
pub use layers::{
    Activation, AvgPool2d, BatchNorm, Conv2d, ConvOptions, Flatten, GlobalAvgPool2d, Linear,
    LinearOptions, MaxPool2d, Sequential, Weight, autocast, autocast_grad, hold_weights,
};
pub use module::{Layer, Mode, Module, Slot, Visitor};
