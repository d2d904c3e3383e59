//! Counting the kernels that a thread launches.

use std::{cell::RefCell, collections::BTreeMap};

use crate::scoped::collecting;

thread_local! {
    static COUNTS: RefCell<Option<BTreeMap<&'static str, u64>>> = const { RefCell::new(None) };
}

/// Runs `f` and counts the kernels that this thread launches meanwhile, by name
/// ([`Primitive::name`](crate::primitive::Primitive::name), or `"pointwise"`). A GPU may take several for one operation.
pub fn count_launches<R>(f: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, u64>) {
    let add = |outer: &mut BTreeMap<_, u64>, counts: &BTreeMap<_, u64>| {
        counts
            .iter()
            .for_each(|(name, n)| *outer.entry(*name).or_default() += n);
    };
    collecting(&COUNTS, f, add)
}

/// Notes a kernel that is launched.
pub(crate) fn note(name: &'static str) {
    COUNTS.with_borrow_mut(|counts| {
        if let Some(counts) = counts {
            *counts.entry(name).or_default() += 1;
        }
    });
}
