//! One expression over many arrays of different shapes, in one launch.
//!
//! Each result is a view of a flat array, where it begins at a place that a GPU can bind. Results that are given back are found to lie side by
//! side; other arrays are read where they are by the CPU, and copied to their places on a GPU.

use std::{ops::Range, sync::Arc};

use super::{
    Tensor,
    launch::{same_device, starts, storages},
    pointwise::{MAX_BUFFERS, check_inputs, common_dtype},
    work::{Launch, Start, Work, gpu_parts},
};
use crate::{
    DType, Device, Error, Expr, Result,
    cpu::{self, CpuBuffer, CpuView, List},
    expr::{Access, PointwiseKernel},
    gpu::{Gpu, GpuBuffer},
    layout::{ALIGNMENT, Layout, Place},
    storage::Storage,
};

const OP: &str = "pointwise_lists";
/// Arrays begin at multiples of so many elements, whatever their type.
const STEP: usize = ALIGNMENT / DType::F16.size();

impl Tensor {
    /// What [`pointwise`](Tensor::pointwise) gives for each expression over the n-th arrays of all lists, for every n, computed at once:
    /// `result[e][n]` is `expressions[e]` over `lists[0][n]`, `lists[1][n]`, …, which have one shape.
    ///
    /// However many arrays there are, it is one launch; several where one array on a GPU cannot hold them all, or where types differ along
    /// the lists. A GPU first copies the arrays of a list to one place, if they do not lie side by side as results do. The results of a launch
    /// share storage: none is freed before all are.
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
    /// [`Error::Shapes`] for lists that do not fit together; [`Error::TooFewArrays`] for an expression over more lists than there are; [`Error::Unsupported`] for random numbers and for more than eight lists and
    /// expressions; those of `pointwise`; what the device reports.
    pub fn pointwise_lists<const N: usize>(
        expressions: [&Expr; N],
        lists: &[&[Tensor]],
    ) -> Result<[Vec<Tensor>; N]> {
        check_lists(lists)?;
        for expression in expressions {
            check_inputs(OP, expression, lists.len())?;
        }
        let mut results = [(); N].map(|()| Vec::with_capacity(lists[0].len()));
        let most = |device: &Device| match device {
            Device::Cpu => u64::MAX,
            Device::Wgpu(gpu) => gpu.array_limit(),
        };
        for run in runs(lists, most) {
            let of_run: Vec<&[Tensor]> = lists.iter().map(|list| &list[run.clone()]).collect();
            let made = Tensor::launch_lists(&expressions, &of_run)?;
            for (made, results) in made.into_iter().zip(&mut results) {
                results.extend(made);
            }
        }
        Ok(results)
    }

    /// The same for lists that one launch can compute.
    fn launch_lists(expressions: &[&Expr], lists: &[&[Tensor]]) -> Result<Vec<Vec<Tensor>>> {
        let firsts: Vec<&Tensor> = lists.iter().map(|list| &list[0]).collect();
        let (device, dtype) = (same_device(OP, &firsts)?, common_dtype(OP, &firsts)?);
        let (places, len) = places(lists[0].iter().map(Tensor::len));
        // constants, and what nothing reads, are no inputs
        let (mut parts, mut inputs) = (Vec::new(), Vec::new());
        let (mut access, mut apart) = (Vec::new(), Vec::new());
        for (n, list) in lists.iter().enumerate() {
            let used = expressions.iter().any(|e| e.uses(n as u8));
            if let Some(v) = if used { constant(list) } else { Some(0.0) } {
                parts.push(Expr::constant(v));
                continue;
            }
            parts.push(Expr::input(access.len() as u8));
            // copies on a GPU are of whole words
            let in_place = |t: &Tensor| {
                t.layout().is_contiguous()
                    && (t.layout().offset * t.dtype().size()).is_multiple_of(4)
            };
            let arrays = list.iter().map(|t| match in_place(t) {
                true => Ok(t.clone()),
                false => t.copied(),
            });
            let arrays = arrays.collect::<Result<Vec<_>>>()?;
            let all = storages(&arrays)?;
            let starts = starts(&arrays);
            let joined = side_by_side(&all, &starts, &places);
            access.push(Access {
                dtype: list[0].dtype(),
                offset: joined.map_or(0, |(_, offset)| offset),
                strides: vec![1],
            });
            match joined {
                Some((n, _)) => inputs.push(all[n].clone()),
                None => inputs.extend(all),
            }
            apart.push(joined.is_none().then_some(starts));
        }
        let refused = |why: String| Error::Unsupported {
            op: OP,
            device: device.to_string(),
            why,
        };
        let arrays = access.len() + expressions.len();
        if arrays > MAX_BUFFERS {
            let why = format!("{arrays} lists and expressions; at most {MAX_BUFFERS}");
            return Err(refused(why));
        }
        let exprs = expressions.iter().map(|e| (e.substitute(&parts), dtype));
        let exprs: Vec<(Expr, DType)> = exprs.collect();
        let kernel = PointwiseKernel::new(&[len], &exprs, access, dtype);
        if kernel.keys().next().is_some() {
            return Err(refused("it draws no random numbers".into()));
        }
        let work = Work::Lists(Lists {
            kernel,
            places: places.clone(),
            apart,
        });
        let made = Launch::new(work, len, dtype).run(&device, &inputs)?;
        let view = |storage: &Arc<Storage>, place: &Place, like: &Tensor| {
            let layout = Layout {
                // an empty array has no place
                offset: if place.len == 0 { 0 } else { place.start },
                ..Layout::contiguous(like.shape())
            };
            Tensor::from_storage(storage.clone(), dtype, layout, &device)
        };
        let views = |storage: Arc<Storage>| {
            let all = places.iter().zip(lists[0]);
            all.map(|(place, like)| view(&storage, place, like))
                .collect()
        };
        Ok(made.unwrap_or_default().into_iter().map(views).collect())
    }
}

/// The one number that all elements of all arrays are known to be.
fn constant(list: &[Tensor]) -> Option<f64> {
    let value = list[0].constant_value()?;
    let same = |t: &Tensor| t.constant_value() == Some(value);
    list.iter().all(same).then_some(value)
}

/// For arrays that lie in one storage as in a flat one: one of those that have elements, and where the flat one begins.
fn side_by_side(
    storages: &[Arc<Storage>],
    starts: &[Start],
    places: &[Place],
) -> Option<(usize, usize)> {
    let mut filled = (0..places.len()).filter(|&n| places[n].len > 0);
    let begin = |n: usize| starts[n].element.checked_sub(places[n].start);
    let first = filled.next()?;
    let offset = begin(first)?;
    let lies = |n| Arc::ptr_eq(&storages[n], &storages[first]) && begin(n) == Some(offset);
    filled.all(lies).then_some((first, offset))
}

/// A pointwise kernel over lists of arrays.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    /// Over flat arrays.
    pub kernel: PointwiseKernel,
    /// Where the arrays lie in a flat one.
    places: Vec<Place>,
    /// None for a list whose arrays lie so already, in one input; else they are as many inputs, from the given elements on.
    apart: Vec<Option<Vec<Start>>>,
}

impl Lists {
    pub fn on_cpu(&self, inputs: &[CpuView<'_>]) -> Result<Vec<CpuBuffer>> {
        let lists = self.inputs_of_lists(inputs).zip(&self.kernel.inputs);
        let lists = lists.map(|((own, apart), access)| match apart {
            None => List::Joined(own[0].slice(access.offset, self.kernel.len())),
            Some(starts) => {
                let views = own.iter().zip(starts).zip(&self.places);
                List::Apart(
                    views
                        .map(|((v, from), p)| v.slice(from.element, p.len))
                        .collect(),
                )
            }
        });
        cpu::pointwise_lists(&self.kernel, &self.places, &lists.collect::<Vec<_>>())
    }

    pub fn on_gpu(&self, gpu: &Gpu, inputs: &[&GpuBuffer]) -> Result<Vec<GpuBuffer>> {
        let lens: Vec<usize> = self.places.iter().map(|p| p.len).collect();
        let lists = self.inputs_of_lists(inputs).zip(&self.kernel.inputs);
        let flat = lists.map(|((own, apart), access)| match apart {
            None => Ok(own[0].part(0, own[0].bytes())),
            Some(starts) => {
                let size = access.dtype.size();
                let places = self.places.iter().map(|p| p.start * size);
                let parts = gpu_parts(own, starts, &lens).into_iter().zip(places);
                gpu.pack(&parts.collect::<Vec<_>>(), self.kernel.len() * size)
            }
        });
        let flat = flat.collect::<Result<Vec<_>>>()?;
        gpu.pointwise(&self.kernel, &flat.iter().collect::<Vec<_>>())
    }

    /// The inputs of each list.
    fn inputs_of_lists<'a, T>(
        &'a self,
        mut inputs: &'a [T],
    ) -> impl Iterator<Item = (&'a [T], Option<&'a Vec<Start>>)> {
        self.apart.iter().map(move |apart| {
            let own;
            (own, inputs) = inputs.split_at(apart.as_ref().map_or(1, Vec::len));
            (own, apart.as_ref())
        })
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
        assert_eq!((starts, len), (vec![0, 5, 128, 192, 256], 257));
    }

    #[test]
    fn results_lie_side_by_side() -> Result<()> {
        let list = [3, 64, 0, 65, 7].map(|n| Tensor::ones(&[n], DType::F32, &Device::Cpu));
        let list = list.into_iter().collect::<Result<Vec<_>>>()?;
        let [made] = Tensor::pointwise_lists([&(Expr::input(0) + 1.0)], &[&list])?;
        let begin = |arrays: &[Tensor]| -> Result<Option<usize>> {
            let (places, _) = places(arrays.iter().map(Tensor::len));
            let found = side_by_side(&storages(arrays)?, &starts(arrays), &places);
            Ok(found.map(|(_, offset)| offset))
        };
        assert_eq!(begin(&made)?, Some(0));
        // parts of what lies so do too, but not with gaps, and not what was made elsewhere
        assert_eq!(begin(&made[1..4])?, Some(128));
        assert_eq!(begin(&[made[0].clone(), made[3].clone()])?, None);
        assert_eq!(begin(&[made[0].clone(), list[1].clone()])?, None);
        assert_eq!(begin(&list[1..2])?, Some(0));
        Ok(())
    }

    #[test]
    fn runs_end_where_the_type_changes_or_the_device_is_full() {
        let zeros = |n, dtype| Tensor::zeros(&[n], dtype, &Device::Cpu).unwrap();
        let list = [
            zeros(60, DType::F32),
            zeros(4, DType::F32),
            zeros(140, DType::F32),
            zeros(1, DType::F32),
            zeros(1, DType::F64),
        ];
        assert_eq!(runs(&[&list], |_| u64::MAX), [0..4, 4..5]);
        // 132 elements with the gap; 140 are too many by themselves, which is for the device to say
        assert_eq!(runs(&[&list], |_| 132 * 4), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(runs(&[&[]], |_| 0), []);
    }
}
