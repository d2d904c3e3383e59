//! Choices that hold on a thread while a closure runs.

use std::{
    cell::{Cell, RefCell},
    thread::LocalKey,
};

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

/// Runs `f` while the thread collects in the cell: its result, and what was collected, which an outer call gets as well.
/// Even if `f` panics that one goes on.
pub(crate) fn collecting<T: Default + 'static, R>(
    cell: &'static LocalKey<RefCell<Option<T>>>,
    f: impl FnOnce() -> R,
    add: impl FnOnce(&mut T, &T),
) -> (R, T) {
    struct Outer<T: 'static>(&'static LocalKey<RefCell<Option<T>>>, Option<T>);
    impl<T> Drop for Outer<T> {
        fn drop(&mut self) {
            self.0.set(self.1.take());
        }
    }
    let mut outer = Outer(cell, cell.replace(Some(T::default())));
    let result = f();
    let collected = cell.take().unwrap_or_default();
    if let Some(outer) = &mut outer.1 {
        add(outer, &collected);
    }
    (result, collected)
}
