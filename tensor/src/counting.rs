//! Counting the kernels that a thread launches.

use std::{cell::RefCell, collections::BTreeMap};

thread_local! {
    static COUNTS: RefCell<Option<BTreeMap<&'static str, u64>>> = const { RefCell::new(None) };
}

/// Runs `f` and counts the kernels that this thread launches meanwhile, by name
/// ([`Primitive::name`](crate::primitive::Primitive::name), or `"pointwise"`). A GPU may take several for one operation.
pub fn count_launches<R>(f: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, u64>) {
    /// Puts back what an outer call had counted, even after a panic.
    struct Outer(Option<BTreeMap<&'static str, u64>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            COUNTS.set(self.0.take());
        }
    }
    let mut outer = Outer(COUNTS.replace(Some(BTreeMap::new())));
    let result = f();
    let counts = COUNTS.take().unwrap_or_default();
    if let Some(outer) = &mut outer.0 {
        counts
            .iter()
            .for_each(|(name, n)| *outer.entry(name).or_default() += n);
    }
    (result, counts)
}

/// Notes a kernel that is launched.
pub(crate) fn note(name: &'static str) {
    COUNTS.with_borrow_mut(|counts| {
        if let Some(counts) = counts {
            *counts.entry(name).or_default() += 1;
        }
    });
}
