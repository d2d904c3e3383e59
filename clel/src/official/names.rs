//! The names of the official implementation's state dict, and what they are here: the one table for both directions.
//!
//! All are as `models/ebm.py`, `models/sampler.py` and `architectures.py` of the official repository make them (`resnet_large` as in
//! its commit ccccf50, the others in all commits). Within a network they are the names that [`Module::visit`](clel_nn::Module)
//! shows, with the orders that its slots carry; `tests/reference/KEYS.md` lists them. PyTorch adds to each BatchNorm the counter
//! `num_batches_tracked`, which grows by two an iteration: the latents of the data, and the two views as one batch.

use clel_nn::{Module, Slot};

use crate::train::Trainer;

/// What stands behind a name, or behind all names that begin with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A network as trained; `ebm` or `encoder`.
    Live(&'static str),
    /// Its average.
    Average(&'static str),
    /// The replay buffer: \[M, C, H, W\] there, \[M, H, W, C\] here.
    Chains,
}

/// Official name, and part.
pub(super) const TABLE: [(&str, Part); 5] = [
    ("ebm.", Part::Live("ebm")),
    ("ema_ebm.", Part::Average("ebm")),
    ("encoder.", Part::Live("encoder")),
    ("ema_encoder.", Part::Average("encoder")),
    ("sampler.memory", Part::Chains),
];

/// Names by which a file that holds one network without a prefix is recognised.
pub(super) const ALONE: [(&str, Part); 2] = [
    ("head.0.weight", Part::Live("ebm")),
    ("fc.0.weight", Part::Live("encoder")),
];

/// Behind this name of a BatchNorm, PyTorch keeps the counter.
const BEFORE_COUNTER: &str = "running_var";
/// The counter.
pub(super) const COUNTER: &str = "num_batches_tracked";
/// Forward passes of the encoder in training mode an iteration.
pub(super) const BATCHES_PER_ITERATION: u64 = 2;

/// Numbers of half the bits, as safetensors spells their type.
pub(super) const HALF: &str = "F16";

/// One array of the state dict.
pub(super) struct Array<'a> {
    /// Its official name.
    pub key: String,
    /// Its official shape.
    pub shape: Vec<usize>,
    /// Where it belongs.
    pub place: Place<'a>,
}

/// Where an array belongs.
pub(super) enum Place<'a> {
    /// A parameter or state of a network.
    Slot(Slot<'a>),
    /// A counter of batches.
    Counter,
    /// The replay buffer.
    Chains,
}

impl Place<'_> {
    /// The element types from which it can be read: that of a whole state dict, and that of one saved after `.half()`, which is widened.
    pub fn element_types(&self) -> &'static [&'static str] {
        match self {
            Place::Counter => &["I64"],
            Place::Slot(_) | Place::Chains => &["F32", HALF],
        }
    }
}

/// Every array of a part, under names that begin with `prefix`, in PyTorch's order within a BatchNorm.
pub(super) fn arrays<'a>(trainer: &'a Trainer, prefix: &str, part: Part) -> Vec<Array<'a>> {
    let Some(network) = network(trainer, part) else {
        let shape = match *trainer.buffer().images().shape() {
            [m, h, w, c] => vec![m, c, h, w],
            _ => Vec::new(),
        };
        return vec![Array {
            key: prefix.to_owned(),
            shape,
            place: Place::Chains,
        }];
    };
    let mut all = Vec::new();
    for (name, slot) in network.slots() {
        let counter = name.strip_suffix(BEFORE_COUNTER);
        let counter = counter.map(|norm| format!("{prefix}{norm}{COUNTER}"));
        all.push(Array {
            key: format!("{prefix}{name}"),
            shape: slot.order().file_shape(slot.tensor().shape()),
            place: Place::Slot(slot),
        });
        all.extend(counter.map(|key| Array {
            key,
            shape: Vec::new(),
            place: Place::Counter,
        }));
    }
    all
}

/// The network of a part that is one.
pub(super) fn network(trainer: &Trainer, part: Part) -> Option<&dyn Module> {
    let (networks, name) = match part {
        Part::Live(name) => (trainer.live(), name),
        Part::Average(name) => (trainer.average(), name),
        Part::Chains => return None,
    };
    match name {
        "ebm" => Some(&networks.energy),
        _ => Some(&networks.encoder),
    }
}

/// Name and shape of every array of the state dict that belongs to a trainer's networks and buffer.
pub fn state_dict(trainer: &Trainer) -> Vec<(String, Vec<usize>)> {
    let parts = TABLE.into_iter();
    let all = parts.flat_map(|(prefix, part)| arrays(trainer, prefix, part));
    all.map(|array| (array.key, array.shape)).collect()
}
