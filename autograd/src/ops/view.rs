//! Other shapes and orders of the same elements.

use crate::{Result, Var, rules::Op};

impl Var {
    /// See [`Tensor::reshape`](clel_tensor::Tensor::reshape).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn reshape(&self, shape: &[usize]) -> Result<Var> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let value = self.tensor().reshape(shape)?;
        Ok(Var::record(value, &[self], || (Op::Reshape, vec![])))
    }

    /// See [`Tensor::flatten`](clel_tensor::Tensor::flatten).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn flatten(&self, first: usize) -> Result<Var> {
        let shape = self.tensor().flatten(first)?.shape().to_vec();
        self.reshape(&shape)
    }

    /// See [`Tensor::permute`](clel_tensor::Tensor::permute).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn permute(&self, axes: &[usize]) -> Result<Var> {
        let value = self.tensor().permute(axes)?;
        Ok(Var::record(value, &[self], || {
            (Op::Permute(axes.to_vec()), vec![])
        }))
    }

    /// See [`Tensor::transpose`](clel_tensor::Tensor::transpose).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn transpose(&self, a: usize, b: usize) -> Result<Var> {
        let value = self.tensor().transpose(a, b)?;
        let mut axes: Vec<usize> = (0..self.rank()).collect();
        axes.swap(a, b);
        Ok(Var::record(value, &[self], || (Op::Permute(axes), vec![])))
    }

    /// See [`Tensor::expand`](clel_tensor::Tensor::expand).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn expand(&self, shape: &[usize]) -> Result<Var> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let value = self.tensor().expand(shape)?;
        Ok(Var::record(value, &[self], || (Op::Expand, vec![])))
    }

    /// See [`Tensor::slice`](clel_tensor::Tensor::slice).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn slice(&self, axis: usize, start: usize, len: usize) -> Result<Var> {
        self.slice_step(axis, start, len, 1)
    }

    /// See [`Tensor::slice_step`](clel_tensor::Tensor::slice_step).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn slice_step(&self, axis: usize, start: usize, len: usize, step: usize) -> Result<Var> {
        let value = self.tensor().slice_step(axis, start, len, step)?;
        Ok(Var::record(value, &[self], || {
            (Op::Slice { axis, start, step }, vec![])
        }))
    }

    /// See [`Tensor::flip`](clel_tensor::Tensor::flip).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn flip(&self, axis: usize) -> Result<Var> {
        let value = self.tensor().flip(axis)?;
        Ok(Var::record(value, &[self], || (Op::Flip(axis), vec![])))
    }

    /// See [`Tensor::unsqueeze`](clel_tensor::Tensor::unsqueeze).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn unsqueeze(&self, axis: usize) -> Result<Var> {
        let value = self.tensor().unsqueeze(axis)?;
        Ok(Var::record(value, &[self], || (Op::Reshape, vec![])))
    }

    /// See [`Tensor::squeeze`](clel_tensor::Tensor::squeeze).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn squeeze(&self, axis: usize) -> Result<Var> {
        let value = self.tensor().squeeze(axis)?;
        Ok(Var::record(value, &[self], || (Op::Reshape, vec![])))
    }
}
