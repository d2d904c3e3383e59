//! What a reader of a data set has found.

use std::path::{Path, PathBuf};

use super::{Folder, LeftOut, Split, synsets};
use crate::Result;

/// What a source has: a part to learn, and perhaps one to test with.
pub(super) type Parts = (Split, Option<Split>);

/// What a reader of a data set has found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its images.
    pub parts: Parts,
    /// What the files call the classes, by label, if they name them.
    pub classes: Option<Vec<String>>,
    /// Files that the whole set has and this one has not.
    pub missing: Vec<String>,
    /// Files that are there and are not read.
    pub left_out: LeftOut,
}

impl Found {
    /// The classes under the names of a list in `path` or beside it, if there is one.
    pub(super) fn renamed(self, path: &Path) -> Result<Found> {
        let classes = self.classes.map(|names| synsets::named(path, names));
        Ok(Found {
            classes: classes.transpose()?,
            ..self
        })
    }

    /// What it is without, for people: empty if nothing.
    pub(super) fn without(&self) -> String {
        let left_out = self.left_out.in_words();
        let all: Vec<&str> = self
            .missing
            .iter()
            .chain(&left_out)
            .map(String::as_str)
            .collect();
        match &all[..] {
            [] => String::new(),
            files => format!(" without {}", files.join(", ")),
        }
    }
}

impl From<Parts> for Found {
    fn from(parts: Parts) -> Found {
        Found {
            parts,
            classes: None,
            missing: Vec::new(),
            left_out: LeftOut::default(),
        }
    }
}

impl From<Folder> for Found {
    fn from(folder: Folder) -> Found {
        Found {
            classes: (!folder.classes.is_empty()).then_some(folder.classes),
            left_out: folder.left_out,
            ..(folder.split, None).into()
        }
    }
}

/// The first of these paths at which there is a file, or else anything: opening it says what that is.
pub(super) fn under_a_name(paths: &[PathBuf]) -> Option<&PathBuf> {
    let file = paths.iter().find(|path| path.is_file());
    file.or_else(|| paths.iter().find(|path| path.symlink_metadata().is_ok()))
}
