//! Copies of inputs that are read across their rows, such as a transposed matrix: by tiles, so that each line of the
//! cache is used whole when it is there.

use rayon::prelude::*;

use super::memory::PoolVec;
use super::shared::Shared;
use super::{CpuBuffer, CpuView, PARALLEL_ELEMENTS};
use crate::expr::Access;
use crate::layout::Layout;
use crate::{Element, Result};

/// Elements along both sides of a tile: a line of the cache, of f32.
const TILE: usize = 16;
/// Elements of a row of the copy that one task writes, at most.
const SPAN: usize = 1024;
/// Smaller copies are in the cache as a whole, and are made while they are read.
const FEWEST: usize = 1 << 14;

/// The axis along which neighbours lie side by side in storage, where that is not the copy's last one and the copy is worth it.
fn across(access: &Access, shape: &[usize]) -> Option<usize> {
    let &along = access.strides.last()?;
    // what is repeated along an axis would be stored for each repetition
    let repeats = access.strides.contains(&0);
    if shape.iter().product::<usize>() < FEWEST || along <= 1 || repeats {
        return None;
    }
    (0..shape.len()).find(|&axis| access.strides[axis] == 1 && shape[axis] >= TILE)
}

/// The input's elements in row-major order, if it is read across its rows.
pub(super) fn turned(
    view: &CpuView<'_>,
    access: &Access,
    shape: &[usize],
) -> Result<Option<CpuBuffer>> {
    let Some(axis) = across(access, shape) else {
        return Ok(None);
    };
    Ok(Some(match view {
        CpuView::F32(x) => turn(x, access, shape, axis)?.into(),
        CpuView::F16(x) => turn(x, access, shape, axis)?.into(),
        CpuView::F64(x) => turn(x, access, shape, axis)?.into(),
        CpuView::U32(x) => turn(x, access, shape, axis)?.into(),
    }))
}

fn turn<T: Element>(x: &[T], access: &Access, shape: &[usize], axis: usize) -> Result<PoolVec<T>> {
    let mut y = PoolVec::uninit("pointwise", shape.iter().product())?;
    let to = Layout::contiguous(shape).strides;
    let last = shape.len() - 1;
    let (height, width, along) = (shape[axis], shape[last], access.strides[last]);
    let (bands, spans) = (height.div_ceil(TILE), width.div_ceil(SPAN));
    let outer: usize = shape.iter().product::<usize>() / (height * width);
    let out = Shared(y.as_mut_ptr());
    let task = |task: usize| {
        let (mut rest, band, span) = (task / spans / bands, task / spans % bands, task % spans);
        let (mut from, mut at) = (access.offset as isize, 0);
        for k in (0..last).rev().filter(|k| *k != axis) {
            let i = (rest % shape[k]) as isize;
            rest /= shape[k];
            from += i * access.strides[k];
            at += i * to[k];
        }
        let (row, column) = (band * TILE, span * SPAN);
        let (rows, columns) = (TILE.min(height - row), SPAN.min(width - column));
        from += row as isize + column as isize * along;
        at += row as isize * to[axis] + column as isize;
        for first in (0..columns).step_by(TILE) {
            let x = &x[(from + first as isize * along) as usize..];
            let y = out.at(at as usize + first);
            let lines = TILE.min(columns - first);
            // SAFETY: the tile's elements of y, which outlives the tasks, are written by this task alone.
            unsafe {
                if rows == TILE && lines == TILE {
                    tile(x, along, y, to[axis], TILE, TILE);
                } else {
                    tile(x, along, y, to[axis], rows, lines);
                }
            }
        }
    };
    let tasks = 0..outer * bands * spans;
    if y.len() <= PARALLEL_ELEMENTS {
        tasks.for_each(task);
    } else {
        tasks.into_par_iter().for_each(task);
    }
    Ok(y)
}

/// Element \[i, j\] of `rows` rows of `lines` elements, `to` apart from `y` on, from `x[i + j · along]`.
///
/// # Safety
/// The elements may be written.
#[inline(always)]
unsafe fn tile<T: Element>(x: &[T], along: isize, y: *mut T, to: isize, rows: usize, lines: usize) {
    let mut tile = [[T::default(); TILE]; TILE];
    for j in 0..lines {
        let start = (j as isize * along) as usize;
        for (line, x) in tile.iter_mut().zip(&x[start..start + rows]) {
            line[j] = *x;
        }
    }
    for (i, line) in tile[..rows].iter().enumerate() {
        // SAFETY: the caller's promise.
        let y = unsafe { std::slice::from_raw_parts_mut(y.offset(i as isize * to), lines) };
        y.copy_from_slice(&line[..lines]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DType, Device, RngKey, Tensor};

    /// Every element of an array, row by row, by its strides.
    fn by_strides(x: &[f32], access: &Access, shape: &[usize]) -> Vec<f32> {
        let element = |mut i: usize| {
            let axes = shape.iter().zip(&access.strides).rev();
            let at = axes.fold(access.offset as isize, |at, (len, stride)| {
                let index = (i % len) as isize;
                i /= len;
                at + index * stride
            });
            x[at as usize]
        };
        (0..shape.iter().product()).map(element).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn tiles_hold_what_the_strides_say(
            lens in (1..5usize, 1..70usize, 1..70usize, 1..40usize),
            order in Just([0, 1, 2, 3]).prop_shuffle(),
            cut in 0..3usize,
        ) {
            let shape = [lens.0, lens.1, lens.2, lens.3];
            let x = Tensor::uniform(&shape, RngKey::new(1, 2), &Device::Cpu).unwrap();
            let len = shape[order[3]] - cut.min(shape[order[3]] - 1);
            let turned_x = x.permute(&order).unwrap();
            let turned_x = turned_x.slice(3, shape[order[3]] - len, len).unwrap();
            // as an access, and as what the tensor's own copies and sums make of it
            let mut strides = [0isize; 4];
            let contiguous = Layout::contiguous(&shape).strides;
            for (to, from) in order.iter().enumerate() {
                strides[to] = contiguous[*from];
            }
            let access = Access {
                dtype: DType::F32,
                offset: (shape[order[3]] - len) * contiguous[order[3]] as usize,
                strides: strides.to_vec(),
            };
            let values: Vec<f32> = x.to_vec().unwrap();
            let want = by_strides(&values, &access, turned_x.shape());
            prop_assert_eq!(&turned_x.contiguous().unwrap().to_vec::<f32>().unwrap(), &want);
            if let Some(copy) = turned(&CpuView::F32(&values), &access, turned_x.shape()).unwrap() {
                prop_assert_eq!(copy.view().elements::<f32>("test").unwrap(), &want);
            }
            let doubled = turned_x.add(&turned_x.contiguous().unwrap()).unwrap();
            let twice: Vec<f32> = want.iter().map(|x| x + x).collect();
            prop_assert_eq!(doubled.to_vec::<f32>().unwrap(), twice);
            let halves = turned_x.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap();
            let halved: Vec<f32> = want.iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
            prop_assert_eq!(halves.to_vec::<f32>().unwrap(), halved);
        }
    }

    #[test]
    fn transposed_matrices_are_turned_and_flipped_ones_are_not() {
        let access = |strides: &[isize]| Access {
            dtype: DType::F32,
            offset: 0,
            strides: strides.to_vec(),
        };
        assert_eq!(across(&access(&[1, 200]), &[200, 150]), Some(0));
        assert_eq!(across(&access(&[1, 64, 1000]), &[64, 3, 100]), Some(0));
        // small, side by side, backwards, every second, of few neighbours, repeated
        assert_eq!(across(&access(&[1, 20]), &[20, 20]), None);
        assert_eq!(across(&access(&[200, 1]), &[150, 200]), None);
        assert_eq!(across(&access(&[1, -200]), &[200, 150]), None);
        assert_eq!(across(&access(&[400, 2]), &[200, 150]), None);
        assert_eq!(across(&access(&[1, 3]), &[3, 9000]), None);
        assert_eq!(across(&access(&[0, 1, 200]), &[8, 200, 150]), None);
    }
}
