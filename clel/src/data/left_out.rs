//! Pictures in a folder that are of forms which this program does not read.

use std::collections::BTreeMap;

use image::ImageFormat;

/// Endings of pictures that the decoder's library has never heard of.
const UNHEARD: [&str; 6] = ["heic", "heif", "jp2", "jxl", "svg", "jfif"];

/// How many files of each ending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<String, usize>);

/// Whether files with this ending, in small letters, are pictures, readable or not.
pub(super) fn is_picture(ending: &str) -> bool {
    ImageFormat::from_extension(ending).is_some() || UNHEARD.contains(&ending)
}

impl LeftOut {
    /// One more.
    pub(super) fn count(&mut self, ending: String) {
        *self.0.entry(ending).or_default() += 1;
    }

    /// These and others.
    pub(super) fn and(mut self, others: LeftOut) -> LeftOut {
        for (ending, n) in others.0 {
            *self.0.entry(ending).or_default() += n;
        }
        self
    }

    /// In words, if there are any: `3 .bmp, 1 .gif`.
    pub fn in_words(&self) -> Option<String> {
        let counts = self.0.iter().map(|(ending, n)| format!("{n} .{ending}"));
        let counts: Vec<String> = counts.collect();
        (!counts.is_empty()).then(|| counts.join(", "))
    }
}
