//! The figures at the end of a run.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pace::duration;
use crate::eval::DigitReport;
use crate::words::counted;
use crate::{Error, Result, whole_file};

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Optimiser steps taken in all.
    pub iterations: u64,
    /// Where the last part of the run was computed, and what that was tuned for; nothing in files of older versions.
    #[serde(default)]
    pub device: String,
    /// Wall-clock time of all parts of the run.
    pub seconds: f64,
    /// Sets of images, each judged in the same way: noise, samples, held-out data.
    pub judged: Vec<Judged>,
    /// Share of held-out images whose nearest training image, in the averaged encoder's features,
    /// has the same label.
    pub nearest_neighbour: Option<f64>,
    /// Pictures worth a look.
    pub pictures: Vec<PathBuf>,
    /// What happened to the run on the way: times that it went back, damaged checkpoints.
    #[serde(default)]
    pub interventions: Vec<String>,
}

/// The figures of one set of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What the images are.
    pub name: String,
    /// How many there are.
    pub images: usize,
    /// Squared Fréchet distance to the training images in the features of the run's own averaged
    /// encoder: comparable within the run alone, and no FID; none without a trained encoder.
    pub encoder_frechet: Option<f64>,
    /// What the fixed classifier says, where the data are the embedded digits.
    pub digits: Option<DigitReport>,
}

impl Summary {
    /// Writes `summary.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        whole_file::write_json(path, self)
    }

    /// Reads one; nothing, if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Option<Summary>> {
        let Some(text) = whole_file::read_if_there(path)? else {
            return Ok(None);
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::format(path, place, format!("not a summary of a run: {error}"))
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, {}",
            counted(self.iterations as usize, "iteration"),
            duration(self.seconds)
        )?;
        if !self.judged.is_empty() {
            writeln!(
                f,
                "\nFréchet distance to the training images, in the features of"
            )?;
            writeln!(
                f,
                "{:<34} {:>12} {:>18}   taken for digits, by kind 0 to 9",
                "", "this encoder", "digit classifier"
            )?;
        }
        for set in &self.judged {
            let name = format!("{} {}", set.images, set.name);
            let own = set
                .encoder_frechet
                .map_or("-".to_owned(), |d| format!("{d:.3}"));
            write!(f, "{name:<34} {own:>12}")?;
            if let Some(d) = &set.digits {
                let share = 100.0 * d.recognised;
                write!(f, " {:>18.2}   {share:.0} %: {:?}", d.frechet, d.kinds)?;
            }
            writeln!(f)?;
        }
        if let Some(share) = self.nearest_neighbour {
            writeln!(
                f,
                "\n1-NN accuracy of the encoder on held-out images: {:.1} %",
                100.0 * share
            )?;
        }
        for event in &self.interventions {
            writeln!(f, "\n{event}")?;
        }
        for picture in &self.pictures {
            write!(f, "\n{}", picture.display())?;
        }
        Ok(())
    }
}
