//! Checkpoints: one safetensors file with all that training changes, under the official implementation's names.
//!
//! | names | what |
//! |---|---|
//! | `ebm.…`, `encoder.…` | the networks |
//! | `ema_ebm.…`, `ema_encoder.…` | their averages |
//! | `byol.target.…`, `byol.predictor.…` | what BYOL has beside the encoder |
//! | `adam.…`, `sgd.…` | the optimisers' moments and steps |
//! | `sampler.memory`, `sampler.ages` | the replay buffer \[M, H, W, C\], and the Langevin steps of each chain, \[M, 2\] (low and high words) |
//!
//! The metadata holds `format`, `step` and the whole `config`, and `untrained`, the networks that are as they were drawn: those that
//! an import lacked, and the encoder of a training without latents; and `images`, how many it has learnt from. Schedules, the order of the data and all random numbers follow
//! from seed and step.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clel_nn::{
    Module, Parameter,
    files::{TensorFile, export, import, write_tensors},
    optim::Optimizer,
};
use clel_tensor::{DType, Device, Tensor};

use super::{
    Networks, Trainer,
    trainer::{encoder_parameters, energy_parameters},
};
use crate::{Error, Result, config::Config, sampler::ReplayBuffer, whole_file};

const FORMAT: &str = "clel-1";
const AVERAGE: &str = "ema_";
const BYOL: &str = "byol.";
const MEMORY: &str = "sampler.memory";
const UNTRAINED: &str = "untrained";
const IMAGES: &str = "images";

/// The networks of a checkpoint, without what only training needs.
pub struct Loaded {
    /// The run's configuration.
    pub config: Config,
    /// Iterations done.
    pub step: u64,
    /// The networks as trained.
    pub live: Networks,
    /// Their averages.
    pub average: Networks,
    path: PathBuf,
    untrained: Vec<String>,
}

impl Loaded {
    /// The file that they are from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The chains of the file's replay buffer, row-major \[M, H, W, C\].
    ///
    /// # Errors
    /// The file is damaged, or holds numbers that are not finite.
    pub fn chains(&self) -> Result<Vec<f32>> {
        read_chains(&self.path, &self.config)
    }

    /// Whether a network, `ebm` or `encoder`, has learnt anything; an import of one network leaves the other as it was drawn, and training
    /// without latents the encoder.
    pub fn is_trained(&self, network: &str) -> bool {
        !self.untrained.iter().any(|name| name == network)
    }

    /// Refuses to compute with a network, `ebm` or `encoder`, that holds nothing but its initial numbers.
    ///
    /// # Errors
    /// [`Error::Format`], with the file.
    pub fn check_trained(&self, network: &str) -> Result<()> {
        if self.is_trained(network) {
            return Ok(());
        }
        let why = why_untrained(network);
        Err(Error::format(
            &self.path,
            format!("network `{network}`"),
            why,
        ))
    }
}

/// The chains of a checkpoint's replay buffer, row-major \[M, H, W, C\]; the configuration is that of the run.
pub(super) fn read_chains(path: &Path, config: &Config) -> Result<Vec<f32>> {
    let file = TensorFile::open(path)?;
    file.check_finite(MEMORY)?;
    let [h, w, c] = config.data.shape.unwrap_or_default();
    let shape = [config.sampler.buffer, h, w, c];
    Ok(read_array(&file, MEMORY, &shape, DType::F32, &Device::Cpu)?.to_vec()?)
}

/// Why a network, `ebm` or `encoder`, can be as it was drawn.
fn why_untrained(network: &str) -> String {
    let rests = match network {
        "encoder" => "encoder.latents is none, or ",
        _ => "",
    };
    format!("not trained: {rests}the file that this was imported from had no `{network}`")
}

/// Reads the networks of a checkpoint.
///
/// # Errors
/// The file is missing, damaged, not a checkpoint of this program, or holds weights that are not finite; what the device reports.
pub fn load_networks(path: &Path, device: &Device) -> Result<Loaded> {
    let file = TensorFile::open(path)?;
    let (config, step) = header(&file)?;
    for prefix in ["ebm.", "encoder.", AVERAGE] {
        file.check_finite(prefix)?;
    }
    let new = || {
        Networks::at_most(most_values(&file), &config, device)
            .map_err(|error| pretended(&file, error))
    };
    let (live, average) = (new()?, new()?);
    read_networks(&file, &live, &average)?;
    Ok(Loaded {
        config,
        step,
        live,
        average,
        path: path.to_owned(),
        untrained: untrained(&file),
    })
}

/// The networks that are as they were drawn.
pub(super) fn untrained(file: &TensorFile) -> Vec<String> {
    let names = file.metadata().get(UNTRAINED).map(String::as_str);
    let names = names.unwrap_or_default().split_whitespace();
    names.map(str::to_owned).collect()
}

/// Whether a file says that it is a checkpoint of this program.
pub(crate) fn is_checkpoint(file: &TensorFile) -> bool {
    file.metadata().get("format").is_some_and(|f| f == FORMAT)
}

fn header(file: &TensorFile) -> Result<(Config, u64)> {
    let entry = |key: &str| {
        file.metadata().get(key).ok_or_else(|| {
            Error::format(
                file.path(),
                format!("metadata `{key}`"),
                "missing: not a checkpoint of this program",
            )
        })
    };
    let format = entry("format")?;
    if format != FORMAT {
        let why = format!("`{format}`, expected `{FORMAT}`: written by another version");
        return Err(Error::format(file.path(), "metadata `format`", why));
    }
    let step = entry("step")?
        .parse()
        .map_err(|e| Error::format(file.path(), "metadata `step`", format!("{e}")))?;
    let config = Config::parse(
        entry("config")?,
        &format!("{} (config)", file.path().display()),
    )?;
    Ok((config, step))
}

fn read_networks(file: &TensorFile, live: &Networks, average: &Networks) -> Result<()> {
    for (name, module) in live.named() {
        import(module, file, name)?;
    }
    for (name, module) in average.named() {
        import(module, file, &format!("{AVERAGE}{name}"))?;
    }
    Ok(())
}

impl Trainer {
    /// Writes a checkpoint, atomically.
    ///
    /// # Errors
    /// The file cannot be written; what the device reports.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = Vec::new();
        for (name, module) in self.live.named() {
            tensors.extend(export(module, name)?);
        }
        for (name, module) in self.average.named() {
            tensors.extend(export(module, &format!("{AVERAGE}{name}"))?);
        }
        if let Some(byol) = &self.byol {
            tensors.extend(export(byol, BYOL)?);
        }
        let optimisers: [(&str, &dyn Optimizer); 2] = [("adam", &self.adam), ("sgd", &self.sgd)];
        for (prefix, optimiser) in optimisers {
            let state = optimiser.state()?.into_iter();
            tensors.extend(state.map(|(name, t)| (format!("{prefix}.{name}"), t)));
        }
        tensors.push((MEMORY.into(), self.buffer.images().clone()));
        // ages as pairs of words: low, high
        let ages: Vec<u32> = self
            .buffer
            .ages()
            .iter()
            .flat_map(|&a| [a as u32, (a >> 32) as u32])
            .collect();
        let ages = Tensor::from_slice(&ages, &[self.buffer.len(), 2], &Device::Cpu)?;
        tensors.push(("sampler.ages".into(), ages));
        let mut metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("step".to_owned(), self.step.to_string()),
            ("config".to_owned(), self.config.to_toml()),
        ]);
        if !self.untrained.is_empty() {
            metadata.insert(UNTRAINED.to_owned(), self.untrained.join(" "));
        }
        if let Some(images) = &self.learnt_from {
            metadata.insert(IMAGES.to_owned(), images.clone());
        }
        write_tensors(path, &tensors, &metadata).map_err(whole_file::told)
    }

    /// A trainer that goes on where the checkpoint was written.
    ///
    /// # Errors
    /// The file is missing, damaged, not a checkpoint of this program, or holds numbers that are not finite; what the device
    /// reports.
    pub fn load(path: &Path, device: &Device) -> Result<Trainer> {
        let file = TensorFile::open(path)?;
        let (config, step) = header(&file)?;
        file.check_finite("")?;
        // settings that the file does not fill must not take memory
        let [h, w, c] = config.data.shape.unwrap_or_default();
        let chains = [config.sampler.buffer, h, w, c];
        let buffer = read_buffer(&file, chains, device)?;
        let mut trainer = Trainer::drawn(&config, device, most_values(&file))
            .map_err(|error| pretended(&file, error))?;
        read_networks(&file, &trainer.live, &trainer.average)?;
        trainer.live.join_parameters()?;
        trainer.average.join_parameters()?;
        let parameters = energy_parameters(&trainer.live.energy, &config);
        read_optimiser(&file, "adam.", &mut trainer.adam, &parameters)?;
        if config.encoder.latents.learn() {
            if let Some(byol) = &trainer.byol {
                import(byol, &file, BYOL)?;
                byol.join_parameters()?;
            }
            let parameters = encoder_parameters(&trainer.live.encoder, trainer.byol.as_ref());
            read_optimiser(&file, "sgd.", &mut trainer.sgd, &parameters)?;
        }
        trainer.buffer = buffer;
        trainer.step = step;
        trainer.untrained = untrained(&file);
        trainer.learnt_from = file.metadata().get(IMAGES).cloned();
        Ok(trainer)
    }
}

/// How many values a network of a file has at most.
fn most_values(file: &TensorFile) -> usize {
    let shapes = file.names().filter_map(|name| file.shape(name));
    shapes.map(|shape| shape.iter().product::<usize>()).sum()
}

/// The error of a network that has more values than its file, as the file's.
fn pretended(file: &TensorFile, error: Error) -> Error {
    match error {
        Error::Network(error @ clel_nn::Error::InitialValues { .. }) => {
            let why = format!("networks larger than the arrays of the file: {error}");
            Error::format(file.path(), "metadata `config`", why)
        }
        other => other,
    }
}

/// The replay buffer, \[M, H, W, C\].
fn read_buffer(file: &TensorFile, shape: [usize; 4], device: &Device) -> Result<ReplayBuffer> {
    let memory = read_array(file, MEMORY, &shape, DType::F32, device)?;
    let ages = read_array(
        file,
        "sampler.ages",
        &[shape[0], 2],
        DType::U32,
        &Device::Cpu,
    )?;
    let words = ages.to_vec::<u32>()?;
    let ages = words
        .chunks_exact(2)
        .map(|w| u64::from(w[0]) | u64::from(w[1]) << 32);
    ReplayBuffer::from_parts(memory, ages.collect())
}

/// An array that must have this shape and type.
fn read_array(
    file: &TensorFile,
    key: &str,
    shape: &[usize],
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let array = file.tensor(key, device)?;
    if array.shape() == shape && array.dtype() == dtype {
        return Ok(array);
    }
    let why = format!(
        "found {} {:?}, expected {dtype} {shape:?}",
        array.dtype(),
        array.shape()
    );
    Err(Error::format(file.path(), format!("array `{key}`"), why))
}

fn read_optimiser(
    file: &TensorFile,
    prefix: &str,
    optimiser: &mut dyn Optimizer,
    parameters: &[(String, &Parameter)],
) -> Result<()> {
    let state = state(file, prefix)?;
    optimiser
        .load_state(parameters, &state)
        .map_err(|error| match error {
            clel_nn::Error::OptimizerState {
                key,
                expected,
                found,
            } => Error::format(
                file.path(),
                format!("array `{prefix}{key}`"),
                format!("found {found}, expected {expected}"),
            ),
            other => other.into(),
        })
}

/// An optimiser's arrays, without their prefix.
fn state(file: &TensorFile, prefix: &str) -> Result<BTreeMap<String, Tensor>> {
    let names = file
        .names()
        .filter_map(|name| name.strip_prefix(prefix).map(|short| (name, short)));
    names
        .map(|(name, short)| Ok((short.to_owned(), file.tensor(name, &Device::Cpu)?)))
        .collect()
}
