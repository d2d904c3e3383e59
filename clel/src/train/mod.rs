//! Training: one iteration ([`Trainer`]), and a whole run with its directory ([`run`]).

mod checkpoint;
mod networks;
mod run;
pub(crate) mod streams;
mod summary;
mod trainer;

pub use checkpoint::{Loaded, load_networks};
pub use networks::Networks;
pub use run::{Job, run};
pub use trainer::{Batch, Noise, Outcome, Trainer};
