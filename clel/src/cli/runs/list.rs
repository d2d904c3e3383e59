//! A line for each run.

use std::path::Path;

use serde::Serialize;

use super::order::is_figure;
use super::{best, device, number, progress, spent, state, time};
use crate::Result;
use crate::cli::{output, table};
use crate::error::as_argument;
use crate::report::{Judged, Overview, is_run, one_line, spelt};

/// All that is printed.
#[derive(Serialize)]
struct Listing<'a> {
    #[serde(serialize_with = "spelt")]
    folder: &'a Path,
    runs: &'a [Overview],
}

/// The columns that a narrow terminal goes without, the least important one first.
const LEAST: [&str; 10] = [
    "device",
    "network",
    "data",
    "time",
    "Fréchet, own encoder",
    "digits",
    "E(samples)",
    "E(data)",
    "best",
    "changed",
];

/// A column of longer cells than this is shortened before others have to go, but not to less.
const SHORTEST: usize = 12;

/// Damage of a run that a list of many tells.
const DAMAGE: usize = 3;

/// Prints the runs of a folder, or one; the column of what they are ordered by is always there.
pub(super) fn say(
    folder: &Path,
    runs: &[Overview],
    ordered_by: Option<&str>,
    json: bool,
) -> Result<()> {
    if json {
        return output::say(&output::json(&Listing { folder, runs })?);
    }
    if runs.is_empty() {
        return output::say_in_words(&format!("no run directories in {}", one_line(folder)));
    }
    let heading = [
        "run",
        "state",
        "data",
        "network",
        "iterations",
        "E(data)",
        "E(samples)",
        "gap",
        "Fréchet, own encoder",
        "digits",
        "best",
        "time",
        "device",
        "changed",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| row(folder, run)));
    let other = ordered_by.filter(|key| is_figure(key) && !heading.contains(key));
    if let Some(figure) = other {
        insert(&mut rows, figure, runs);
    }
    let mut rows = table::in_locale(&rows);
    let whole = rows.clone();
    let room = output::width();
    let gone = room.map(|room| {
        table::shorten(&mut rows, room, "device", SHORTEST);
        let least = LEAST.into_iter().filter(|name| Some(*name) != ordered_by);
        table::narrow(&mut rows, room, least)
    });
    match room.filter(|room| table::width(&rows) > *room) {
        Some(_) => blocks(&whole)?,
        None => {
            table::say(&rows, false)?;
            if let Some(gone) = gone.filter(|gone| !gone.is_empty()) {
                let gone = format!("no room: {}; see --json", gone.join(", "));
                output::say_in_words(&output::wrapped(&gone, 2))?;
            }
        }
    }
    // of runs that are many, what was last; of one that was named, all
    let [events, damage] = match is_run(folder) {
        true => [usize::MAX; 2],
        false => [1, DAMAGE],
    };
    for run in runs {
        let all = &run.happened;
        let older = all.len().saturating_sub(events);
        let newest = &all[older..];
        tell(folder, run, "on the way", newest, older)?;
    }
    // nearest to where the reader goes on
    for run in runs {
        let (first, others) = run.damage.split_at(run.damage.len().min(damage));
        tell(folder, run, "damaged", first, others.len())?;
    }
    Ok(())
}

/// Tells texts about a run, a line each; with the last one how many more there are.
fn tell(folder: &Path, run: &Overview, what: &str, texts: &[String], more: usize) -> Result<()> {
    for (i, text) in texts.iter().enumerate() {
        let mut text = format!("{}: {what}: {text}", name(folder, run));
        if more > 0 && i + 1 == texts.len() {
            text += &format!(" … and {more} more: `clel runs {}`", as_argument(&run.run));
        }
        output::say_in_words(&output::wrapped(&text, 2))?;
    }
    Ok(())
}

/// A column of another figure, after those of the energies.
fn insert(rows: &mut [Vec<String>], figure: &str, runs: &[Overview]) {
    let place = rows[0].iter().position(|name| name == "gap");
    let cells = runs.iter().map(|run| number(run.figure(figure)));
    let cells = std::iter::once(figure.to_owned()).chain(cells);
    for (row, cell) in rows.iter_mut().zip(cells) {
        row.insert(place.map_or(row.len(), |gap| gap + 1), cell);
    }
}

/// Each run in lines of its own, where a row of the table would be wider than the terminal.
fn blocks(rows: &[Vec<String>]) -> Result<()> {
    let Some((headings, runs)) = rows.split_first() else {
        return Ok(());
    };
    for run in runs {
        output::say_in_words(&run[0])?;
        let cells = headings.iter().zip(run).skip(1);
        let cells = cells.filter(|(_, cell)| !cell.is_empty());
        let cells: Vec<String> = cells.map(|(name, cell)| format!("{name} {cell}")).collect();
        let text = format!("  {}", cells.join(" · "));
        output::say_in_words(&output::wrapped(&text, 2))?;
    }
    Ok(())
}

fn row(folder: &Path, run: &Overview) -> Vec<String> {
    let word = |name: Option<&str>| name.unwrap_or("?").to_owned();
    vec![
        name(folder, run),
        state(run),
        word(run.data),
        word(run.network),
        progress(run),
        number(run.figure("E(data)")),
        number(run.figure("E(samples)")),
        number(run.figure("gap")),
        distances(run, |set| set.encoder_frechet),
        distances(run, |set| Some(set.digits.as_ref()?.frechet)),
        best(run),
        spent(run),
        device(run),
        time(run.changed),
    ]
}

/// The directory's own name, that of an experiment's run its path in the folder.
fn name(folder: &Path, run: &Overview) -> String {
    let inner = run.run.strip_prefix(folder).unwrap_or(&run.run);
    let own = run.run.file_name().unwrap_or(run.run.as_os_str());
    let name = match inner.as_os_str().is_empty() {
        true => Path::new(own),
        false => inner,
    };
    one_line(name)
}

/// A distance of the samples of the replay buffer and of the fresh chains.
fn distances(run: &Overview, of: impl Fn(&Judged) -> Option<f64>) -> String {
    let sets = run.current_summary().map_or(&[][..], |s| &s.judged);
    let samples = sets
        .iter()
        .filter(|set| set.name.contains("buffer") || set.name.contains("fresh"));
    let all: Vec<String> = samples.filter_map(of).map(|d| number(Some(d))).collect();
    all.join(" / ")
}
