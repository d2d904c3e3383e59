//! Convolutions that wait for what follows them, to be launched together with it.
//!
//! A convolution is not launched when called. If pointwise operations follow, they run on each part of its
//! output while that is in registers or in the cache, in the same launch; everything that waits for the same convolution is
//! computed at once. The convolution's own output is only stored if something else holds it.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Inner, Lazy, Pending, Tensor,
    pointwise::{MAX_BUFFERS, fusion},
};
use crate::{
    DType, Result,
    cpu::{Winograd, winograd, with_winograd},
    primitive::Primitive,
    storage::Storage,
};

/// A convolution and who waits for it.
pub(super) struct Waiting {
    pub primitive: Primitive,
    /// With elements, contiguous.
    pub inputs: Vec<Tensor>,
    /// The choice that held when it was called for.
    winograd: Winograd,
    /// Grows with time.
    age: u64,
    users: Mutex<Vec<Weak<Inner>>>,
}

static NEXT_AGE: AtomicU64 = AtomicU64::new(0);

impl Waiting {
    pub fn new(primitive: &Primitive, inputs: Vec<Tensor>) -> Arc<Waiting> {
        Arc::new(Waiting {
            primitive: primitive.clone(),
            inputs,
            winograd: winograd(),
            age: NEXT_AGE.fetch_add(1, Ordering::Relaxed),
            users: Mutex::new(Vec::new()),
        })
    }

    /// Runs `f` with the choices that held when this was called for.
    fn as_called<R>(&self, f: impl FnOnce() -> R) -> R {
        with_winograd(self.winograd, f)
    }

    fn launch(&self) -> Result<Storage> {
        self.as_called(|| Tensor::launch_now(&self.primitive, &self.inputs))
    }

    fn users(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Inner>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for what may wait: convolutions over channels, in f32, where fusion is on.
pub(super) fn may_wait(primitive: &Primitive, inputs: &[Tensor]) -> bool {
    use crate::primitive::ConvPass::{Forward, InputGrad};
    fusion()
        && matches!(primitive, Primitive::Conv(Forward | InputGrad, _))
        && inputs.iter().all(|t| t.dtype() == DType::F32)
        && primitive.output_len() > 0
}

impl Tensor {
    /// The convolution that this array is, if it has not been launched.
    pub(super) fn waiting(&self) -> Option<Arc<Waiting>> {
        if self.0.value.get().is_some() {
            return None;
        }
        match &*self.0.pending() {
            Some(Pending::Convolution(waiting)) => Some(waiting.clone()),
            _ => None,
        }
    }

    /// The convolution not yet launched that this array is or is computed from.
    pub(super) fn anchor(&self) -> Option<Tensor> {
        if self.waiting().is_some() {
            return Some(self.clone());
        }
        self.lazy().and_then(|lazy| lazy.anchor())
    }

    /// Remembers that this array is computed from a convolution that waits.
    pub(super) fn wait_for_anchor(&self, lazy: &Lazy) {
        if let Some(waiting) = lazy.anchor().and_then(|t| t.waiting()) {
            waiting.users().push(Arc::downgrade(&self.0));
        }
    }

    /// Realises all but the youngest of the convolutions that these arrays wait for: one launch has room for one.
    pub(super) fn keep_one_anchor(inputs: &[&Tensor]) -> Result<()> {
        let age = |t: &Tensor| t.anchor().and_then(|a| a.waiting()).map(|w| w.age);
        let Some(youngest) = inputs.iter().filter_map(|t| age(t)).max() else {
            return Ok(());
        };
        for t in inputs {
            if age(t).is_some_and(|a| a != youngest) {
                t.realize()?;
            }
        }
        Ok(())
    }

    /// Launches this convolution by itself.
    pub(super) fn finish(&self) -> Result<()> {
        let mut pending = self.0.pending();
        if let Some(Pending::Convolution(waiting)) = &*pending {
            let storage = waiting.launch()?;
            let _ = self.0.value.set(Arc::new(storage));
            *pending = None;
        }
        Ok(())
    }

    /// Launches this convolution together with all that waits for it, `wanted` at least.
    pub(super) fn finish_with(self, wanted: &Tensor) -> Result<()> {
        // whoever else wants one of the same arrays waits here
        let mut pending = self.0.pending();
        let Some(Pending::Convolution(waiting)) = &*pending else {
            return Ok(());
        };
        if wanted.0.value.get().is_some() {
            return Ok(());
        }
        let mut users: Vec<Tensor> = waiting
            .users()
            .drain(..)
            .filter_map(|user| user.upgrade().map(Tensor))
            .filter(|user| user.lazy_from(&self).is_some())
            .collect();
        // beyond this handle and one in each user's expression, somebody holds the convolution itself
        let held = Arc::strong_count(&self.0) > 1 + users.len();
        users.sort_by_key(|user| !user.same(wanted));
        let mut group: Vec<(Tensor, Lazy)> = Vec::new();
        let mut arrays = waiting.inputs.clone();
        let mut left_out = false;
        for user in users {
            let Some(lazy) = user.lazy_from(&self) else {
                continue;
            };
            let mut with = arrays.clone();
            for input in lazy.inputs.iter().filter(|t| !t.same(&self)) {
                if !with.iter().any(|t| t.same(input)) {
                    with.push(input.clone());
                }
            }
            // an output for this one, and perhaps one for the convolution itself
            if user.shape() == self.shape() && with.len() + group.len() + 2 <= MAX_BUFFERS {
                arrays = with;
                group.push((user, lazy));
            } else {
                left_out = true;
            }
        }
        let first = group.first().is_some_and(|(user, _)| user.same(wanted));
        let outputs = if first {
            let parts: Vec<(&Lazy, DType)> = group
                .iter()
                .map(|(user, lazy)| (lazy, user.dtype()))
                .collect();
            waiting
                .as_called(|| Tensor::launch_through(waiting, &self, &parts, held || left_out))?
        } else {
            None
        };
        let Some(mut outputs) = outputs else {
            // first the convolution, then all that waits for it, in one launch of its own
            let storage = waiting.launch()?;
            let _ = self.0.value.set(Arc::new(storage));
            *pending = None;
            drop(pending);
            return Tensor::realize_all(&group.iter().map(|(user, _)| user).collect::<Vec<_>>());
        };
        if outputs.len() > group.len()
            && let Some(own) = outputs.pop()
        {
            let _ = self.0.value.set(Arc::new(own));
            *pending = None;
        }
        for ((user, _), storage) in group.iter().zip(outputs) {
            let mut pending = user.0.pending();
            let _ = user.0.value.set(Arc::new(storage));
            *pending = None;
        }
        Ok(())
    }

    /// The expression, if it is over this convolution and has not been computed.
    fn lazy_from(&self, convolution: &Tensor) -> Option<Lazy> {
        self.lazy()
            .filter(|lazy| lazy.inputs.iter().any(|t| t.same(convolution)))
    }
}

impl Lazy {
    /// The one input that is a convolution not yet launched.
    fn anchor(&self) -> Option<Tensor> {
        self.inputs.iter().find(|t| t.waiting().is_some()).cloned()
    }
}

impl Storage {
    /// Lets a device keep the forms into which it packs this array as a weight.
    pub fn keep_packed(&self) {
        if let Storage::Cpu(_, packed) = self {
            packed.keep();
        }
    }
}
