//! What a run does when its device fails: a lost one is opened again; one that is full gets an error that says what would fit.

use std::{thread::sleep, time::Duration};

use clel_tensor::{Device, gpu::Gpu};

use super::Trainer;
use crate::config::{Config, Precision, StepShape, Storage};
use crate::{
    Error, Result,
    data::Dataset,
    proc::kibibytes,
    sampler::{gains_by_halves, room},
};

/// A run goes on so many times after its device was lost; a driver that fails more often needs a person.
pub(super) const MOST_LOSSES: usize = 5;
/// A driver that resets itself is not there for a while.
const PAUSES: [u64; 3] = [1, 4, 10];

/// True for a device on which nothing can be computed any more: one that was lost, or that had no memory for its own work.
pub(crate) fn is_lost(device: &Device) -> bool {
    device.wait().is_err()
}

/// A warning for each setting that the device cannot follow, or that costs there what it saves elsewhere, or that is nothing without another.
pub(super) fn unmet(config: &Config, device: &Device) -> Vec<String> {
    let gpu = match device {
        Device::Cpu => None,
        Device::Wgpu(gpu) => Some(gpu),
    };
    let mut warnings = Vec::new();
    let units = gpu.is_some_and(Gpu::has_matrix_units);
    if config.train.matmul_precision != Precision::Highest && !units {
        warnings.push(format!(
            "train.matmul_precision has no effect on {device}, which has no matrix units that this program can use: products are in f32"
        ));
    }
    if config.sampler.storage == Storage::F16 && !gains_by_halves(device) {
        warnings.push(format!(
            "sampler.storage has no effect on {device}, which has no 16-bit floats in hardware that this program can use: images are f32"
        ));
    }
    let s = &config.sampler;
    if s.schedule != StepShape::Constant && s.step_size_end == 1.0 && s.noise_end == 1.0 {
        warnings.push(
            "sampler.schedule has no effect: neither sampler.step_size_end nor sampler.noise_end says what it leads to".to_owned(),
        );
    }
    warnings
}

/// The device opened anew, tried for some seconds.
pub(crate) fn reopen(device: &Device) -> Result<Device> {
    let mut opened = device.reopen();
    for seconds in PAUSES {
        if opened.is_err() {
            sleep(Duration::from_secs(seconds));
            opened = device.reopen();
        }
    }
    Ok(opened?)
}

/// The error of a run that does not fit the device's memory before its first iteration.
pub(super) fn no_room(config: &Config, data: &Dataset, device: &Device, error: Error) -> Error {
    match error.of_arrays() {
        Some(failure @ clel_tensor::Error::OutOfMemory { .. }) => {
            let failure = failure.clone();
            match is_of_buffer(config, &failure) {
                true => buffer_too_large(config, data, device, failure),
                false => Error::TooLarge {
                    failure,
                    advice: SMALLER.to_owned(),
                },
            }
        }
        _ => error,
    }
}

/// What helps where no size of batch does.
const SMALLER: &str = "take a smaller network (model.network, model.width, encoder.network), another --device, \
                       or let other programs give memory back";

/// Whether it is the replay buffer that found no room.
fn is_of_buffer(config: &Config, failure: &clel_tensor::Error) -> bool {
    matches!(failure, clel_tensor::Error::OutOfMemory { bytes, .. } if *bytes == buffer_bytes(config))
}

fn buffer_bytes(config: &Config) -> u64 {
    let size: usize = config.data.shape.unwrap_or_default().iter().product();
    4 * config.sampler.buffer as u64 * size as u64
}

/// Bytes that the system can still give to programs, if it says so: Linux does, and gives out more all the same, to end whoever uses it.
fn memory_left() -> Option<u64> {
    let kib = |name| kibibytes("/proc/meminfo", name);
    Some((kib("MemAvailable")? + kib("SwapFree")?) << 10)
}

/// Refuses a replay buffer of which the CPU's memory cannot hold so many, before the system ends the process for writing into it.
///
/// # Errors
/// As where memory is asked for and not given.
pub(super) fn check_memory(config: &Config, device: &Device, copies: usize) -> Result<()> {
    let bytes = buffer_bytes(config);
    match memory_left() {
        Some(left) if device.is_cpu() && bytes.saturating_mul(copies as u64) > left => {
            let failure = clel_tensor::Error::OutOfMemory {
                op: "random",
                device: device.to_string(),
                bytes,
                why: format!("{} MiB are left", left >> 20),
            };
            Err(failure.into())
        }
        _ => Ok(()),
    }
}

/// Replay buffers in memory while chains are put back, where somebody else holds them: the old one, the chains at their places, and the new one.
const COPIES: usize = 3;

/// The same of a replay buffer, with a size of it with which there was just room enough.
fn buffer_too_large(
    config: &Config,
    data: &Dataset,
    device: &Device,
    failure: clel_tensor::Error,
) -> Error {
    let (buffer, bytes) = (config.sampler.buffer, buffer_bytes(config));
    let batch = config.train.batch.min(data.train.images.len());
    let fits = |n| {
        let mut smaller = config.clone();
        smaller.sampler.buffer = n;
        match device {
            // a system that gives out more than it has ends whoever uses it: nothing is written into this
            Device::Cpu => {
                check_memory(&smaller, device, COPIES)?;
                room([COPIES, buffer_bytes(&smaller) as usize / 4]).map(drop)
            }
            Device::Wgpu(_) => iterate_once(&smaller, data, device, batch),
        }
    };
    let what = format!(
        "the replay buffer of sampler.buffer={buffer} images takes {} MiB",
        bytes.div_ceil(1 << 20)
    );
    match largest(buffer / 2, config.train.batch, fits) {
        Ok(Some(n)) => Error::TooLarge {
            failure,
            advice: format!(
                "{what}; sampler.buffer={n} {}: start again with `--set sampler.buffer={n}`",
                match device {
                    Device::Cpu => "may fit",
                    Device::Wgpu(_) => "fits",
                }
            ),
        },
        Ok(None) => Error::TooLarge {
            failure,
            advice: format!("{what}, and no smaller one fits: {SMALLER}"),
        },
        Err(error) => error,
    }
}

/// The first of `n`, n/2, n/4, … with which there is memory enough, `least` at the least, below which a configuration is refused.
fn largest(
    mut n: usize,
    least: usize,
    fits: impl Fn(usize) -> Result<()>,
) -> Result<Option<usize>> {
    while n >= least.max(1) {
        match fits(n) {
            Ok(()) => return Ok(Some(n)),
            Err(error) => match error.of_arrays() {
                Some(clel_tensor::Error::OutOfMemory { .. }) => n /= 2,
                _ => return Err(error),
            },
        }
    }
    Ok(None)
}

/// The error of a run whose iterations do not fit the device's memory: names a size of batch with which one was just seen to; or
/// what went wrong while that was tried.
pub(super) fn too_large(
    config: &Config,
    data: &Dataset,
    device: &Device,
    failure: clel_tensor::Error,
) -> Error {
    if is_of_buffer(config, &failure) {
        return buffer_too_large(config, data, device, failure);
    }
    let batch = config.train.batch;
    // an iteration takes no more images than there are
    let most = batch.min(data.train.images.len()) / 2;
    let advice = match largest(most, 2, |n| iterate_once(config, data, device, n)) {
        Ok(Some(n)) => format!(
            "train.batch={batch} does not fit, and train.batch={n} does: start again with `--set train.batch={n}`, or with a \
             smaller network, or let other programs give memory back and go on with --resume"
        ),
        Ok(None) => {
            format!("not even a batch of two images fits: {SMALLER} and go on with --resume")
        }
        Err(error) => return error,
    };
    Error::TooLarge { failure, advice }
}

/// An iteration with a batch of `n` images. From the third Langevin step on, each takes the memory of the one before.
fn iterate_once(config: &Config, data: &Dataset, device: &Device, n: usize) -> Result<()> {
    let mut config = config.clone();
    config.train.batch = n;
    config.sampler.steps = config.sampler.steps.min(3);
    let first: Vec<usize> = (0..n).collect();
    let images = data.train.images.read(&first)?;
    // want of memory may have ended the device
    let device = match is_lost(device) {
        true => reopen(device)?,
        false => device.clone(),
    };
    // its settings are those of a run but for what is tried, and a frozen encoder need not be read
    let mut trainer = Trainer::drawn(&config, &device, usize::MAX)?;
    trainer.iterate(&trainer.draw(&images)?)?;
    Ok(device.wait()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;
    use crate::data::digits;

    #[test]
    fn a_schedule_to_nowhere_is_told() {
        let warnings = |settings: &[&str]| {
            let mut layers = Layers::preset("digits").unwrap();
            settings.iter().for_each(|set| layers.set(set).unwrap());
            unmet(&layers.build().unwrap(), &Device::Cpu)
        };
        let alone = warnings(&["sampler.schedule=cosine"]);
        assert!(
            alone[0].contains("sampler.schedule has no effect"),
            "{alone:?}"
        );
        assert!(warnings(&["sampler.schedule=cosine", "sampler.noise_end=0.5"]).is_empty());
    }

    #[test]
    fn nothing_is_tried_that_a_configuration_may_not_ask_for() {
        let full = |_| {
            Err(clel_tensor::Error::OutOfMemory {
                op: "conv2d",
                device: "cpu".to_owned(),
                bytes: 1,
                why: "no room".to_owned(),
            }
            .into())
        };
        let tried = std::cell::RefCell::new(Vec::new());
        let found = largest(12, 2, |n| {
            tried.borrow_mut().push(n);
            full(n)
        });
        assert_eq!(found.unwrap(), None);
        assert_eq!(tried.into_inner(), [12, 6, 3]);
        assert_eq!(
            largest(12, 4, |n| if n > 6 { full(n) } else { Ok(()) }).unwrap(),
            Some(6)
        );
    }

    /// A batch is all images where there are fewer than it asks for, so less than half of it may be more than there are too.
    #[test]
    fn a_batch_that_fits_is_one_of_images_that_there_are() {
        let mut layers = Layers::preset("digits").unwrap();
        for setting in [
            "model.width=4",
            "encoder.width=4",
            "data.shape=[8, 8, 1]",
            "data.mean=[0.3]",
            "data.std=[0.4]",
        ] {
            layers.set(setting).unwrap();
        }
        let mut data = digits();
        data.train = data.train.select(&[0, 1, 2, 3, 4, 5]);
        let failure = clel_tensor::Error::OutOfMemory {
            op: "conv2d",
            device: "cpu".to_owned(),
            bytes: 1,
            why: "no room".to_owned(),
        };
        let config = layers.build().unwrap();
        let told = too_large(&config, &data, &Device::Cpu, failure.clone()).to_string();
        assert!(told.contains("train.batch=3 does"), "{told}");
        // where want of memory ended the device itself
        match Device::parse("wgpu") {
            Ok(Device::Wgpu(gpu)) => {
                gpu.destroy();
                let gone = Device::Wgpu(gpu);
                let told = too_large(&config, &data, &gone, failure).to_string();
                assert!(told.contains("train.batch=3 does"), "{told}");
            }
            _ => assert_ne!(std::env::var("CLEL_REQUIRE_GPU"), Ok("1".to_owned())),
        }
        // where it is the buffer that found no room
        let mut config = config;
        config.sampler.buffer = 1001;
        let failure = clel_tensor::Error::OutOfMemory {
            op: "random",
            device: "cpu".to_owned(),
            bytes: 4 * 1001 * 64,
            why: "no room".to_owned(),
        };
        let told = no_room(&config, &data, &Device::Cpu, failure.into()).to_string();
        for part in [
            "sampler.buffer=1001 images takes 1 MiB",
            "sampler.buffer=500 may fit",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
