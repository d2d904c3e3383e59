//! What a run leaves behind and shows while it goes on.

mod animation;
mod events;
mod grid;
mod lock;
mod metrics;
mod overview;
mod page;
mod progress;
mod run_dir;
mod summary;

pub use animation::Animation;
pub use events::Events;
pub use grid::Grid;
pub use metrics::Metrics;
pub use overview::{Overview, State};
pub use page::page;
pub use progress::Progress;
pub(crate) use progress::short;
pub use run_dir::RunDir;
pub use summary::{Judged, Summary};

#[cfg(test)]
mod tests;
