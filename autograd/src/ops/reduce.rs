//! Reductions.

use clel_tensor::DType;

use crate::{Result, Var, error::named, rules::Op};

impl Var {
    /// See [`Tensor::sum`](clel_tensor::Tensor::sum).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn sum(&self, axes: &[usize], keep: bool) -> Result<Var> {
        let value = self.tensor().sum(axes, true)?;
        let kept = Var::record(value, &[self], || (Op::Sum, vec![]));
        if keep { Ok(kept) } else { kept.drop_axes(axes) }
    }

    /// See [`Tensor::max`](clel_tensor::Tensor::max). The gradient goes to the maxima, in equal parts where several
    /// are equal.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn max(&self, axes: &[usize], keep: bool) -> Result<Var> {
        let value = self.tensor().max(axes, true)?;
        let kept = Var::record(value.clone(), &[self], || {
            (
                Op::Max(axes.to_vec()),
                vec![self.clone(), Var::constant(value)],
            )
        });
        if keep { Ok(kept) } else { kept.drop_axes(axes) }
    }

    /// See [`Tensor::mean`](clel_tensor::Tensor::mean).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn mean(&self, axes: &[usize], keep: bool) -> Result<Var> {
        if self.tensor().dtype() == DType::F16 {
            // which may not hold the sum
            return self
                .to_dtype(DType::F32)?
                .mean(axes, keep)?
                .to_dtype(DType::F16);
        }
        let sum = named("mean", self.sum(axes, keep))?;
        let count: usize = axes.iter().map(|&a| self.shape()[a]).product();
        sum.mul_scalar(1.0 / count as f64)
    }

    /// Sum of all elements, of rank 0.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn sum_all(&self) -> Result<Var> {
        self.sum(&(0..self.rank()).collect::<Vec<_>>(), false)
    }

    /// Mean of all elements, of rank 0.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn mean_all(&self) -> Result<Var> {
        self.mean(&(0..self.rank()).collect::<Vec<_>>(), false)
    }

    /// See [`Tensor::logsumexp`](clel_tensor::Tensor::logsumexp).
    ///
    /// # Errors
    /// Those of the tensor operations.
    pub fn logsumexp(&self, axes: &[usize], keep: bool) -> Result<Var> {
        // ln Σ exp(x − m) + m is the same function for every constant m, derivatives included
        let shift = self.tensor().logsumexp_shift(axes).map_err(Into::into);
        let m = Var::constant(named("logsumexp", shift)?);
        let sum = self.sub(&m)?.exp()?.sum(axes, true)?;
        let result = sum.ln()?.add(&m)?;
        if keep {
            Ok(result)
        } else {
            result.drop_axes(axes)
        }
    }

    fn drop_axes(&self, axes: &[usize]) -> Result<Var> {
        let kept = self
            .shape()
            .iter()
            .enumerate()
            .filter(|(i, _)| !axes.contains(i));
        self.reshape(&kept.map(|(_, &len)| len).collect::<Vec<_>>())
    }
}
