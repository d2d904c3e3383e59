//! From a state dict to a checkpoint of ours.

use std::collections::HashSet;
use std::path::Path;

use clel_nn::Module;
use clel_nn::files::TensorFile;
use clel_tensor::{DType, Device, Tensor};

use super::Model;
use super::names::{
    ALONE, Array, BATCHES_PER_ITERATION, COUNTER, HALF, Part, Place, TABLE, arrays, network,
};
use crate::config::{Config, Layers, Stem};
use crate::model::usual_shape;
use crate::sampler::ReplayBuffer;
use crate::train::{Trainer, is_checkpoint};
use crate::words::handful;
use crate::{Error, Result};

/// Where the images are looked for when training goes on and nothing else is said: the folder as the data set's archive names it, or of CelebA's
/// several downloads as the set is called.
fn usual_path(model: Model) -> &'static str {
    match model {
        Model::Resnet64 => "data.path=celeba",
        Model::ResnetSmall | Model::Resnet | Model::ResnetLarge => "data.path=cifar-10-batches-bin",
    }
}

/// What to import.
#[derive(Debug, Clone)]
pub struct Import<'a> {
    /// The state dict, as safetensors.
    pub file: &'a Path,
    /// Which network it is of.
    pub model: Model,
    /// Settings, `key=value`, over the model's preset.
    pub settings: &'a [String],
    /// Iterations that it was trained for, if the file's own count is not to be believed.
    pub step: Option<u64>,
}

/// What became of it.
pub struct Imported {
    /// A trainer that goes on from there; its optimisers start anew.
    pub trainer: Trainer,
    /// Arrays read.
    pub arrays: usize,
    /// What was not in the file, and what was put in its place.
    pub notes: Vec<String>,
}

impl Import<'_> {
    /// Reads the file: all of it, or nothing if an array is missing, superfluous, or of another shape or type.
    ///
    /// # Errors
    /// [`Error::StateDict`] naming all such arrays; a file that is damaged or holds no network or numbers that are not finite; settings
    /// that make no sense; what the device reports.
    pub fn run(&self) -> Result<Imported> {
        let file = TensorFile::open(self.file)?;
        if is_checkpoint(&file) {
            return Err(Error::Argument {
                argument: self.file.display().to_string(),
                why: "is a checkpoint of clel already, which needs no import: name it with --checkpoint".to_owned(),
            });
        }
        let parts = parts(&file)?;
        let config = self.config(&file, &parts)?;
        let mut trainer = Trainer::drawn(&config, &Device::Cpu, usize::MAX)?;
        self.check(&file, &parts, &trainer)?;
        file.check_finite("")?;

        let mut read = 0;
        let mut chains = None;
        for (prefix, part) in &parts {
            for array in arrays(&trainer, prefix, *part) {
                match array.place {
                    Place::Counter => {}
                    Place::Slot(slot) => {
                        let value = wide(&file, &array.key)?;
                        slot.set(slot.order().from_file(&value)?)?;
                    }
                    Place::Chains => chains = Some(images(&file, &array.key)?),
                }
                read += 1;
            }
        }
        let mut notes = Vec::new();
        let untrained = complete(&trainer, &parts, &mut notes)?;
        match chains {
            Some(images) => {
                let images = images.permute(&[0, 2, 3, 1])?.contiguous()?;
                let ages = vec![0; images.shape()[0]];
                trainer.set_buffer(ReplayBuffer::from_parts(images, ages)?)?;
                notes.push("the ages of the chains are not known: they count from 0".into());
            }
            None => notes.push("no replay buffer: filled with uniform noise".into()),
        }
        let halves = file.names().filter(|key| is_half(&file, key)).count();
        if halves > 0 {
            notes.push(format!(
                "{halves} arrays of 16-bit floats: widened, precise to three digits"
            ));
        }
        let step = self.step.or_else(|| counted(&file)).unwrap_or_default();
        trainer.set_progress(step, untrained)?;
        notes.push("optimisers are not part of a state dict: their moments start at zero".into());
        Ok(Imported {
            trainer,
            arrays: read,
            notes,
        })
    }

    /// The model's preset with the given settings, and what the file tells of the data.
    fn config(&self, file: &TensorFile, parts: &[(&str, Part)]) -> Result<Config> {
        let mut layers = Layers::preset(self.model.preset())?;
        layers.set(usual_path(self.model))?;
        for assignment in self.settings {
            layers.set(assignment)?;
        }
        let mut config = layers.build()?;
        if Model::of(&config)? != self.model {
            return Err(Error::Argument {
                argument: format!("--model {}", self.model.name()),
                why: "the architecture is chosen here, not with --set model.network".into(),
            });
        }
        let row = |name: &str| -> Option<Vec<f64>> {
            let ending = format!(".0.{name}");
            let key = file.names().find(|key| key.ends_with(&ending))?;
            let values = wide(file, key).ok()?.to_vec::<f32>().ok()?;
            Some(values.into_iter().map(shortest).collect())
        };
        let usual = usual_shape(self.model.network());
        // anything else about them is found wrong when the arrays are checked
        let channels = |v: &Vec<f64>| v.len() == 1 || v.len() == 3;
        let mean = row("mean").filter(channels);
        let mean = mean.unwrap_or_else(|| vec![0.0; usual[2]]);
        let std = row("std").filter(|s| s.len() == mean.len());
        config.data.std = Some(std.unwrap_or_else(|| vec![1.0; mean.len()]));
        let [h, w, _] = config.data.shape.unwrap_or(usual);
        config.data.shape = Some([h, w, mean.len()]);
        let memory = parts.iter().find(|(_, part)| *part == Part::Chains);
        if let Some(&[m, c, h, w]) = memory.and_then(|(key, _)| file.shape(key))
            && c == mean.len()
        {
            config.sampler.buffer = m;
            config.data.shape = Some([h, w, c]);
        }
        config.data.mean = Some(mean);
        // of the image's size, and not of the energy network, it depends which it is
        let stem = file.names().find(|key| key.ends_with("conv1.1.weight"));
        config.encoder.stem = match stem.and_then(|key| file.shape(key)) {
            Some([.., 7, 7]) => Stem::Large,
            Some([.., 3, 3]) => Stem::Small,
            _ => config.encoder.stem,
        };
        // a checkpoint must be readable again
        Config::parse(&config.to_toml(), &format!("{}", self.file.display()))
    }

    /// Refuses a file whose arrays are not exactly those of its parts. Counters, which nothing reads, may be missing.
    fn check(&self, file: &TensorFile, parts: &[(&str, Part)], trainer: &Trainer) -> Result<()> {
        let expected: Vec<Array<'_>> = parts
            .iter()
            .flat_map(|(prefix, part)| arrays(trainer, prefix, *part))
            .collect();
        let known: HashSet<&str> = expected.iter().map(|a| a.key.as_str()).collect();
        let (mut missing, mut shapes, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for Array { key, shape, place } in &expected {
            let Some(found) = file.shape(key) else {
                if !matches!(place, Place::Counter) {
                    missing.push(key.clone());
                }
                continue;
            };
            if found != shape {
                shapes.push(format!("{key} {found:?}, expected {shape:?}"));
            }
            let (found, right) = (file.element_type(key), place.element_types());
            let found = found.unwrap_or_default();
            if !right.contains(&&*found) {
                types.push(format!("{key} {found}, expected {}", right.join(" or ")));
            }
        }
        let superfluous = file.names().filter(|key| !known.contains(key));
        let superfluous: Vec<String> = superfluous.map(str::to_owned).collect();
        let kinds = [
            ("missing", missing),
            ("superfluous", superfluous),
            ("of another shape", shapes),
            ("of another type", types),
        ];
        let told = kinds.iter().filter(|(_, all)| !all.is_empty());
        let told = told.map(|(kind, all)| format!("{kind} ({}): {}", all.len(), handful(all)));
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return Ok(());
        }
        let other = likely(file).filter(|model| *model != self.model);
        let hint = other.map(|m| format!("by its names it is `--model {}`", m.name()));
        let problems = hint.into_iter().chain(told).collect();
        Err(Error::StateDict {
            path: self.file.to_owned(),
            model: self.model.name(),
            problems,
        })
    }
}

/// The parts of which the file has at least one array, with the beginning of their names in it.
fn parts(file: &TensorFile) -> Result<Vec<(&'static str, Part)>> {
    let present = TABLE.into_iter();
    let present: Vec<_> = present
        .filter(|(prefix, _)| file.names().any(|key| key.starts_with(prefix)))
        .collect();
    if present.iter().any(|(_, part)| *part != Part::Chains) {
        return Ok(present);
    }
    let alone = ALONE.iter().find(|(key, _)| file.shape(key).is_some());
    match alone {
        Some((_, part)) => Ok(vec![("", *part)]),
        None => Err(Error::format(
            file.path(),
            "names",
            "no network here; expected arrays named ebm.…, ema_ebm.…, encoder.… or ema_encoder.…, or those of one of them alone \
             (head.0.weight …, fc.0.weight …)",
        )),
    }
}

/// Gives networks that the file lacks what their averages have, or the other way round; the names of those of which it has neither.
fn complete(
    trainer: &Trainer,
    parts: &[(&str, Part)],
    notes: &mut Vec<String>,
) -> Result<Vec<String>> {
    let mut untrained = Vec::new();
    for name in ["ebm", "encoder"] {
        let [live, average] = [Part::Live(name), Part::Average(name)];
        let has = |part| parts.iter().any(|(_, p)| *p == part);
        match (has(live), has(average)) {
            (true, true) => {}
            (true, false) => {
                copy(network(trainer, live), network(trainer, average))?;
                notes.push(format!(
                    "no average of `{name}`: a copy of the network itself"
                ));
            }
            (false, true) => {
                copy(network(trainer, average), network(trainer, live))?;
                notes.push(format!(
                    "only the average of `{name}`: training goes on from it"
                ));
            }
            (false, false) => {
                notes.push(format!(
                    "no `{name}`: it is untrained, and nothing computes with it"
                ));
                untrained.push(name.to_owned());
            }
        }
    }
    Ok(untrained)
}

/// An array of a state dict, of 32 bits whatever it was saved with.
fn wide(file: &TensorFile, key: &str) -> Result<Tensor> {
    let value = file.tensor(key, &Device::Cpu)?;
    Ok(value.to_dtype(DType::F32)?)
}

/// An array of images, whose pixels lie in 0..=1 in that program as in this.
fn images(file: &TensorFile, key: &str) -> Result<Tensor> {
    let images = wide(file, key)?;
    let values = images.to_vec::<f32>()?;
    match values.iter().position(|v| !(0.0..=1.0).contains(v)) {
        None => Ok(images),
        Some(i) => {
            let why = format!("{} at position {i}, expected pixels in 0..=1", values[i]);
            Err(Error::format(file.path(), format!("array `{key}`"), why))
        }
    }
}

/// Whether an array has numbers of half the bits.
fn is_half(file: &TensorFile, key: &str) -> bool {
    file.element_type(key).as_deref() == Some(HALF)
}

/// Every value of one network into another like it.
fn copy(from: Option<&dyn Module>, to: Option<&dyn Module>) -> Result<()> {
    let slots = from.into_iter().flat_map(|m| m.slots());
    for ((_, from), (_, to)) in slots.zip(to.into_iter().flat_map(|m| m.slots())) {
        to.set(from.tensor())?;
    }
    Ok(())
}

/// Iterations, by the encoder's first counter of batches.
fn counted(file: &TensorFile) -> Option<u64> {
    let live = |key: &&str| key.ends_with(COUNTER) && !key.starts_with("ema_");
    let key = file.names().find(live);
    let key = key.or_else(|| file.names().find(|key| key.ends_with(COUNTER)))?;
    let batches = u64::try_from(file.integer(key)?).ok()?;
    Some(batches / BATCHES_PER_ITERATION)
}

/// The model that an energy network's names speak of.
fn likely(file: &TensorFile) -> Option<Model> {
    let any = |part: &str| file.names().any(|key| key.contains(part));
    if any("stages1.") {
        Some(Model::ResnetLarge)
    } else if any("stages.4.") {
        Some(Model::Resnet64)
    } else if any("stages.0.1.") {
        Some(Model::Resnet)
    } else {
        any("stages.0.0.").then_some(Model::ResnetSmall)
    }
}

/// The number with the fewest digits that is this f32: 0.4914, and not 0.4914000034332275.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
