//! Layers of settings, merged into one tree, with the origin of each value kept for messages.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::keys::is_inside;
use super::plain::plainly;
use super::{Config, DEFAULT_PRESET, keys, presets, validate};
use crate::{Error, Result};

/// Settings collected so far: a preset, then what overrides it.
///
/// ```
/// use clel::config::Layers;
/// let mut layers = Layers::preset("digits")?;
/// layers.set("sampler.steps=40")?;
/// assert_eq!(layers.build()?.sampler.steps, 40);
/// # Ok::<(), clel::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Layers {
    pub(super) merged: Table,
    pub(super) origins: BTreeMap<String, String>,
}

impl Layers {
    /// Starts from a preset.
    ///
    /// # Errors
    /// There is no preset of that name.
    pub fn preset(name: &str) -> Result<Self> {
        let origin = format!("preset {name}");
        let mut layers = Layers::default();
        layers.overlay(presets::text(name)?, &origin, None)?;
        Ok(layers)
    }

    /// Starts from a TOML file over the preset that its key `preset` names, or the default one.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a key that no setting has.
    pub fn file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let origin = path.display().to_string();
        let base = base_of(&text, &origin)?;
        let mut layers = match base {
            None => Self::preset(DEFAULT_PRESET)?,
            Some(name) => Self::preset(name.get_ref()).map_err(|error| Error::ConfigValue {
                key: "preset".to_owned(),
                origin: at_line(&origin, &text, name.span().start),
                why: error.to_string(),
            })?,
        };
        let known = keys::known()?;
        layers.overlay(&text, &origin, Some(&known))?;
        Ok(layers)
    }

    /// Starts from a complete configuration, as a run directory keeps it; no preset is under it.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a key that no setting has.
    pub fn stored(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let mut layers = Layers::default();
        layers.overlay(&text, &path.display().to_string(), Some(&keys::known()?))?;
        Ok(layers)
    }

    /// Overrides one value: `key.path=value`, the value as in TOML; a word without quotes is text.
    /// `none` makes an optional setting absent.
    ///
    /// # Errors
    /// There is no `=`, or no setting has that key.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let origin = format!("--set {assignment}");
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(Error::Argument {
                argument: origin,
                why: "write it as key=value, for example --set sampler.steps=40".to_owned(),
            });
        };
        let (key, text) = (key.trim(), text.trim());
        let known = keys::known()?;
        let Some(example) = known.get(key) else {
            return Err(Error::UnknownKey {
                key: key.to_owned(),
                origin,
                instead: keys::instead(key, &known),
            });
        };
        let value = match (example, parse_value(text)) {
            (Value::String(_), Some(quoted @ Value::String(_))) => quoted,
            (Value::String(_), _) | (_, None) => Value::String(text.to_owned()),
            (_, Some(other)) => other,
        };
        // without a value of its own where nobody has given it one
        let usual = Self::preset(DEFAULT_PRESET)?.build()?.settings();
        let optional = !usual.contains_key(key);
        self.origins.insert(key.to_owned(), origin);
        if optional && text == "none" {
            remove(&mut self.merged, key);
        } else {
            insert(&mut self.merged, key, value);
        }
        Ok(())
    }

    /// Overrides one value that is text, whatever it looks like, for the argument `origin`.
    pub(crate) fn set_text(&mut self, key: &str, text: &str, origin: String) {
        self.origins.insert(key.to_owned(), origin);
        insert(&mut self.merged, key, Value::String(text.to_owned()));
    }

    /// Overrides one value that is a whole number, for the argument `origin`.
    pub(crate) fn set_count(&mut self, key: &str, count: usize, origin: String) {
        self.origins.insert(key.to_owned(), origin);
        // what is beyond TOML's numbers is beyond all bounds
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        insert(&mut self.merged, key, Value::Integer(count));
    }

    /// The finished tree.
    ///
    /// # Errors
    /// A value has the wrong type, is an unknown word, or makes no sense.
    pub fn build(self) -> Result<Config> {
        let Layers { merged, origins } = self;
        let config: Config = serde_path_to_error::deserialize(Value::Table(merged.clone()))
            .map_err(|error| {
                let key = error.path().to_string();
                let why = plainly(error.into_inner().message());
                Error::ConfigValue {
                    origin: origin_of(&origins, &key),
                    key,
                    why,
                }
            })?;
        let problems = validate::problems(&config)
            .into_iter()
            .map(|(key, why)| match lookup(&merged, key) {
                Some(value) => {
                    let value = keys::in_words(value);
                    format!("{key} = {value} ({}): {why}", origin_of(&origins, key))
                }
                None => format!("{key}: {why}"),
            })
            .collect::<Vec<_>>();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Error::ConfigInvalid { problems })
        }
    }

    /// Merges a TOML text over what is there, checking its keys against `known`.
    fn overlay(
        &mut self,
        text: &str,
        origin: &str,
        known: Option<&BTreeMap<String, Value>>,
    ) -> Result<()> {
        let tree = DeTable::parse(text).map_err(|error| syntax(text, origin, &error))?;
        if let Some(base) = base_of(text, origin)?
            && known.is_none()
        {
            *self = Self::preset(base.get_ref())?;
        }
        let mut walk = Walk {
            text,
            origin,
            known,
            origins: &mut self.origins,
        };
        walk.table(tree.get_ref(), "")?;
        let mut table: Table =
            toml::from_str(text).map_err(|error| syntax(text, origin, &error))?;
        table.remove("preset");
        merge(&mut self.merged, table);
        Ok(())
    }
}

impl Config {
    /// Reads a complete configuration, as a run directory or a checkpoint holds it.
    ///
    /// # Errors
    /// Not TOML, an unknown or missing key, or a value that makes no sense.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let known = keys::known()?;
        let mut layers = Layers::default();
        layers.overlay(text, origin, Some(&known))?;
        layers.build().map_err(|error| match error {
            Error::ConfigValue { key, why, .. } => Error::ConfigValue {
                key,
                origin: origin.to_owned(),
                why,
            },
            other => other,
        })
    }

    /// The whole tree as TOML text that [`Config::parse`] reads back to an equal value.
    pub fn to_toml(&self) -> String {
        keys::table_of(self).to_string()
    }
}

/// Checks the keys of a parsed file and notes where each value stands.
pub(super) struct Walk<'a> {
    pub text: &'a str,
    pub origin: &'a str,
    pub known: Option<&'a BTreeMap<String, Value>>,
    pub origins: &'a mut BTreeMap<String, String>,
}

impl Walk<'_> {
    pub fn table(&mut self, table: &DeTable<'_>, prefix: &str) -> Result<()> {
        for (name, value) in table {
            let key = keys::join(prefix, name.get_ref());
            let origin = at_line(self.origin, self.text, name.span().start);
            if key == "preset" {
                continue;
            }
            if let Some(known) = self.known {
                let is_leaf = known.contains_key(&key);
                let is_branch = known.keys().any(|k| is_inside(k, &key));
                if !is_leaf && !is_branch {
                    let instead = match value.get_ref() {
                        DeValue::Table(_) => {
                            let sections = keys::sections(known.keys());
                            keys::meant(keys::nearest(&key, sections.iter()))
                        }
                        _ => keys::instead(&key, known),
                    };
                    return Err(Error::UnknownKey {
                        instead,
                        key,
                        origin,
                    });
                }
            }
            self.value(value, &key, origin)?;
        }
        Ok(())
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: &str, origin: String) -> Result<()> {
        if let DeValue::Table(inner) = value.get_ref() {
            self.table(inner, key)
        } else {
            self.origins.insert(key.to_owned(), origin);
            Ok(())
        }
    }
}

/// The value of the top-level key `preset`, if the text has one.
fn base_of(text: &str, origin: &str) -> Result<Option<Spanned<String>>> {
    #[derive(Deserialize)]
    struct Head {
        preset: Option<Spanned<String>>,
    }
    let head: Head = toml::from_str(text).map_err(|error| syntax(text, origin, &error))?;
    Ok(head.preset)
}

/// One value written as in TOML; `None` where it is not.
fn parse_value(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()?
        .remove("value")
}

pub(super) fn syntax(text: &str, origin: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start);
    Error::ConfigSyntax {
        origin: at_line(origin, text, start),
        why: plainly(error.message()),
    }
}

/// `file:line` of a byte offset.
pub(super) fn at_line(origin: &str, text: &str, offset: usize) -> String {
    let before = text.as_bytes().iter().take(offset);
    format!("{origin}:{}", 1 + before.filter(|b| **b == b'\n').count())
}

fn origin_of(origins: &BTreeMap<String, String>, key: &str) -> String {
    // an element stands where its list does
    let key = key.split('[').next().unwrap_or(key);
    origins
        .get(key)
        .or_else(|| {
            origins
                .iter()
                .find(|(k, _)| is_inside(key, k) || is_inside(k, key))
                .map(|e| e.1)
        })
        .cloned()
        .unwrap_or_else(|| "configuration".to_owned())
}

pub(super) fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((head, rest)) => lookup(table.get(head)?.as_table()?, rest),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = table
                .entry(head)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((head, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(head) {
                remove(inner, rest);
            }
        }
    }
}
