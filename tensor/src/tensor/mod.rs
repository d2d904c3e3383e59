//! The array type: a cheap handle to elements on a device, or to an expression for them.

mod access;
mod captured;
mod create;
mod index;
mod launch;
mod lists;
mod matmul;
mod pending;
mod pointwise;
mod reduce;
mod resample;
mod rows;
mod spatial;
mod subject;
mod view;
mod work;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

pub use captured::Captured;
pub use pointwise::without_fusion;
pub use work::largest_array;

use crate::{DType, Device, Expr, layout::Layout, storage::Storage};

/// An array of numbers on a device.
///
/// Cloning copies a handle, never elements. Views (slices, transposes, broadcasts) share
/// storage. Pointwise operations are not executed when called: they build an expression, so that a
/// chain of them becomes one kernel, run when something else needs the numbers
/// (see [`Tensor::realize`]); and a convolution waits for the operations that follow it, to be one kernel with them.
#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

struct Inner {
    device: Device,
    dtype: DType,
    layout: Layout,
    value: OnceLock<Arc<Storage>>,
    /// How to compute the value; taken once it is there.
    pending: Mutex<Option<Pending>>,
}

/// How to compute what is not yet computed.
enum Pending {
    Pointwise(Lazy),
    Convolution(Arc<pending::Waiting>),
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value is there; how to compute it is forgotten. Whoever holds the lock is the only one to set it.
    fn settle(&self, mut pending: MutexGuard<'_, Option<Pending>>, value: Arc<Storage>) {
        let _ = self.value.set(value);
        *pending = None;
    }
}

/// A pointwise expression over arrays that have values, or one of which is a convolution that waits; each broadcasting to the
/// shape.
#[derive(Clone)]
struct Lazy {
    expr: Expr,
    inputs: Vec<Tensor>,
}

impl Tensor {
    fn from_storage(
        storage: Arc<Storage>,
        dtype: DType,
        layout: Layout,
        device: &Device,
    ) -> Tensor {
        Tensor(Arc::new(Inner {
            device: device.clone(),
            dtype,
            layout,
            value: OnceLock::from(storage),
            pending: Mutex::new(None),
        }))
    }

    fn from_lazy(lazy: Lazy, dtype: DType, shape: &[usize], device: &Device) -> Tensor {
        let anchor = lazy.anchor();
        let t = Tensor::from_pending(Pending::Pointwise(lazy), dtype, shape, device);
        if let Some((_, waiting)) = anchor {
            waiting.add_user(&t);
        }
        t
    }

    fn from_pending(pending: Pending, dtype: DType, shape: &[usize], device: &Device) -> Tensor {
        let array = Arc::new(Inner {
            device: device.clone(),
            dtype,
            layout: Layout::contiguous(shape),
            value: OnceLock::new(),
            pending: Mutex::new(Some(pending)),
        });
        captured::note_lazy(&array);
        Tensor(array)
    }

    fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// Length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.0.layout.shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.layout.len()
    }

    /// True if there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Where the elements are.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// True for two handles to the very same array.
    pub fn same(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Shape, type and device; not the elements, which may be far away.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tensor({:?} {} on {})",
            self.shape(),
            self.dtype(),
            self.device()
        )
    }
}

#[cfg(test)]
mod tests;
