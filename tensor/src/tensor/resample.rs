//! Bicubic resampling of boxes, as two products with interpolation matrices.

use super::Tensor;
use crate::{DType, Error, Expr, Result};

/// The constant of the cubic convolution kernel (Keys 1981) that PyTorch uses.
const A: f64 = -0.75;

impl Tensor {
    /// Interpolation matrices \[N, out, in\] of the cubic convolution kernel. Row i of matrix n holds the weights
    /// of the `in` samples for position `start + (i + ½) · length / out − ½`; samples outside
    /// `start .. start + length` are those at its border. `start` and `length` are \[N\], in samples.
    ///
    /// # Errors
    /// [`Error::Shapes`] unless both are vectors of one length; [`Error::DType`] for u32.
    pub fn bicubic_matrices(
        start: &Tensor,
        length: &Tensor,
        input: usize,
        output: usize,
    ) -> Result<Tensor> {
        let n = start.len();
        if start.rank() != 1 || start.shape() != length.shape() {
            let why = "expected two vectors of one length".into();
            let (lhs, rhs) = (start.shape().to_vec(), length.shape().to_vec());
            return Err(Error::Shapes {
                op: "bicubic_matrices",
                lhs,
                rhs,
                why,
            });
        }
        let (device, dtype) = (start.device(), start.dtype());
        if !dtype.is_float() {
            return Err(Error::DType {
                op: "bicubic_matrices",
                expected: DType::F32,
                found: dtype,
            });
        }
        let row = Tensor::arange(output, DType::U32, device)?.reshape(&[1, output, 1])?;
        let column = Tensor::arange(input, DType::U32, device)?.reshape(&[1, 1, input])?;
        let inputs = [
            &start.reshape(&[n, 1, 1])?,
            &length.reshape(&[n, 1, 1])?,
            &row,
            &column,
        ];
        let matrices = Tensor::pointwise_named("bicubic_matrices", &weight(output), &inputs)?;
        debug_assert_eq!(matrices.dtype(), dtype);
        Ok(matrices)
    }

    /// Boxes of images \[N,H,W,C\] resized to \[N,`height`,`width`,C\]. `boxes` \[N,4\] holds top, left,
    /// height, width in pixels, of the images' type. What a box has outside the image counts as 0.
    ///
    /// Equal to PyTorch's `interpolate(x[:, :, top:top+h, left:left+w], mode="bicubic",
    /// align_corners=False)` for whole numbers. Values may leave the range of the input's.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit; [`Error::DType`] for boxes of u32.
    pub fn resample_bicubic(&self, boxes: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        let [rows, columns] = self.bicubic_operators(boxes, height, width)?;
        self.resample(&rows, &columns)
    }

    /// Images \[N,H,W,C\] with every column multiplied by its image's matrix of `rows` \[N,OH,H\] and every row by that
    /// of `columns` \[N,OW,W\]: \[N,OH,OW,C\]. The adjoint takes the transposed matrices.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit.
    pub fn resample(&self, rows: &Tensor, columns: &Tensor) -> Result<Tensor> {
        let fault = |matrices: &Tensor, expected: &str| Error::Shapes {
            op: "resample",
            lhs: self.shape().to_vec(),
            rhs: matrices.shape().to_vec(),
            why: format!("expected images [N, H, W, C] and matrices {expected}"),
        };
        let (&[n, h, w, c], &[_, height, _]) = (self.shape(), rows.shape()) else {
            return Err(fault(rows, "[N, OH, H]"));
        };
        let &[_, width, _] = columns.shape() else {
            return Err(fault(columns, "[N, OW, W]"));
        };
        if rows.shape() != [n, height, h] {
            return Err(fault(rows, "[N, OH, H]"));
        }
        if columns.shape() != [n, width, w] {
            return Err(fault(columns, "[N, OW, W]"));
        }
        let tall = rows
            .matmul(&self.reshape(&[n, h, w * c])?)?
            .reshape(&[n, height, w, c])?;
        let wide = tall.permute(&[0, 2, 1, 3])?.reshape(&[n, w, height * c])?;
        let both = columns.matmul(&wide)?.reshape(&[n, width, height, c])?;
        both.permute(&[0, 2, 1, 3])
    }

    /// The two linear operators of [`resample_bicubic`](Tensor::resample_bicubic) for these images and
    /// boxes: \[N, `height`, H\] for rows and \[N, `width`, W\] for columns. [`resample`](Tensor::resample) applies them.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit.
    pub fn bicubic_operators(
        &self,
        boxes: &Tensor,
        height: usize,
        width: usize,
    ) -> Result<[Tensor; 2]> {
        let &[n, h, w, _] = self.shape() else {
            let why = "expected images [N,H,W,C]".into();
            return Err(Error::Shape {
                op: "resample_bicubic",
                shape: self.shape().to_vec(),
                why,
            });
        };
        if boxes.shape() != [n, 4] {
            let why = format!("expected boxes [{n}, 4]");
            let (lhs, rhs) = (self.shape().to_vec(), boxes.shape().to_vec());
            return Err(Error::Shapes {
                op: "resample_bicubic",
                lhs,
                rhs,
                why,
            });
        }
        let field = |i| boxes.slice(1, i, 1)?.reshape(&[n]);
        let rows = Tensor::bicubic_matrices(&field(0)?, &field(2)?, h, height)?;
        let columns = Tensor::bicubic_matrices(&field(1)?, &field(3)?, w, width)?;
        Ok([rows, columns])
    }
}

/// The weight of sample `column` for row `row`: inputs start, length, row, column.
fn weight(output: usize) -> Expr {
    let [start, length, row, column] = [0, 1, 2, 3].map(Expr::input);
    let position = start.clone() + (row + 0.5) * length.clone() / output as f64 - 0.5;
    let base = position.clone().floor();
    let t = position - base.clone();
    let last = start.clone() + length - 1.0;
    let near = |x: Expr| ((x.clone() * (A + 2.0) - (A + 3.0)) * x.clone()) * x + 1.0;
    let far = |x: Expr| ((x.clone() * A - 5.0 * A) * x.clone() + 8.0 * A) * x - 4.0 * A;
    let taps = [
        (-1.0, far(t.clone() + 1.0)),
        (0.0, near(t.clone())),
        (1.0, near(Expr::constant(1.0) - t.clone())),
        (2.0, far(Expr::constant(2.0) - t)),
    ];
    let tap = |(offset, weight): (f64, Expr)| {
        let sample = (base.clone() + offset)
            .maximum(start.clone())
            .minimum(last.clone());
        sample.equal(column.clone()).select(weight, 0.0)
    };
    let sum = taps.into_iter().map(tap).reduce(|a, b| a + b);
    sum.unwrap_or(Expr::constant(0.0))
}
