//! Whether samples are of the class that was asked for.

use serde::Serialize;

use crate::data::ImageSet;
use crate::features::{FeatureNetwork, extract};
use crate::{Error, Result};

/// For each image the class that a classifier finds likeliest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// The classifier.
    pub judge: String,
    /// How many classes it knows.
    pub classes: usize,
    /// One of them that stands for none of the others.
    pub nothing: Option<usize>,
    /// The class of each image.
    pub taken: Vec<usize>,
}

impl Verdicts {
    /// What a classifier takes images for.
    ///
    /// # Errors
    /// The network is no classifier, or takes images of another size; what the device reports.
    pub fn of(judge: &dyn FeatureNetwork, images: &ImageSet) -> Result<Verdicts> {
        let found = extract(judge, images)?;
        let (Some((classes, _)), Some(taken)) = (&found.probabilities, found.likeliest()) else {
            return Err(Error::Mismatch {
                what: format!("judge {}", judge.name()),
                found: "features alone".to_owned(),
                expected: "a classifier".to_owned(),
            });
        };
        Ok(Verdicts {
            judge: judge.name(),
            classes: *classes,
            nothing: None,
            taken,
        })
    }
}

/// How many samples are taken for the class that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The classifier.
    pub judge: String,
    /// A class of the judge that stands for none of the others.
    pub nothing: Option<usize>,
    /// Samples of which a class was asked.
    pub n: usize,
    /// Those of them that are taken for it, or for one of several.
    pub agreed: usize,
    /// Their share; none if no class was asked for.
    pub accuracy: Option<f64>,
    /// The confusion matrix, row by row.
    pub rows: Vec<Row>,
}

/// Samples that were asked for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What that was.
    pub asked: String,
    /// The classes for any of which samples may be taken; none if that cannot be said.
    pub classes: Vec<usize>,
    /// How many are taken for each class of the judge.
    pub taken: Vec<usize>,
}

impl Row {
    /// How many are taken for a class that was asked for.
    pub fn agreed(&self) -> usize {
        let counted = |(class, n): (usize, &usize)| self.classes.contains(&class).then_some(*n);
        self.taken.iter().enumerate().filter_map(counted).sum()
    }
}

impl Agreement {
    /// Counts verdicts: sample i belongs to row `of_sample(i)` of `asked`, what was asked for and for which classes it may be taken.
    ///
    /// # Errors
    /// A class that the judge does not know.
    pub fn count(
        verdicts: &Verdicts,
        asked: Vec<(String, Vec<usize>)>,
        of_sample: impl Fn(usize) -> usize,
    ) -> Result<Agreement> {
        let mut rows = Vec::with_capacity(asked.len());
        for (asked, classes) in asked {
            if let Some(class) = classes.iter().find(|class| **class >= verdicts.classes) {
                return Err(Error::Mismatch {
                    what: format!("class {class} ({asked})"),
                    found: format!("{} with {} classes", verdicts.judge, verdicts.classes),
                    expected: "a judge that knows it".to_owned(),
                });
            }
            rows.push(Row {
                asked,
                classes,
                taken: vec![0; verdicts.classes],
            });
        }
        for (sample, class) in verdicts.taken.iter().enumerate() {
            rows[of_sample(sample)].taken[*class] += 1;
        }
        let wanted = || rows.iter().filter(|row| !row.classes.is_empty());
        let n = wanted().flat_map(|row| &row.taken).sum();
        let agreed = wanted().map(Row::agreed).sum();
        Ok(Agreement {
            judge: verdicts.judge.clone(),
            nothing: verdicts.nothing,
            n,
            agreed,
            accuracy: (n > 0).then(|| agreed as f64 / n as f64),
            rows,
        })
    }
}
