//! Whether training can run on this machine, and what to do where it cannot.

mod advice;
mod limits;
mod self_test;
mod surroundings;
mod tuning;

use serde::Serialize;

pub use advice::{no_adapter, software_only};
pub use limits::too_small;
pub use self_test::{Check, Reference};
pub use surroundings::{restrictions, runs_folder, threads};
pub use tuning::{State, Tuning};

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training runs, but not as well as it could.
    Warning,
    /// Training cannot run.
    Problem,
}

/// Something that could be better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Finding {
    /// Training runs, but not as well as it could.
    pub fn warning(what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warning,
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// Training cannot run.
    pub fn problem(what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Problem,
            ..Finding::warning(what, fix)
        }
    }
}
