//! Weights in the form that a kernel reads, kept for the next call.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::memory::PoolVec;
use crate::Result;
use crate::primitive::ConvPass;

/// Which form of a weight, and which elements of the array the weight was taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub pass: ConvPass,
    /// Where the weight starts in the array.
    pub offset: usize,
    /// o, kh, kw, c.
    pub shape: [usize; 4],
    /// Side of a Winograd tile's output.
    pub outputs: usize,
}

/// A weight's array with its forms, and where in it the weight starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub packed: &'a Packed,
    pub offset: usize,
}

/// The forms of one array. It never changes, so they stay right as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    keep: AtomicBool,
    forms: Mutex<Vec<(Form, Arc<PoolVec<f32>>)>>,
}

impl Packed {
    /// Keeps forms from now on.
    pub fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }

    /// The form that was kept, or what `pack` makes.
    pub fn get(
        &self,
        form: Form,
        pack: impl FnOnce() -> Result<PoolVec<f32>>,
    ) -> Result<Arc<PoolVec<f32>>> {
        if !self.keep.load(Ordering::Relaxed) {
            return pack().map(Arc::new);
        }
        if let Some(kept) = self.find(form) {
            return Ok(kept);
        }
        // Not under the lock: packing waits for other threads, and one of them may come for the same form. Two that pack it
        // at the same time make the same numbers.
        let packed = Arc::new(pack()?);
        self.forms().push((form, packed.clone()));
        Ok(packed)
    }

    fn find(&self, form: Form) -> Option<Arc<PoolVec<f32>>> {
        let forms = self.forms();
        forms
            .iter()
            .find(|(f, _)| *f == form)
            .map(|(_, kept)| kept.clone())
    }

    fn forms(&self) -> MutexGuard<'_, Vec<(Form, Arc<PoolVec<f32>>)>> {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
