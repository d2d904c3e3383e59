//! `clel report`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output;
use crate::report::{
    Page, RunDir, holds_experiment, is_page, of_experiment, page, page_of_several,
};
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
/// all runs over one another, their last figures in a table, and their newest samples side by side. What is damaged is left out, and told at the top of the page and on
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
    shown: Shown<'a>,
    report: &'a Path,
    damage: &'a [String],
}

/// What is said of an experiment's directory that nothing can be shown of.
const NO_RUN_YET: &str = "an experiment that has come to no run yet";

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Shown<'a> {
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
        self.write(&page(run)?, out, Shown::Run(run.path()))
    }

    fn of_several(&self, paths: &[PathBuf]) -> Result<()> {
        let (runs, mut damage) = runs(paths)?;
        let (folder, title) = match paths {
            [experiment] => (experiment.as_path(), title(experiment)),
            _ => (Path::new(""), counted(runs.len(), "run")),
        };
        let usual = folder.join("report.html");
        let out = self.out.as_ref().unwrap_or(&usual);
        check_replaceable(out)?;
        let mut page = page_of_several(&title, &runs)?;
        damage.append(&mut page.damage);
        page.damage = damage;
        let shown = runs.iter().map(RunDir::path).collect();
        self.write(&page, out, Shown::Runs(shown))
    }

    fn write(&self, page: &Page, out: &Path, shown: Shown<'_>) -> Result<()> {
        whole_file::write(out, page.html.as_bytes())?;
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
fn runs(paths: &[PathBuf]) -> Result<(Vec<RunDir>, Vec<String>)> {
    let (mut runs, mut damage) = (Vec::new(), Vec::new());
    for path in paths {
        if !holds_experiment(path) {
            runs.push(RunDir::open(path)?);
            continue;
        }
        let of_it = of_experiment(path)?;
        if of_it.is_empty() {
            damage.push(format!("{}: {NO_RUN_YET}", path.display()));
        }
        for path in of_it {
            match RunDir::open(&path) {
                Ok(run) => runs.push(run),
                Err(error) => damage.push(error.in_one_line()),
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    runs.retain(|run| {
        seen.insert(
            run.path()
                .canonicalize()
                .unwrap_or_else(|_| run.path().to_owned()),
        )
    });
    match runs.is_empty() {
        true => Err(Error::NotARun {
            path: paths[0].clone(),
            why: NO_RUN_YET.to_owned(),
        }),
        false => Ok((runs, damage)),
    }
}

/// What an experiment's directory is called.
fn title(experiment: &Path) -> String {
    let whole = experiment.canonicalize();
    let whole = whole.as_deref().unwrap_or(experiment);
    let name = whole.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
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
