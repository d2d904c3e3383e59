//! A run as an HTML page: one file with nothing to load from elsewhere, or a page that follows the run.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::names::{GROUPS, Group, label};
use super::pace::duration;
use super::{BestCheckpoint, Overview, RunDir, State, Summary, local, run_dir::entries};
use crate::{Error, Result};

/// Grids of samples in a page at most; of more, as many are taken evenly.
const GRIDS: usize = 60;

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
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(MARK)
}

/// What the page's script draws.
#[derive(Serialize)]
struct Content {
    name: String,
    /// Whether the page follows the run; a file tells how the run was when it was written.
    live: bool,
    /// How the run stands.
    state: State,
    /// Iterations done.
    iterations: u64,
    /// Iterations of the whole run.
    planned: Option<u64>,
    /// Where its last part was computed.
    device: Option<String>,
    /// When it began, how long it has trained, by which version, in words.
    spent: Vec<String>,
    /// What is wrong with its files.
    damage: Vec<String>,
    /// The checkpoint that is kept as the best.
    best: Option<BestCheckpoint>,
    /// What people call the figure that decides.
    best_by: Option<&'static str>,
    /// config.toml.
    config: String,
    /// Which figures are drawn together, and what they are called.
    groups: &'static [Group],
    /// Lines of metrics, those with events among them.
    metrics: Vec<Map<String, Value>>,
    /// Grids of samples, in the order of their steps.
    grids: Vec<Picture>,
    /// Pictures with names of their own.
    pictures: Vec<Picture>,
    /// summary.json, if the run has come to its end.
    summary: Option<Summary>,
}

#[derive(Serialize)]
struct Picture {
    name: String,
    /// The PNG file itself as a data URL, or where it is served.
    url: String,
}

/// A run as an HTML page: configuration, curves, grids of samples over time, the figures at the end, and what happened on the way.
///
/// # Errors
/// Not a run directory; a file of it cannot be read, or holds something else.
pub fn page(run: &RunDir) -> Result<String> {
    Ok(filled(&content(run, Pictures::Within)?))
}

/// The same page, which asks for `version` and, where that is another one, for `content`, and for its pictures.
///
/// # Errors
/// Those of [`page`].
pub(super) fn live_page(run: &RunDir) -> Result<String> {
    Ok(filled(&live_content(run)?))
}

/// What the live page shows, as JSON.
///
/// # Errors
/// Those of [`page`].
pub(super) fn live_content(run: &RunDir) -> Result<String> {
    content(run, Pictures::Beside)
}

/// Says whether the run has written anything since: other words, other content.
pub(super) fn version(run: &RunDir) -> String {
    let folder = run.path();
    let files = ["config.toml", "metrics.jsonl", "samples", "summary.json"];
    let state = files.map(|file| match folder.join(file).metadata() {
        Ok(known) => format!("{}@{}", known.len(), changed(&known)),
        Err(_) => "-".to_owned(),
    });
    format!("{} {}", state.join(" "), run.is_training())
}

/// When a file was last written, in nanoseconds.
fn changed(file: &std::fs::Metadata) -> u128 {
    let since = file.modified().ok().map(|t| t.duration_since(UNIX_EPOCH));
    since
        .and_then(std::result::Result::ok)
        .map_or(0, |t| t.as_nanos())
}

/// Where the page has its pictures from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pictures {
    /// They are part of it.
    Within,
    /// They are served beside it.
    Beside,
}

fn content(run: &RunDir, place: Pictures) -> Result<String> {
    let config = run.config_path();
    let metrics = run.read_metrics()?;
    let last = metrics
        .iter()
        .filter_map(|line| line["step"].as_u64())
        .max();
    let (grids, pictures) = pictures(run, last.unwrap_or(0), place)?;
    let told = Overview::of(run.path());
    // `.` and `..` have names of their own
    let whole = run.path().canonicalize();
    let whole = whole.as_deref().unwrap_or(run.path());
    let name = whole.file_name().map(|n| n.to_string_lossy().into_owned());
    let best = run.best_checkpoint(run.read_config()?.log.best)?;
    let content = Content {
        name: name.unwrap_or_else(|| run.path().display().to_string()),
        live: place == Pictures::Beside,
        state: told.state,
        iterations: told.iterations,
        planned: told.planned,
        device: told.device().map(str::to_owned),
        spent: spent(&told),
        damage: told.damage,
        best_by: best.as_ref().map(|best| label(best.by)),
        best,
        config: std::fs::read_to_string(&config).map_err(Error::read(&config))?,
        groups: &GROUPS,
        metrics,
        grids,
        pictures,
        summary: Summary::read(&run.summary_path())?,
    };
    serde_json::to_string(&content)
        .map_err(|error| Error::format(run.path(), "metrics", error.to_string()))
}

/// When a run began, how long it has trained, by which version, as far as its directory tells.
fn spent(told: &Overview) -> Vec<String> {
    let spent = told.spent.as_ref();
    let begun = spent.and_then(|spent| spent.begun);
    let begun = begun.map(|at| format!("begun {}", local(at)));
    let trained = told.seconds();
    let trained = trained.map(|seconds| format!("{} of training", duration(seconds)));
    let version = spent.map(|spent| format!("clel {}", spent.version));
    [begun, trained, version].into_iter().flatten().collect()
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

/// Grids of samples up to a step, and the other pictures. Grids of later steps are of a branch that the run went back from.
fn pictures(run: &RunDir, last: u64, place: Pictures) -> Result<(Vec<Picture>, Vec<Picture>)> {
    let folder = run.samples_folder();
    let mut names = Vec::new();
    for path in entries(&folder)? {
        if path.extension().is_some_and(|e| e == "png")
            && let Some(stem) = path.file_stem()
        {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    let (mut grids, others): (Vec<String>, Vec<String>) = names
        .into_iter()
        .partition(|name| name.starts_with("step-"));
    grids.retain(|name| {
        name["step-".len()..]
            .parse::<u64>()
            .is_ok_and(|step| step <= last)
    });
    let read = |name: String| -> Result<Picture> {
        let path = folder.join(format!("{name}.png"));
        if place == Pictures::Beside {
            // a picture that is drawn anew has another address, so that no browser shows the old one
            let known = path.metadata().map_err(Error::read(&path))?;
            let url = format!("samples/{name}.png?{}", changed(&known));
            return Ok(Picture { name, url });
        }
        let png = std::fs::read(&path).map_err(Error::read(&path))?;
        let url = format!("data:image/png;base64,{}", STANDARD.encode(png));
        Ok(Picture { name, url })
    };
    let last = grids.len().saturating_sub(1);
    let taken = grids.len().min(GRIDS);
    // the first and the last are among them
    let chosen =
        (0..taken).map(|i| grids[if taken > 1 { i * last / (taken - 1) } else { 0 }].clone());
    let grids = chosen.map(read).collect::<Result<_>>()?;
    Ok((grids, others.into_iter().map(read).collect::<Result<_>>()?))
}
