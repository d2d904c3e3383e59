//! What a device gets to run: an expression with several results over strided inputs.

use super::{Expr, Node, build::Builder, build::prune};
use crate::{DType, RngKey};

/// How an input is read: `element = offset + Σ indexᵢ · stridesᵢ`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    /// Element type; u32 is converted to floating point where anything is computed.
    pub dtype: DType,
    /// Position of the element at index 0.
    pub offset: usize,
    /// Distance between neighbours along each axis of the kernel's shape; 0 repeats, a negative
    /// one runs backwards.
    pub strides: Vec<isize>,
}

/// One pointwise launch. The outputs, one for each root, are contiguous.
#[derive(Debug, Clone)]
pub(crate) struct PointwiseKernel {
    /// Shape of the outputs, neighbouring axes merged where every input allows it.
    pub shape: Vec<usize>,
    /// The operations.
    pub nodes: Vec<Node>,
    /// Node and element type of each output.
    pub roots: Vec<(u16, DType)>,
    /// How each input is read.
    pub inputs: Vec<Access>,
    /// The type computed in: F32, F64 or F16; U32 where words are moved and nothing is computed.
    pub compute: DType,
}

impl PointwiseKernel {
    /// A kernel that computes `exprs` over one list of inputs. `shape` is the outputs' shape.
    pub fn new(
        shape: &[usize],
        exprs: &[(Expr, DType)],
        mut inputs: Vec<Access>,
        compute: DType,
    ) -> PointwiseKernel {
        let mut builder = Builder::new();
        let roots: Vec<u16> = exprs
            .iter()
            .map(|(e, _)| builder.append(e, &|_| None))
            .collect();
        let (nodes, roots) = prune(&builder.nodes, &roots);
        let shape = merge_axes(shape, &mut inputs);
        let roots = roots
            .into_iter()
            .zip(exprs.iter().map(|(_, d)| *d))
            .collect();
        let mut kernel = PointwiseKernel {
            shape,
            nodes,
            roots,
            inputs,
            compute,
        };
        if kernel.moves_words() {
            kernel.compute = DType::U32;
        }
        kernel
    }

    /// The keys of its random numbers.
    pub fn keys(&self) -> impl Iterator<Item = RngKey> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Random(_, key) => Some(*key),
            _ => None,
        })
    }

    /// Draws with another key what `old` would draw.
    pub fn replace_key(&mut self, old: RngKey, new: RngKey) {
        for node in &mut self.nodes {
            if let Node::Random(_, key) = node
                && *key == old
            {
                *key = new;
            }
        }
    }

    /// Whether every output is an input's u32 as they are, which no floating point has between.
    fn moves_words(&self) -> bool {
        let all_inputs = self.nodes.iter().all(|n| matches!(n, Node::Input(_)));
        let read = self.inputs.iter().map(|input| input.dtype);
        let mut types = read.chain(self.roots.iter().map(|(_, dtype)| *dtype));
        all_inputs && types.all(|dtype| dtype == DType::U32)
    }

    /// Number of elements of each output.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Drops axes of length 1 and merges neighbours that every input walks as one.
fn merge_axes(shape: &[usize], inputs: &mut [Access]) -> Vec<usize> {
    let mut merged: Vec<usize> = Vec::new();
    let mut strides: Vec<Vec<isize>> = vec![Vec::new(); inputs.len()];
    for (axis, &len) in shape.iter().enumerate() {
        if len == 1 {
            continue;
        }
        let joins = !merged.is_empty()
            && inputs.iter().zip(&strides).all(|(input, done)| {
                done.last()
                    .is_some_and(|&outer| outer == input.strides[axis] * len as isize)
            });
        if joins {
            if let Some(last) = merged.last_mut() {
                *last *= len;
            }
            for (done, input) in strides.iter_mut().zip(inputs.iter()) {
                if let Some(last) = done.last_mut() {
                    *last = input.strides[axis];
                }
            }
        } else {
            merged.push(len);
            for (done, input) in strides.iter_mut().zip(inputs.iter()) {
                done.push(input.strides[axis]);
            }
        }
    }
    for (input, strides) in inputs.iter_mut().zip(strides) {
        input.strides = strides;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_merge_where_all_inputs_allow_it() {
        let access = |strides: &[isize]| Access {
            dtype: DType::F32,
            offset: 0,
            strides: strides.to_vec(),
        };
        let mut inputs = vec![access(&[60, 20, 5, 1]), access(&[0, 0, 0, 1])];
        assert_eq!(merge_axes(&[2, 3, 4, 5], &mut inputs), [24, 5]);
        assert_eq!(inputs[0].strides, [5, 1]);
        assert_eq!(inputs[1].strides, [0, 1]);
        let mut scalar = vec![access(&[0, 0])];
        assert_eq!(merge_axes(&[3, 4], &mut scalar), [12]);
        assert_eq!(
            merge_axes(&[1, 1], &mut [access(&[7, 9])]),
            Vec::<usize>::new()
        );
        // with no inputs everything is one axis
        assert_eq!(merge_axes(&[3, 4], &mut []), [12]);
    }
}
