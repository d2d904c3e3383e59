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
    Err(match damaged[..] {
        [] => Error::NoCheckpoint(run.path().to_owned()),
        // a disk that fails is no matter of the run
        [Error::Network(clel_nn::Error::Io { .. })] => damaged.remove(0),
        _ => Error::AllDamaged {
            path: run.path().to_owned(),
            problems: damaged.iter().map(Error::in_one_line).collect(),
        },
    })
}

/// Whether an error says that the file is not what was written.
fn is_damage(error: &Error) -> bool {
    use clel_nn::Error as File;
    if let Error::Network(File::Io { source, .. }) = error {
        return is_lost(source);
    }
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

/// Whether what the system says means that the content is gone, and not that somebody may not read it or that too much is open: a sector that cannot be
/// read, a link to nothing, something else under the name.
fn is_lost(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidInput, IsADirectory, NotFound};
    // EIO of Unix; Windows' ERROR_CRC and ERROR_IO_DEVICE
    let of_the_disk: &[i32] = if cfg!(windows) { &[23, 1117] } else { &[5] };
    matches!(error.kind(), InvalidInput | IsADirectory | NotFound)
        || error
            .raw_os_error()
            .is_some_and(|code| of_the_disk.contains(&code))
}
