//! The dotted names of all settings, and which of them an unknown name was meant to be.

use std::collections::{BTreeMap, BTreeSet};

use strsim::osa_distance;
use toml::{Table, Value};

use super::tree::Config;
use super::{Layers, presets};
use crate::Result;

/// Every dotted key with an example of its value, the optional ones included.
pub(super) fn known() -> Result<BTreeMap<String, Value>> {
    let mut config = Layers::preset(presets::DEFAULT_PRESET)?.build()?;
    config.data.path = Some("images".into());
    config.data.size = Some([8, 8]);
    config.data.attribute = Some("Smiling".into());
    config.data.shape = Some([8, 8, 1]);
    config.data.mean = Some(vec![0.5]);
    config.data.std = Some(vec![0.5]);
    config.encoder.file = Some("run".into());
    config.sampler.clip = Some(1.0);
    let mut keys = BTreeMap::new();
    leaves(&table_of(&config), "", &mut keys);
    Ok(keys)
}

/// The tree as TOML. A tree of plain numbers and words always has such a form.
pub(super) fn table_of(config: &Config) -> Table {
    Table::try_from(config).unwrap_or_default()
}

impl Config {
    /// Every dotted key that is set, with its value.
    pub fn settings(&self) -> BTreeMap<String, Value> {
        let mut settings = BTreeMap::new();
        leaves(&table_of(self), "", &mut settings);
        settings
    }

    /// The same, with the values in words.
    pub(crate) fn in_words(&self) -> BTreeMap<String, String> {
        let settings = self.settings().into_iter();
        settings
            .map(|(key, value)| (key, in_words(&value)))
            .collect()
    }

    /// The settings that are not as in another configuration, in words.
    pub(crate) fn differences(&self, wanted: &Config) -> String {
        differences(&self.in_words(), &wanted.in_words())
    }
}

/// What differs between settings in words: `seed = 1 instead of 0, …`.
pub(crate) fn differences(
    own: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> String {
    let keys: BTreeSet<&String> = own.keys().chain(wanted.keys()).collect();
    let value = |settings: &BTreeMap<String, String>, key| {
        let value = settings.get(key).map_or("none", String::as_str);
        value.to_owned()
    };
    let differing = keys.into_iter().filter(|k| own.get(*k) != wanted.get(*k));
    let told = differing.map(|key| {
        let (found, expected) = (value(own, key), value(wanted, key));
        format!("{key} = {found} instead of {expected}")
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A value as people write it in TOML: 1e30, of which TOML itself makes 31 digits.
pub(crate) fn in_words(value: &Value) -> String {
    match value {
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Array(all) => format!(
            "[{}]",
            all.iter().map(in_words).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}

fn leaves(table: &Table, prefix: &str, out: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = join(prefix, name);
        match value {
            Value::Table(inner) => leaves(inner, &key, out),
            leaf => {
                out.insert(key, leaf.clone());
            }
        }
    }
}

/// `prefix.name`, or `name` at the root.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// The names of the sections in which the keys are.
pub(super) fn sections<'a>(known: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let ends = |key: &'a String| key.match_indices('.').map(|(end, _)| key[..end].to_owned());
    known.flat_map(ends).collect()
}

/// The known key with the smallest edit distance to `key`, unless that is more than a slip: a third of its last part, or one letter; two that
/// have changed places count as one. The last part of
/// a known key counts too, so that `lr` finds `train.ebm.lr`.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let last = |k: &str| k.rsplit('.').next().unwrap_or_default().to_owned();
    let slip = |typed: &str| match typed.chars().count() {
        0 => 0,
        len => (len / 3).max(1),
    };
    known
        .filter_map(|candidate| {
            let whole = osa_distance(key, candidate);
            let ends = osa_distance(&last(key), &last(candidate));
            let is_meant = whole.min(ends) <= slip(&last(key));
            is_meant.then_some(((whole.min(2 * ends + 1), whole), candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.clone())
}

/// What is to be said of a key that no setting has.
pub(super) fn instead(key: &str, known: &BTreeMap<String, Value>) -> String {
    let inside: Vec<&str> = known
        .keys()
        .filter(|k| is_inside(k, key))
        .map(String::as_str)
        .collect();
    match inside.is_empty() {
        true => meant(nearest(key, known.keys())),
        false => format!("it is a section, with {}", inside.join(", ")),
    }
}

/// The hint of the known key that was meant, or where all are told.
pub(super) fn meant(nearest: Option<String>) -> String {
    match nearest {
        Some(key) => format!("did you mean `{key}`?"),
        None => "`clel settings` lists all keys".to_owned(),
    }
}

/// Whether `key` lies under `branch` in the tree.
pub(super) fn is_inside(key: &str, branch: &str) -> bool {
    key.strip_prefix(branch)
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_key() -> Result<()> {
        let known = known()?;
        for (typed, meant) in [
            ("sampler.step", "sampler.steps"),
            ("sampler.stepsize", "sampler.step_size"),
            ("train.iteration", "train.iterations"),
            ("lr", "train.ebm.lr"),
            ("sed", "seed"),
            ("momentum", "train.encoder.momentum"),
            ("sampler.clp", "sampler.clip"),
            ("sampler.stesp", "sampler.steps"),
            ("train.btach", "train.batch"),
        ] {
            assert_eq!(
                nearest(typed, known.keys()).as_deref(),
                Some(meant),
                "{typed}"
            );
        }
        for typed in ["xyz", "", "train.", "sampler.walkers"] {
            assert_eq!(nearest(typed, known.keys()), None, "{typed}");
        }
        assert_eq!(
            nearest("trian.ebm", sections(known.keys()).iter()).as_deref(),
            Some("train.ebm")
        );
        Ok(())
    }

    #[test]
    fn what_is_no_slip_is_told_where_keys_are() -> Result<()> {
        let known = known()?;
        assert_eq!(instead("xyz", &known), "`clel settings` lists all keys");
        let section = instead("data", &known);
        assert!(
            section.starts_with("it is a section, with data.attribute, "),
            "{section}"
        );
        Ok(())
    }
}
