//! Matrix products on the `gemm` crate, with the shapes it is slow at taken out.

use gemm::Parallelism;
use rayon::prelude::*;

use super::memory::PoolVec;
use super::real::Real;
use crate::Result;
use crate::primitive::MatMul;

/// Multiply-adds below which a product stays on one thread.
const PARALLEL_MULTIPLIES: usize = 1 << 17;

/// A matrix in memory: element (i, j) at `i·row + j·col`.
#[derive(Clone, Copy)]
struct Matrix<'a, T> {
    data: &'a [T],
    row: usize,
    col: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A \[rows, cols\] matrix, or the transpose of a stored \[cols, rows\].
    fn new(data: &'a [T], rows: usize, cols: usize, transposed: bool) -> Self {
        let (row, col) = if transposed { (1, rows) } else { (cols, 1) };
        Matrix { data, row, col }
    }
}

/// `c[batch] = op(a[batch]) · op(b[batch])`.
pub(super) fn matmul<T: Real>(s: &MatMul, a: &[T], b: &[T]) -> Result<PoolVec<T>> {
    let mut c = PoolVec::uninit("matmul", s.batch * s.m * s.n)?;
    if c.is_empty() {
        return Ok(c);
    }
    if s.k == 0 {
        c.fill(T::ZERO);
        return Ok(c);
    }
    let (m, batch) = if s.a_batched && !s.b_batched && !s.a_transposed {
        (s.m * s.batch, 1) // the batches of a are the rows of one tall matrix
    } else {
        (s.m, s.batch)
    };
    let work = m * s.n * s.k;
    let parallel = batch * work >= PARALLEL_MULTIPLIES;
    let inside = parallel && batch < 8 && work >= PARALLEL_MULTIPLIES;
    let one = |(i, c): (usize, &mut [T])| {
        let a = if s.a_batched { &a[i * m * s.k..] } else { a };
        let b = if s.b_batched { &b[i * s.k * s.n..] } else { b };
        let a = Matrix::new(a, m, s.k, s.a_transposed);
        let b = Matrix::new(b, s.k, s.n, s.b_transposed);
        product([m, s.n, s.k], a, b, c, inside);
    };
    if parallel && !inside {
        c.par_chunks_mut(m * s.n).enumerate().for_each(one);
    } else {
        c.chunks_mut(m * s.n).enumerate().for_each(one);
    }
    Ok(c)
}

/// One product into the contiguous \[m, n\] matrix `c`.
fn product<T: Real>(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    parallel: bool,
) {
    assert!(a.data.len() > (m - 1) * a.row + (k - 1) * a.col);
    assert!(b.data.len() > (k - 1) * b.row + (n - 1) * b.col);
    assert!(c.len() >= m * n);
    let threads = if parallel {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    // SAFETY: the assertions above keep every element that the strides reach inside its slice,
    // and `c` is borrowed exclusively. `read_dst` is false, so `c` is only written.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            threads,
        );
    }
}
