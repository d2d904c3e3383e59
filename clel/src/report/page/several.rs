//! Several runs on one page.

use std::collections::BTreeSet;

use serde::Serialize;

use super::pictures::{Picture, Pictures};
use super::plots::{Curves, Plot, of_several};
use super::told::{Told, name};
use super::{Event, Page, filled};
use crate::Result;
use crate::report::compare::{Group, at_end, differences, setting};
use crate::report::history::History;
use crate::report::{Overview, RunDir};

/// Runs that are shown on one page.
#[derive(Debug, Default)]
pub struct Several {
    /// What the page is called.
    pub title: String,
    /// What the runs are, where the title does not say it.
    pub about: String,
    /// The runs, in the order in which they are shown.
    pub runs: Vec<Member>,
    /// The results of the experiments that they are of.
    pub results: Vec<ResultTables>,
    /// What is wrong beside the runs.
    pub damage: Vec<String>,
}

/// One of several runs.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where it is.
    pub run: RunDir,
    /// What it is in an experiment; a run of none is called what its directory is.
    pub of: Option<VariantRun>,
}

/// What a run of an experiment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantRun {
    /// The variant, as people call it.
    pub variant: String,
    /// What the run is called, with its variant.
    pub name: String,
}

/// What an experiment has come to, in words.
#[derive(Debug, Clone, Serialize)]
pub struct ResultTables {
    /// What it is about.
    pub title: String,
    /// Tables: rows of cells, the first one of headings.
    pub tables: Vec<Vec<Vec<String>>>,
    /// What the figures depend on, a paragraph each.
    pub notes: Vec<String>,
}

/// What the page's script draws.
#[derive(Serialize)]
struct Content<'a> {
    name: &'a str,
    about: &'a str,
    live: bool,
    results: &'a [ResultTables],
    runs: Vec<One>,
    /// The settings that differ, each with its values.
    differences: Vec<(String, Vec<String>)>,
    /// The figures of the summaries.
    ends: Vec<Group>,
    plots: Vec<Plot>,
    damage: Vec<String>,
}

/// One of the runs.
#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    told: Told,
    /// Which colour it has.
    place: usize,
    /// Its newest grid of samples.
    grid: Option<Picture>,
    events: Vec<Event>,
}

impl Several {
    /// Their curves over one another, the settings that differ, their last figures and samples side by side.
    ///
    /// # Errors
    /// The page cannot be made into text.
    pub fn page(&self) -> Result<Page> {
        let (names, (variants, places)) = (self.names(), self.variants());
        let mut damage = self.damage.clone();
        let (mut all, mut overviews, mut curves) = (Vec::new(), Vec::new(), Vec::new());
        for (i, Member { run, .. }) in self.runs.iter().enumerate() {
            // one at a time: what is drawn of a long run is a small part of it
            let mut history = History::default();
            let overview = Overview::with_history(run.path(), &mut history);
            let told = Told::of(names[i].clone(), &overview, &history);
            let pictures = Pictures::newest(run, told.shown(&history));
            let found = told.damage.iter().chain(&pictures.damage);
            damage.extend(found.map(|text| format!("{}: {text}", names[i])));
            all.push(One {
                told,
                place: places[i],
                grid: pictures.grids.into_iter().next(),
                events: history.events().iter().map(Event::of).collect(),
            });
            let label = variants[i].unwrap_or(&names[i]);
            curves.push(Curves::of(&history, &names[i], label, places[i]));
            overviews.push(overview);
        }
        let content = Content {
            name: &self.title,
            about: &self.about,
            live: false,
            results: &self.results,
            runs: all,
            differences: differing(&overviews),
            ends: at_end(&overviews),
            plots: of_several(curves),
            damage: damage.clone(),
        };
        let of = self.runs.first().map(|member| member.run.path());
        Ok(Page {
            html: filled(&super::json(&content, of)?),
            damage,
        })
    }

    /// What the runs are called: as their experiment has it, else as short as directories differ.
    fn names(&self) -> Vec<String> {
        /// Deeper than this no directories are.
        const DEEP: usize = 64;
        let by_directory = |member: &Member, parts| name(&member.run, parts);
        let by_variant = |member: &Member, parts| match &member.of {
            Some(of) => of.name.clone(),
            None => by_directory(member, parts),
        };
        let all = |parts, of: &dyn Fn(&Member, usize) -> String| -> Vec<String> {
            self.runs.iter().map(|member| of(member, parts)).collect()
        };
        let distinct =
            |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let by_variant = (1..DEEP).map(|parts| all(parts, &by_variant));
        let by_directory = (1..DEEP).map(|parts| all(parts, &by_directory));
        let found = by_variant.chain(by_directory).find(distinct);
        found.unwrap_or_else(|| self.runs.iter().map(|m| name(&m.run, DEEP)).collect())
    }

    /// The variant of each run, and the place among the colours that it shares with the other runs of it.
    fn variants(&self) -> (Vec<Option<&str>>, Vec<usize>) {
        let of = self.runs.iter().map(|member| member.of.as_ref());
        let variants: Vec<Option<&str>> = of.map(|of| of.map(|of| &of.variant[..])).collect();
        let mut places: Vec<usize> = Vec::new();
        for (i, variant) in variants.iter().enumerate() {
            let same = variant.and_then(|_| variants[..i].iter().position(|v| v == variant));
            let next = places.iter().max().map_or(0, |last| last + 1);
            places.push(same.map_or(next, |same| places[same]));
        }
        (variants, places)
    }
}

/// The settings that differ, in words.
fn differing(runs: &[Overview]) -> Vec<(String, Vec<String>)> {
    let all = differences(runs).into_iter().map(|(key, values)| {
        let values = values.iter().zip(runs);
        let values = values.map(|(value, run)| setting(value.as_ref(), run));
        (key, values.collect())
    });
    all.collect()
}
