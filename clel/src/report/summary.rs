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
        let mut summary: Summary = serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::format(path, place, format!("not a summary of a run: {error}"))
        })?;
        // the run may have been moved since, or be looked at from another folder
        let samples = path.with_file_name("samples");
        for picture in &mut summary.pictures {
            // what is no text cannot be told as JSON
            if let (Some(name), Some(_)) = (picture.file_name(), samples.to_str()) {
                *picture = samples.join(name);
            }
        }
        Ok(Some(summary))
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
        self.distances(f)?;
        self.digits(f)?;
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

// no line is wider than a usual terminal: the longest names that a run gives, and three digits of each kind.
impl Summary {
    fn distances(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.judged.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nFréchet distance to the training images, in the features of"
        )?;
        let digits = self.judged.iter().any(|set| set.digits.is_some());
        let classifier = if digits { "digit classifier" } else { "" };
        let heading = format!("{:<34} {:>12} {classifier:>18}", "", "this encoder");
        writeln!(f, "{}", heading.trim_end())?;
        for set in &self.judged {
            let own = set.encoder_frechet;
            let own = own.map_or("-".to_owned(), |d| format!("{d:.3}"));
            write!(f, "{:<34} {own:>12}", set.counted())?;
            if let Some(digits) = &set.digits {
                write!(f, " {:>18.2}", digits.frechet)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn digits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judged = self.judged.iter();
        let judged = judged.filter_map(|set| Some((set, set.digits.as_ref()?)));
        let judged: Vec<(&Judged, &DigitReport)> = judged.collect();
        let counts = judged.iter().flat_map(|(_, digits)| digits.kinds);
        let Some(most) = counts.max() else {
            return Ok(());
        };
        let wide = most.to_string().len().max(2) + 1;
        let cells = |counts: [usize; 10]| counts.map(|count| format!("{count:>wide$}")).concat();
        let kinds = cells(std::array::from_fn(|kind| kind));
        writeln!(f, "\n{:<33} {:>5}{kinds}", "taken for digits, by kind", "")?;
        for (set, digits) in judged {
            // all but one are not all, and 0.29 is a little less than 29 hundredths
            let share = (100.0 * digits.recognised + 1e-9).floor();
            let counts = cells(digits.kinds);
            writeln!(f, "{:<33} {share:>3.0} %{counts}", set.counted())?;
        }
        Ok(())
    }
}

impl Judged {
    /// How many of what.
    fn counted(&self) -> String {
        format!("{} {}", self.images, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_usual_terminal() {
        let digits = |kind: usize| DigitReport {
            images: 1000,
            frechet: 884.38,
            recognised: 1.0,
            kinds: [kind; 10],
        };
        let judged = [
            "samples of the replay buffer",
            "fresh chains, 10 × 20 steps",
        ];
        let mut summary = Summary {
            iterations: 1500,
            device: String::new(),
            seconds: 139.0,
            judged: judged
                .map(|name| Judged {
                    name: name.to_owned(),
                    images: 1000,
                    encoder_frechet: Some(1.187),
                    digits: Some(digits(100)),
                })
                .into(),
            nearest_neighbour: Some(0.987),
            pictures: Vec::new(),
            interventions: Vec::new(),
        };
        let told = summary.to_string();
        let wide = told.lines().map(|line| line.chars().count()).max();
        assert_eq!(wide, Some(79), "{told}");
        for part in [
            "1000 samples of the replay buffer         1.187             884.38",
            "1000 samples of the replay buffer 100 % 100 100",
            "taken for digits, by kind                 0   1   2",
        ] {
            assert!(told.contains(part), "{part:?} is not in\n{told}");
        }
        for set in &mut summary.judged {
            set.digits = None;
        }
        let told = summary.to_string();
        assert!(!told.contains("digit"), "{told}");
    }
}
