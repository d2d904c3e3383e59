//! Weights in the form that a kernel reads, kept for the next call.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::memory::PoolVec;
use crate::Result;
use crate::primitive::ConvPass;

/// Which form of a weight, and of what shape the weight was taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub pass: ConvPass,
    /// o, kh, kw, c.
    pub shape: [usize; 4],
    /// Side of a Winograd tile's output, or 0.
    pub outputs: usize,
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
        // a thread that needs the same form waits, rather than packing it again
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kept)) = forms.iter().find(|(f, _)| *f == form) {
            return Ok(kept.clone());
        }
        let packed = Arc::new(pack()?);
        forms.push((form, packed.clone()));
        Ok(packed)
    }
}
