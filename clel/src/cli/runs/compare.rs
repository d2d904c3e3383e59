//! Runs side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::{best, device, number, progress, spent, state, time};
use crate::Result;
use crate::cli::{output, table};
use crate::report::{Overview, one_line};

/// All that is printed.
#[derive(Serialize)]
struct Comparison<'a> {
    runs: &'a [Overview],
    /// For each setting that differs, its value in each run; none where it is not set.
    differences: BTreeMap<String, Vec<Option<Value>>>,
}

/// Prints in what the runs differ.
pub(super) fn say(runs: &[Overview], json: bool) -> Result<()> {
    let differences = differences(runs);
    if json {
        return output::say(&output::json(&Comparison { runs, differences })?);
    }
    let mut rows = vec![row("", runs, |run| one_line(&run.run))];
    rows.push(row("state", runs, state));
    rows.push(row("iterations", runs, progress));
    rows.push(row("best checkpoint", runs, best));
    rows.push(row("time", runs, spent));
    rows.push(row("device", runs, device));
    rows.push(row("changed", runs, |run| time(run.changed)));
    rows.push(vec![]);
    rows.push(vec!["settings that differ".to_owned()]);
    if differences.is_empty() {
        rows.push(vec!["  none".to_owned()]);
    }
    for (key, values) in &differences {
        let values = values.iter().zip(runs).map(|(value, run)| match value {
            Some(value) => value.to_string(),
            None if run.config.is_none() => "?".to_owned(),
            None => "not set".to_owned(),
        });
        rows.push(std::iter::once(format!("  {key}")).chain(values).collect());
    }
    rows.extend(figures(runs));
    table::say_in_parts(&rows)?;
    for run in runs {
        for text in run.damage.iter().chain(&run.interventions) {
            let text = format!("\n{}: {text}", one_line(&run.run));
            output::say_in_words(&output::wrapped(&text, 2))?;
        }
    }
    Ok(())
}

fn row(name: &str, runs: &[Overview], of: impl Fn(&Overview) -> String) -> Vec<String> {
    let cells = runs.iter().map(of);
    std::iter::once(name.to_owned()).chain(cells).collect()
}

/// The settings in which those runs differ whose configuration can be read.
fn differences(runs: &[Overview]) -> BTreeMap<String, Vec<Option<Value>>> {
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

/// The last figures of training, then those of the summaries.
fn figures(runs: &[Overview]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![], vec!["last figures of training".to_owned()]];
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.figures.keys()).collect();
    for name in names {
        rows.push(row(&format!("  {name}"), runs, |run| {
            number(run.figure(name))
        }));
    }
    let mut sets: Vec<&str> = Vec::new();
    for set in runs.iter().filter_map(|run| run.current_summary()) {
        for judged in &set.judged {
            if !sets.contains(&judged.name.as_str()) {
                sets.push(&judged.name);
            }
        }
    }
    if sets.is_empty() {
        return rows;
    }
    let judged = |run: &Overview, name: &str| {
        let sets = &run.current_summary()?.judged;
        sets.iter().find(|set| set.name == name).cloned()
    };
    rows.extend([vec![], vec!["Fréchet distance in the features of the run's own encoder, which compare within a run alone".to_owned()]]);
    for name in &sets {
        rows.push(row(&format!("  {name}"), runs, |run| {
            number(judged(run, name).and_then(|set| set.encoder_frechet))
        }));
    }
    let digits = |run: &Overview, name: &str| judged(run, name)?.digits;
    if runs
        .iter()
        .any(|run| sets.iter().any(|name| digits(run, name).is_some()))
    {
        rows.extend([
            vec![],
            vec!["Fréchet distance in the features of the digit classifier".to_owned()],
        ]);
        for name in &sets {
            rows.push(row(&format!("  {name}"), runs, |run| {
                number(digits(run, name).map(|report| report.frechet))
            }));
        }
    }
    rows.extend([
        vec![],
        row("1-NN accuracy of the encoder", runs, |run| {
            let share = run.current_summary().and_then(|s| s.nearest_neighbour);
            share.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share))
        }),
    ]);
    rows
}
