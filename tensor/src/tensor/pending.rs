//! Convolutions that wait for what follows them, to be launched together with it.
//!
//! A convolution is not launched when called. If pointwise operations follow, they run on each part of its
//! output while that is in registers or in the cache, in the same launch; everything that waits for the same convolution is
//! computed at once. The convolution's own output is only stored if something else holds it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Inner, Lazy, Pending, Tensor,
    pointwise::{MAX_BUFFERS, fusion},
};
use crate::{DType, Result, choices::Choices, primitive::Primitive, storage::Storage};

/// A convolution and who waits for it.
pub(super) struct Waiting {
    pub primitive: Primitive,
    /// With elements, contiguous.
    pub inputs: Vec<Tensor>,
    /// Those that held when it was called for.
    choices: Choices,
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
            choices: Choices::now(),
            age: NEXT_AGE.fetch_add(1, Ordering::Relaxed),
            users: Mutex::new(Vec::new()),
        })
    }

    fn launch(&self) -> Result<Arc<Storage>> {
        self.choices
            .hold(|| Tensor::launch_now(&self.primitive, &self.inputs))
    }

    /// Remembers that an array is computed from this convolution.
    pub fn add_user(&self, user: &Tensor) {
        self.users().push(Arc::downgrade(&user.0));
    }

    fn users(&self) -> MutexGuard<'_, Vec<Weak<Inner>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for what may wait: convolutions over channels, of f32 or f16, where fusion is on.
pub(super) fn may_wait(primitive: &Primitive, inputs: &[Tensor]) -> bool {
    use crate::primitive::ConvPass::{Forward, InputGrad};
    fusion()
        && matches!(primitive, Primitive::Conv(Forward | InputGrad, _))
        && inputs
            .iter()
            .all(|t| matches!(t.dtype(), DType::F32 | DType::F16))
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
    pub(super) fn anchor(&self) -> Option<(Tensor, Arc<Waiting>)> {
        match self.waiting() {
            Some(waiting) => Some((self.clone(), waiting)),
            None => self.lazy()?.anchor(),
        }
    }

    /// Realises all but the youngest of the convolutions that these arrays wait for: one launch has room for one.
    pub(super) fn keep_one_anchor(inputs: &[&Tensor]) -> Result<()> {
        let age = |t: &Tensor| t.anchor().map(|(_, waiting)| waiting.age);
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
        let pending = self.0.pending();
        if let Some(Pending::Convolution(waiting)) = &*pending {
            let storage = waiting.launch()?;
            self.0.settle(pending, storage);
        }
        Ok(())
    }

    /// Launches this convolution together with all that waits for it, `wanted` at least.
    pub(super) fn finish_with(self, wanted: &Tensor) -> Result<()> {
        // whoever else wants one of the same arrays waits here
        let pending = self.0.pending();
        let Some(Pending::Convolution(waiting)) = &*pending else {
            return Ok(());
        };
        if wanted.0.value.get().is_some() {
            return Ok(());
        }
        let Group { users, parts, own } = self.group(waiting, wanted);
        let outputs = match users.first() {
            Some(first) if first.same(wanted) => waiting
                .choices
                .hold(|| Tensor::launch_through(waiting, &self, &parts, own))?,
            _ => None,
        };
        let Some(outputs) = outputs else {
            // first the convolution, then all that waits for it, in one launch of its own
            let storage = waiting.launch()?;
            self.0.settle(pending, storage);
            return Tensor::realize_all(&users.iter().collect::<Vec<_>>());
        };
        let mut outputs = outputs.into_iter();
        for (user, storage) in users.iter().zip(&mut outputs) {
            user.0.settle(user.0.pending(), storage);
        }
        if let Some(own) = outputs.next() {
            self.0.settle(pending, own);
        }
        Ok(())
    }

    /// What one launch can compute of all that waits for this convolution, `wanted` first.
    fn group(&self, waiting: &Waiting, wanted: &Tensor) -> Group {
        let users = std::mem::take(&mut *waiting.users());
        let mut users: Vec<(Tensor, Lazy)> = users
            .iter()
            .filter_map(|user| user.upgrade().map(Tensor))
            .filter_map(|user| user.lazy_from(self).map(|lazy| (user, lazy)))
            .collect();
        // beyond the caller's handle, one in each user's expression and one in each copy of it, somebody holds the convolution itself
        let mut own = Arc::strong_count(&self.0) > 1 + 2 * users.len();
        users.sort_by_key(|(user, _)| !user.same(wanted));
        let mut group = Group {
            users: Vec::new(),
            parts: Vec::new(),
            own: false,
        };
        let mut arrays = waiting.inputs.clone();
        for (user, lazy) in users {
            let mut with = arrays.clone();
            for input in lazy.inputs.iter().filter(|t| !t.same(self)) {
                if !with.iter().any(|t| t.same(input)) {
                    with.push(input.clone());
                }
            }
            // an output for this one, and perhaps one for the convolution itself
            let fits = with.len() + group.users.len() + 2 <= MAX_BUFFERS;
            if fits && user.shape() == self.shape() {
                arrays = with;
                group.parts.push((lazy, user.dtype()));
                group.users.push(user);
            } else {
                // it will read the convolution's own output
                own = true;
            }
        }
        Group { own, ..group }
    }

    /// The expression, if it is over this convolution and has not been computed.
    fn lazy_from(&self, convolution: &Tensor) -> Option<Lazy> {
        self.lazy()
            .filter(|lazy| lazy.inputs.iter().any(|t| t.same(convolution)))
    }
}

impl Lazy {
    /// The one input that is a convolution not yet launched.
    pub(super) fn anchor(&self) -> Option<(Tensor, Arc<Waiting>)> {
        self.inputs
            .iter()
            .find_map(|t| t.waiting().map(|waiting| (t.clone(), waiting)))
    }
}

/// Arrays that are computed in one launch with a convolution.
struct Group {
    users: Vec<Tensor>,
    /// Their expressions and types.
    parts: Vec<(Lazy, DType)>,
    /// Whether the convolution's own output is needed besides.
    own: bool,
}
