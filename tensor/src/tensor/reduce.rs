//! Reductions over any axes.

use super::Tensor;
use crate::{
    DType, Error, Expr, Result,
    primitive::{Primitive, Reduce, ReduceKind},
};

impl Tensor {
    /// Sum over `axes`, which stay with length 1 if `keep` is set and vanish otherwise.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or one is named twice; [`Error::DType`] for u32.
    pub fn sum(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        self.reduce(ReduceKind::Sum, axes, keep)
    }

    /// Maximum over `axes`: NaN where an element is (as PyTorch's `amax`), −∞ over nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or one is named twice; [`Error::DType`] for u32.
    pub fn max(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        self.reduce(ReduceKind::Max, axes, keep)
    }

    /// Mean over `axes`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or one is named twice; [`Error::DType`] for u32.
    pub fn mean(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        if self.dtype() == DType::F16 {
            // which may not hold the sum
            return self
                .to_dtype(DType::F32)?
                .mean(axes, keep)?
                .to_dtype(DType::F16);
        }
        let sum = self.sum(axes, keep)?;
        let count: usize = axes.iter().map(|&a| self.shape()[a]).product();
        sum.mul_scalar(1.0 / count as f64)
    }

    /// Sum of all elements, of rank 0.
    ///
    /// # Errors
    /// [`Error::DType`] for u32; what the device reports.
    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum(&self.all_axes(), false)
    }

    /// Mean of all elements, of rank 0.
    ///
    /// # Errors
    /// [`Error::DType`] for u32; what the device reports.
    pub fn mean_all(&self) -> Result<Tensor> {
        self.mean(&self.all_axes(), false)
    }

    /// `ln Σ eˣ` over `axes`, computed from the largest element so that it cannot overflow; NaN where an element is.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or one is named twice; [`Error::DType`] for u32.
    pub fn logsumexp(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        let shift = self.logsumexp_shift(axes)?;
        let sum = self.sub(&shift)?.exp()?.sum(axes, true)?;
        let result = sum.ln()?.add(&shift)?;
        if keep {
            Ok(result)
        } else {
            result.drop_axes(axes)
        }
    }

    /// What [`logsumexp`](Tensor::logsumexp) subtracts in the exponent: the maximum over `axes`, which stay with length 1, or 0
    /// where it is infinite and would leave ∞ − ∞, or NaN.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or one is named twice; [`Error::DType`] for u32.
    pub fn logsumexp_shift(&self, axes: &[usize]) -> Result<Tensor> {
        let finite = Expr::input(0).non_finite().select(0.0, Expr::input(0));
        Tensor::pointwise(&finite, &[&self.max(axes, true)?])
    }

    /// Position (u32) of the first maximum along one axis, which vanishes. NaN counts as the largest number.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or it is empty; [`Error::DType`] for u32.
    pub fn argmax(&self, axis: usize) -> Result<Tensor> {
        self.check_axes("argmax", &[axis])?;
        let shape = self.shape();
        if shape[axis] == 0 {
            return Err(Error::Shape {
                op: "argmax",
                shape: shape.to_vec(),
                why: format!("axis {axis} is empty: nothing is largest"),
            });
        }
        let geometry = self.geometry(axis, axis + 1);
        let out = [&shape[..axis], &shape[axis + 1..]].concat();
        Tensor::launch(
            &Primitive::Reduce(ReduceKind::ArgMax, geometry),
            &[self],
            &out,
        )
    }

    fn all_axes(&self) -> Vec<usize> {
        (0..self.rank()).collect()
    }

    fn reduce(&self, kind: ReduceKind, axes: &[usize], keep: bool) -> Result<Tensor> {
        let op = Primitive::Reduce(kind, self.geometry(0, 0)).name();
        self.check_axes(op, axes)?;
        // also where no sum is computed, since the axes have one element each
        if !self.dtype().is_float() {
            let (expected, found) = (DType::F32, self.dtype());
            return Err(Error::DType {
                op,
                expected,
                found,
            });
        }
        let reduced = |a: usize| axes.contains(&a);
        let mut result = self.clone();
        // Neighbouring axes are one axis; each group of them is one launch, the last first.
        let mut end = self.rank();
        while end > 0 {
            if !reduced(end - 1) {
                end -= 1;
                continue;
            }
            let mut start = end - 1;
            while start > 0 && (reduced(start - 1) || self.shape()[start - 1] == 1) {
                start -= 1;
            }
            let geometry = result.geometry(start, end);
            let mut shape = result.shape().to_vec();
            shape[start..end].fill(1);
            result = if geometry.len == 1 {
                result.reshape(&shape)?
            } else {
                Tensor::launch(&Primitive::Reduce(kind, geometry), &[&result], &shape)?
            };
            end = start;
        }
        if keep {
            Ok(result)
        } else {
            result.drop_axes(axes)
        }
    }

    /// Without the given axes, which have length 1.
    pub(super) fn drop_axes(&self, axes: &[usize]) -> Result<Tensor> {
        let kept = self
            .shape()
            .iter()
            .enumerate()
            .filter(|(i, _)| !axes.contains(i));
        self.reshape(&kept.map(|(_, &len)| len).collect::<Vec<_>>())
    }

    fn geometry(&self, start: usize, end: usize) -> Reduce {
        let product = |s: &[usize]| s.iter().product();
        let s = self.shape();
        Reduce {
            outer: product(&s[..start]),
            len: product(&s[start..end]),
            inner: product(&s[end..]),
        }
    }

    fn check_axes(&self, op: &'static str, axes: &[usize]) -> Result<()> {
        let wrong = |(i, &a): (usize, &usize)| match () {
            _ if a >= self.rank() => Some(format!("has no axis {a}")),
            _ if axes[..i].contains(&a) => Some(format!("axis {a} is named twice")),
            _ => None,
        };
        match axes.iter().enumerate().find_map(wrong) {
            None => Ok(()),
            Some(why) => Err(Error::Shape {
                op,
                shape: self.shape().to_vec(),
                why,
            }),
        }
    }
}
