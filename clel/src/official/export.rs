//! From a checkpoint of ours to a state dict.

use std::collections::BTreeMap;
use std::path::Path;

use clel_nn::files::{Content, write_contents};

use super::Model;
use super::names::{BATCHES_PER_ITERATION, Part, Place, TABLE, arrays};
use crate::train::Trainer;
use crate::{Error, Result, whole_file};

/// Writes the state dict of the official implementation's model: networks, averages, replay buffer. With `only`, one of `ebm`,
/// `ema_ebm`, `encoder`, `ema_encoder`, it is that network's own, without its name in front.
///
/// What the official implementation keeps outside of its state dict (optimisers, schedules) is not written, nor are the ages of the chains.
///
/// # Errors
/// [`Error::Mismatch`] for networks that the official implementation does not have; [`Error::Argument`] for another `only`; the file
/// cannot be written; what the device reports.
pub fn export(trainer: &Trainer, only: Option<&str>, path: &Path) -> Result<usize> {
    Model::of(trainer.config())?;
    let mut contents = Vec::new();
    for (official, part) in TABLE {
        let prefix = match only {
            None => official,
            Some(name) if official.strip_suffix('.') == Some(name) => "",
            Some(_) => continue,
        };
        for array in arrays(trainer, prefix, part) {
            let content = match array.place {
                Place::Slot(slot) => Content::Array(slot.order().to_file(&slot.tensor())?),
                Place::Counter => Content::Integer(batches(trainer.step(), part) as i64),
                Place::Chains => {
                    let images = trainer.buffer().images();
                    Content::Array(images.permute(&[0, 3, 1, 2])?.contiguous()?)
                }
            };
            contents.push((array.key, content));
        }
    }
    if contents.is_empty() {
        return Err(Error::Argument {
            argument: format!("--only {}", only.unwrap_or_default()),
            why: "must be ebm, ema_ebm, encoder or ema_encoder".into(),
        });
    }
    write_contents(path, &contents, &BTreeMap::new()).map_err(whole_file::told)?;
    Ok(contents.len())
}

/// Batches that a part's BatchNorms have seen; averages are one iteration behind, since they follow at its start.
fn batches(step: u64, part: Part) -> u64 {
    let iterations = match part {
        Part::Average(_) => step.saturating_sub(1),
        _ => step,
    };
    iterations.saturating_mul(BATCHES_PER_ITERATION)
}
