//! Experiments: variants of one configuration, each run with several seeds, compared by curves and a table.
//!
//! Every run is an ordinary one, in a run directory of its own, with what was measured of it beside it:
//!
//! ```text
//! OUT/runs/VARIANT/seed-0/                     as `clel train` makes it
//! OUT/runs/VARIANT/seed-0/measurements.jsonl   a line for each point of the curves
//! OUT/runs/VARIANT/seed-0/curves.json          what they depend on
//! OUT/runs/VARIANT/seed-0/ood.json             rankings of outliers by the finished run
//! OUT/runs/VARIANT/seed-0/chains.json          distances of its long chains
//! OUT/results.json, OUT/table.md               all runs together
//! OUT/*.svg, OUT/*.png                         the curves
//! ```

mod curves;
mod draw;
mod file;
mod font;
mod measure;
mod record;
mod results;
mod runs;
mod shown;
mod table;
#[cfg(test)]
mod tests;

pub use curves::draw_all;
pub(crate) use file::is_experiment;
pub use file::{Curves, End, Experiment, Variant};
pub use measure::EndFigures;
pub use record::Point;
pub use results::{ExperimentResults, RunResult, Spread, State, VariantResult};
pub use runs::{Progress, check_unchanged, perform};
pub(crate) use shown::Shown;
pub use table::{Table, markdown, tables};
