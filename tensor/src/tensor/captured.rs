//! Fixed sequences of launches, recorded once and run again: no operation is looked at twice, no graph is built.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Weak},
};

use super::{Inner, Tensor, work::Launch};
use crate::{DType, Device, Error, Result, RngKey, layout::Layout, storage::Storage};

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// The launches of a computation whose course does not depend on the numbers in it: a step of a sampler, say.
///
/// Numbers of the host are part of the launches: the `f64` of `mul_scalar` or the size of a step is in every repetition what it was when it was
/// recorded. What changes from one to the next is an input, be it of rank 0.
///
/// ```
/// use clel_tensor::{Captured, Device, Error, RngKey, Tensor};
/// let x = Tensor::from_slice(&[1.0f32, 2.0], &[2], &Device::Cpu)?;
/// let ([square], captured) = Captured::record(&[&x], None, || Ok::<_, Error>([x.mul(&x)?]))?;
/// if let Some(captured) = captured {
///     let [again] = captured.replay(&[&square], None)?;
///     assert_eq!(again.to_vec::<f32>()?, [1.0, 16.0]);
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Captured<const N: usize> {
    device: Device,
    /// Shapes and types of the inputs.
    inputs: Vec<(Layout, DType)>,
    key: Option<RngKey>,
    steps: Vec<Step>,
    outputs: [Output; N],
    slots: usize,
}

#[derive(Debug)]
struct Step {
    launch: Launch,
    inputs: Vec<Source>,
    /// The slots of its outputs follow one another from here.
    first: usize,
    /// Whether it draws random numbers.
    random: bool,
    /// Slots that nothing needs afterwards.
    last_uses: Vec<usize>,
}

/// Where a launch finds an array.
#[derive(Debug)]
enum Source {
    /// An input (these come first), or what an earlier launch wrote.
    Slot(usize),
    /// An array from outside, which stays as it is.
    Constant(Arc<Storage>),
}

#[derive(Debug)]
struct Output {
    source: Source,
    layout: Layout,
    dtype: DType,
}

/// What has been launched so far.
struct Recorder {
    device: Device,
    key: Option<RngKey>,
    slots: HashMap<*const Storage, usize>,
    /// The arrays from outside, by their own address: each as it is held, by a handle that keeps what is made of it.
    constants: HashMap<*const Storage, [Arc<Storage>; 2]>,
    /// The storage of each slot: as long as a weak handle lives, no other storage has its address.
    seen: Vec<Weak<Storage>>,
    steps: Vec<Step>,
    /// Arrays made on the thread that have no elements yet.
    lazy: Vec<Weak<Inner>>,
    spoilt: bool,
}

/// Notes a launch if the thread is recording.
pub(super) fn note(
    launch: Launch,
    device: &Device,
    inputs: &[Arc<Storage>],
    outputs: &[Arc<Storage>],
) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.note(launch, device, inputs, outputs);
        }
    });
}

/// Notes an array that is not computed yet.
pub(super) fn note_lazy(array: &Arc<Inner>) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.lazy.push(Arc::downgrade(array));
        }
    });
}

/// Whether the thread is recording and this array, which has no elements yet, was made before: its value is none of the recorded computation's.
pub(super) fn is_older(array: &Arc<Inner>) -> bool {
    array.value.get().is_none()
        && RECORDER.with_borrow(|recorder| {
            recorder.as_ref().is_some_and(|recorder| {
                let known = |lazy: &Weak<Inner>| lazy.as_ptr() == Arc::as_ptr(array);
                !recorder.lazy.iter().any(known)
            })
        })
}

/// Runs `f` without recording what it launches.
pub(super) fn aside<R>(f: impl FnOnce() -> R) -> R {
    /// Goes on recording, even after a panic.
    struct Restore(Option<Recorder>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDER.set(self.0.take());
        }
    }
    let _restore = Restore(RECORDER.take());
    f()
}

/// Notes that numbers went between the host and a device: a recorded computation would not ask for them again.
pub(super) fn spoil() {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.spoilt = true;
        }
    });
}

impl Recorder {
    fn note(
        &mut self,
        launch: Launch,
        device: &Device,
        inputs: &[Arc<Storage>],
        outputs: &[Arc<Storage>],
    ) {
        let random = launch.keys().next().is_some();
        let other = launch.keys().any(|key| Some(key) != self.key);
        self.spoilt |= other || device != &self.device;
        let inputs = inputs.iter().map(|storage| self.source(storage)).collect();
        let first = self.seen.len();
        outputs.iter().for_each(|storage| self.add(storage));
        self.steps.push(Step {
            launch,
            inputs,
            first,
            random,
            last_uses: Vec::new(),
        });
    }

    fn add(&mut self, storage: &Arc<Storage>) {
        self.slots.insert(Arc::as_ptr(storage), self.seen.len());
        self.seen.push(Arc::downgrade(storage));
    }

    /// Whether an array made since the recording began, after the first `inputs` slots, is held by anything but what is returned.
    fn keeps(&self, inputs: usize, returned: &[Tensor]) -> bool {
        let mut arrays: Vec<&Arc<Inner>> = returned.iter().map(|t| &t.0).collect();
        arrays.sort_by_key(|array| Arc::as_ptr(array));
        let held = |array: &&Arc<Inner>| {
            let times = arrays.iter().filter(|a| Arc::ptr_eq(a, array)).count();
            let inside = array.value.get().is_some_and(|storage| {
                let slot = self.slots.get(&Arc::as_ptr(storage));
                slot.is_some_and(|slot| *slot >= inputs)
            });
            inside && Arc::strong_count(array) > times
        };
        if arrays.iter().any(held) {
            return true;
        }
        arrays.dedup_by_key(|array| Arc::as_ptr(array));
        let holders = |storage: &Weak<Storage>| {
            let values = arrays.iter().filter_map(|array| array.value.get());
            values
                .filter(|value| Arc::as_ptr(value) == storage.as_ptr())
                .count()
        };
        let stored = self.seen[inputs..].iter();
        let mut kept = stored.filter(|storage| storage.strong_count() > holders(storage));
        let pending =
            |array: &Weak<Inner>| array.upgrade().is_some_and(|a| a.value.get().is_none());
        kept.next().is_some() || self.lazy.iter().any(pending)
    }

    fn source(&mut self, storage: &Arc<Storage>) -> Source {
        if let Some(&slot) = self.slots.get(&Arc::as_ptr(storage)) {
            return Source::Slot(slot);
        }
        let constant = self.constants.entry(Arc::as_ptr(storage));
        let [_, keeping] = constant.or_insert_with(|| [storage.clone(), storage.keeping()]);
        Source::Constant(keeping.clone())
    }
}

impl<const N: usize> Captured<N> {
    /// Runs `step`, which computes arrays from `inputs`, and records its launches: its arrays, and the recording.
    ///
    /// Everything that `step` reads besides `inputs` is held, and taken to stay as it is; so is what a GPU makes of it before it multiplies,
    /// which for minimal filtering is eight times the weights' own memory (four for each direction). Random numbers may be drawn with `key`, which
    /// a repetition replaces. There is no recording if another run might go another way: where numbers were exchanged with the host,
    /// other keys were used, or an array made in `step` was kept elsewhere than in what it returns (the vectors of a power iteration).
    /// What cannot be seen from here is for the caller to see to: `step` launches all its work on this thread, and reads an input's
    /// numbers through that input alone, not through another array that shares its storage.
    ///
    /// # Errors
    /// Those of `step`; what the device reports.
    pub fn record<E: From<Error>>(
        inputs: &[&Tensor],
        key: Option<RngKey>,
        step: impl FnOnce() -> Result<[Tensor; N], E>,
    ) -> Result<([Tensor; N], Option<Captured<N>>), E> {
        let Some(device) = inputs.first().map(|t| t.device().clone()) else {
            return Ok((step()?, None));
        };
        let mut recorder = Recorder {
            device: device.clone(),
            key,
            slots: HashMap::new(),
            constants: HashMap::new(),
            seen: Vec::new(),
            steps: Vec::new(),
            lazy: Vec::new(),
            spoilt: inputs.iter().any(|t| !t.is_plain()),
        };
        for input in inputs {
            let storage = input.storage()?;
            // a part of an array: the other parts, parameters side by side say, would be taken for it
            recorder.spoilt |= storage.bytes() > input.len() * input.dtype().size();
            recorder.add(&storage);
        }
        // a storage given twice is one, which two other arrays would not be
        recorder.spoilt |= recorder.slots.len() < inputs.len();
        let recording = Recording::start(recorder);
        let made = step()?;
        for tensor in &made {
            tensor.realize()?;
        }
        let finished = recording.finish();
        let Some(mut recorder) = finished.filter(|recorder| !recorder.spoilt) else {
            return Ok((made, None));
        };
        if recorder.keeps(inputs.len(), &made) {
            return Ok((made, None));
        }
        let storages: Vec<Arc<Storage>> =
            made.iter().map(Tensor::storage).collect::<Result<_>>()?;
        let outputs = std::array::from_fn(|n| Output {
            source: recorder.source(&storages[n]),
            layout: made[n].layout().clone(),
            dtype: made[n].dtype(),
        });
        let returned = |slot: &usize| {
            let mut slots = outputs.iter().map(|output: &Output| &output.source);
            slots.any(|source| matches!(source, Source::Slot(s) if s == slot))
        };
        let mut steps = recorder.steps;
        let mut needed: Vec<bool> = (0..recorder.seen.len()).map(|s| returned(&s)).collect();
        for step in steps.iter_mut().rev() {
            for source in &step.inputs {
                if let Source::Slot(slot) = source
                    && !std::mem::replace(&mut needed[*slot], true)
                {
                    step.last_uses.push(*slot);
                }
            }
        }
        let captured = Captured {
            device,
            inputs: inputs
                .iter()
                .map(|t| (t.layout().clone(), t.dtype()))
                .collect(),
            key,
            steps,
            outputs,
            slots: recorder.seen.len(),
        };
        Ok((made, Some(captured)))
    }

    /// The same launches from other inputs of the same shapes, with another key in place of the recorded one: the arrays that the recorded
    /// computation would return.
    ///
    /// # Errors
    /// [`Error::Shape`] for inputs that the recording was not made for, and for a key where it has none or none where it has one; what the
    /// device reports.
    pub fn replay(&self, inputs: &[&Tensor], key: Option<RngKey>) -> Result<[Tensor; N]> {
        // these launches are no part of another recording
        spoil();
        if key.is_some() != self.key.is_some() {
            return Err(Error::Shape {
                op: "replay",
                shape: vec![],
                why: format!("given the key {key:?}, recorded with {:?}", self.key),
            });
        }
        let mut slots: Vec<Option<Arc<Storage>>> = vec![None; self.slots];
        for (slot, input) in self.inputs_like(inputs)?.iter().enumerate() {
            slots[slot] = Some(input.storage()?);
        }
        let missing = || Error::Device {
            device: self.device.to_string(),
            why: "a recorded launch did not give what it gave when it was recorded".into(),
        };
        let find = |slots: &[Option<Arc<Storage>>], source: &Source| match source {
            Source::Constant(storage) => Ok(storage.clone()),
            Source::Slot(slot) => slots[*slot].clone().ok_or_else(missing),
        };
        for step in &self.steps {
            let read = step.inputs.iter().map(|source| find(&slots, source));
            let read: Vec<Arc<Storage>> = read.collect::<Result<_>>()?;
            let outputs = match (self.key, key) {
                (Some(old), Some(new)) if step.random => {
                    let launch = step.launch.with_key(old, new);
                    launch.repeat(&self.device, &read)?
                }
                _ => step.launch.repeat(&self.device, &read)?,
            };
            drop(read);
            let outputs = outputs.ok_or_else(missing)?;
            for (slot, storage) in (step.first..).zip(outputs) {
                slots[slot] = Some(storage);
            }
            for &slot in &step.last_uses {
                slots[slot] = None;
            }
        }
        let found = self
            .outputs
            .each_ref()
            .map(|output| find(&slots, &output.source));
        let mut made = Vec::with_capacity(N);
        for (storage, output) in found.into_iter().zip(&self.outputs) {
            let layout = output.layout.clone();
            made.push(Tensor::from_storage(
                storage?,
                output.dtype,
                layout,
                &self.device,
            ));
        }
        made.try_into().map_err(|_| missing())
    }

    /// Inputs laid out as those recorded.
    fn inputs_like(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let fits = |t: &Tensor, (layout, dtype): &(Layout, DType)| {
            t.shape() == layout.shape && t.dtype() == *dtype && t.device() == &self.device
        };
        let all = inputs.len() == self.inputs.len()
            && inputs.iter().zip(&self.inputs).all(|(t, i)| fits(t, i));
        if !all {
            let wanted = self.inputs.iter().map(|(layout, dtype)| {
                format!("Tensor({:?} {dtype} on {})", layout.shape, self.device)
            });
            return Err(Error::Shape {
                op: "replay",
                shape: inputs.first().map_or(vec![], |t| t.shape().to_vec()),
                why: format!(
                    "given {inputs:?}, recorded with [{}]",
                    wanted.collect::<Vec<_>>().join(", ")
                ),
            });
        }
        let laid_out = |t: &&Tensor| match t.is_plain() {
            true => Ok((*t).clone()),
            false => t.copied(),
        };
        inputs.iter().map(laid_out).collect()
    }
}

/// Recording lasts as long as this, even if the recorded computation panics.
struct Recording {
    outer: Option<Recorder>,
}

impl Recording {
    fn start(recorder: Recorder) -> Recording {
        // an outer recording misses what is launched meanwhile
        spoil();
        Recording {
            outer: RECORDER.replace(Some(recorder)),
        }
    }

    fn finish(self) -> Option<Recorder> {
        RECORDER.take()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDER.set(self.outer.take());
    }
}
