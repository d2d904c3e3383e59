//! The table of derivatives: for each operation, how the gradient of its result becomes the gradients of its
//! operands.
//!
//! Contract:
//! * `gy` has the result's shape; `needs(i)` says whether operand i's gradient is wanted, and a rule
//!   computes no other.
//! * Rules use `Var` operations only, never tensors, so that they can be differentiated.
//! * A gradient may have the shape to which its operand was broadcast; the walk sums it.
//! * `saved` is what the operation listed when it was recorded, in that order.

use clel_tensor::{Expr, Tensor};

use crate::{Result, Var, var::Node};

/// An operation and its attributes.
#[derive(Debug)]
pub(crate) enum Op {
    /// Not made by an operation.
    Leaf,
    /// A pointwise expression: for each operand its rule, or `None` where the derivative is zero.
    Pointwise(Vec<Option<PointwiseRule>>),
    /// Sum over axes, which stay with length 1.
    Sum,
    /// Maximum over axes, which stay with length 1. Saved: x, y.
    Max(Vec<usize>),
    Expand,
    Reshape,
    Permute(Vec<usize>),
    Slice {
        axis: usize,
        start: usize,
        step: usize,
    },
    Flip(usize),
    Embed {
        start: Vec<usize>,
        step: Vec<usize>,
    },
    Concat(usize),
    Gather(Tensor),
    ScatterAdd(Tensor),
    /// A product along each axis of each image.
    Resample {
        rows: Tensor,
        columns: Tensor,
    },
    /// Another floating-point type.
    Cast(clel_tensor::DType),
    /// Saved: a, b.
    MatMul {
        a_transposed: bool,
        b_transposed: bool,
    },
    /// Saved: x, w.
    Conv {
        stride: usize,
        pad: usize,
    },
    /// Saved: g, w.
    ConvInputGrad {
        stride: usize,
        pad: usize,
    },
    /// Saved: x, g.
    ConvWeightGrad {
        stride: usize,
        pad: usize,
    },
    AvgPool {
        k: usize,
        stride: usize,
        pad: usize,
    },
    AvgPoolSpread {
        k: usize,
        stride: usize,
        pad: usize,
    },
}

/// The gradient of one operand of a pointwise expression.
#[derive(Debug)]
pub(crate) struct PointwiseRule {
    /// `gy · ∂f/∂xᵢ`, a function of some saved operands and, last, of gy.
    pub expr: Expr,
    /// Which of the saved operands are its inputs.
    pub saved: Vec<usize>,
}

impl Op {
    /// The gradients of the operands of `node`, whose operation this is.
    pub fn vjp(
        &self,
        node: &Node,
        gy: &Var,
        needs: impl Fn(usize) -> bool,
    ) -> Result<Vec<Option<Var>>> {
        let saved = |i: usize| &node.saved[i];
        let shape = |i: usize| &node.shapes[i][..];
        let pair = |a: &dyn Fn() -> Result<Var>, b: &dyn Fn() -> Result<Var>| {
            let a = needs(0).then(a).transpose()?;
            Ok(vec![a, needs(1).then(b).transpose()?])
        };
        let one = |g: Result<Var>| Ok(vec![Some(g?)]);
        match self {
            Op::Leaf => Ok(vec![]),
            Op::Pointwise(rules) => rules
                .iter()
                .enumerate()
                .map(|(i, rule)| match rule {
                    Some(rule) if needs(i) => {
                        let mut inputs: Vec<&Var> = rule.saved.iter().map(|&s| saved(s)).collect();
                        inputs.push(gy);
                        Var::pointwise(&rule.expr, &inputs).map(Some)
                    }
                    _ => Ok(None),
                })
                .collect(),

            // linear pairs
            Op::Sum => one(gy.expand(shape(0))),
            Op::Expand => one(Ok(gy.clone())),
            Op::Reshape => one(gy.reshape(shape(0))),
            Op::Permute(axes) => {
                let mut inverse = vec![0; axes.len()];
                axes.iter().enumerate().for_each(|(i, &a)| inverse[a] = i);
                one(gy.permute(&inverse))
            }
            Op::Slice { axis, start, step } => {
                let (mut starts, mut steps) = (vec![0; shape(0).len()], vec![1; shape(0).len()]);
                (starts[*axis], steps[*axis]) = (*start, *step);
                one(gy.embed(shape(0), &starts, &steps))
            }
            Op::Flip(axis) => one(gy.flip(*axis)),
            Op::Embed { start, step } => one((0..start.len()).try_fold(gy.clone(), |g, axis| {
                g.slice_step(axis, start[axis], shape(0)[axis], step[axis])
            })),
            Op::Concat(axis) => {
                let mut start = 0;
                let parts = (0..node.shapes.len()).map(|i| {
                    let len = shape(i)[*axis];
                    start += len;
                    needs(i)
                        .then(|| gy.slice(*axis, start - len, len))
                        .transpose()
                });
                parts.collect()
            }
            Op::Gather(index) => one(gy.scatter_add(index, shape(0)[0])),
            Op::ScatterAdd(index) => one(gy.gather(index)),
            Op::Resample { rows, columns } => {
                one(gy.resample(&rows.transpose(1, 2)?, &columns.transpose(1, 2)?))
            }
            Op::Cast(from) => one(gy.to_dtype(*from)),
            Op::AvgPool { k, stride, pad } => {
                one(gy.avg_pool2d_spread(shape(0), *k, *stride, *pad))
            }
            Op::AvgPoolSpread { k, stride, pad } => one(gy.avg_pool2d(*k, *stride, *pad)),

            // the gradient goes to the maxima, in equal parts where several are equal
            Op::Max(axes) => {
                let mask = saved(0).detach().equal(&saved(1).detach())?;
                let share = mask.div(&mask.sum(axes, true)?)?;
                one(gy.mul(&share))
            }

            // ANCHOR: bilinear
            // bilinear triads: each pass's derivatives are the other two
            Op::MatMul {
                a_transposed: ta,
                b_transposed: tb,
            } => {
                let (a, b) = (saved(0), saved(1));
                pair(
                    &|| match ta {
                        true => b.matmul_t(gy, *tb, true),
                        false => gy.matmul_t(b, false, !tb),
                    },
                    &|| match tb {
                        true => gy.matmul_t(a, true, *ta),
                        false => a.matmul_t(gy, !ta, false),
                    },
                )
            }
            Op::Conv { stride, pad } => pair(
                &|| gy.conv2d_input_grad(saved(1), shape(0), *stride, *pad),
                &|| saved(0).conv2d_weight_grad(gy, shape(1), *stride, *pad),
            ),
            // ANCHOR_END: bilinear
            Op::ConvInputGrad { stride, pad } => {
                pair(&|| gy.conv2d(saved(1), *stride, *pad), &|| {
                    gy.conv2d_weight_grad(saved(0), shape(1), *stride, *pad)
                })
            }
            Op::ConvWeightGrad { stride, pad } => pair(
                &|| saved(1).conv2d_input_grad(gy, shape(0), *stride, *pad),
                &|| saved(0).conv2d(gy, *stride, *pad),
            ),
        }
    }
}
