//! What each setting means: the words that stand beside the fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::keys::{join, known};
use super::{Config, tree};
use crate::Result;

/// What a setting means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// In a sentence or two.
    pub text: String,
    /// What it may be, with what that means, where it is one of several words.
    pub choices: Vec<(String, String)>,
}

impl Config {
    /// JSON Schema of a configuration file, by which editors complete and explain keys.
    pub fn schema() -> Value {
        let mut schema = schemars::schema_for!(tree::Config).to_value();
        loosen(&mut schema);
        schema
    }

    /// What every setting means, by its dotted key.
    ///
    /// # Errors
    /// The default preset cannot be read.
    pub fn meanings() -> Result<BTreeMap<String, Meaning>> {
        let schema = Config::schema();
        let mut found = BTreeMap::new();
        collect(&schema, &schema, "", &mut found);
        let known = known()?;
        found.retain(|key, _| known.contains_key(key));
        Ok(found)
    }
}

/// A file names what differs from a preset, whose name it may have: nothing is required, and `preset` is known. Brackets lose the backslashes
/// that Rust's documentation needs.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            if map.get("title").is_some_and(|title| title == "Config")
                && let Some(Value::Object(properties)) = map.get_mut("properties")
            {
                let preset = serde_json::json!({
                    "type": "string",
                    "description": "The preset that the file changes.",
                });
                properties.insert("preset".to_owned(), preset);
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\\', "").replace('\n', " ");
            }
            map.values_mut().for_each(loosen);
        }
        Value::Array(values) => values.iter_mut().for_each(loosen),
        _ => {}
    }
}

/// The leaves below a schema that stands under `key`.
fn collect(root: &Value, schema: &Value, key: &str, found: &mut BTreeMap<String, Meaning>) {
    let Some(resolved) = resolve(root, schema) else {
        return;
    };
    if let Some(properties) = resolved.get("properties").and_then(Value::as_object) {
        for (name, inner) in properties {
            collect(root, inner, &join(key, name), found);
        }
        return;
    }
    let description = |schema: &Map<String, Value>| {
        let text = schema.get("description").and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let own = schema.as_object().and_then(description);
    let choices = resolved.get("oneOf").and_then(Value::as_array);
    let choice = |choice: &Value| {
        let choice = choice.as_object()?;
        let word = choice.get("const")?.as_str()?;
        Some((word.to_owned(), description(choice).unwrap_or_default()))
    };
    let meaning = Meaning {
        text: own.or_else(|| description(resolved)).unwrap_or_default(),
        choices: choices.map_or_else(Vec::new, |all| all.iter().filter_map(choice).collect()),
    };
    found.insert(key.to_owned(), meaning);
}

/// What a schema refers to, if it does.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|path| root.pointer(path.trim_start_matches('#')));
    target.unwrap_or(schema).as_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_means_something() -> Result<()> {
        let meanings = Config::meanings()?;
        let known = known()?;
        assert!(
            known.len() > 60 && known.keys().eq(meanings.keys()),
            "{meanings:?}"
        );
        for (key, meaning) in &meanings {
            assert!(meaning.text.ends_with(['.', ')']), "{key}: {meaning:?}");
            let silent = meaning.choices.iter().find(|(_, text)| text.is_empty());
            assert!(silent.is_none(), "{key}: {silent:?}");
        }
        assert_eq!(
            meanings["sampler.steps"].text,
            "K, Langevin steps in a training iteration."
        );
        let weak = &meanings["augmentation.ebm"].choices[1];
        assert_eq!(weak.0, "weak");
        assert!(weak.1.contains("horizontal flip"), "{weak:?}");
        Ok(())
    }
}
