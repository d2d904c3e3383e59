//! Choices that hold on a thread while a closure runs.

use std::{cell::Cell, thread::LocalKey};

use crate::{
    precision::{MatmulPrecision, matmul_precision, with_matmul_precision},
    winograd::{Winograd, winograd, with_winograd},
};

/// What a thread has chosen of how products are computed: remembered with what is launched later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    winograd: Winograd,
    precision: MatmulPrecision,
}

impl Choices {
    /// Those that hold on this thread.
    pub fn now() -> Choices {
        Choices {
            winograd: winograd(),
            precision: matmul_precision(),
        }
    }

    /// Runs `f` with them.
    pub fn hold<R>(self, f: impl FnOnce() -> R) -> R {
        with_winograd(self.winograd, || with_matmul_precision(self.precision, f))
    }
}

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
