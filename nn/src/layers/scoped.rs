//! What holds on a thread while a closure runs.

use std::{cell::RefCell, thread::LocalKey};

/// Runs `f` with this value in the cell, and then, even if `f` panics, puts the old one back; what was in the cell in the end.
pub(super) fn with_value<T: 'static, R>(
    cell: &'static LocalKey<RefCell<Option<T>>>,
    value: T,
    f: impl FnOnce() -> R,
) -> (R, Option<T>) {
    struct Restore<T: 'static>(&'static LocalKey<RefCell<Option<T>>>, Option<T>);
    impl<T: 'static> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.replace(self.1.take());
        }
    }
    let _restore = Restore(cell, cell.replace(Some(value)));
    let result = f();
    (result, cell.take())
}
