//! Training: one iteration ([`Trainer`]), and a whole run with its directory ([`run`]).

mod back;
mod byol;
mod changed;
mod checkpoint;
mod clock;
mod device;
mod done;
mod energies;
mod figures;
mod fits;
mod frozen;
mod health;
mod kept;
mod learnt;
mod models;
mod networks;
mod quality;
mod recorder;
mod run;
mod sick;
pub mod streams;
mod summary;
#[cfg(test)]
mod tests;
mod trainer;
mod unread;
mod usable;

pub use byol::Byol;
pub(crate) use changed::restore_settings;
pub(crate) use checkpoint::is_checkpoint;
pub use checkpoint::{Loaded, load_networks};
pub(crate) use device::{is_lost, reopen};
pub use models::Models;
pub use networks::Networks;
pub use run::{Ended, Job, Observer, run, run_observed};
pub(crate) use summary::{fresh_samples, nearest_neighbour};
pub use trainer::{Batch, Noise, Outcome, Trainer};
pub(crate) use usable::newest_usable;
