//! What is wrong with a value, in words of people: serde and TOML speak of the program's types.

use crate::words::counted;

/// The largest whole number that TOML has.
const LARGEST: &str = "9223372036854775807";

/// Below it every whole number is one of f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A deserialiser's message without types of this program; one of another form stays as it is.
pub(crate) fn plainly(why: &str) -> String {
    told(why).unwrap_or_else(|| why.to_owned())
}

fn told(why: &str) -> Option<String> {
    if why == "u64 value was too large" {
        return Some(too_large("this number"));
    }
    // a text that was typed may hold these words, what is expected may not
    let (found, expected) = why.rsplit_once(", expected ")?;
    if let Some(word) = between(found, "unknown variant `", "`") {
        return unknown_word(word, expected);
    }
    if let Some(n) = found.strip_prefix("invalid length ") {
        return match expected.strip_prefix("an array of length ") {
            Some(wanted) => Some(format!(
                "{}, expected {wanted}",
                counted(n.parse().ok()?, "value")
            )),
            None if expected == "fewer elements in array" => {
                Some(format!("{n} values are too many"))
            }
            None => None,
        };
    }
    let found = found
        .strip_prefix("invalid type: ")
        .or_else(|| found.strip_prefix("invalid value: "))?;
    if let Some(number) = between(found, "integer `", "` as i128") {
        return Some(too_large(number));
    }
    // an enum of words, of which TOML's reader says nothing more
    if expected == "string only" {
        return Some("must be a word in quotes".to_owned());
    }
    no_such(&Found::of(found)?, expected)
}

/// What stands where something else should.
enum Found<'a> {
    Whole(&'a str),
    Float(f64),
    Truth(&'a str),
    /// With its quotes, and escaped.
    Text(&'a str),
    List,
    Table,
}

impl Found<'_> {
    fn of(found: &str) -> Option<Found<'_>> {
        match found {
            "sequence" => return Some(Found::List),
            "map" => return Some(Found::Table),
            _ => {}
        }
        if let Some(number) = between(found, "integer `", "`") {
            return Some(Found::Whole(number));
        }
        if let Some(number) = between(found, "floating point `", "`") {
            return Some(Found::Float(number.parse().ok()?));
        }
        if let Some(truth) = between(found, "boolean `", "`") {
            return Some(Found::Truth(truth));
        }
        found.strip_prefix("string ").map(Found::Text)
    }

    /// As a person writes it: 1e30, of which serde makes 31 digits.
    fn in_words(&self) -> String {
        match self {
            Found::Whole(text) | Found::Truth(text) | Found::Text(text) => (*text).to_owned(),
            Found::Float(number) if number.is_nan() => "nan".to_owned(),
            Found::Float(number) => format!("{number:?}"),
            Found::List => "a list".to_owned(),
            Found::Table => "a table".to_owned(),
        }
    }
}

fn no_such(found: &Found<'_>, expected: &str) -> Option<String> {
    let value = found.in_words();
    let wrong = match expected {
        "u64" | "usize" | "u32" | "u16" => match found {
            Found::Whole(_) => "no whole number from 0",
            Found::Text(text) if is_beyond(text) => return Some(too_large(text.trim_matches('"'))),
            Found::Float(number) if number.fract() == 0.0 && (0.0..EXACT).contains(number) => {
                return Some(format!(
                    "{value} is no whole number: write {}",
                    number.abs()
                ));
            }
            _ => "no whole number",
        },
        "i64" => "no whole number",
        "f64" => "no number",
        "a boolean" => "neither true nor false",
        "a string" | "path string" => match found {
            Found::List | Found::Table => "no text",
            _ => return Some(format!("{value} is no text: write \"{value}\"")),
        },
        "a sequence" => match found {
            Found::Table | Found::Text(_) => "no list",
            _ => return Some(format!("{value} is no list: write [{value}]")),
        },
        _ => {
            if let Some(n) = expected.strip_prefix("an array of length ") {
                return Some(format!("{value} is no list of {n} values"));
            }
            // the name of one of the program's types
            expected.strip_prefix("struct ")?;
            "no section of settings"
        }
    };
    Some(format!("{value} is {wrong}"))
}

/// Whether a text in quotes is a whole number that TOML does not have, and so was taken for a text.
fn is_beyond(text: &str) -> bool {
    text.trim_matches('"')
        .parse::<i128>()
        .is_ok_and(|n| n > i128::from(i64::MAX))
}

fn too_large(number: &str) -> String {
    format!("{number} is too large: whole numbers end at {LARGEST}")
}

/// `x is none of a, b`, from serde's list.
fn unknown_word(word: &str, expected: &str) -> Option<String> {
    let list = expected.strip_prefix("one of ").unwrap_or(expected);
    let known: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let is_plain = !word.is_empty() && !word.contains(char::is_whitespace);
    let word = match is_plain {
        true => word.to_owned(),
        false => format!("{word:?}"),
    };
    match known[..] {
        [] => None,
        [only] => Some(format!("{word} is not {only}")),
        _ => Some(format!("{word} is none of {}", known.join(", "))),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_serde_and_toml_are_told_plainly() {
        for (why, told) in [
            (
                "unknown variant `rollback`, expected `stop` or `roll_back`",
                "rollback is none of stop, roll_back",
            ),
            (
                "unknown variant `7`, expected one of `off`, `two`, `four`",
                "7 is none of off, two, four",
            ),
            ("unknown variant ``, expected `one`", "\"\" is not one"),
            (
                "unknown variant `a, expected b`, expected `stop` or `roll_back`",
                "\"a, expected b\" is none of stop, roll_back",
            ),
            (
                "invalid type: floating point `1500.5`, expected usize",
                "1500.5 is no whole number",
            ),
            (
                "invalid type: floating point `1000000000000000000000000000000.0`, expected u64",
                "1e30 is no whole number",
            ),
            (
                "invalid type: floating point `1000.0`, expected usize",
                "1000.0 is no whole number: write 1000",
            ),
            (
                "invalid type: floating point `-1.0`, expected usize",
                "-1.0 is no whole number",
            ),
            (
                "invalid type: floating point `NaN`, expected usize",
                "nan is no whole number",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "-1 is no whole number from 0",
            ),
            (
                "invalid type: string \"many\", expected usize",
                "\"many\" is no whole number",
            ),
            (
                "invalid type: string \"99999999999999999999\", expected usize",
                "99999999999999999999 is too large: whole numbers end at 9223372036854775807",
            ),
            (
                "u64 value was too large",
                "this number is too large: whole numbers end at 9223372036854775807",
            ),
            (
                "invalid type: integer `99999999999999999999999` as i128, expected any valid TOML value",
                "99999999999999999999999 is too large: whole numbers end at 9223372036854775807",
            ),
            (
                "invalid type: boolean `true`, expected f64",
                "true is no number",
            ),
            (
                "invalid type: string \"yes\", expected a boolean",
                "\"yes\" is neither true nor false",
            ),
            (
                "invalid type: integer `3`, expected path string",
                "3 is no text: write \"3\"",
            ),
            (
                "invalid type: sequence, expected a string",
                "a list is no text",
            ),
            (
                "invalid type: integer `3`, expected a sequence",
                "3 is no list: write [3]",
            ),
            (
                "invalid type: string \"8,8\", expected an array of length 3",
                "\"8,8\" is no list of 3 values",
            ),
            (
                "invalid type: map, expected u64",
                "a table is no whole number",
            ),
            (
                "invalid length 2, expected an array of length 3",
                "2 values, expected 3",
            ),
            (
                "invalid length 4, expected fewer elements in array",
                "4 values are too many",
            ),
            (
                "invalid type: integer `3`, expected struct SamplerConfig",
                "3 is no section of settings",
            ),
            (
                "invalid type: unit variant, expected string only",
                "must be a word in quotes",
            ),
        ] {
            assert_eq!(plainly(why), told, "{why}");
        }
    }

    #[test]
    fn other_messages_stay_as_they_are() {
        for why in [
            "missing field `data`",
            "unclosed array, expected `]`",
            "invalid type: byte array, expected a string",
            "invalid type: integer `3`, expected a duration",
            "invalid length 3, expected something",
            "must be above 0",
        ] {
            assert_eq!(plainly(why), why);
        }
    }
}
