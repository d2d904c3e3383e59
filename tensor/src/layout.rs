//! Shapes and strides: how an array's indices walk its storage.

use crate::{Error, Result};

/// An array on a GPU begins at a multiple of so many bytes in its storage: the strictest place for a binding that WebGPU allows a device to ask for.
pub(crate) const ALIGNMENT: usize = 256;

/// Where the element at each index lies: `offset + Σ indexᵢ · stridesᵢ`, in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub shape: Vec<usize>,
    pub strides: Vec<isize>,
    pub offset: usize,
}

/// Where one of several arrays lies in a flat one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub start: usize,
    pub len: usize,
}

impl Layout {
    /// Row-major, from the start of the storage.
    pub fn contiguous(shape: &[usize]) -> Layout {
        let mut strides = vec![0; shape.len()];
        let mut next = 1;
        for (stride, &len) in strides.iter_mut().zip(shape).rev() {
            *stride = next;
            next *= len as isize;
        }
        Layout {
            shape: shape.to_vec(),
            strides,
            offset: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True where the elements lie side by side in row-major order, wherever they start.
    pub fn is_contiguous(&self) -> bool {
        self.len() == 0 || is_contiguous(&self.shape, &self.strides)
    }

    /// The strides with which an array of this layout is read as one of `shape`, to which it
    /// broadcasts.
    pub fn broadcast_strides(&self, shape: &[usize]) -> Vec<isize> {
        let missing = shape.len() - self.shape.len();
        let own = self.shape.iter().zip(&self.strides);
        let own = own.zip(&shape[missing..]);
        std::iter::repeat_n(0, missing)
            .chain(own.map(|((&len, &stride), &to)| if len == to { stride } else { 0 }))
            .collect()
    }
}

/// True if these strides walk a block without gaps in row-major order.
pub(crate) fn is_contiguous(shape: &[usize], strides: &[isize]) -> bool {
    let mut next = 1;
    shape.iter().zip(strides).rev().all(|(&len, &stride)| {
        let fits = len == 1 || stride == next;
        next *= len as isize;
        fits
    })
}

/// Number of elements of an array of this shape, which all arrays that can be made have room to count: also the axes beside one of length 0.
///
/// # Errors
/// [`Error::Shape`] for a shape of more than `isize::MAX` elements.
pub(crate) fn elements(op: &'static str, shape: &[usize]) -> Result<usize> {
    let counted = |n: usize, len: &usize| n.checked_mul((*len).max(1));
    match shape.iter().try_fold(1, counted) {
        Some(n) if n <= isize::MAX as usize => Ok(shape.iter().product()),
        _ => Err(Error::Shape {
            op,
            shape: shape.to_vec(),
            why: "more elements than can be counted".into(),
        }),
    }
}

/// The shape to which both broadcast by NumPy's rules: aligned at the last axis, an axis of
/// length 1 stretches.
///
/// # Errors
/// [`Error::Shapes`] where two lengths differ and neither is 1, [`Error::Shape`] for more elements than can be counted.
pub fn broadcast_shapes(op: &'static str, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    let shape = (0..rank).map(|i| match (at(a, i), at(b, i)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        (x, y) => Err(Error::Shapes {
            op,
            lhs: a.to_vec(),
            rhs: b.to_vec(),
            why: format!("axis {i}: {x} and {y} differ and neither is 1"),
        }),
    });
    let shape: Vec<usize> = shape.collect::<Result<_>>()?;
    elements(op, &shape)?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        assert_eq!(
            broadcast_shapes("add", &[2, 1, 4], &[3, 1]).unwrap(),
            [2, 3, 4]
        );
        assert_eq!(broadcast_shapes("add", &[], &[0]).unwrap(), [0]);
        let e = broadcast_shapes("add", &[2, 3], &[4]).unwrap_err();
        assert_eq!(
            e.to_string(),
            "add: shapes [2, 3] and [4] do not fit: axis 1: 3 and 4 differ and neither is 1"
        );
        // its square cannot be counted
        let root = 1 << (usize::BITS / 2);
        assert!(broadcast_shapes("add", &[root, 1], &[root]).is_err());
        assert_eq!(elements("zeros", &[0, root]).unwrap(), 0);
        assert!(elements("zeros", &[0, root, root]).is_err());
        let l = Layout::contiguous(&[3, 1]);
        assert_eq!(l.broadcast_strides(&[2, 3, 4]), [0, 1, 0]);
    }
}
