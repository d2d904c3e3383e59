//! One process a run.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::RunDir;
use crate::{Error, Result};

/// The file by which one process keeps others out.
pub(crate) const LOCK: &str = "lock";
/// Longer than [`RunDir::is_training`] holds a lock.
const INSTANT: Duration = Duration::from_millis(20);

/// A run's directory, or an experiment's, that this process alone may write to; let go when dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct RunLock(Option<File>);

impl RunLock {
    /// Takes a directory for this process.
    ///
    /// # Errors
    /// Another process has it; the file `lock` in it cannot be made.
    pub fn of(directory: &Path) -> Result<RunLock> {
        let path = directory.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::write(&path))?;
        let mut locked = file.try_lock();
        if matches!(locked, Err(TryLockError::WouldBlock)) {
            // whoever asks only whether it is taken has it for an instant
            sleep(INSTANT);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => Ok(RunLock(Some(file))),
            Err(TryLockError::WouldBlock) => Err(Error::RunBusy {
                path: directory.to_owned(),
            }),
            Err(TryLockError::Error(error))
                if cfg!(target_family = "wasm") && error.kind() == ErrorKind::Unsupported =>
            {
                Ok(RunLock(None))
            }
            Err(TryLockError::Error(error)) => Err(Error::write(&path)(error)),
        }
    }

    /// What keeps others out, if it cannot be: on WebAssembly, which has no locks, whoever trains sees to it.
    pub fn warning(&self) -> Option<&'static str> {
        match self.0 {
            Some(_) => None,
            None => Some("nothing keeps a second process out: WebAssembly has no locks"),
        }
    }
}

impl RunDir {
    /// Takes the run for this process, and sweeps away what an earlier one left half-written.
    ///
    /// # Errors
    /// As [`RunLock::of`].
    pub fn lock(&self) -> Result<RunLock> {
        let lock = RunLock::of(self.path())?;
        // where there are no locks, another process may be writing what looks left over
        if lock.0.is_some() {
            self.sweep();
        }
        Ok(lock)
    }

    /// Whether a process is training in it now; false where the system does not say.
    pub fn is_training(&self) -> bool {
        // shared, so that several may ask at the same time
        File::open(self.lock_path())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
