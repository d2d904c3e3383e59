//! Which runs are told, and in what order.

use std::cmp::Ordering;

use crate::report::{Overview, State};
use crate::words::listed;
use crate::{Error, Result};

/// Keys that are no figures.
const KEYS: [&str; 5] = ["name", "changed", "iterations", "state", "time"];

/// Which runs, by what, from where.
#[derive(Debug, clap::Args)]
pub(super) struct Order {
    /// Orders runs by name, changed, iterations, state, time, or a figure of their metrics (gap, E(data), …); from the highest down with - before it. Runs that lack it come last
    /// [default: by name, those that are named in the order given].
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Turns the order around.
    #[arg(long)]
    reverse: bool,
    /// Leaves out runs in other states.
    #[arg(long, value_enum, value_name = "STATE,…", value_delimiter = ',')]
    state: Vec<State>,
}

/// What runs are compared by: numbers, or else their names.
type Value = Option<f64>;

impl Order {
    /// Whether runs of other states are left out.
    pub fn filters(&self) -> bool {
        !self.state.is_empty()
    }

    /// What the runs are ordered by, if that is asked for.
    pub fn key(&self) -> Option<&str> {
        let given = self.sort.as_deref()?;
        Some(given.strip_prefix('-').unwrap_or(given))
    }

    /// Leaves those that are to be told, in their order; one that has none given is by name if `by_name`.
    ///
    /// # Errors
    /// None of the runs has a figure of this name.
    pub fn arrange(&self, runs: &mut Vec<Overview>, by_name: bool) -> Result<()> {
        let usual = by_name.then_some("name");
        let Some(key) = self.key().or(usual) else {
            self.keep(runs);
            if self.reverse {
                runs.reverse();
            }
            return Ok(());
        };
        let down = self.sort.as_ref().is_some_and(|key| key.starts_with('-'));
        check(key, runs)?;
        self.keep(runs);
        let down = down != self.reverse;
        let turned = |order: Ordering| if down { order.reverse() } else { order };
        runs.sort_by(|a, b| {
            let names = || {
                let [a, b] = [a, b].map(|run| run.run.to_string_lossy());
                natural(&a, &b)
            };
            if key == "name" {
                return turned(names());
            }
            match (value(a, key), value(b, key)) {
                (Some(a), Some(b)) => turned(a.total_cmp(&b)),
                // whichever way it goes, what lacks it comes last
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
            .then_with(names)
        });
        Ok(())
    }

    fn keep(&self, runs: &mut Vec<Overview>) {
        if self.filters() {
            runs.retain(|run| self.state.contains(&run.state));
        }
    }
}

/// Refuses a key that is none, where there are runs to tell.
fn check(key: &str, runs: &[Overview]) -> Result<()> {
    let has = |run: &Overview| run.figures.contains_key(key);
    if KEYS.contains(&key) || runs.is_empty() || runs.iter().any(has) {
        return Ok(());
    }
    let mut names: Vec<&str> = KEYS.to_vec();
    let figures = runs.iter().flat_map(|run| run.figures.keys());
    for name in figures {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    Err(Error::Argument {
        argument: format!("--sort {key}"),
        why: format!("is none of {}", listed(&names)),
    })
}

/// Whether a key is that of a figure.
pub(super) fn is_figure(key: &str) -> bool {
    !KEYS.contains(&key)
}

/// What a run has of a key; a figure that is no number is none.
fn value(run: &Overview, key: &str) -> Value {
    let value = match key {
        "changed" => run.changed?.as_millisecond() as f64,
        "iterations" => run.iterations as f64,
        "state" => f64::from(run.state as u8),
        "time" => run.seconds()?,
        figure => run.figure(figure)?,
    };
    (!value.is_nan()).then_some(value)
}

/// The order of names in which `r2` comes before `r10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let [x, y] = [&mut left, &mut right].map(digits);
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
    // names that differ in zeros alone have an order too
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the number that a text begins with; its digits but for leading zeros.
fn digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let sorted = [
            "", "a", "r", "r02", "r2", "r2-9", "r2-10", "r10", "r10x", "r11", "é1", "é02",
        ];
        for i in 0..sorted.len() {
            for j in 0..sorted.len() {
                let [a, b] = [sorted[i], sorted[j]];
                assert_eq!(natural(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
