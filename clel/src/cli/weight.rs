//! Numbers on the command line that weigh something.

use crate::{Error, Result};

/// Refuses a number below 0, none at all, and one that `what`, of 32-bit floats, would take for infinity.
pub(super) fn check_weight(option: &str, value: f64, what: &str) -> Result<()> {
    let most = f32::MAX;
    let (argument, why) = if !(value.is_finite() && value >= 0.0) {
        let why = "must be a finite number, 0 or above".to_owned();
        (format!("{option} {value}"), why)
    } else if value > f64::from(most) {
        let why = format!("must be at most {most:e}: {what} are of 32-bit floats");
        (format!("{option} {value:e}"), why)
    } else {
        return Ok(());
    };
    Err(Error::Argument { argument, why })
}
