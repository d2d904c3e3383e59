//! `clel man`.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;

use super::{Cli, EXIT_CODES, output};
use crate::{Error, Result, whole_file};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel man | man -l -                              the page of clel alone
  clel man --out ~/.local/share/man/man1           from then on `man clel`, `man clel-train` and so on";

/// Prints the manual page, or writes one for each command.
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
                let stdout = Path::new("standard output");
                let page = page(&Page::new(command())).map_err(Error::write(stdout))?;
                output::say(String::from_utf8_lossy(&page).trim_end())
            }
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
                let whole = command();
                let commands = whole.get_subcommands().chain([&whole]).cloned();
                for man in commands.map(Page::new) {
                    let file = folder.join(man.get_filename());
                    let page = page(&man).map_err(Error::write(&file))?;
                    whole_file::write(&file, &page)?;
                }
                output::say(&folder.display().to_string())
            }
        }
    }
}

/// All commands, each by its full name.
fn command() -> Command {
    // their exit codes have a part of their own in a page
    let mut command = Cli::command().after_help(None::<&str>);
    command = command.disable_help_subcommand(true);
    command.build();
    command
}

/// The page of a command, in the order of parts that man-pages(7) has.
fn page(man: &Page) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    let page = String::from_utf8_lossy(&page).into_owned();
    let (before, after) = ["\n.SH EXTRA\n", "\n.SH VERSION\n"]
        .iter()
        .find_map(|heading| page.split_at_checked(page.find(heading)? + 1))
        .unwrap_or((&page, ""));
    let after = with_examples(after);
    let mut whole = format!("{before}.SH \"EXIT STATUS\"\n");
    for (code, meaning) in EXIT_CODES {
        whole.push_str(&format!(".TP\n{code}\n{meaning}\n"));
    }
    Ok((whole + &after).into_bytes())
}

/// The last parts of a page with the examples line by line, as they can be copied: neither filled nor hyphenated.
fn with_examples(parts: &str) -> String {
    let Some(extra) = parts.strip_prefix(".SH EXTRA\n") else {
        return parts.to_owned();
    };
    let end = extra.find("\n.SH ").unwrap_or(extra.len());
    let (examples, rest) = extra.split_at(end);
    let examples = examples.strip_prefix("Examples:\n").unwrap_or(examples);
    let examples = examples.trim_end();
    format!(".SH EXAMPLES\n.nf\n{examples}\n.fi{rest}")
}
