//! `clel tune`.

use clel_tensor::gpu::{Family, Gpu, Trial, Way};
use clel_tensor::{Device, primitive::Primitive};
use serde::Serialize;

use super::subjects::Subjects;
use super::{DeviceArgument, output};
use crate::bench::products;
use crate::{Error, Result, tune};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel tune --batch 64                             for the network of `cifar10-small`, as its preset trains
  clel tune --model resnet --batch 16,64
  clel tune --set train.matmul_precision=medium    the matrix units' tiles
  clel tune --model tiny --device wgpu:1 --json
  clel tune --forget                               back to what suits most cards";

/// Finds the fastest kernels for this machine's graphics hardware, and remembers them.
///
/// Each matrix product and convolution that an iteration of training asks for is measured with every tile that there is, 3×3 convolutions
/// with Winograd's minimal filtering too (unless `train.winograd` forbids it), and the best is kept in a file in the user's cache folder (or the
/// one that CLEL_CACHE names), which every command reads from then on. It holds for one adapter, driver and version of the kernels; more networks and
/// precisions add to it. A kernel that the driver does not compile, or whose result is not the product, is told and left out. Sums are added up in another order another way, so results change in their last digits. Where CLEL_CACHE names an empty
/// folder, nothing is tuned.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tune {
    #[command(flatten)]
    subjects: Subjects,
    /// Forget what was measured on this adapter instead.
    #[arg(long)]
    forget: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// What was measured for one product.
#[derive(Debug, Serialize)]
struct Measured {
    product: String,
    operations: usize,
    /// Tiles (or `winograd` and its outputs along an axis) and seconds, fastest first.
    trials: Vec<(String, f64)>,
    /// Seconds the way that it went before, if the driver compiles that.
    seconds_before: Option<f64>,
    /// Ways that were left out, since their results are not the product or the driver does not compile them.
    wrong: Vec<String>,
}

/// All that is printed.
#[derive(Debug, Serialize)]
struct Report {
    device: String,
    file: String,
    products: Vec<Measured>,
}

/// What is printed of `--forget`.
#[derive(Debug, Serialize)]
struct Forgotten {
    device: String,
    file: String,
    /// Whether there was anything to forget.
    forgotten: bool,
}

impl Tune {
    pub(super) fn run(&self) -> Result<()> {
        let device = self.device.open()?;
        let Device::Wgpu(gpu) = &device else {
            return Err(Error::Argument {
                argument: format!("--device {}", self.device.device),
                why: format!("is {device}, whose kernels are not tuned; name a WebGPU adapter"),
            });
        };
        if self.forget {
            let path = tune::path(gpu)?;
            let forgotten = tune::forget(gpu)?;
            if self.json {
                let (device, file) = (device.to_string(), path.display().to_string());
                return output::say(&output::json(&Forgotten {
                    device,
                    file,
                    forgotten,
                })?);
            }
            return output::say_in_words(&match forgotten {
                true => format!("{} is removed", path.display()),
                false => format!("there was nothing in {}", path.display()),
            });
        }
        if gpu.family() == Family::Direct {
            return Err(Error::Argument {
                argument: format!("--device {}", self.device.device),
                why: format!("is {device}, a software rasteriser, whose kernels have no tiles"),
            });
        }
        let mut all = Vec::new();
        for subject in self.subjects.all()? {
            subject.with_kernels(|| -> Result<()> {
                for primitive in products(&subject, gpu)? {
                    all.extend(self.measure(gpu, &primitive)?);
                    // what has been measured is kept, whatever the driver does next
                    tune::save(gpu)?;
                }
                Ok(())
            })?;
        }
        let path = tune::save(gpu)?;
        if self.json {
            let report = Report {
                device: device.to_string(),
                file: path.display().to_string(),
                products: all,
            };
            return output::say(&output::json(&report)?);
        }
        output::say_in_words(&format!(
            "{} products, kept in {}",
            all.len(),
            path.display()
        ))
    }

    /// Tries the ways to compute a product, and takes the best.
    fn measure(&self, gpu: &Gpu, primitive: &Primitive) -> Result<Option<Measured>> {
        let Some(tried) = gpu.try_ways(primitive)? else {
            return Ok(None);
        };
        let wrong: Vec<String> = tried.wrong.iter().map(Way::to_string).collect();
        if !wrong.is_empty() {
            output::error(&format!(
                "warning: {}: left out {}, which this driver does not compile, or makes something else of",
                tried.product,
                wrong.join(", ")
            ));
        }
        let mut tuned = gpu.tuned();
        match tried.trials.first() {
            Some(best) => tuned.insert(tried.product.clone(), best.way),
            None => tuned.remove(&tried.product),
        };
        gpu.set_tuned(tuned);
        let measured = Measured {
            operations: tried.operations,
            trials: tried
                .trials
                .iter()
                .map(|t| (t.way.to_string(), t.seconds))
                .collect(),
            seconds_before: tried.before.map(|before| before.seconds),
            wrong,
            product: tried.product,
        };
        if !self.json && !measured.trials.is_empty() {
            output::say_in_words(&line(&measured, tried.before))?;
        }
        Ok(Some(measured))
    }
}

/// A product, its rate before and now, and how the ways did, in microseconds.
fn line(measured: &Measured, before: Option<Trial>) -> String {
    let rate = |seconds: f64| measured.operations as f64 * 1e-9 / seconds;
    let trials = measured.trials.iter();
    let trials: Vec<String> = trials
        .map(|(way, s)| format!("{way} {:.1}", s * 1e6))
        .collect();
    let now = measured.trials.first().map_or(f64::NAN, |(_, s)| *s);
    let (was, way) = match before {
        Some(before) => (rate(before.seconds), before.way.to_string()),
        None => (0.0, "refused".to_owned()),
    };
    format!(
        "{:44} {was:7.0} -> {:7.0} GFLOP/s  (was {way})  us: {}",
        measured.product,
        rate(now),
        trials.join(", ")
    )
}
