//! What the tests that cross crates share: devices, fixtures, and comparison with a tolerance.

mod devices;
mod fixture;
mod modules;
mod networks;
mod parity;
pub mod readers;
pub mod tiny;

pub use devices::{devices, is_software, with_all_kernels, with_halves};
pub use fixture::Fixture;
pub use modules::{load, same_gradients, same_values};
pub use networks::{EncoderShape, EnergyShape};
pub use parity::{Case, Failure, on_every_device};
