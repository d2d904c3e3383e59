//! Training: one iteration ([`Trainer`]), and a whole run with its directory ([`run`]).

mod checkpoint;
mod energies;
mod figures;
mod health;
mod networks;
mod recorder;
mod run;
pub(crate) mod streams;
mod summary;
mod trainer;
mod usable;

pub use checkpoint::{Loaded, load_networks};
pub use networks::Networks;
pub use run::{Ended, Job, Observer, run, run_observed};
pub use trainer::{Batch, Noise, Outcome, Trainer};
pub(crate) use summary::{fresh_samples, nearest_neighbour};
pub(crate) use usable::newest_usable;
