//! Rows by index, larger arrays around smaller ones, joining, resampling.

use clel_tensor::Tensor;

use crate::{Result, Var, error::named, rules::Op};

impl Var {
    /// See [`Tensor::gather`].
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn gather(&self, index: &Tensor) -> Result<Var> {
        let value = self.tensor().gather(index)?;
        Ok(Var::record(value, &[self], || {
            (Op::Gather(index.clone()), vec![])
        }))
    }

    /// See [`Tensor::scatter_add`].
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn scatter_add(&self, index: &Tensor, rows: usize) -> Result<Var> {
        let value = self.tensor().scatter_add(index, rows)?;
        Ok(Var::record(value, &[self], || {
            (Op::ScatterAdd(index.clone()), vec![])
        }))
    }

    /// See [`Tensor::embed`].
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn embed(&self, shape: &[usize], start: &[usize], step: &[usize]) -> Result<Var> {
        let value = self.tensor().embed(shape, start, step)?;
        Ok(Var::record(value, &[self], || {
            (
                Op::Embed {
                    start: start.to_vec(),
                    step: step.to_vec(),
                },
                vec![],
            )
        }))
    }

    /// See [`Tensor::pad`].
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn pad(&self, around: &[(usize, usize)]) -> Result<Var> {
        let value = named("pad", self.tensor().pad(around).map_err(Into::into))?;
        let start = around.iter().map(|p| p.0).collect();
        Ok(Var::record(value, &[self], || {
            (
                Op::Embed {
                    start,
                    step: vec![1; around.len()],
                },
                vec![],
            )
        }))
    }

    /// See [`Tensor::concat`].
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn concat(arrays: &[&Var], axis: usize) -> Result<Var> {
        let tensors: Vec<&Tensor> = arrays.iter().map(|v| v.tensor()).collect();
        let value = Tensor::concat(&tensors, axis)?;
        Ok(Var::record(value, arrays, || (Op::Concat(axis), vec![])))
    }

    /// See [`Tensor::resample`]; differentiable with respect to the images.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn resample(&self, rows: &Tensor, columns: &Tensor) -> Result<Var> {
        let value = self.tensor().resample(rows, columns)?;
        Ok(Var::record(value, &[self], || {
            let [rows, columns] = [rows, columns].map(Tensor::clone);
            (Op::Resample { rows, columns }, vec![])
        }))
    }

    /// See [`Tensor::resample_bicubic`]; differentiable with respect to the images.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn resample_bicubic(&self, boxes: &Tensor, height: usize, width: usize) -> Result<Var> {
        let [rows, columns] = self.tensor().bicubic_operators(boxes, height, width)?;
        self.resample(&rows, &columns)
    }
}
