//! A run as an HTML page: one file with nothing to load from elsewhere, or a page that follows the run.

mod pictures;
mod plots;
mod several;
mod told;

use std::io::Read;
use std::path::Path;

use clel_nn::files::open_regular;
use serde::Serialize;

pub(super) use self::pictures::changed;
use self::pictures::{Picture, Pictures, Place};
use self::plots::Plot;
pub use self::several::{Member, ResultTables, Several, VariantRun};
use self::told::{Told, name, spent};
use super::history::History;
use super::names::label;
use super::{BestCheckpoint, Overview, RunDir, Summary};
use crate::{Error, Result};

const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const PLOT_STYLE: &str = include_str!("../../../assets/uplot/uPlot.min.css");
const PLOT_SCRIPT: &str = include_str!("../../../assets/uplot/uPlot.iife.min.js");

/// What the head of each page has, and hardly another file.
const MARK: &str = "<meta name=\"generator\" content=\"clel report\">";
/// Bytes of a file within which the mark is looked for.
const HEAD: u64 = 1024;

/// Whether a file is a page of this program, of any run.
pub fn is_page(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_regular(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(MARK)
}

/// A page, and what on it is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The file.
    pub html: String,
    /// What is wrong with the files that it was made of. The page has it at its top, and shows what can be read.
    pub damage: Vec<String>,
}

/// What the page's script draws.
#[derive(Serialize)]
struct Content {
    #[serde(flatten)]
    told: Told,
    /// Whether the page follows the run; a file tells how the run was when it was written.
    live: bool,
    /// When it began, how long it took so far, by which version, in words.
    spent: Vec<String>,
    /// The checkpoint that is kept as the best.
    best: Option<BestCheckpoint>,
    /// What people call the figure that decides.
    best_by: Option<&'static str>,
    /// config.toml.
    config: String,
    /// What happened on the way.
    events: Vec<Event>,
    /// The curves.
    plots: Vec<Plot>,
    /// Grids of samples, in the order of their steps.
    grids: Vec<Picture>,
    /// Pictures with names of their own.
    pictures: Vec<Picture>,
    /// summary.json, if the run has come to its end.
    summary: Option<Summary>,
}

#[derive(Serialize)]
struct Event {
    step: u64,
    text: String,
}

impl Event {
    fn of((step, text): &(u64, String)) -> Event {
        Event {
            step: *step,
            text: text.clone(),
        }
    }
}

/// A run as an HTML page: configuration, curves, grids of samples over time, the figures at the end, and what happened on the way.
/// What is damaged is left out and told.
///
/// # Errors
/// The page cannot be made into text.
pub fn page(run: &RunDir) -> Result<Page> {
    let content = content(run, &mut History::default(), Place::Within);
    Ok(Page {
        html: filled(&json(&content, Some(run.path()))?),
        damage: content.told.damage,
    })
}

/// The same page, which asks for `version` and, where that is another one, for `content`, and for its pictures.
///
/// # Errors
/// Those of [`page`].
pub(super) fn live_page(run: &RunDir, history: &mut History) -> Result<String> {
    Ok(filled(&live_content(run, history)?))
}

/// What the live page shows, as JSON. Of the metrics is read what has come since `history` was.
///
/// # Errors
/// Those of [`page`].
pub(super) fn live_content(run: &RunDir, history: &mut History) -> Result<String> {
    json(&content(run, history, Place::Beside), Some(run.path()))
}

/// Says whether the run has written anything since: other words, other content.
pub(super) fn version(run: &RunDir) -> String {
    let folder = run.path();
    let files = [
        "config.toml",
        "metrics.jsonl",
        "samples",
        "checkpoints",
        "summary.json",
        "time.json",
    ];
    let state = files.map(|file| match folder.join(file).metadata() {
        Ok(known) => format!("{}@{}", known.len(), changed(&known)),
        Err(_) => "-".to_owned(),
    });
    format!("{} {}", state.join(" "), run.is_training())
}

fn json(content: &impl Serialize, of: Option<&Path>) -> Result<String> {
    serde_json::to_string(content).map_err(|error| {
        let of = of.unwrap_or(Path::new("the runs"));
        Error::format(of, "metrics", error.to_string())
    })
}

fn content(run: &RunDir, history: &mut History, place: Place) -> Content {
    let overview = Overview::with_history(run.path(), history);
    let mut told = Told::of(name(run, 1), &overview, history);
    let summary = overview.summary.as_ref();
    let pictures = Pictures::of(run, told.shown(history), summary, place);
    told.damage.extend(pictures.damage);
    // what cannot be read the damage tells
    let config = std::fs::read(run.config_path()).unwrap_or_default();
    Content {
        told,
        live: place == Place::Beside,
        spent: spent(&overview),
        best_by: overview.best.as_ref().map(|best| label(best.by)),
        best: overview.best,
        config: String::from_utf8_lossy(&config).into_owned(),
        events: history.events().iter().map(Event::of).collect(),
        plots: plots::of_run(history),
        grids: pictures.grids,
        pictures: pictures.others,
        summary: overview.summary,
    }
}

/// The page around its content.
fn filled(json: &str) -> String {
    // nothing in the run can end the script that it stands in
    let json = json.replace('<', "\\u003c");
    // the content last, lest a placeholder in it be filled in
    [
        ("{{plot_style}}", PLOT_STYLE),
        ("{{style}}", STYLE),
        ("{{plot_script}}", PLOT_SCRIPT),
        ("{{script}}", SCRIPT),
        ("{{content}}", &json),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |page, (place, text)| {
        page.replacen(place, text, 1)
    })
}
