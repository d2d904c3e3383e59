//! `clel man`.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Cli, output};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel man | man -l -                              the page of clel alone
  clel man --out ~/.local/share/man/man1           from then on `man clel`, `man clel-train` and so on";

/// Prints the manual page of clel, or writes a page for each command into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// The folder, made if it is not there; pages of the same names are replaced.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> Result<()> {
        match &self.out {
            None => {
                let (mut page, stdout) = (Vec::new(), Path::new("standard output"));
                let man = clap_mangen::Man::new(Cli::command());
                man.render(&mut page).map_err(Error::write(stdout))?;
                output::say(String::from_utf8_lossy(&page).trim_end())
            }
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
                clap_mangen::generate_to(Cli::command(), folder).map_err(Error::write(folder))?;
                output::say(&folder.display().to_string())
            }
        }
    }
}
