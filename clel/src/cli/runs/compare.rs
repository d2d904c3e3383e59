//! Runs side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::{best, device, number, progress, spent, state, time};
use crate::Result;
use crate::cli::{output, table};
use crate::report::{Figure, Overview, at_end, differences, one_line, setting};

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
        let values = values.iter().zip(runs);
        let values = values.map(|(value, run)| setting(value.as_ref(), run));
        rows.push(std::iter::once(format!("  {key}")).chain(values).collect());
    }
    rows.extend(figures(runs));
    table::say_in_parts(&rows)?;
    for run in runs {
        for text in run.damage.iter().chain(&run.happened) {
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

/// The last figures of training, then those of the summaries.
fn figures(runs: &[Overview]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![], vec!["last figures of training".to_owned()]];
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.figures.keys()).collect();
    for name in names {
        rows.push(row(&format!("  {name}"), runs, |run| {
            number(run.figure(name))
        }));
    }
    for group in at_end(runs) {
        rows.extend([vec![], vec![group.heading.to_owned()]]);
        for Figure { name, values } in group.figures {
            let cells = values.into_iter().map(Option::unwrap_or_default);
            rows.push(std::iter::once(format!("  {name}")).chain(cells).collect());
        }
    }
    rows
}
