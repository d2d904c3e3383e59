//! `clel settings`.

use super::output;
use crate::config::{Config, DEFAULT_PRESET, Layers, Meaning, in_words};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel settings                        all of them
  clel settings sampler                those of [sampler], and others that have the word
  clel settings lr --preset cifar10    what a preset has
  clel settings --json > clel.json     JSON Schema, for an editor: `#:schema clel.json` in a file's first line";

/// Columns of text where the terminal does not say.
const USUAL_WIDTH: usize = 100;
/// Longer lines are hard to read.
const WIDEST: usize = 120;

/// Tells what each setting means, what a preset sets it to, and the words that it may be.
///
/// Settings are the keys of a configuration file, of `--set KEY=VALUE` and of what `clel train` prints at its start.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Settings {
    /// Only those with this word in their name or meaning.
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// The preset whose values are told.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PRESET)]
    preset: String,
    /// Print the JSON Schema of a configuration file.
    #[arg(long, conflicts_with_all = ["word", "preset"])]
    json: bool,
}

impl Settings {
    pub(super) fn run(&self) -> Result<()> {
        if self.json {
            return output::say(&output::json(&Config::schema())?);
        }
        let values = preset(&self.preset)?.settings();
        let word = self.word.as_deref().unwrap_or_default().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&word);
        let mut meanings = Config::meanings()?;
        meanings.retain(|key, meaning| {
            has(key) || has(&meaning.text) || meaning.choices.iter().any(|(name, _)| has(name))
        });
        if meanings.is_empty() {
            return Err(Error::Argument {
                argument: word,
                why: "is in no setting's name or meaning; `clel settings` tells all".to_owned(),
            });
        }
        let width = output::width().unwrap_or(USUAL_WIDTH).clamp(40, WIDEST);
        for (key, meaning) in &meanings {
            let value = values
                .get(key)
                .map(|value| format!(" = {}", in_words(value)));
            output::say_in_words(&format!("{key}{}", value.unwrap_or_default()))?;
            for line in lines(meaning, width) {
                output::say_in_words(&line)?;
            }
        }
        Ok(())
    }
}

/// The settings of a preset, of which some need to know where images are.
fn preset(name: &str) -> Result<Config> {
    let layers = Layers::preset(name)?;
    let mut elsewhere = layers.clone();
    elsewhere.set("data.path=PATH")?;
    layers.build().or_else(|_| elsewhere.build())
}

/// A meaning below its key.
fn lines(meaning: &Meaning, width: usize) -> Vec<String> {
    let wrapped = |text: &str, first: &str, rest: &str| {
        let options = textwrap::Options::new(width)
            .initial_indent(first)
            .subsequent_indent(rest);
        let lines = textwrap::wrap(text, options).into_iter();
        lines.map(|line| line.into_owned()).collect::<Vec<_>>()
    };
    let mut lines = wrapped(&meaning.text, "    ", "    ");
    for (word, text) in &meaning.choices {
        lines.extend(wrapped(&format!("{word}: {text}"), "      ", "          "));
    }
    lines
}
