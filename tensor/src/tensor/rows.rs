//! Writing rows of an array.

use std::sync::Arc;

use super::{Tensor, captured};
use crate::{DType, Error, Result, cpu::CpuBuffer, storage::Storage};

const OP: &str = "set_rows";

impl Tensor {
    /// Row `places[i]` along the first axis becomes row i of `rows` \[places.len(), …\], the last of several for one place. Other handles to
    /// the array keep the numbers that it had.
    ///
    /// On the CPU an array that nobody else holds is written into; any other is made anew, in two launches.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the rows are not as many or not of the array's shape, or a place is beyond its end; [`Error::DType`],
    /// [`Error::Devices`] if they are of another type, or elsewhere, and for u32; what the device reports.
    /// The array is then as it was.
    pub fn set_rows(&mut self, places: &[usize], rows: &Tensor) -> Result<()> {
        self.check_rows(places, rows)?;
        // what they are made from may be this array, which is then held no more
        let rows = rows.contiguous()?;
        let new = rows.storage()?;
        self.realize()?;
        let Some(own) = self.own() else {
            *self = self.with_rows(places, &rows)?;
            return Ok(());
        };
        captured::spoil();
        let new = rows.cpu_view(new.cpu(OP)?).bytes();
        let Some(row) = new.len().checked_div(places.len()).filter(|row| *row > 0) else {
            return Ok(());
        };
        let own = own.bytes_mut();
        for (place, new) in places.iter().zip(new.chunks_exact(row)) {
            own[place * row..][..row].copy_from_slice(new);
        }
        Ok(())
    }

    /// The elements on the CPU, where nobody else holds them.
    fn own(&mut self) -> Option<&mut CpuBuffer> {
        if !self.is_plain() {
            return None;
        }
        let storage = Arc::get_mut(&mut self.0)?.value.get_mut()?;
        match Arc::get_mut(storage)? {
            Storage::Cpu(buffer) => Some(buffer),
            Storage::Gpu(_) => None,
        }
    }

    /// The same with other rows.
    fn with_rows(&self, places: &[usize], rows: &Tensor) -> Result<Tensor> {
        let (device, len) = (self.device(), self.shape()[0]);
        // the new row of each place; a number beyond all rows where it keeps its own
        let mut source = vec![u32::MAX; len];
        let mut replaced = vec![0.0f32; len];
        for (row, &place) in places.iter().enumerate() {
            source[place] = row as u32;
            replaced[place] = 1.0;
        }
        let mut column = vec![1; self.rank()];
        column[0] = len;
        let new = rows.gather(&Tensor::from_slice(&source, &[len], device)?)?;
        let replaced = Tensor::from_slice(&replaced, &column, device)?;
        let merged = replaced.to_dtype(self.dtype())?.select(&new, self)?;
        merged.realize()?;
        Ok(merged)
    }

    fn check_rows(&self, places: &[usize], rows: &Tensor) -> Result<()> {
        let shapes = |why: String| {
            let (lhs, rhs) = (self.shape().to_vec(), rows.shape().to_vec());
            let op = OP;
            Err(Error::Shapes { op, lhs, rhs, why })
        };
        let Some((&len, row)) = self.shape().split_first() else {
            return shapes("an array of rank 0 has no rows".to_owned());
        };
        let expected = [&[places.len()], row].concat();
        if rows.shape() != expected {
            return shapes(format!("expected rows {expected:?}"));
        }
        if let Some(place) = places.iter().find(|place| **place >= len) {
            return shapes(format!("there is no row {place}"));
        }
        let (expected, found) = (self.dtype(), rows.dtype());
        if found != expected || !found.is_float() {
            return Err(Error::DType {
                op: OP,
                expected: if expected.is_float() {
                    expected
                } else {
                    DType::F32
                },
                found,
            });
        }
        if self.device() != rows.device() {
            let [lhs, rhs] = [self, rows].map(|t| t.device().to_string());
            return Err(Error::Devices { op: OP, lhs, rhs });
        }
        Ok(())
    }
}
