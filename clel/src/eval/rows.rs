//! Products of sets of vectors, block by block, so that nothing quadratic in their number is ever whole. In f64 on the CPU: figures do
//! not depend on the device, and distances of near vectors keep their digits.

use clel_tensor::{Device, Tensor};

use crate::{Error, Result};

/// Vectors of either set in a block: a block of distances takes 16 MiB.
const BLOCK: [usize; 2] = [512, 4096];

/// n vectors of d numbers, row-major.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a, T = f32> {
    values: &'a [T],
    d: usize,
}

impl<'a, T: Copy + Into<f64>> Rows<'a, T> {
    /// At least `least` whole rows of `d` numbers, all finite.
    pub fn new(what: &'static str, values: &'a [T], d: usize, least: usize) -> Result<Self> {
        let wide = |i: usize| -> f64 { values[i].into() };
        if d > 0 && values.len() / d < least {
            return Err(Error::Mismatch {
                what: format!("vectors for {what}"),
                found: (values.len() / d).to_string(),
                expected: format!("at least {least}"),
            });
        }
        let why = if d == 0 || !values.len().is_multiple_of(d) {
            format!("{} numbers are not whole vectors of {d}", values.len())
        } else if let Some(i) = (0..values.len()).find(|i| !wide(*i).is_finite()) {
            format!("feature {} of vector {} is {}", i % d, i / d, wide(i))
        } else {
            return Ok(Rows { values, d });
        };
        Err(Error::Numbers { what, why })
    }

    pub fn len(self) -> usize {
        self.values.len() / self.d
    }

    pub fn dimension(self) -> usize {
        self.d
    }

    /// Row `i`.
    pub fn row(self, i: usize) -> &'a [T] {
        &self.values[i * self.d..(i + 1) * self.d]
    }

    /// The rows `first .. first + n`, as far as there are any.
    pub fn part(self, first: usize, n: usize) -> Self {
        let end = self.len().min(first + n);
        let values = &self.values[first.min(end) * self.d..end * self.d];
        Rows { values, ..self }
    }

    /// The rows less `centre` (if given) as an array \[n, d\] of f64.
    pub fn array(self, centre: Option<&[f64]>) -> Result<Tensor> {
        let wide = self.values.chunks_exact(self.d).flat_map(|row| {
            row.iter()
                .enumerate()
                .map(|(j, v)| (*v).into() - centre.map_or(0.0, |c| c[j]))
        });
        let wide: Vec<f64> = wide.collect();
        Ok(Tensor::from_slice(
            &wide,
            &[self.len(), self.d],
            &Device::Cpu,
        )?)
    }

    /// The mean of the rows.
    pub fn mean(self) -> Vec<f64> {
        let mut sums = vec![0.0; self.d];
        for row in self.values.chunks_exact(self.d) {
            sums.iter_mut()
                .zip(row)
                .for_each(|(s, v)| *s += (*v).into());
        }
        let n = self.len().max(1) as f64;
        sums.into_iter().map(|s| s / n).collect()
    }
}

/// Calls `see(i, j, d)` with the distances of row i of `a` to the rows j, j + 1, … of `b`, for every i and block of b; blocks of one i come
/// in rising order of j. An error from there is the end of it.
pub(super) fn distances(
    a: Rows<'_>,
    b: Rows<'_>,
    mut see: impl FnMut(usize, usize, &[f64]) -> Result<()>,
) -> Result<()> {
    if a.dimension() != b.dimension() {
        return Err(Error::Mismatch {
            what: "dimension of the second set of features".to_owned(),
            found: b.dimension().to_string(),
            expected: a.dimension().to_string(),
        });
    }
    // around a common centre the squares are small, and so is what their difference loses
    let centre = b.mean();
    for first in (0..a.len()).step_by(BLOCK[0]) {
        let left = a.part(first, BLOCK[0]).array(Some(&centre))?;
        let square = left.mul(&left)?.sum(&[1], true)?;
        for start in (0..b.len()).step_by(BLOCK[1]) {
            let right = b.part(start, BLOCK[1]).array(Some(&centre))?;
            let n = right.shape()[0];
            let other = right.mul(&right)?.sum(&[1], false)?;
            // ‖a − b‖² = ‖a‖² + ‖b‖² − 2⟨a, b⟩
            let products = left.matmul_t(&right, false, true)?.mul_scalar(-2.0)?;
            let squares = products.add(&square)?.add(&other)?.maximum_scalar(0.0)?;
            let block = squares.sqrt()?.to_vec::<f64>()?;
            for (i, row) in block.chunks_exact(n).enumerate() {
                see(first + i, start, row)?;
            }
        }
    }
    Ok(())
}

/// The `k` smallest numbers with their places, smallest first; of equal ones the earlier place.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    k: usize,
    found: Vec<(f64, usize)>,
}

impl Nearest {
    pub fn new(k: usize) -> Nearest {
        Nearest {
            k,
            found: Vec::with_capacity(k + 1),
        }
    }

    pub fn offer(&mut self, distance: f64, place: usize) {
        let last = self.found.last().map_or(f64::INFINITY, |f| f.0);
        if self.found.len() == self.k && distance >= last {
            return;
        }
        let at = self.found.partition_point(|f| f.0 <= distance);
        self.found.insert(at, (distance, place));
        self.found.truncate(self.k);
    }

    pub fn found(&self) -> &[(f64, usize)] {
        &self.found
    }
}
