//! Choices that hold on a thread while a closure runs.

use std::{cell::Cell, thread::LocalKey};

/// Runs `f` with this value in the cell, and then, even if `f` panics, puts the old one back.
pub(crate) fn with_value<T: Copy + 'static, R>(
    cell: &'static LocalKey<Cell<T>>,
    value: T,
    f: impl FnOnce() -> R,
) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy + 'static> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    f()
}
