//! What a page tells of a run beside its curves.

use serde::Serialize;
use serde_json::Value;

use crate::report::history::History;
use crate::report::metrics::number;
use crate::report::names::figures;
use crate::report::pace::duration;
use crate::report::{Overview, RunDir, State, local};

/// The figures whose last values stand at the top.
const FOREMOST: [&str; 8] = [
    "E(data)",
    "E(samples)",
    "E(noise)",
    "gap",
    "gradient_first",
    "gradient_last",
    "nearest_neighbour",
    "relative_frechet",
];

/// A run at a glance.
#[derive(Serialize)]
pub(super) struct Told {
    pub name: String,
    /// How the run stands.
    pub state: State,
    /// Iterations done.
    pub iterations: u64,
    /// Iterations of the whole run.
    planned: Option<u64>,
    /// Where its last part was computed.
    device: Option<String>,
    /// How long it took so far, in words.
    time: Option<String>,
    /// The last values of what matters most.
    latest: Vec<Latest>,
    /// What is wrong with its files.
    pub damage: Vec<String>,
    /// The last iteration that has a line of figures.
    #[serde(skip)]
    last: u64,
}

/// The last value of a figure.
#[derive(Serialize)]
struct Latest {
    label: &'static str,
    /// A number, or the word of one that is not finite.
    value: Value,
    step: u64,
}

impl Told {
    pub fn of(name: String, told: &Overview, history: &History) -> Told {
        let mut found = Told {
            name,
            state: told.state,
            iterations: told.iterations,
            planned: told.planned,
            device: told.device().map(str::to_owned),
            time: taken(told).map(duration),
            latest: latest(history),
            damage: told.damage.clone(),
            last: history.highest_of_figures(),
        };
        found.damage.extend(found.lines_missing(told));
        found
    }

    /// That metrics end too early, if they do: a line is missing that was due before the newest checkpoint.
    fn lines_missing(&self, told: &Overview) -> Option<String> {
        let saved = told.saved.filter(|saved| *saved > self.last)?;
        let config = told.config.as_ref();
        let every = config.map_or(1, |config| config.log.metrics_every as u64);
        let due = every > 0 && saved / every > self.last / every;
        due.then(|| {
            format!(
                "figures end at iteration {}; the newest checkpoint is of iteration {saved}",
                self.last
            )
        })
    }

    /// The last iteration of which pictures are shown. Where metrics are whole, later ones are of a branch that the run went back from.
    pub fn shown(&self, history: &History) -> u64 {
        match self.damage.is_empty() {
            true => history.highest(),
            false => self.iterations,
        }
    }
}

fn latest(history: &History) -> Vec<Latest> {
    let found = figures().filter(|figure| FOREMOST.contains(&figure.name));
    let found = found.filter_map(|figure| {
        let (step, value) = history.last(figure.name)?;
        Some(Latest {
            label: figure.label,
            value: number(value),
            step,
        })
    });
    found.collect()
}

/// Seconds that it took, with what was drawn and judged; none of a run that has just begun, since they are written down now and then.
fn taken(told: &Overview) -> Option<f64> {
    let known = |seconds: &f64| *seconds >= 1.0 || told.state != State::Training;
    told.seconds().filter(known)
}

/// When a run began, how long it took so far, by which version, as far as its directory tells.
pub(super) fn spent(told: &Overview) -> Vec<String> {
    let spent = told.spent.as_ref();
    let begun = spent.and_then(|spent| spent.begun);
    let begun = begun.map(|at| format!("begun {}", local(at)));
    let taken = taken(told);
    let taken = taken.map(|seconds| format!("took {}", duration(seconds)));
    let version = spent.map(|spent| format!("clel {}", spent.version));
    [begun, taken, version].into_iter().flatten().collect()
}

/// What a run is called: as its directory, in its `parts` last names.
pub(super) fn name(run: &RunDir, parts: usize) -> String {
    // `.` and `..` have names of their own
    let whole = run.path().canonicalize();
    let whole = whole.as_deref().unwrap_or(run.path());
    let names = whole.iter().rev().take(parts);
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    let name: Vec<&str> = names.iter().rev().map(AsRef::as_ref).collect();
    // the first one may be the root
    name.join("/").replacen("//", "/", 1)
}
