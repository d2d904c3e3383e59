//! `clel eval`.

mod check;
mod encoder;
mod report;

use std::path::{Path, PathBuf};

use clel_autograd::Var;
use clel_tensor::{Device, RngKey};

use self::report::{Heading, Report};
use super::models::Further;
use super::{DeviceArgument, SizeArgument, from_checkpoint, given_images};
use crate::config::Source;
use crate::data::{self, Dataset, ImageSet, Part, SetArgument};
use crate::draws::Draws;
use crate::features::{
    EncoderFeatures, FeatureNetwork, FeatureSource, Features, Figure, Reference, extract,
};
use crate::sampler::{Langevin, Rounds};
use crate::train::{Loaded, Models, load_networks};
use crate::words::counted;
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel eval --checkpoint runs/digits-001 --features digits
  clel eval --checkpoint runs/digits-001 --features encoder --protocol final --samples 1000
  clel eval --checkpoint runs/cifar10-001 --features inception:inception.safetensors --protocol final --json
  clel eval --checkpoint runs/cifar10-001 --features encoder --protocol final --out final.safetensors
  clel eval --images final.safetensors --data cifar10 --path cifar-10-batches-bin --split train --features cifar_resnet:resnet20.safetensors
  clel eval --checkpoint runs/cifar10-001 --protocol encoder --neighbours 5
  clel eval --checkpoint runs/digits-001 --ensemble runs/digits-002 runs/digits-003 --features digits --protocol final --samples 1000
  clel eval --images folder/ --features cifar_resnet:resnet20.safetensors --data cifar10 --path cifar-10-batches-bin
  clel eval --images drawn/ --features inception:inception.safetensors --data images --path photos/ --size 64,64

Inception's weights, from the file that pytorch-fid downloads (pt_inception-2015-12-05-6726825d.pth):
  python3 tools/ckpt_to_safetensors.py pt_inception-2015-12-05-6726825d.pth inception.safetensors";

/// Rounds of the final protocol unless others are asked for, as in the paper.
const ROUNDS: usize = 10;
/// The stream of random numbers that draws which images are judged.
const STREAM: u32 = 0x0C1D_5A3E;

/// Judges samples, images or an encoder by distances, scores and neighbours.
///
/// Samples or images are compared with a reference in the features of a network: Fréchet distance, inception score (10 parts, drawn), kernel
/// distance (100 subsets of 1000, drawn), precision and recall (k = 3), density and coverage (k = 5). Figures of different networks, numbers of images or references
/// cannot be compared; only Inception's features give FID and KID.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Eval {
    /// A checkpoint file, a run directory for its newest one, or RUN/best for the one that `clel runs` calls the best.
    #[arg(long, value_name = "PATH")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    further: Further,
    /// Judge these images instead of samples: a file, a folder, or a safetensors file with `images` or `samples`.
    #[arg(long, value_name = "PATH", conflicts_with = "protocol")]
    images: Option<PathBuf>,
    /// What of the checkpoint is judged.
    #[arg(long, value_enum, default_value = "buffer")]
    protocol: Protocol,
    /// The network in whose features sets are compared: inception:FILE, cifar_resnet:FILE, classifier:FILE (of `clel classifier`),
    /// digits (part of the program, for 8×8 digits) or encoder (the checkpoint's own).
    #[arg(long, value_name = "NETWORK", default_value = "encoder")]
    features: FeatureSource,
    /// Figures to compute, separated by commas: frechet,kernel [default: all that the features allow].
    #[arg(long, value_enum, value_name = "FIGURE", value_delimiter = ',')]
    figures: Vec<Figure>,
    /// The data set of the reference, what `data.source` may be [default: the checkpoint's].
    #[arg(long, value_enum, value_name = "NAME")]
    data: Option<Source>,
    /// Its folder or file.
    #[arg(long, value_name = "PATH", requires = "data")]
    path: Option<PathBuf>,
    #[command(flatten)]
    size: SizeArgument,
    /// The part of the data set that is the reference [default: test for the buffer, else train; of imagenet32 always test, its validation
    /// images].
    #[arg(long, value_enum)]
    split: Option<Part>,
    /// How many samples [default: all of the buffer and of --images; for `final`, as many as the reference has]. Fewer of the buffer or of --images are
    /// drawn by --seed, each at most once.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Rounds of `sampler.steps` steps that the final protocol takes [default: 10].
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// A new safetensors file for the final protocol's samples, of the newest round: to judge them in other networks, `--images FILE`, or by
    /// other programs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Neighbours that vote in the encoder's protocol [default: 1].
    #[arg(long, value_name = "K")]
    neighbours: Option<usize>,
    /// Seed of the samples, of what --samples draws, of the inception score's parts and of the kernel distance's subsets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// What of a checkpoint is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    /// The replay buffer, as while training goes on.
    Buffer,
    /// The paper's reported figures: fresh chains, in rounds with the sampler's augmentation and restarts, judged after each round.
    Final,
    /// The encoder: k nearest neighbours and a linear probe, trained on the training images and asked for the test images.
    Encoder,
}

/// The error of a command that does not say what is to be judged.
fn nothing_to_judge() -> Error {
    Error::Argument {
        argument: "clel eval".to_owned(),
        why: "what is to be judged? a model with --checkpoint PATH, or images with --images PATH and --data NAME, what they are compared with"
            .to_owned(),
    }
}

impl Eval {
    pub(super) fn run(&self) -> Result<()> {
        self.check()?;
        let device = self.device.open()?;
        let load = |path| self.further.load(path, &device);
        match (&self.images, self.checkpoint.as_deref(), self.protocol) {
            (Some(path), checkpoint, _) => {
                let models = checkpoint.map(load).transpose()?;
                self.pictures(path, models.as_ref().map(Models::first), &device)
            }
            (None, Some(checkpoint), Protocol::Buffer) => {
                // a file is whole if its chains are too
                let (model, chains) = from_checkpoint(checkpoint, |file| {
                    let model = load_networks(file, &device)?;
                    let chains = model.chains()?;
                    Ok((model, chains))
                })?;
                let judged = || self.buffer(&model, chains, &device);
                model.config.train.with_kernels(judged)
            }
            (None, Some(checkpoint), Protocol::Encoder) => {
                let models = load(checkpoint)?;
                let model = models.first();
                let judged = || self.encoder(model, &device);
                model.config.train.with_kernels(judged)
            }
            (None, Some(checkpoint), Protocol::Final) => {
                let models = load(checkpoint)?;
                let judged = || self.chains(&models, &device);
                models.first().config.train.with_kernels(judged)
            }
            (None, None, _) => Err(nothing_to_judge()),
        }
    }

    /// Given images against the reference.
    fn pictures(&self, path: &Path, model: Option<&Loaded>, device: &Device) -> Result<()> {
        let data = self.data_set(model)?;
        let network = self.network(model, device)?;
        let [_, h, w, c] = data.train.images.shape();
        let size = self.size.get();
        let given = given_images(path, Some([h, w, c]), size)?.images.into();
        let images = self.drawn(&given, "image", &path.display().to_string())?;
        let (usual, n) = (self.usual(model), Some(images.len()));
        let mut report = self.report(network.as_ref(), data, usual, n)?;
        report.start(&Heading::images(
            self.checkpoint.as_deref(),
            self.count(&images, &given, "image", &path.display().to_string()),
        ))?;
        report.add(None, &extract(network.as_ref(), &images)?)
    }

    /// The replay buffer against the reference.
    fn buffer(&self, model: &Loaded, chains: Vec<f32>, device: &Device) -> Result<()> {
        model.check_trained("ebm")?;
        let network = self.network(Some(model), device)?;
        let data = self.data_set(Some(model))?;
        let shape = model.config.data.shape.unwrap_or_default();
        let kept = ImageSet::of_samples(shape, chains)?;
        let images = self.drawn(&kept, "sample", "the replay buffer")?;
        let mut report = self.report(network.as_ref(), data, Part::Test, Some(images.len()))?;
        let count = self.count(&images, &kept, "sample", "the replay buffer");
        report.start(&Heading::buffer(self.named(), model, count))?;
        report.add(None, &extract(network.as_ref(), &images)?)
    }

    /// Fresh chains against the reference, after each round.
    fn chains(&self, models: &Models, device: &Device) -> Result<()> {
        models.check_trained("ebm")?;
        let (model, together) = (models.first(), models.energy());
        let network = self.network(Some(model), device)?;
        let data = self.data_set(Some(model))?;
        let mut report = self.report(
            network.as_ref(),
            data,
            self.usual(Some(model)),
            self.samples,
        )?;
        let count = self.samples.unwrap_or(report.reference_images());
        let sampler = &model.config.sampler;
        let rounds = Rounds {
            langevin: Langevin::of(sampler),
            steps: self.rounds.unwrap_or(ROUNDS).saturating_mul(sampler.steps),
            augmentation: sampler.augmentation,
            restart: sampler.restart,
            seed: self.seed,
        };
        let ensemble = self.further.members(models);
        report.start(&Heading::chains(
            self.named(),
            model,
            ensemble,
            &rounds,
            count,
        ))?;
        let shape = model.config.data.shape.unwrap_or_default();
        let energy = |x: &Var| together.energy(x, &[]);
        let mut chains = rounds.start(count, shape, device)?;
        for round in 0..rounds.count() {
            rounds.round(&energy, &mut chains, round, shape, device, &mut |_, _| {
                Ok(())
            })?;
            if let Some(out) = &self.out {
                let [h, w, c] = shape;
                data::write_samples(out, [count, h, w, c], &chains)?;
            }
            let images = ImageSet::of_samples(shape, chains.clone())?;
            report.add(Some(round + 1), &extract(network.as_ref(), &images)?)?;
        }
        Ok(())
    }

    /// As many of the images as `--samples` says, drawn by the seed: the first of a folder are those of its first class.
    fn drawn(&self, images: &ImageSet, one: &str, what: &str) -> Result<ImageSet> {
        let Some(n) = self.samples else {
            return Ok(images.clone());
        };
        if n > images.len() {
            return Err(Error::Argument {
                argument: format!("--samples {n}"),
                why: format!("{what} has {}", counted(images.len(), one)),
            });
        }
        let mut draws = Draws::new(RngKey::new(self.seed, STREAM), 0);
        let mut chosen = draws.distinct(n, images.len());
        chosen.sort_unstable();
        Ok(images.select(&chosen))
    }

    /// How many images are judged, and of how many they were drawn.
    fn count(&self, judged: &ImageSet, all: &ImageSet, one: &str, what: &str) -> String {
        if judged.len() == all.len() {
            return format!("{} of {what}", counted(all.len(), one));
        }
        format!(
            "{} of {} of {what}, drawn by seed {}",
            judged.len(),
            counted(all.len(), one),
            self.seed
        )
    }

    /// The checkpoint as it was named.
    fn named(&self) -> &Path {
        self.checkpoint.as_deref().unwrap_or(Path::new(""))
    }

    /// The part that published figures take as the reference, unless another is asked for: of ImageNet 32 the validation images.
    fn usual(&self, model: Option<&Loaded>) -> Part {
        let source = self.data.or(model.map(|m| m.config.data.source));
        match source {
            Some(Source::Imagenet32) => Part::Test,
            _ => Part::Train,
        }
    }

    /// The reference's features, and where figures of so many images go, of as many as the reference has if that is not known.
    fn report(
        &self,
        network: &dyn FeatureNetwork,
        data: Dataset,
        usual: Part,
        judged: Option<usize>,
    ) -> Result<Report> {
        let part = match self.split {
            Some(part) => part,
            // a set without test images is its own reference
            None if data.test.images.is_empty() => Part::Train,
            None => usual,
        };
        let name = data.name.clone();
        let split = part.of(data)?;
        let figures = Figure::chosen(&self.figures, network.is_classifier())?;
        let n = split.images.len();
        Figure::check_counts(&figures, judged.unwrap_or(n), n)?;
        let features: Features = extract(network, &split.images)?;
        let reference = Reference::new(features, &figures, self.seed)?;
        Ok(Report::new(
            self.json,
            network.name(),
            format!("{name}, {}", part.name()),
            n,
            reference,
            self.seed,
        ))
    }

    fn network<'a>(
        &self,
        model: Option<&'a Loaded>,
        device: &Device,
    ) -> Result<Box<dyn FeatureNetwork + 'a>> {
        match (&self.features, model) {
            (FeatureSource::Encoder, Some(model)) => {
                model.check_trained("encoder").map_err(|error| Error::Argument {
                    argument: "--features encoder".to_owned(),
                    why: format!("name another network with --features, digits or classifier:FILE for instance: {error}"),
                })?;
                let encoder = EncoderFeatures::of(&model.config, &model.average, device);
                Ok(Box::new(encoder))
            }
            (source, _) => source.open(device),
        }
    }

    /// The data set that was named, or else the checkpoint's.
    fn data_set(&self, model: Option<&Loaded>) -> Result<Dataset> {
        match (&self.data, model) {
            (Some(source), _) => {
                let set = SetArgument {
                    source: *source,
                    path: self.path.clone(),
                };
                // the size of the model's images, where there is a model
                let size = model.and_then(|m| m.config.data.shape).map(|[h, w, _]| [h, w]);
                let mut config = set.config(0.0, size)?;
                self.size.apply(&mut config)?;
                data::load(&config, 0)
            }
            (None, Some(model)) => {
                let config = &model.config;
                data::load_of_checkpoint(model.path(), &config.data, config.seed)
            }
            (None, None) => Err(Error::Argument {
                argument: "--images".to_owned(),
                why: "needs --data NAME --path PATH, the images to compare with, or --checkpoint for its data".to_owned(),
            }),
        }
    }
}
