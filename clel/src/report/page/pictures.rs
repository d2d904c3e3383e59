//! Pictures of a page.

use std::path::Path;
use std::time::UNIX_EPOCH;

use base64::{Engine, engine::general_purpose::STANDARD};
use clel_nn::files::read_regular;
use serde::Serialize;

use crate::report::run_dir::entries;
use crate::report::{FRESH_CHAINS, RunDir, Summary};

/// Grids of samples in a page at most; of more, as many are taken evenly.
const GRIDS: usize = 60;
/// What a PNG file begins with, and ends with.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const END: &[u8] = b"IEND\xaeB`\x82";

/// Where a page has its pictures from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// They are part of it.
    Within,
    /// They are served beside it.
    Beside,
}

#[derive(Serialize)]
pub(super) struct Picture {
    name: String,
    /// What it shows.
    caption: String,
    /// The PNG file itself as a data URL, or where it is served; none if it is damaged.
    url: Option<String>,
}

/// All pictures of a run.
pub(super) struct Pictures {
    /// Grids of samples, in the order of their steps.
    pub grids: Vec<Picture>,
    /// Pictures with names of their own.
    pub others: Vec<Picture>,
    /// What is wrong with some.
    pub damage: Vec<String>,
}

impl Pictures {
    /// Grids of samples up to a step, and the other pictures. Grids of later steps are of a branch that the run went back from.
    pub fn of(run: &RunDir, last: u64, summary: Option<&Summary>, place: Place) -> Pictures {
        let mut damage = Vec::new();
        let (steps, others) = names(run, last, &mut damage);
        let end = steps.len().saturating_sub(1);
        let taken = steps.len().min(GRIDS);
        // the first and the last are among them
        let chosen = (0..taken).map(|i| steps[if taken > 1 { i * end / (taken - 1) } else { 0 }]);
        let chosen: Vec<u64> = chosen.collect();
        let grids = chosen
            .into_iter()
            .map(|step| grid(run, step, place, &mut damage));
        let grids = grids.collect();
        let others = others.into_iter().map(|name| {
            let caption = caption(&name, summary);
            picture(&run.picture_path(&name), name, caption, place, &mut damage)
        });
        Pictures {
            others: others.collect(),
            grids,
            damage,
        }
    }

    /// The newest grid alone.
    pub fn newest(run: &RunDir, last: u64) -> Pictures {
        let mut damage = Vec::new();
        let (steps, _) = names(run, last, &mut damage);
        let newest = steps.last();
        let grids = newest.map(|step| grid(run, *step, Place::Within, &mut damage));
        Pictures {
            grids: grids.into_iter().collect(),
            others: Vec::new(),
            damage,
        }
    }
}

/// The steps of the grids up to one, and the names of the other pictures.
fn names(run: &RunDir, last: u64, damage: &mut Vec<String>) -> (Vec<u64>, Vec<String>) {
    let found = entries(&run.samples_folder());
    let found = found.unwrap_or_else(|error| {
        damage.push(error.in_one_line());
        Vec::new()
    });
    let (mut steps, mut others) = (Vec::new(), Vec::new());
    for path in found {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let png = path.extension().is_some_and(|e| e == "png");
        let Some(stem) = stem.filter(|_| png) else {
            continue;
        };
        match stem.strip_prefix("step-") {
            Some(step) => steps.extend(step.parse::<u64>()),
            None => others.push(stem.into_owned()),
        }
    }
    steps.retain(|step| *step <= last);
    steps.sort_unstable();
    others.sort();
    (steps, others)
}

fn grid(run: &RunDir, step: u64, place: Place, damage: &mut Vec<String>) -> Picture {
    let caption = format!("samples of the replay buffer after iteration {step}");
    let path = run.samples_path(step);
    picture(&path, step.to_string(), caption, place, damage)
}

/// What a picture with a name of its own shows.
fn caption(name: &str, summary: Option<&Summary>) -> String {
    if name != FRESH_CHAINS {
        return name.replace('-', " ");
    }
    let Some(summary) = summary else {
        return "fresh chains; nothing tells after which iteration".to_owned();
    };
    // `fresh chains, 10 × 20 steps`
    let known = summary.judged.iter().map(|set| &set.name);
    let known = known
        .into_iter()
        .find(|set| set.starts_with("fresh chains"));
    let chains = known.map_or("fresh chains", String::as_str);
    format!("{chains}, after iteration {}", summary.iterations)
}

/// A file, or what is wrong with it.
fn picture(
    path: &Path,
    name: String,
    caption: String,
    place: Place,
    damage: &mut Vec<String>,
) -> Picture {
    let url = match (read_regular(path), place) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(png), _) if !png.starts_with(SIGNATURE) || !png.ends_with(END) => {
            Err("not a whole PNG file".to_owned())
        }
        (Ok(png), Place::Within) => match image::load_from_memory(&png) {
            Ok(_) => Ok(format!("data:image/png;base64,{}", STANDARD.encode(png))),
            Err(error) => Err(format!("not a PNG file that can be shown: {error}")),
        },
        // a picture that is drawn anew has another address, so that no browser shows the old one
        (Ok(_), Place::Beside) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let written = path.metadata().as_ref().map_or(0, changed);
            Ok(format!("samples/{stem}.png?{written}"))
        }
    };
    let url = url.map_err(|why| damage.push(format!("{}: {why}", path.display())));
    let url = url.ok();
    Picture { name, caption, url }
}

/// When a file was last written, in nanoseconds.
pub(in crate::report) fn changed(file: &std::fs::Metadata) -> u128 {
    let since = file.modified().ok().map(|t| t.duration_since(UNIX_EPOCH));
    since
        .and_then(std::result::Result::ok)
        .map_or(0, |t| t.as_nanos())
}
