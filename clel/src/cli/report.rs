//! `clel report`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output;
use crate::experiment::Shown;
use crate::report::{Member, Page, RunDir, Several, VariantRun, holds_experiment, is_page, page};
use crate::words::counted;
use crate::{Error, Result, whole_file};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel report runs/digits-001                        writes runs/digits-001/report.html
  clel report runs/digits-001 --out digits.html
  clel report runs/digits-001 runs/digits-002        one page of both, report.html in this folder
  clel report runs/guide                             one of an experiment, runs/guide/report.html";

/// Writes one HTML file that shows a run, or several side by side.
///
/// It has curves, samples over time, figures and settings, and loads nothing from elsewhere. Of several runs, or of an experiment's directory, it has the curves of
/// all runs over one another, the settings that differ, their figures in tables, and their newest samples side by side; of an experiment also its tables of results. What is damaged is left out, and told at the top of the page and on
/// standard error; the exit code is 0 all the same, as that of `clel runs`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    /// A run directory, several, or an experiment's; runs may still be going on.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Where the page goes [default: report.html in the directory, of several in this folder]; an earlier page there is replaced, nothing else.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object: the run directory or directories, the file, and what is damaged.
    #[arg(long)]
    json: bool,
}

/// What was written, as JSON has it.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    shown: Subject<'a>,
    report: &'a Path,
    damage: &'a [String],
}

/// What is said of an experiment's directory that nothing can be shown of.
const NO_RUN_YET: &str = "an experiment that has come to no run yet";

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Subject<'a> {
    Run(&'a Path),
    Runs(Vec<&'a Path>),
}

impl Report {
    pub(super) fn run(&self) -> Result<()> {
        match &self.runs[..] {
            [one] if !holds_experiment(one) => self.of_one(&RunDir::open(one)?),
            several => self.of_several(several),
        }
    }

    fn of_one(&self, run: &RunDir) -> Result<()> {
        let own = run.path().join("report.html");
        let out = self.out.as_ref().unwrap_or(&own);
        if *out != own {
            check_replaceable(out)?;
        }
        self.write(&page(run)?, out, Subject::Run(run.path()))
    }

    fn of_several(&self, paths: &[PathBuf]) -> Result<()> {
        let several = several(paths)?;
        let folder = match paths {
            [experiment] => experiment.as_path(),
            _ => Path::new(""),
        };
        let usual = folder.join("report.html");
        let out = self.out.as_ref().unwrap_or(&usual);
        check_replaceable(out)?;
        let page = several.page()?;
        let shown = several.runs.iter().map(|member| member.run.path());
        let shown = shown.collect();
        self.write(&page, out, Subject::Runs(shown))
    }

    /// Of a page that cannot be written where pages usually go: that there are other places.
    fn with_advice(&self, error: Error) -> Error {
        match error {
            Error::Write { path, source } if self.out.is_none() => {
                let why = format!("{source}; write the page elsewhere by --out FILE");
                let source = std::io::Error::new(source.kind(), why);
                Error::Write { path, source }
            }
            other => other,
        }
    }

    fn write(&self, page: &Page, out: &Path, shown: Subject<'_>) -> Result<()> {
        whole_file::write(out, page.html.as_bytes()).map_err(|error| self.with_advice(error))?;
        for text in &page.damage {
            output::error(&format!("warning: {text}"));
        }
        if self.json {
            return output::say(&output::json(&Written {
                shown,
                report: out,
                damage: &page.damage,
            })?);
        }
        output::say(&out.display().to_string())
    }
}

/// The run directories, each once, those of experiments among them; and what an experiment holds that can no longer be opened.
fn several(paths: &[PathBuf]) -> Result<Several> {
    let mut all = Several::default();
    for path in paths {
        if !holds_experiment(path) {
            let run = RunDir::open(path)?;
            all.runs.push(Member { run, of: None });
            continue;
        }
        let mut found = Shown::of(path)?;
        all.damage.append(&mut found.damage);
        if found.runs.is_empty() {
            all.damage.push(format!("{}: {NO_RUN_YET}", path.display()));
        }
        if paths.len() > 1 {
            // two experiments may have variants of one name, or one title
            let path = path.components().collect::<PathBuf>();
            let path = path.display();
            for VariantRun { variant, name } in
                found.runs.iter_mut().filter_map(|run| run.of.as_mut())
            {
                *variant = format!("{path}: {variant}");
                *name = format!("{path}: {name}");
            }
            if let Some(results) = &mut found.results {
                results.title += &format!(" ({path})");
            }
        }
        all.runs.append(&mut found.runs);
        all.results.extend(found.results);
        (all.title, all.about) = (found.title, found.about);
    }
    all.runs = once(all.runs);
    if paths.len() > 1 {
        (all.title, all.about) = (counted(all.runs.len(), "run"), String::new());
    }
    match all.runs.is_empty() {
        true => Err(Error::NotARun {
            path: paths[0].clone(),
            why: NO_RUN_YET.to_owned(),
        }),
        false => Ok(all),
    }
}

/// Each run once, where it was named first; with its variant if its experiment was named too.
fn once(runs: Vec<Member>) -> Vec<Member> {
    let mut all: Vec<Member> = Vec::new();
    let mut places = BTreeMap::new();
    for Member { run, of } in runs {
        let path = run.path();
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = *places.entry(path).or_insert(all.len());
        match all.get_mut(place) {
            Some(first) => first.of = first.of.take().or(of),
            None => all.push(Member { run, of }),
        }
    }
    all
}

/// Refuses a file that is there already, unless it is a page too.
fn check_replaceable(out: &Path) -> Result<()> {
    match out.exists() && !is_page(out) {
        true => Err(Error::OutputExists {
            path: out.to_owned(),
        }),
        false => Ok(()),
    }
}
