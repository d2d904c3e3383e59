//! What is made of a weight before it is multiplied, kept for launches that are repeated with the same weight.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::GpuBuffer;
use super::faults::lock;
use crate::Result;

/// Which bytes of the array, and what was made of them.
type Key = (u64, u64, String);

/// What has been made of an array that stays as it is.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<BTreeMap<Key, GpuBuffer>>);

impl GpuBuffer {
    /// What `make` makes of this array in the form of this name; made once if the handle [keeps](Self::keeping) such.
    pub(super) fn in_form(
        &self,
        form: String,
        make: impl FnOnce() -> Result<GpuBuffer>,
    ) -> Result<GpuBuffer> {
        let Some(kept) = self.kept() else {
            return make();
        };
        let key = (self.offset(), self.visible(), form);
        let mut known = lock(&kept.0);
        if let Some(made) = known.get(&key) {
            return Ok(made.handle());
        }
        let made = make()?;
        known.insert(key, made.handle());
        Ok(made)
    }
}
