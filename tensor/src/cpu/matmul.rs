//! Matrix products on the `gemm` crate, with the shapes it is slow at taken out.

use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;

use super::memory::PoolVec;
use super::real::Real;
use super::shared::Shared;
use crate::Result;
use crate::primitive::MatMul;

/// Multiply-adds below which a product stays on one thread.
const PARALLEL_MULTIPLIES: usize = 1 << 17;

/// Results of a product, at most, that are shared out to the threads here and not by `gemm`, which takes up to four times as long for a long
/// contraction of few results.
const FEW: usize = 1 << 17;
/// Products of a matrix and fewer vectors have ways of their own in `gemm`.
const NARROW: usize = 4;
/// Multiply-adds below which one product stays on one thread.
const SHARED_MULTIPLIES: usize = 1 << 19;
/// Rows or columns of a share: whatever the number of threads, so that sums do not depend on it.
const SHARE: usize = 32;

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

    /// The element (i, j).
    fn at(&self, i: usize, j: usize) -> *const T {
        self.data[i * self.row + j * self.col..].as_ptr()
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
    let strides = |of: &Matrix<'_, T>| (of.col as isize, of.row as isize);
    let (a_strides, b_strides) = (strides(&a), strides(&b));
    let results = Shared(c.as_mut_ptr());
    let part = |rows: Range<usize>, columns: Range<usize>, threads: Parallelism| {
        let (a, b, c) = (a.at(rows.start, 0), b.at(0, columns.start), results);
        // SAFETY: the assertions above keep every element that the strides reach inside its slice; `c` is borrowed exclusively, and parts
        // that are computed at once have no row or no column in common. `read_dst` is false, so `c` is only written.
        unsafe {
            gemm::gemm(
                rows.len(),
                columns.len(),
                k,
                c.at(rows.start * n + columns.start),
                1,
                n as isize,
                false,
                a,
                a_strides.0,
                a_strides.1,
                b,
                b_strides.0,
                b_strides.1,
                T::ZERO,
                T::ONE,
                false,
                false,
                false,
                threads,
            );
        }
    };
    if !parallel || m * n * k < SHARED_MULTIPLIES {
        return part(0..m, 0..n, Parallelism::None);
    }
    if m * n > FEW || m.min(n) < NARROW {
        return part(0..m, 0..n, Parallelism::Rayon(0));
    }
    let shares = m.max(n).div_ceil(SHARE);
    (0..shares).into_par_iter().for_each(|share| {
        let of = |len: usize| share * SHARE..((share + 1) * SHARE).min(len);
        let (rows, columns) = if m > n { (of(m), 0..n) } else { (0..m, of(n)) };
        part(rows, columns, Parallelism::None);
    });
}
