//! Matrix products.

use super::{Tensor, spatial::same_type};
use crate::{
    Error, Result,
    layout::broadcast_shapes,
    primitive::{MatMul, Primitive},
};

impl Tensor {
    /// Matrix product of the last two axes, \[…, m, k\] · \[…, k, n\] = \[…, m, n\]; the axes in front broadcast.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] unless both are of one type of floating point.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        self.matmul_t(other, false, false)
    }

    /// As [`matmul`](Tensor::matmul), with the last two axes of either operand exchanged first,
    /// at no cost.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] unless both are of one type of floating point.
    pub fn matmul_t(
        &self,
        other: &Tensor,
        a_transposed: bool,
        b_transposed: bool,
    ) -> Result<Tensor> {
        let fail = |why: &str| Error::Shapes {
            op: "matmul",
            lhs: self.shape().to_vec(),
            rhs: other.shape().to_vec(),
            why: why.into(),
        };
        if self.rank() < 2 || other.rank() < 2 {
            return Err(fail("each needs at least two axes"));
        }
        same_type("matmul", self, other)?;
        let (mut a, a_transposed) = self.stored_matrices(a_transposed)?;
        let (mut b, b_transposed) = other.stored_matrices(b_transposed)?;
        let a_shape = a.shape().to_vec();
        let (a_batch, [r, c]) = split_matrix(&a_shape);
        let [mut m, k] = if a_transposed { [c, r] } else { [r, c] };
        let b_shape = b.shape().to_vec();
        let (b_batch, [r, c]) = split_matrix(&b_shape);
        let [kb, n] = if b_transposed { [c, r] } else { [r, c] };
        if k != kb {
            let stored = |t| if t { ", transposed" } else { "" };
            return Err(fail(&format!(
                "{k} columns{} meet {kb} rows{}",
                stored(a_transposed),
                stored(b_transposed)
            )));
        }
        let batch_shape = broadcast_shapes("matmul", a_batch, b_batch)?;
        let shape = [&batch_shape[..], &[m, n]].concat();
        let count = |s: &[usize]| s.iter().product::<usize>();
        let mut batch = count(&batch_shape);
        let (mut a_batched, b_batched) = (count(a_batch) != 1, count(b_batch) != 1);
        if a_batched && !b_batched && !a_transposed {
            // one matrix for all: the batch is just more rows
            (m, batch, a_batched) = (m * batch, 1, false);
        } else {
            // partly shared: written out
            if a_batched && a_batch != batch_shape {
                a = a.expand(&[&batch_shape[..], &a_shape[a_batch.len()..]].concat())?;
            }
            if b_batched && b_batch != batch_shape {
                b = b.expand(&[&batch_shape[..], &b_shape[b_batch.len()..]].concat())?;
            }
        }
        let geometry = MatMul {
            batch,
            m,
            n,
            k,
            a_transposed,
            b_transposed,
            a_batched,
            b_batched,
        };
        Tensor::launch(&Primitive::MatMul(geometry), &[&a, &b], &shape)
    }

    /// A view that came from exchanging the last two axes is taken as it is stored.
    fn stored_matrices(&self, transposed: bool) -> Result<(Tensor, bool)> {
        if self.layout().is_contiguous() {
            return Ok((self.clone(), transposed));
        }
        let exchanged = self.transpose(self.rank() - 2, self.rank() - 1)?;
        if exchanged.layout().is_contiguous() {
            return Ok((exchanged, !transposed));
        }
        Ok((self.clone(), transposed))
    }
}

fn split_matrix(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch, [matrix[0], matrix[1]])
}
