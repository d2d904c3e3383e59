//! In what runs differ: their settings, and the figures at their ends.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::{Judged, Overview, short};
use crate::config::in_words;

/// For each setting in which those runs differ whose configuration can be read, its value in each run; none where it is not set.
pub(crate) fn differences(runs: &[Overview]) -> BTreeMap<String, Vec<Option<Value>>> {
    let settings = runs.iter().map(|run| Some(run.config.as_ref()?.settings()));
    let settings: Vec<Option<BTreeMap<String, Value>>> = settings.collect();
    let keys: BTreeSet<&String> = settings.iter().flatten().flat_map(|s| s.keys()).collect();
    let values = |key: &String| -> Vec<Option<Value>> {
        let of = |s: &Option<BTreeMap<String, Value>>| s.as_ref()?.get(key).cloned();
        settings.iter().map(of).collect()
    };
    let differs = |values: &[Option<Value>]| {
        let known = values.iter().zip(&settings).filter(|(_, s)| s.is_some());
        let mut known = known.map(|(value, _)| value);
        let first = known.next();
        known.any(|value| Some(value) != first)
    };
    keys.into_iter()
        .map(|key| (key.clone(), values(key)))
        .filter(|(_, values)| differs(values))
        .collect()
}

/// A run's value of a setting in words.
pub(crate) fn setting(value: Option<&Value>, run: &Overview) -> String {
    match value {
        Some(value) => in_words(value),
        None if run.config.is_none() => "?".to_owned(),
        None => "not set".to_owned(),
    }
}

/// Figures of the summaries that are of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub heading: &'static str,
    pub figures: Vec<Figure>,
}

/// One figure of all runs.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What it is of.
    pub name: String,
    /// In words, one for each run that has come to it.
    pub values: Vec<Option<String>>,
}

/// The figures of the summaries, as far as any run has come to them. A summary of an earlier iteration than the run's last is none.
pub(crate) fn at_end(runs: &[Overview]) -> Vec<Group> {
    let judged = |of: fn(&Judged) -> Option<f64>| {
        let figures = sets(runs).into_iter().map(|name| {
            let value = |run: &Overview| {
                let mut sets = run.current_summary()?.judged.iter();
                sets.find(|set| set.name == name).and_then(of).map(short)
            };
            Figure {
                name: name.to_owned(),
                values: runs.iter().map(value).collect(),
            }
        });
        figures.collect()
    };
    let neighbour = |run: &Overview| {
        let share = run.current_summary()?.nearest_neighbour?;
        Some(format!("{:.1} %", 100.0 * share))
    };
    let mut groups = vec![
        Group {
            heading: "Fréchet distance in the features of the run's own encoder, which compares within a run alone",
            figures: judged(|set| set.encoder_frechet),
        },
        Group {
            heading: "Fréchet distance in the features of the digit classifier",
            figures: judged(|set| Some(set.digits.as_ref()?.frechet)),
        },
        Group {
            heading: "1-NN accuracy of the encoder",
            figures: vec![Figure {
                name: "held-out images".to_owned(),
                values: runs.iter().map(neighbour).collect(),
            }],
        },
    ];
    for group in &mut groups {
        group
            .figures
            .retain(|f| f.values.iter().any(Option::is_some));
    }
    groups.retain(|group| !group.figures.is_empty());
    groups
}

/// The names of all sets of images that were judged, in their order.
fn sets(runs: &[Overview]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let summaries = runs.iter().filter_map(Overview::current_summary);
    for set in summaries.flat_map(|summary| &summary.judged) {
        if !names.contains(&set.name.as_str()) {
            names.push(&set.name);
        }
    }
    names
}
