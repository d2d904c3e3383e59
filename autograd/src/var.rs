//! Tensors that know how they were made.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clel_tensor::Tensor;

use crate::rules::Op;

/// A tensor and, unless it is a constant, how it was made. Cloning copies handles.
#[derive(Clone)]
pub struct Var {
    value: Tensor,
    node: Option<Arc<Node>>,
}

/// One step of a computation. Holds what its rule needs, and nothing else of its operands.
pub(crate) struct Node {
    /// Grows with time, so an operand's is always smaller: sorting by it is a topological order.
    pub id: u64,
    pub op: Op,
    /// The operands' nodes; `None` for constants.
    pub parents: Vec<Option<Arc<Node>>>,
    /// The operands' shapes, to which gradients are summed where an operand was broadcast.
    pub shapes: Vec<Vec<usize>>,
    /// The values that the rule asked for.
    pub saved: Vec<Var>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Steps of computations recorded so far, by all threads: the difference of two calls is what lies between them.
pub fn recorded_nodes() -> u64 {
    NEXT_ID.load(Ordering::Relaxed)
}

/// True unless inside [`no_grad`].
pub fn is_recording() -> bool {
    RECORDING.get()
}

/// Runs `f` with nothing recorded on this thread: results are constants.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    set_recording(false, f)
}

pub(crate) fn set_recording<R>(on: bool, f: impl FnOnce() -> R) -> R {
    /// Restores the flag even if `f` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _restore = Restore(RECORDING.replace(on));
    f()
}

impl Var {
    /// A constant: gradients stop here.
    pub fn constant(value: Tensor) -> Var {
        Var { value, node: None }
    }

    /// Something to differentiate with respect to: a parameter, or an image.
    pub fn leaf(value: Tensor) -> Var {
        let shapes = vec![];
        Var {
            value,
            node: Some(Node::new(Op::Leaf, vec![], shapes, vec![])),
        }
    }

    /// The result of an operation on `operands`. `saved` is only called if a gradient could be asked for.
    pub(crate) fn record(
        value: Tensor,
        operands: &[&Var],
        step: impl FnOnce() -> (Op, Vec<Var>),
    ) -> Var {
        if !is_recording() || operands.iter().all(|v| v.node.is_none()) {
            return Var::constant(value);
        }
        let parents = operands.iter().map(|v| v.node.clone()).collect();
        let shapes = operands.iter().map(|v| v.shape().to_vec()).collect();
        let (op, saved) = step();
        Var {
            value,
            node: Some(Node::new(op, parents, shapes, saved)),
        }
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// The numbers.
    pub fn tensor(&self) -> &Tensor {
        &self.value
    }

    /// The numbers, without how they were made.
    pub fn into_tensor(self) -> Tensor {
        self.value
    }

    /// The same numbers as a constant.
    pub fn detach(&self) -> Var {
        Var::constant(self.value.clone())
    }

    /// True unless this is a constant.
    pub fn requires_grad(&self) -> bool {
        self.node.is_some()
    }

    /// Length of every axis.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.value.rank()
    }
}

impl From<Tensor> for Var {
    fn from(value: Tensor) -> Var {
        Var::constant(value)
    }
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &self.node {
            None => "constant".to_owned(),
            Some(n) => format!("{:?}", n.op),
        };
        write!(f, "Var({:?}, {how})", self.value)
    }
}

impl Node {
    pub fn new(
        op: Op,
        parents: Vec<Option<Arc<Node>>>,
        shapes: Vec<Vec<usize>>,
        saved: Vec<Var>,
    ) -> Arc<Node> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Arc::new(Node {
            id,
            op,
            parents,
            shapes,
            saved,
        })
    }

    /// Moves out the handles to other nodes.
    fn release(&mut self, into: &mut Vec<Arc<Node>>) {
        into.extend(std::mem::take(&mut self.parents).into_iter().flatten());
        into.extend(
            std::mem::take(&mut self.saved)
                .into_iter()
                .filter_map(|v| v.node),
        );
    }
}

/// Without recursion: the graph of a long Langevin chain is deeper than the stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut last_owned = Vec::new();
        self.release(&mut last_owned);
        while let Some(node) = last_owned.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                node.release(&mut last_owned);
            }
        }
    }
}
