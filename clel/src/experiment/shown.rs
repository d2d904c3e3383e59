//! An experiment's directory, as a page of its runs shows it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::Experiment;
use super::results::ExperimentResults;
use super::table::{notes, tables};
use crate::report::{Member, ResultTables, RunDir, VariantRun, of_experiment};
use crate::words::counted;
use crate::{Error, Result};

/// What a page shows of an experiment.
pub(crate) struct Shown {
    /// What it is about; what its directory is called, where no file says it.
    pub title: String,
    /// How many runs of how many variants there are.
    pub about: String,
    /// Its runs, in the order of its file.
    pub runs: Vec<Member>,
    /// What it has come to so far.
    pub results: Option<ResultTables>,
    /// What cannot be read.
    pub damage: Vec<String>,
}

impl Shown {
    /// Reads a directory.
    ///
    /// # Errors
    /// A folder in it cannot be read.
    pub fn of(folder: &Path) -> Result<Shown> {
        let mut damage = Vec::new();
        let mut told = |error: Error| damage.push(error.in_one_line());
        let experiment = Experiment::read(&folder.join("experiment.toml"));
        let experiment = experiment.map_err(&mut told).ok();
        let results = ExperimentResults::read(&folder.join("results.json"));
        let results = results.map_err(&mut told).ok().flatten();
        let mut places: Vec<Place> = of_experiment(folder)?
            .into_iter()
            .map(|path| Place::of(path, experiment.as_ref()))
            .collect();
        places.sort_by(|a, b| a.order.cmp(&b.order));
        let mut runs = Vec::new();
        for place in places {
            match RunDir::open(&place.path) {
                Ok(run) => runs.push(Member {
                    run,
                    of: Some(place.of),
                }),
                Err(error) => told(error),
            }
        }
        let about = about(folder, experiment.as_ref(), &runs);
        let title = experiment.map(|experiment| experiment.title);
        let title = title.or_else(|| Some(results.as_ref()?.title.clone()));
        Ok(Shown {
            title: title.unwrap_or_else(|| name(folder)),
            about,
            runs,
            results: results.map(came_to),
            damage,
        })
    }
}

/// Where a run is among those of its experiment.
struct Place {
    path: PathBuf,
    /// Its variant is called as the file calls it; as its folder, where the file has none such.
    of: VariantRun,
    /// By variant and by seed; what is in no file comes last, by name.
    order: (usize, String, u64, String),
}

impl Place {
    fn of(path: PathBuf, experiment: Option<&Experiment>) -> Place {
        // as they stand here, wherever their contents lie
        let own_name = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let folder = path.parent().map(own_name).unwrap_or_default();
        let own = own_name(&path);
        let variants = experiment.map_or(&[][..], |e| &e.variants);
        let at = variants.iter().position(|v| v.folder == folder);
        let variant = at.map_or(&folder, |at| &variants[at].name).clone();
        let seed = own.strip_prefix("seed-").and_then(|seed| seed.parse().ok());
        Place {
            of: VariantRun {
                name: format!("{variant} {own}"),
                variant,
            },
            order: (
                at.unwrap_or(usize::MAX),
                folder,
                seed.unwrap_or(u64::MAX),
                own,
            ),
            path,
        }
    }
}

/// What a folder is called, however it is named.
fn name(folder: &Path) -> String {
    let whole = folder.canonicalize();
    let whole = whole.as_deref().unwrap_or(folder);
    let name = whole.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `guide: 6 runs of 2 variants`, or while some of those that the file names are missing, `guide: 2 of 6 runs begun, of 2 variants`.
fn about(folder: &Path, experiment: Option<&Experiment>, runs: &[Member]) -> String {
    let named = experiment.map_or(&[][..], |e| &e.variants);
    let of = runs
        .iter()
        .filter_map(|run| Some(&run.of.as_ref()?.variant));
    let variants: BTreeSet<&String> = of.chain(named.iter().map(|v| &v.name)).collect();
    let variants = counted(variants.len(), "variant");
    let seeds = experiment.map_or(&[][..], |e| &e.seeds);
    let wanted = named
        .iter()
        .flat_map(|v| seeds.iter().map(|seed| v.path(folder, *seed)));
    let begun: BTreeSet<&Path> = runs.iter().map(|member| member.run.path()).collect();
    let (folder, count) = (name(folder), runs.len());
    match wanted
        .filter(|path| !begun.contains(path.as_path()))
        .count()
    {
        0 => format!("{folder}: {} of {variants}", counted(count, "run")),
        missing => format!(
            "{folder}: {count} of {} begun, of {variants}",
            counted(count + missing, "run")
        ),
    }
}

fn came_to(results: ExperimentResults) -> ResultTables {
    let notes = notes(&results);
    ResultTables {
        tables: tables(&results),
        notes: notes.split("\n\n").map(str::to_owned).collect(),
        title: results.title,
    }
}
