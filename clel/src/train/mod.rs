//! Training: one iteration ([`Trainer`]), and a whole run with its directory ([`run`]).

mod checkpoint;
mod device;
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
pub use run::{Ended, Job, run};
pub use trainer::{Batch, Noise, Outcome, Trainer};
pub(crate) use usable::newest_usable;
