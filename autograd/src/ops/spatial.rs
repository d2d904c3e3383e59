//! Convolution and pooling.

use crate::{Result, Var, rules::Op};

impl Var {
    /// See [`Tensor::conv2d`](clel_tensor::Tensor::conv2d).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn conv2d(&self, weight: &Var, stride: usize, pad: usize) -> Result<Var> {
        let value = self.tensor().conv2d(weight.tensor(), stride, pad)?;
        Ok(Var::record(value, &[self, weight], || {
            (Op::Conv { stride, pad }, vec![self.clone(), weight.clone()])
        }))
    }

    /// See [`Tensor::conv2d_input_grad`](clel_tensor::Tensor::conv2d_input_grad).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn conv2d_input_grad(
        &self,
        weight: &Var,
        shape: &[usize],
        stride: usize,
        pad: usize,
    ) -> Result<Var> {
        let value = self
            .tensor()
            .conv2d_input_grad(weight.tensor(), shape, stride, pad)?;
        Ok(Var::record(value, &[self, weight], || {
            (
                Op::ConvInputGrad { stride, pad },
                vec![self.clone(), weight.clone()],
            )
        }))
    }

    /// See [`Tensor::conv2d_weight_grad`](clel_tensor::Tensor::conv2d_weight_grad).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn conv2d_weight_grad(
        &self,
        grad: &Var,
        shape: &[usize],
        stride: usize,
        pad: usize,
    ) -> Result<Var> {
        let value = self
            .tensor()
            .conv2d_weight_grad(grad.tensor(), shape, stride, pad)?;
        Ok(Var::record(value, &[self, grad], || {
            (
                Op::ConvWeightGrad { stride, pad },
                vec![self.clone(), grad.clone()],
            )
        }))
    }

    /// See [`Tensor::avg_pool2d`](clel_tensor::Tensor::avg_pool2d).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn avg_pool2d(&self, k: usize, stride: usize, pad: usize) -> Result<Var> {
        let value = self.tensor().avg_pool2d(k, stride, pad)?;
        Ok(Var::record(value, &[self], || {
            (Op::AvgPool { k, stride, pad }, vec![])
        }))
    }

    /// See [`Tensor::avg_pool2d_spread`](clel_tensor::Tensor::avg_pool2d_spread).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn avg_pool2d_spread(
        &self,
        shape: &[usize],
        k: usize,
        stride: usize,
        pad: usize,
    ) -> Result<Var> {
        let value = self.tensor().avg_pool2d_spread(shape, k, stride, pad)?;
        Ok(Var::record(value, &[self], || {
            (Op::AvgPoolSpread { k, stride, pad }, vec![])
        }))
    }

    /// See [`Tensor::max_pool2d`](clel_tensor::Tensor::max_pool2d). The gradient goes to the first maximum of each window.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn max_pool2d(&self, k: usize, stride: usize, pad: usize) -> Result<Var> {
        let index = self.tensor().max_pool2d_index(k, stride, pad)?;
        self.flatten(0)?.gather(&index)
    }
}
