//! One size for image files; an argument of the commands that have no configuration.

use crate::config::{DataConfig, LARGEST_SIDE, RESIZED};
use crate::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct SizeArgument {
    /// Brings image files to this height and width: of each its centre in that aspect ratio, resized [default: the size they have, which
    /// must be one; of some sets that of `data.size`].
    #[arg(long, value_name = "H,W", value_parser = sides)]
    size: Option<[usize; 2]>,
}

impl SizeArgument {
    /// The size, if it is given.
    pub fn get(&self) -> Option<[usize; 2]> {
        self.size
    }

    /// Makes it the size of a data set.
    ///
    /// # Errors
    /// A set that does not consist of image files.
    pub fn apply(&self, config: &mut DataConfig) -> Result<()> {
        let Some([h, w]) = self.size else {
            return Ok(());
        };
        if !config.source.is_resized() {
            return Err(Error::Argument {
                argument: format!("--size {h},{w}"),
                why: RESIZED.to_owned(),
            });
        }
        config.size = self.size;
        Ok(())
    }
}

fn sides(text: &str) -> Result<[usize; 2], String> {
    let sides = text.split_once(',').and_then(|(h, w)| {
        let side = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|s| (1..=LARGEST_SIDE).contains(s))
        };
        Some([side(h)?, side(w)?])
    });
    sides.ok_or_else(|| format!("expected HEIGHT,WIDTH, both in 1..={LARGEST_SIDE}, as in 32,32"))
}
