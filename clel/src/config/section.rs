//! Settings that are a section of another file.

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::layers::{Layers, Walk, at_line, merge, syntax};
use super::plain::plainly;
use super::{DEFAULT_PRESET, keys};
use crate::{Error, Result};

/// A TOML file with sections, some of which hold settings; it knows where everything stands.
pub(crate) struct Sections<'a> {
    text: &'a str,
    origin: String,
    spans: DeTable<'a>,
    values: Table,
}

impl<'a> Sections<'a> {
    /// Reads a TOML text; `origin` is the file's name.
    pub fn parse(text: &'a str, origin: &str) -> Result<Sections<'a>> {
        let told = |error: &toml::de::Error| syntax(text, origin, error);
        Ok(Sections {
            text,
            origin: origin.to_owned(),
            spans: DeTable::parse(text).map_err(|e| told(&e))?.into_inner(),
            values: toml::from_str(text).map_err(|e| told(&e))?,
        })
    }

    /// What stands under these names, one inside the other.
    pub fn value(&self, path: &[&str]) -> Option<&Value> {
        let (last, sections) = path.split_last()?;
        let mut table = &self.values;
        for name in sections {
            table = table.get(*name)?.as_table()?;
        }
        table.get(*last)
    }

    /// The names in a section, in the file's order; none where there is no such section.
    pub fn names(&self, path: &[&str]) -> Vec<String> {
        let Some(table) = self.table(path) else {
            return Vec::new();
        };
        let mut all: Vec<_> = table.iter().map(|(name, _)| name).collect();
        all.sort_by_key(|name| name.span().start);
        let name = |n: &Spanned<_>| -> String { AsRef::<str>::as_ref(n.get_ref()).to_owned() };
        all.into_iter().map(name).collect()
    }

    /// Refuses names in a section that are not among the known ones.
    pub fn only(&self, path: &[&str], known: &[&str]) -> Result<()> {
        for name in self.names(path) {
            if !known.contains(&name.as_str()) {
                let key = path
                    .iter()
                    .fold(String::new(), |all, part| keys::join(&all, part));
                let all: Vec<String> = known.iter().map(|k| keys::join(&key, k)).collect();
                let unknown = keys::join(&key, &name);
                let instead = match keys::nearest(&unknown, all.iter()) {
                    None => format!("there are {}", all.join(", ")),
                    nearest => keys::meant(nearest),
                };
                return Err(Error::UnknownKey {
                    origin: self.place(&[path, &[name.as_str()]].concat()),
                    instead,
                    key: unknown,
                });
            }
        }
        Ok(())
    }

    /// `file:line` of a key, or of the section that lacks it.
    pub fn place(&self, path: &[&str]) -> String {
        let mut place = self.origin.clone();
        let mut table = &self.spans;
        for name in path {
            let Some((key, value)) = entry(table, name) else {
                return place;
            };
            place = at_line(&self.origin, self.text, key.span().start);
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => return place,
            }
        }
        place
    }

    /// An error about the value of a key, in plain words where it is a deserialiser's.
    pub fn wrong(&self, path: &[&str], why: impl Into<String>) -> Error {
        Error::ConfigValue {
            key: path.join("."),
            origin: self.place(path),
            why: plainly(&why.into()),
        }
    }

    fn table(&self, path: &[&str]) -> Option<&DeTable<'a>> {
        let mut table = &self.spans;
        for name in path {
            table = entry(table, name)?.1.get_ref().as_table()?;
        }
        Some(table)
    }
}

type Entry<'t, 'a> = (
    &'t Spanned<toml::de::DeString<'a>>,
    &'t Spanned<DeValue<'a>>,
);

fn entry<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<Entry<'t, 'a>> {
    table
        .iter()
        .find(|(key, _)| AsRef::<str>::as_ref(key.get_ref()) == name)
}

impl Layers {
    /// Starts from a section, over the preset that its key `preset` names, or the default one.
    ///
    /// # Errors
    /// No such preset, or a key that no setting has.
    pub(crate) fn of_section(sections: &Sections<'_>, path: &[&str]) -> Result<Layers> {
        let key = [path, &["preset"]].concat();
        let preset = match sections.value(&key) {
            None => DEFAULT_PRESET,
            Some(Value::String(name)) => name,
            Some(_) => return Err(sections.wrong(&key, "must be the name of a preset")),
        };
        let mut layers =
            Layers::preset(preset).map_err(|error| sections.wrong(&key, error.to_string()))?;
        layers.lay(sections, path)?;
        Ok(layers)
    }

    /// Overrides what is there by the settings of a section.
    ///
    /// # Errors
    /// A key that no setting has; `preset`, which can only be at the bottom.
    pub(crate) fn section(&mut self, sections: &Sections<'_>, path: &[&str]) -> Result<()> {
        let preset = [path, &["preset"]].concat();
        if sections.value(&preset).is_some() {
            return Err(sections.wrong(&preset, "only [base] starts from a preset"));
        }
        self.lay(sections, path)
    }

    fn lay(&mut self, sections: &Sections<'_>, path: &[&str]) -> Result<()> {
        let (Some(spans), Some(Value::Table(values))) =
            (sections.table(path), sections.value(path))
        else {
            return match sections.value(path) {
                None => Ok(()),
                Some(_) => Err(sections.wrong(path, "must be a section with settings")),
            };
        };
        let known = keys::known()?;
        let mut walk = Walk {
            text: sections.text,
            origin: &sections.origin,
            known: Some(&known),
            origins: &mut self.origins,
        };
        walk.table(spans, "")?;
        let mut values = values.clone();
        values.remove("preset");
        merge(&mut self.merged, values);
        Ok(())
    }
}
