//! Several runs on one page.

use std::collections::BTreeSet;

use serde::Serialize;

use super::pictures::{Picture, Pictures};
use super::plots::{Lines, Plot, of_several};
use super::told::{Told, name};
use super::{Page, filled};
use crate::Result;
use crate::report::{Overview, RunDir};

/// What the page's script draws.
#[derive(Serialize)]
struct Content<'a> {
    name: &'a str,
    live: bool,
    runs: Vec<One>,
    plots: Vec<Plot>,
    damage: Vec<String>,
}

/// One of the runs.
#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    told: Told,
    /// Its newest grid of samples.
    grid: Option<Picture>,
    events: Vec<String>,
}

/// Several runs as one page: their curves over one another, their last figures and samples side by side.
///
/// # Errors
/// The page cannot be made into text.
pub fn page_of_several(title: &str, runs: &[RunDir]) -> Result<Page> {
    let names = names(runs);
    let read = runs.iter().map(|run| {
        let (overview, lines) = Overview::with_metrics(run.path());
        (overview, super::figures(lines))
    });
    let (overviews, metrics): (Vec<_>, Vec<_>) = read.unzip();
    let mut damage = Vec::new();
    let mut all = Vec::new();
    let named = runs.iter().zip(&names);
    for ((run, name), (overview, lines)) in named.zip(overviews.into_iter().zip(&metrics)) {
        let told = Told::of(name.clone(), &overview, lines);
        let pictures = Pictures::newest(run, told.shown(lines));
        let found = told.damage.iter().chain(&pictures.damage);
        damage.extend(found.map(|text| format!("{name}: {text}")));
        all.push(One {
            told,
            grid: pictures.grids.into_iter().next(),
            events: overview.interventions,
        });
    }
    let lines = names.iter().zip(&metrics);
    let lines: Vec<Lines<'_>> = lines.map(|(run, lines)| Lines { run, lines }).collect();
    let content = Content {
        name: title,
        live: false,
        runs: all,
        plots: of_several(&lines),
        damage: damage.clone(),
    };
    Ok(Page {
        html: filled(&super::json(&content, runs.first().map(RunDir::path))?),
        damage,
    })
}

/// What the runs are called: as short as they differ.
fn names(runs: &[RunDir]) -> Vec<String> {
    /// Deeper than this no directories are.
    const DEEP: usize = 64;
    let of = |parts| -> Vec<String> { runs.iter().map(|run| name(run, parts)).collect() };
    let distinct = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    (1..DEEP).map(of).find(distinct).unwrap_or_else(|| of(DEEP))
}
