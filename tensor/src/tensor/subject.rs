//! What a launch is, in words and numbers.

use super::work::{Start, Work};
use crate::{
    DType,
    expr::{Access, Node, PointwiseKernel},
    primitive::Primitive,
    profile::Subject,
};

impl Work {
    /// For those who time it.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Work::Primitive(primitive, starts) => Subject {
                work: with_dtype(primitive.to_string(), dtype(starts)),
                multiply_adds: primitive.multiply_adds(),
                bytes: read(primitive, starts) + written(primitive, starts),
            },
            Work::Through(primitive, starts, kernel) => Subject {
                work: with_dtype(
                    format!("{primitive}, then {}", operations(kernel)),
                    dtype(starts),
                ),
                multiply_adds: primitive.multiply_adds(),
                // the first is what the convolution computes, in the same launch
                bytes: read(primitive, starts) + moved(kernel, &kernel.inputs[1..]),
            },
            Work::Pointwise(kernel) => pointwise("pointwise", kernel),
            Work::Lists(lists) => pointwise("pointwise_lists", &lists.kernel),
        }
    }
}

fn pointwise(name: &str, kernel: &PointwiseKernel) -> Subject {
    Subject {
        work: with_dtype(
            format!(
                "{name} {}, {} -> {} arrays, {} elements",
                operations(kernel),
                kernel.inputs.len(),
                kernel.roots.len(),
                kernel.len()
            ),
            kernel.roots.first().map(|(_, dtype)| *dtype),
        ),
        multiply_adds: 0,
        bytes: moved(kernel, &kernel.inputs),
    }
}

/// The type of the first input.
fn dtype(starts: &[Start]) -> Option<DType> {
    starts.first().map(|start| start.dtype)
}

/// With the type, where it is not the usual one.
fn with_dtype(work: String, dtype: Option<DType>) -> String {
    match dtype {
        None | Some(DType::F32) => work,
        Some(other) => format!("{work}, {other}"),
    }
}

fn operations(kernel: &PointwiseKernel) -> String {
    let computed = |node: &&Node| !matches!(node, Node::Input(_) | Node::Const(_));
    match kernel.nodes.iter().filter(computed).count() {
        0 => "a copy".to_owned(),
        1 => "1 operation".to_owned(),
        n => format!("{n} operations"),
    }
}

/// Bytes of a primitive's inputs.
fn read(primitive: &Primitive, starts: &[Start]) -> u64 {
    let lens = primitive.input_lens().into_iter();
    let bytes = lens
        .zip(starts)
        .map(|(len, start)| len * start.dtype.size());
    bytes.sum::<usize>() as u64
}

/// Bytes of its output.
fn written(primitive: &Primitive, starts: &[Start]) -> u64 {
    let dtype = dtype(starts).map(|dtype| primitive.output_dtype(dtype));
    dtype.map_or(0, |dtype| primitive.output_len() * dtype.size()) as u64
}

/// Bytes of these inputs of a kernel, as far as it reads them, and of all its outputs.
fn moved(kernel: &PointwiseKernel, inputs: &[Access]) -> u64 {
    let elements = |input: &Access| -> usize {
        let axes = kernel.shape.iter().zip(&input.strides);
        axes.filter(|(_, stride)| **stride != 0)
            .map(|(len, _)| len)
            .product()
    };
    let read = inputs
        .iter()
        .map(|input| elements(input) * input.dtype.size());
    let outputs = kernel.roots.iter();
    let written = outputs.map(|(_, dtype)| kernel.len() * dtype.size());
    read.chain(written).sum::<usize>() as u64
}
