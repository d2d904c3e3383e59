//! `clel classifier`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::{DeviceArgument, SizeArgument, output};
use crate::config::Source;
use crate::data::{ClassSet, SetArgument};
use crate::features::{Classifier, Fitting};
use crate::words::counted;
use crate::{Error, Result, data};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel classifier --data digits --out digits-classifier.safetensors
  clel classifier --data images --path flowers/ --size 64,64 --iterations 3000 --out flowers.safetensors
  clel eval --images folder/ --data images --path flowers/ --size 64,64 --features classifier:flowers.safetensors";

/// Share held out of a set without a test part.
const HELD_OUT: f64 = 0.1;
/// Steps between two lines.
const TOLD: usize = 100;

/// Trains a classifier in whose features `clel eval` compares images.
///
/// Its data set has classes; `clel sample --judge` tells by it, too, what samples are taken for.
///
/// Three convolutions with BatchNorm, cross-entropy, Adam; minutes at most on two cores. The file keeps of which data set its classes are and
/// what they are called, so that no model of others is judged by it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ClassifierCommand {
    /// The data set, what `data.source` may be.
    #[arg(long, value_enum, value_name = "NAME")]
    data: Source,
    /// Its folder or file.
    #[arg(long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// Of CelebA, the attribute that makes two classes, Smiling for instance.
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    #[command(flatten)]
    size: SizeArgument,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Steps of the optimiser.
    #[arg(long, value_name = "N", default_value_t = 1500)]
    iterations: usize,
    /// Images a step.
    #[arg(long, value_name = "N", default_value_t = 128)]
    batch: usize,
    /// Learning rate at the beginning.
    #[arg(long, value_name = "RATE", default_value_t = 3e-3)]
    rate: f64,
    /// Seed of the initial weights and of the order of the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print nothing on standard output but one JSON object at the end: the file, its data, how many images it takes for their class.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// What came of it.
#[derive(Serialize)]
struct Trained<'a> {
    classifier: &'a Path,
    data: &'a str,
    iterations: usize,
    /// Whether the accuracy is that of images that training has not seen.
    held_out: bool,
    images: usize,
    accuracy: f64,
}

impl ClassifierCommand {
    pub(super) fn run(&self) -> Result<()> {
        self.check()?;
        let device = self.device.open()?;
        let set = SetArgument {
            source: self.data,
            path: self.path.clone(),
        };
        let mut config = set.config(HELD_OUT, None)?;
        config.attribute.clone_from(&self.attribute);
        self.size.apply(&mut config)?;
        let data = data::load(&config, 0)?;
        let classes = ClassSet::of(&config, &data)?;
        if !self.json {
            output::say_in_words(&format!(
                "{}: {} of {}",
                data.name,
                counted(data.train.images.len(), "training image"),
                counted(classes.count, "class")
            ))?;
        }
        let how = Fitting {
            iterations: self.iterations,
            batch: self.batch,
            rate: self.rate,
            seed: self.seed,
        };
        let started = Instant::now();
        let mut sum = 0.0;
        let mut told = |step: usize, loss: f64| {
            sum += loss;
            if self.json || !(step + 1).is_multiple_of(TOLD) {
                return Ok(());
            }
            let line = format!(
                "step {:>6}   mean loss {:.4}   {:.0} s",
                step + 1,
                sum / TOLD as f64,
                started.elapsed().as_secs_f64()
            );
            sum = 0.0;
            output::say_in_words(&line)
        };
        let classifier = Classifier::fit(&data.train, &classes, &how, &device, &mut told)?;
        let held_out = !data.test.images.is_empty() && data.test.labels.is_some();
        let judged = if held_out { &data.test } else { &data.train };
        let (images, accuracy) = (judged.images.len(), classifier.accuracy(judged)?);
        classifier.save(&self.out)?;
        if self.json {
            return output::say(&output::json(&Trained {
                classifier: &self.out,
                data: &data.name,
                iterations: self.iterations,
                held_out,
                images,
                accuracy,
            })?);
        }
        let share = 100.0 * accuracy;
        output::say_in_words(&match held_out {
            true => format!("accuracy on {images} held-out images {share:.2} %"),
            false => format!(
                "accuracy on the {images} training images {share:.2} %; {} has no others with classes",
                data.name
            ),
        })?;
        output::say(&self.out.display().to_string())
    }

    fn check(&self) -> Result<()> {
        output::check_new(&self.out)?;
        let fault = |argument: String, why: &str| {
            Err(Error::Argument {
                argument,
                why: why.to_owned(),
            })
        };
        if let (Some(attribute), false) = (&self.attribute, self.data == Source::Celeba) {
            return fault(
                format!("--attribute {attribute}"),
                "makes classes of celeba alone",
            );
        }
        if self.data == Source::Celeba && self.attribute.is_none() {
            return fault(
                "--data celeba".to_owned(),
                "has no classes until an attribute makes two: --attribute Smiling, for instance",
            );
        }
        if self.iterations == 0 {
            return fault("--iterations 0".to_owned(), "must be at least 1");
        }
        if !(2..=16_384).contains(&self.batch) {
            return fault(format!("--batch {}", self.batch), "must lie in 2..=16384");
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return fault(
                format!("--rate {}", self.rate),
                "must be a finite number above 0",
            );
        }
        Ok(())
    }
}
