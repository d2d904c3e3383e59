//! `clel completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, output};
use crate::Result;

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions && clel completions bash > ~/.local/share/bash-completion/completions/clel
  mkdir -p ~/.zfunc && clel completions zsh > ~/.zfunc/_clel        with `fpath+=~/.zfunc` before compinit in ~/.zshrc
  mkdir -p ~/.config/fish/completions && clel completions fish > ~/.config/fish/completions/clel.fish
  clel completions powershell >> $PROFILE";

/// Prints the script by which a shell completes commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "clel", &mut script);
        output::say(String::from_utf8_lossy(&script).trim_end())
    }
}
