//! Which stream of random numbers serves which purpose. With the held-out part, which
//! `data` draws, a run draws nothing else: its seed and its step decide every number.
//!
//! A key is `RngKey::new(seed, stream).at(step)`, its seed that of [`Config::drawing_seed`](crate::config::Config::drawing_seed). Streams below 32
//! are the library's, these and those that may come, and so are all numbers from 256 on of whose last eight bits such a one is left: there, evaluations
//! count. A key of your own with the same seed takes a stream from 32 to 255: `RngKey::new(7, 12)`, say, draws the very noise from which
//! [`Rounds`](crate::sampler::Rounds) of seed 7 start.

/// Initial values of the energy network.
pub const ENERGY_NETWORK: u32 = 1;
/// Initial values of BYOL's predictor.
pub const PREDICTOR: u32 = 18;
/// Seeds of a run that went back.
pub const ROLL_BACK: u32 = 17;
/// Initial values of the encoder.
pub const ENCODER: u32 = 2;
/// The replay buffer's first images.
pub const BUFFER: u32 = 3;
/// The order of the data.
pub const ORDER: u32 = 4;
/// De-quantisation of the data.
pub const DEQUANTISE: u32 = 5;
/// Which chains go on, and which start again.
pub const DRAW: u32 = 6;
/// Where chains start again from.
pub const RESTART: u32 = 7;
/// Augmentation of the chains.
pub const CHAINS: u32 = 8;
/// Langevin noise.
pub const LANGEVIN: u32 = 9;
/// Augmentation for the latent of the data.
pub const LATENT: u32 = 10;
/// Augmentation of the two views.
pub const VIEWS: u32 = 11;
/// Fresh noise of the evaluation.
pub const EVALUATION_START: u32 = 12;
/// Langevin noise of the evaluation.
pub const EVALUATION: u32 = 13;
/// Augmentation of the evaluation's chains.
pub const EVALUATION_CHAINS: u32 = 14;
/// Which of the evaluation's chains start again.
pub const EVALUATION_DRAW: u32 = 15;
/// Where they start again from.
pub const EVALUATION_RESTART: u32 = 16;
