//! Many arrays copied into one.

use rayon::prelude::*;

use super::{CpuBuffer, CpuView, PARALLEL_ELEMENTS};
use crate::{DType, Result};

/// A new array of `len` elements of a type, with these of the same type from the given places on, which ascend; what lies between them is
/// arbitrary.
pub(crate) fn pack(parts: &[(CpuView<'_>, usize)], dtype: DType, len: usize) -> Result<CpuBuffer> {
    let mut packed = CpuBuffer::uninit("pack", dtype, len)?;
    let mut copies = Vec::with_capacity(parts.len());
    let (mut rest, mut at) = (packed.bytes_mut(), 0);
    for (part, place) in parts {
        let (from, place) = (part.bytes(), place * dtype.size());
        let (to, after) = rest[place - at..].split_at_mut(from.len());
        copies.push((to, from));
        (rest, at) = (after, place + from.len());
    }
    let copy = |(to, from): (&mut [u8], &[u8])| to.copy_from_slice(from);
    if len < PARALLEL_ELEMENTS {
        copies.into_iter().for_each(copy);
    } else {
        copies.into_par_iter().for_each(copy);
    }
    Ok(packed)
}
