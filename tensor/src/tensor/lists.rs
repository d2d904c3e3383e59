//! One expression over many arrays of different shapes, in one launch.
//!
//! The arrays of a list are joined to a flat one, each beginning where a GPU can bind it, and so each result is a view of a flat one. Results
//! that are given back lie side by side already, and nothing is copied.

use std::{ops::Range, sync::Arc};

use super::{
    Tensor,
    launch::{offsets, only, storages},
    work::{Launch, Place, Work},
};
use crate::{Device, Error, Expr, Result, gpu::ALIGNMENT, layout::Layout};

const OP: &str = "pointwise_lists";
/// Arrays begin at multiples of so many elements, whatever their type.
const STEP: usize = ALIGNMENT / 4;

impl Tensor {
    /// What [`pointwise`](Tensor::pointwise) gives for each expression over the n-th arrays of all lists, for every n, computed at once:
    /// `result[e][n]` is `expressions[e]` over `lists[0][n]`, `lists[1][n]`, …, which have one shape.
    ///
    /// However many arrays there are, it is one launch (several where the device does not hold so many elements in one array), and one copy
    /// of each list whose arrays do not lie side by side as results do. All results of one expression share storage, so that none is freed
    /// before all are.
    ///
    /// ```
    /// use clel_tensor::{Device, Error, Expr, Tensor};
    /// let [a, b] = [[1.0f32; 3].as_slice(), &[2.0; 5]].map(|x| Tensor::from_slice(x, &[x.len()], &Device::Cpu));
    /// let made = Tensor::pointwise_lists([&(Expr::input(0) * 3.0)], &[&[a?, b?]])?;
    /// assert_eq!(made[0][1].to_vec::<f32>()?, [6.0; 5]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] for lists that do not fit together; those of `pointwise`; what the device reports.
    pub fn pointwise_lists<const N: usize>(
        expressions: [&Expr; N],
        lists: &[&[Tensor]],
    ) -> Result<[Vec<Tensor>; N]> {
        check_lists(lists)?;
        let mut results = [(); N].map(|()| Vec::with_capacity(lists[0].len()));
        let most = |device: &Device| match device {
            Device::Cpu => u64::MAX,
            Device::Wgpu(gpu) => gpu.largest_array(),
        };
        for run in runs(lists, most) {
            let arrays = &lists[0][run.clone()];
            let (places, len) = places(arrays.iter().map(Tensor::len));
            let flat = lists
                .iter()
                .map(|list| Tensor::joined(&list[run.clone()], &places, len))
                .collect::<Result<Vec<_>>>()?;
            let flat: Vec<&Tensor> = flat.iter().collect();
            let made = expressions
                .iter()
                .map(|e| Tensor::pointwise(e, &flat))
                .collect::<Result<Vec<_>>>()?;
            Tensor::realize_all(&made.iter().collect::<Vec<_>>())?;
            for (made, results) in made.iter().zip(&mut results) {
                for (place, like) in places.iter().zip(arrays) {
                    let part = made.slice(0, place.start, place.len)?;
                    results.push(part.reshape(like.shape())?);
                }
            }
        }
        Ok(results)
    }

    /// A flat array in which the elements of these ones lie at the given places.
    fn joined(arrays: &[Tensor], places: &[Place], len: usize) -> Result<Tensor> {
        let (dtype, device) = (arrays[0].dtype(), arrays[0].device());
        if let Some(v) = arrays[0].constant_value()
            && arrays.iter().all(|t| t.constant_value() == Some(v))
        {
            return Tensor::full(&[len], v, dtype, device);
        }
        let in_order = |t: &Tensor| match t.layout().is_contiguous() {
            true => Ok(t.clone()),
            false => t.copied(),
        };
        let arrays = arrays.iter().map(in_order).collect::<Result<Vec<_>>>()?;
        let storages = storages(&arrays)?;
        let filled = || (0..arrays.len()).filter(|&i| places[i].len > 0);
        let begin = |i: usize| arrays[i].layout().offset.checked_sub(places[i].start);
        if let Some(first) = filled().next()
            && let Some(offset) = begin(first)
            && filled()
                .all(|i| Arc::ptr_eq(&storages[i], &storages[first]) && begin(i) == Some(offset))
        {
            let layout = Layout {
                offset,
                ..Layout::contiguous(&[len])
            };
            let storage = storages[first].clone();
            return Ok(Tensor::from_storage(storage, dtype, layout, device));
        }
        let work = Work::Pack(offsets(&arrays), places.to_vec());
        let outputs = Launch::new(work, len, dtype).run(device, &storages)?;
        let storage = only("pack", device, outputs)?;
        let layout = Layout::contiguous(&[len]);
        Ok(Tensor::from_storage(storage, dtype, layout, device))
    }
}

fn check_lists(lists: &[&[Tensor]]) -> Result<()> {
    let Some((first, rest)) = lists.split_first() else {
        return Err(Error::Shape {
            op: OP,
            shape: vec![],
            why: "needs at least one list".into(),
        });
    };
    for list in rest {
        if list.len() != first.len() {
            let (lhs, rhs) = (vec![first.len()], vec![list.len()]);
            return Err(Error::Shapes {
                op: OP,
                lhs,
                rhs,
                why: "these are the lengths of two lists".into(),
            });
        }
        if let Some((a, b)) = first
            .iter()
            .zip(*list)
            .find(|(a, b)| a.shape() != b.shape())
        {
            let (lhs, rhs) = (a.shape().to_vec(), b.shape().to_vec());
            return Err(Error::Shapes {
                op: OP,
                lhs,
                rhs,
                why: "arrays at the same place in two lists have one shape".into(),
            });
        }
    }
    Ok(())
}

/// Where arrays of these lengths begin in a flat one, and how long it is.
fn places(lens: impl Iterator<Item = usize>) -> (Vec<Place>, usize) {
    let mut end = 0usize;
    let mut place = |len: usize| {
        let start = match len {
            0 => end,
            _ => end.next_multiple_of(STEP),
        };
        end = start + len;
        Place { start, len }
    };
    let places = lens.map(&mut place).collect();
    (places, end)
}

/// Neighbours in the lists that one launch can compute: on one device, of one type in each list, together no longer than the
/// device's `most` bytes.
fn runs(lists: &[&[Tensor]], most: impl Fn(&Device) -> u64) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut end = 0usize;
    for n in 0..lists[0].len() {
        let array = &lists[0][n];
        let bytes = |elements: usize| (elements * array.dtype().size()) as u64;
        let next = end.next_multiple_of(STEP) + array.len();
        let joins = runs.last().is_some_and(|run| {
            let alike = |list: &&[Tensor]| {
                let first = &list[run.start];
                first.dtype() == list[n].dtype() && first.device() == list[n].device()
            };
            lists.iter().all(alike) && bytes(next) <= most(array.device())
        });
        match runs.last_mut() {
            Some(run) if joins => {
                run.end = n + 1;
                end = next;
            }
            _ => {
                runs.push(n..n + 1);
                end = array.len();
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn arrays_begin_where_a_gpu_can_bind_them() {
        let (places, len) = places([5, 0, 64, 0, 1].into_iter());
        let starts: Vec<usize> = places.iter().map(|p| p.start).collect();
        assert_eq!((starts, len), (vec![0, 5, 64, 128, 128], 129));
    }

    #[test]
    fn runs_end_where_the_type_changes_or_the_device_is_full() {
        let zeros = |n, dtype| Tensor::zeros(&[n], dtype, &Device::Cpu).unwrap();
        let list = [
            zeros(60, DType::F32),
            zeros(4, DType::F32),
            zeros(70, DType::F32),
            zeros(1, DType::F32),
            zeros(1, DType::F64),
        ];
        assert_eq!(runs(&[&list], |_| u64::MAX), [0..4, 4..5]);
        // 68 elements with the gap; 70 are too many by themselves, which is for the device to say
        assert_eq!(runs(&[&list], |_| 68 * 4), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(runs(&[&[]], |_| 0), []);
    }
}
