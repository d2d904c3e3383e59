//! How a pointwise kernel finds its elements: four neighbours a thread, by one of three walks.

use crate::expr::{Access, PointwiseKernel};

/// How threads are mapped to elements. In all cases thread t makes the elements 4t … 4t + 3 of
/// every output, so that one block of random words serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// Every input is contiguous or one number: no coordinates.
    Flat,
    /// The last axis is a multiple of 4: one set of coordinates a thread.
    Rows,
    /// Anything else: coordinates for each of the four elements.
    Any,
}

/// How the four elements of one input are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// One vec4.
    Vector,
    /// One number for all four.
    Splat,
    /// Four numbers at a distance of the last stride from one another.
    Strided,
    /// Four numbers, each with its own coordinates.
    Scattered,
}

/// The walk of a kernel and the loads of its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) walk: Walk,
    pub(super) loads: Vec<Load>,
}

impl Layout {
    pub(super) fn of(kernel: &PointwiseKernel) -> Self {
        let walk = match kernel.shape[..] {
            [] => Walk::Flat,
            [_] if kernel
                .inputs
                .iter()
                .all(|i| matches!(i.strides[..], [0 | 1])) =>
            {
                Walk::Flat
            }
            [.., last] if last.is_multiple_of(4) => Walk::Rows,
            _ => Walk::Any,
        };
        let loads = kernel
            .inputs
            .iter()
            .map(|input| load(walk, input))
            .collect();
        Layout { walk, loads }
    }
}

fn load(walk: Walk, input: &Access) -> Load {
    let Some((last, outer)) = input.strides.split_last() else {
        return Load::Splat;
    };
    let aligned = input.offset.is_multiple_of(4) && outer.iter().all(|s| s % 4 == 0);
    match (walk, *last) {
        _ if input.strides.iter().all(|s| *s == 0) => Load::Splat,
        (Walk::Any, _) => Load::Scattered,
        (_, 1) if aligned => Load::Vector,
        (_, 0) => Load::Splat,
        _ => Load::Strided,
    }
}
