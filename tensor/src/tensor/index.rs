//! Rows by index, larger arrays around smaller ones, joining.

use super::Tensor;
use crate::{
    DType, Error, Result,
    primitive::{Concat, Embed, Gather, Primitive},
};

impl Tensor {
    /// Rows of this array \[R, …\] by an index (u32) of any shape \[P…\]: \[P…, …\]. An index ≥ R
    /// gives zeros: a device cannot report it without waiting.
    ///
    /// # Errors
    /// [`Error::Shape`] at rank 0; [`Error::DType`] for an index that is not u32.
    pub fn gather(&self, index: &Tensor) -> Result<Tensor> {
        let Some((&rows, row)) = self.shape().split_first() else {
            let why = "expected an array of rows".into();
            return Err(Error::Shape {
                op: "gather",
                shape: vec![],
                why,
            });
        };
        check_index("gather", index)?;
        let geometry = Gather {
            rows,
            picks: index.len(),
            inner: row.iter().product(),
        };
        let out = [index.shape(), row].concat();
        Tensor::launch(&Primitive::Gather(geometry), &[self, index], &out)
    }

    /// The adjoint of [`gather`](Tensor::gather): adds the rows of this array \[P…, …\] to `rows` rows of
    /// zeros, where `index` \[P…\] says. Rows with an index ≥ `rows` are dropped.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the index's shape is not how this array's begins; [`Error::DType`] for an index that is not u32, or an array
    /// that is.
    pub fn scatter_add(&self, index: &Tensor, rows: usize) -> Result<Tensor> {
        check_index("scatter_add", index)?;
        let Some(row) = self.shape().strip_prefix(index.shape()) else {
            let why = "the index's shape must be the front of the array's".into();
            let (lhs, rhs) = (self.shape().to_vec(), index.shape().to_vec());
            return Err(Error::Shapes {
                op: "scatter_add",
                lhs,
                rhs,
                why,
            });
        };
        let geometry = Gather {
            rows,
            picks: index.len(),
            inner: row.iter().product(),
        };
        let out = [&[rows], row].concat();
        Tensor::launch(&Primitive::ScatterAdd(geometry), &[self, index], &out)
    }

    /// This array inside zeros of `shape`: its element i lies at `start + i·step` along each axis.
    ///
    /// # Errors
    /// [`Error::Shapes`] if it does not fit.
    pub fn embed(&self, shape: &[usize], start: &[usize], step: &[usize]) -> Result<Tensor> {
        let end = |i: usize| {
            let last = (self.shape()[i].max(1) - 1).saturating_mul(step[i]);
            last.saturating_add(start[i]).saturating_add(1)
        };
        let fits = shape.len() == self.rank()
            && start.len() == self.rank()
            && step.len() == self.rank()
            && (0..self.rank())
                .all(|i| step[i] > 0 && (self.shape()[i] == 0 || end(i) <= shape[i]));
        if !fits {
            let why = format!("from {start:?} in steps of {step:?} it does not lie inside");
            let (lhs, rhs) = (self.shape().to_vec(), shape.to_vec());
            return Err(Error::Shapes {
                op: "embed",
                lhs,
                rhs,
                why,
            });
        }
        let geometry = Embed {
            shape: self.shape().to_vec(),
            out: shape.to_vec(),
            start: start.to_vec(),
            step: step.to_vec(),
        };
        Tensor::launch(&Primitive::Embed(geometry), &[self], shape)
    }

    /// Zeros added in front of and behind the elements of each axis: one pair for each.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one pair for each axis.
    pub fn pad(&self, around: &[(usize, usize)]) -> Result<Tensor> {
        if around.len() != self.rank() {
            let why = format!(
                "padding takes a pair for each axis: {} of them, not {}",
                self.rank(),
                around.len()
            );
            return Err(Error::Shape {
                op: "pad",
                shape: self.shape().to_vec(),
                why,
            });
        }
        let grown = self
            .shape()
            .iter()
            .zip(around)
            .map(|(len, (a, b))| len.saturating_add(*a).saturating_add(*b));
        let start: Vec<usize> = around.iter().map(|p| p.0).collect();
        self.embed(&grown.collect::<Vec<_>>(), &start, &vec![1; self.rank()])
    }

    /// Arrays joined along one axis; their other axes are equal.
    ///
    /// # Errors
    /// [`Error::Shapes`] if they are not, [`Error::Shape`] if there is no such axis, [`Error::TooFewArrays`] if no array is given,
    /// [`Error::DType`] if their types differ.
    pub fn concat(arrays: &[&Tensor], axis: usize) -> Result<Tensor> {
        let op = "concat";
        let Some(first) = arrays.first() else {
            return Err(Error::TooFewArrays {
                op,
                given: 0,
                needed: 1,
            });
        };
        if axis >= first.rank() {
            return Err(Error::Shape {
                op,
                shape: first.shape().to_vec(),
                why: format!("has no axis {axis}"),
            });
        }
        let mut shape = first.shape().to_vec();
        shape[axis] = 0;
        for t in arrays {
            let same = t.rank() == shape.len()
                && (0..shape.len()).all(|i| i == axis || t.shape()[i] == shape[i]);
            if !same {
                let why = format!("all axes but {axis} must be equal");
                let (lhs, rhs) = (first.shape().to_vec(), t.shape().to_vec());
                return Err(Error::Shapes { op, lhs, rhs, why });
            }
            if t.dtype() != first.dtype() {
                return Err(Error::DType {
                    op,
                    expected: first.dtype(),
                    found: t.dtype(),
                });
            }
            shape[axis] = shape[axis].saturating_add(t.shape()[axis]);
        }
        let geometry = Concat {
            outer: shape[..axis].iter().product(),
            lens: arrays.iter().map(|t| t.shape()[axis]).collect(),
            inner: shape[axis + 1..].iter().product(),
        };
        Tensor::launch(&Primitive::Concat(geometry), arrays, &shape)
    }
}

fn check_index(op: &'static str, index: &Tensor) -> Result<()> {
    match index.dtype() {
        DType::U32 => Ok(()),
        found => Err(Error::DType {
            op,
            expected: DType::U32,
            found,
        }),
    }
}
