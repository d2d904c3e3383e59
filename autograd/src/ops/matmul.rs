//! Matrix products.

use crate::{Result, Var, rules::Op};

impl Var {
    /// See [`Tensor::matmul`](clel_tensor::Tensor::matmul).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn matmul(&self, other: &Var) -> Result<Var> {
        self.matmul_t(other, false, false)
    }

    /// See [`Tensor::matmul_t`](clel_tensor::Tensor::matmul_t).
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn matmul_t(&self, other: &Var, a_transposed: bool, b_transposed: bool) -> Result<Var> {
        if self.rank() > 2 && other.rank() == 2 && !a_transposed {
            // one matrix for all batches: more rows, and the matrix's gradient is one product
            let (rows, columns) = self.shape().split_at(self.rank() - 1);
            let flat = self.reshape(&[rows.iter().product(), columns[0]])?;
            let y = flat.matmul_t(other, false, b_transposed)?;
            return y.reshape(&[rows, &y.shape()[1..]].concat());
        }
        let value = self
            .tensor()
            .matmul_t(other.tensor(), a_transposed, b_transposed)?;
        Ok(Var::record(value, &[self, other], || {
            (
                Op::MatMul {
                    a_transposed,
                    b_transposed,
                },
                vec![self.clone(), other.clone()],
            )
        }))
    }
}
