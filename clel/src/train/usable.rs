//! The newest checkpoint of a run that is whole.

use std::path::{Path, PathBuf};

use crate::report::RunDir;
use crate::{Error, Result};

/// What was made of a run's newest whole checkpoint.
pub(crate) struct Usable<T> {
    pub value: T,
    pub path: PathBuf,
    /// What is wrong with newer ones.
    pub warnings: Vec<String>,
}

/// What `load` makes of the newest checkpoint that is not damaged.
///
/// # Errors
/// There is none, or all are damaged, which names each; any error that is not the file's fault.
pub(crate) fn newest_usable<T>(
    run: &RunDir,
    load: impl Fn(&Path) -> Result<T>,
) -> Result<Usable<T>> {
    newest_usable_before(run, u64::MAX, load)
}

/// The same of the checkpoints before an iteration.
///
/// # Errors
/// Those of [`newest_usable`].
pub(super) fn newest_usable_before<T>(
    run: &RunDir,
    step: u64,
    load: impl Fn(&Path) -> Result<T>,
) -> Result<Usable<T>> {
    // an error if there is none
    run.latest_checkpoint()?;
    let mut warnings = Vec::new();
    let mut damaged = Vec::new();
    let all = run.checkpoints()?;
    let before = all.into_iter().filter(|checkpoint| checkpoint.0 < step);
    for (_, path) in before.rev() {
        match load(&path) {
            Ok(value) => {
                return Ok(Usable {
                    value,
                    path,
                    warnings,
                });
            }
            Err(error) if is_damage(&error) => {
                warnings.push(format!(
                    "a checkpoint is damaged, and the checkpoint before it is used: {error}"
                ));
                damaged.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(match damaged.len() {
        0 => Error::NotARun {
            path: run.path().to_owned(),
            why: "its checkpoints are gone".to_owned(),
        },
        1 => damaged.remove(0),
        _ => Error::AllDamaged {
            path: run.path().to_owned(),
            problems: damaged.iter().map(Error::in_one_line).collect(),
        },
    })
}

/// Whether an error says that the file is not what was written.
fn is_damage(error: &Error) -> bool {
    use clel_nn::Error as File;
    matches!(
        error,
        Error::Format { .. }
            | Error::Network(
                File::Format { .. }
                    | File::MissingKey { .. }
                    | File::UnknownKey { .. }
                    | File::FileShape { .. }
                    | File::FileDType { .. }
                    | File::FileNumber { .. }
            )
    )
}
