//! `clel ood`.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use super::models::{Further, Member};
use super::weight::check_weight;
use super::{DeviceArgument, output};
use crate::config::Augmentation;
use crate::data::{ImageSet, SetArgument};
use crate::eval::{Ranking, ranking};
use crate::outliers::{Outside, images, scores};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel ood --checkpoint runs/cifar10-001 --in cifar10:cifar-10-batches-bin --out interp
  clel ood --checkpoint runs/cifar10-001 --in cifar10:cifar-10-batches-bin --out dtd_corner:dtd/,interp --json
  clel ood --checkpoint runs/digits-001 --in digits --out safetensors:noise.safetensors
  clel ood --checkpoint runs/digits-001 --ensemble runs/digits-002 runs/digits-003 --in digits --out interp";

/// Tells how well energies know images of another kind.
///
/// The score of an image is −(½‖f(x)‖² − β·cos(g(f(x)), h(x))) of the averaged networks, without augmentation: high where the image is likely; of several models the mean.
/// AUROC and AUPR take images of `--in` as the positives; FPR95 is the share of the others that pass where 95 % of `--in` do. Test images are taken where a
/// set has some, else all of it. Images of another size are brought to the model's alike on both sides: the centre in its aspect ratio, resized, grey or coloured.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ood {
    /// A checkpoint file, a run directory for its newest one, or RUN/best for the one that `clel runs` calls the best.
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    #[command(flatten)]
    further: Further,
    /// The set that the model should know: NAME or NAME:PATH, NAME as `data.source` has it.
    #[arg(long = "in", value_name = "NAME:PATH")]
    inside: SetArgument,
    /// Sets that it should not, commas between them: NAME:PATH, or `interp`, the means of images i and i + 100 of --in.
    #[arg(long, value_name = "NAME:PATH", required = true)]
    out: Vec<Several>,
    /// β, the weight of the encoder's part; 0 leaves it out.
    #[arg(long, value_name = "BETA", default_value_t = 0.1)]
    beta: f64,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgument,
}

/// The sets of one `--out`.
#[derive(Debug, Clone)]
struct Several(Vec<Outside>);

impl FromStr for Several {
    type Err = String;

    /// One whose path has commas in it if that is there, else those between commas.
    fn from_str(text: &str) -> std::result::Result<Several, String> {
        if let Ok(Outside::Set(set)) = text.parse()
            && set.path.as_ref().is_some_and(|path| path.exists())
        {
            return Ok(Several(vec![Outside::Set(set)]));
        }
        text.split(',')
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()
            .map(Several)
    }
}

/// The figures of one pair of sets.
#[derive(Debug, Serialize)]
struct Row<'a> {
    checkpoint: String,
    iteration: u64,
    /// Of the run.
    seed: u64,
    /// Further models.
    ensemble: &'a [Member],
    beta: f64,
    /// Images are scored as they are.
    augmentation: Augmentation,
    /// Which set has the positives of AUROC and AUPR.
    positive: &'static str,
    inside: &'a str,
    inside_n: usize,
    outside: &'a str,
    outside_n: usize,
    #[serde(flatten)]
    figures: Ranking,
}

impl Ood {
    pub(super) fn run(&self) -> Result<()> {
        check_weight("--beta", self.beta, "scores")?;
        let device = self.device.open()?;
        let models = self.further.load(&self.checkpoint, &device)?;
        models.check_trained("ebm")?;
        if self.beta != 0.0
            && let Err(error) = models.check_trained("encoder")
        {
            return Err(Error::Argument {
                argument: format!("--beta {}", self.beta),
                why: format!("weighs the encoder's part, which --beta 0 leaves out: {error}"),
            });
        }
        let (iteration, seed) = (models.first().step, models.first().config.seed);
        let ensemble = self.further.members(&models);
        let shape = models.first().config.data.shape.unwrap_or_default();
        let (inside_name, inside) = images(&self.inside, shape)?;
        // every set is opened before anything is computed
        let others = self.out.iter().flat_map(|several| &several.0);
        let others = others.map(|out| out.load(&inside, shape));
        let others: Vec<(String, ImageSet)> = others.collect::<Result<_>>()?;
        let inside_scores = scores(&models, &inside, self.beta, &device)?;
        if !self.json {
            output::say_in_words(&format!(
                "score       −(½‖f(x)‖² − {}·cos(g(f(x)), h(x))), averaged networks, images without augmentation\n\
                 checkpoint  {}, iteration {iteration}, seed {seed}{}\n\
                 known       {inside_name}, n = {}: the positives of AUROC and AUPR\n\n{:>7} {:>7} {:>7} {:>7}   against",
                self.beta,
                self.checkpoint.display(),
                Member::lines(&ensemble),
                inside.len(),
                "AUROC",
                "AUPR",
                "FPR95",
                "n"
            ))?;
        }
        for (name, set) in others {
            let scores = scores(&models, &set, self.beta, &device)?;
            let row = Row {
                checkpoint: self.checkpoint.display().to_string(),
                iteration,
                seed,
                ensemble: &ensemble,
                beta: self.beta,
                augmentation: Augmentation::None,
                positive: "inside",
                inside: &inside_name,
                inside_n: inside_scores.len(),
                outside: &name,
                outside_n: scores.len(),
                figures: ranking(&inside_scores, &scores)?,
            };
            output::say_in_words(&self.line(&row)?)?;
        }
        Ok(())
    }

    fn line(&self, row: &Row<'_>) -> Result<String> {
        if self.json {
            return output::json(row);
        }
        let f = &row.figures;
        Ok(format!(
            "{:>7.4} {:>7.4} {:>7.4} {:>7}   {}",
            f.auroc, f.aupr, f.fpr95, row.outside_n, row.outside
        ))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        ood: Ood,
    }

    /// β of the ranking is not that of the training, 0.01.
    #[test]
    fn beta_is_a_tenth_unless_it_is_given() {
        let beta = |more: &[&str]| {
            let given = [
                "ood",
                "--checkpoint",
                "c",
                "--in",
                "digits",
                "--out",
                "interp",
            ];
            Program::parse_from([&given[..], more].concat()).ood.beta
        };
        assert_eq!(beta(&[]), 0.1);
        assert_eq!(beta(&["--beta", "0.5"]), 0.5);
        assert_eq!(beta(&["--beta", "0"]), 0.0);
    }

    /// A comma may be part of a path.
    #[test]
    fn a_path_that_is_there_is_not_divided() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("fl,at");
        let text = format!("images:{},interp", folder.display());
        let sets = |text: &str| text.parse::<Several>().map(|several| several.0.len());
        let path = format!("images:{}", folder.display());
        assert_eq!(sets("images:a,interp"), Ok(2));
        assert!(sets(&path).is_err());
        std::fs::create_dir(folder).unwrap();
        assert_eq!(sets(&path), Ok(1));
        assert!(sets(&text).is_err());
    }
}
