//! What a run leaves behind and shows while it goes on.

mod animation;
mod axis;
mod compare;
mod curve;
#[cfg(all(feature = "program", not(target_family = "wasm")))]
mod dashboard;
#[cfg(not(all(feature = "program", not(target_family = "wasm"))))]
#[path = "no_dashboard.rs"]
mod dashboard;
mod events;
mod face;
mod grid;
mod histogram;
mod history;
mod lines;
#[cfg(feature = "program")]
mod live;
mod locale;
mod lock;
mod metric_line;
mod metrics;
mod names;
mod overview;
mod pace;
mod page;
mod run_dir;
mod runs;
mod spent;
mod summary;
#[cfg(feature = "program")]
mod watched;

pub use animation::Animation;
#[cfg(feature = "program")]
pub(crate) use compare::{Figure, at_end, differences, setting};
pub(crate) use dashboard::columns;
#[cfg(all(feature = "program", not(target_family = "wasm")))]
pub(crate) use dashboard::{give_back, is_taken};
pub use events::Events;
pub use face::{Face, Look, Memory, Pictures, Stretch, face};
pub use grid::Grid;
pub use history::History;
pub use lines::Lines;
pub(crate) use lines::short;
#[cfg(feature = "program")]
pub use live::Live;
pub(crate) use locale::{is_utf8, one_line, printable, spelled};
pub(crate) use lock::LOCK;
pub use lock::RunLock;
pub(crate) use metrics::ENDED;
pub use metrics::{End, Lost, Metrics};
pub(crate) use overview::spelt;
pub use overview::{Overview, State};
pub(crate) use pace::duration;
pub use page::{Member, Page, ResultTables, Several, VariantRun, is_page, page};
pub use run_dir::{BestCheckpoint, RunDir};
pub(crate) use run_dir::{FRESH_CHAINS, best_of};
pub(crate) use runs::experiment_of;
#[cfg(feature = "program")]
pub(crate) use runs::{holds_experiment, in_folder, is_run, of_experiment, run_around};
pub use spent::Spent;
pub(crate) use spent::local;
pub use summary::{Judged, Summary};

#[cfg(test)]
mod tests;
