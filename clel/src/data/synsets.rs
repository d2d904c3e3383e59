//! What ImageNet's classes are called, which have numbers of WordNet's for names: `n01440764` is the tench.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clel_nn::files::open_regular;

use crate::{Error, Result};

/// Lines `n01440764 tench, Tinca tinca`, in the archive of Kaggle.
const LOCALISATION: &str = "LOC_synset_mapping.txt";
/// Lines `n01440764⇥tench, Tinca tinca`, for all nouns of WordNet.
const WORDS: &str = "words.txt";
/// Lines `n02119789 1 kit_fox`; the number in the middle is the label of the batches of ImageNet 32×32.
const LABELS: &str = "map_clsloc.txt";

/// Classes under the names that a list in `folder`, or where that lies, gives their numbers, the first of several; they stay as they are where there is
/// none. Of classes with one name, the crane that flies and the one that lifts, the number goes with it.
///
/// # Errors
/// A list that cannot be read.
pub(super) fn named(folder: &Path, classes: Vec<String>) -> Result<Vec<String>> {
    if !classes.iter().any(|class| is_number(class)) {
        return Ok(classes);
    }
    for list in [LOCALISATION, WORDS, LABELS] {
        let Some(path) = find(folder, list) else {
            continue;
        };
        let text = read(&path)?;
        let name = match list {
            LABELS => |words: &str| Some(words.split_once(' ')?.1.to_owned()),
            _ => |words: &str| words.split(',').next().map(str::to_owned),
        };
        let known = text.lines().filter_map(|line| {
            let (number, words) = line.split_once([' ', '\t'])?;
            Some((number, name(words.trim())?))
        });
        let known: BTreeMap<&str, String> = known.collect();
        let found = classes.iter().map(|class| known.get(class.as_str()));
        return Ok(distinct(&classes, &found.collect::<Vec<_>>()));
    }
    Ok(classes)
}

/// Names of the labels of ImageNet's batches, from 0, if their list is in `folder` or where that lies.
///
/// # Errors
/// A list that cannot be read, or has another form.
pub(super) fn of_labels(folder: &Path) -> Result<Option<Vec<String>>> {
    let Some(path) = find(folder, LABELS) else {
        return Ok(None);
    };
    let mut by_label = BTreeMap::new();
    for (i, line) in read(&path)?.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (number, label, name) = match words[..] {
            [] => continue,
            [number, label, name] => (number, label.parse::<usize>().ok(), name),
            _ => ("", None, ""),
        };
        let Some(label) = label else {
            let why = "expected a synset, a label and a name, as in `n02119789 1 kit_fox`";
            return Err(Error::format(&path, format!("line {}", i + 1), why));
        };
        by_label.insert(label, (number.to_owned(), name.to_owned()));
    }
    if !by_label.keys().copied().eq(1..=by_label.len()) {
        let why = format!("labels that are not 1 to {}, each once", by_label.len());
        return Err(Error::format(&path, "its end", why));
    }
    let (numbers, names): (Vec<String>, Vec<String>) = by_label.into_values().unzip();
    Ok(Some(distinct(
        &numbers,
        &names.iter().map(Some).collect::<Vec<_>>(),
    )))
}

/// Names, with the class itself where it has none, and in addition where it shares one.
fn distinct(classes: &[String], names: &[Option<&String>]) -> Vec<String> {
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for name in names.iter().flatten() {
        *times.entry(name).or_default() += 1;
    }
    let all = classes.iter().zip(names);
    let all = all.map(|(class, name)| match name {
        None => class.clone(),
        Some(name) if times[name] > 1 => format!("{name} {class}"),
        Some(name) => (*name).clone(),
    });
    all.collect()
}

/// Whether this is a noun's number: `n` and eight digits.
fn is_number(class: &str) -> bool {
    let digits = class.strip_prefix('n');
    digits.is_some_and(|d| d.len() == 8 && d.bytes().all(|b| b.is_ascii_digit()))
}

/// A list in a folder or beside it.
fn find(folder: &Path, list: &str) -> Option<PathBuf> {
    let places = [Some(folder), folder.parent()].into_iter().flatten();
    let mut places = places.map(|place| place.join(list));
    places.find(|p| p.is_file())
}

fn read(path: &Path) -> Result<String> {
    open_regular(path)
        .and_then(std::io::read_to_string)
        .map_err(Error::read(path))
}
