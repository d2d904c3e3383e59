//! `clel completions`.

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;

use super::{Cli, output};
use crate::Result;
use crate::config::Source;

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
        let mut commands = completed();
        clap_complete::generate(self.shell, &mut commands, "clel", &mut script);
        let script = String::from_utf8_lossy(&script);
        let script = match self.shell {
            Shell::Bash => with_files(&script, &commands),
            _ => script.into_owned(),
        };
        output::say(script.trim_end())
    }
}

/// The script for bash, which by itself offers a command's options where a file is expected that is no option's. Where it offers nothing, bash offers files.
fn with_files(script: &str, commands: &Command) -> String {
    let takes_files = |command: &&Command| {
        let mut arguments = command.get_positionals();
        arguments.any(|argument| FILES.contains(&argument.get_value_hint()))
    };
    let names = commands.get_subcommands().filter(takes_files);
    let names: Vec<&str> = names.map(Command::get_name).collect();
    let names = names.join("|");
    let script = script.replace(" -F _clel ", " -F _clel_or_files ");
    format!(
        r#"_clel_or_files() {{
    _clel "$@"
    case "${{COMP_WORDS[1]}}" in
        {names})
            [[ "$2" == -* || "${{COMPREPLY[0]}}" != -* ]] || COMPREPLY=()
            ;;
    esac
}}

{script}"#
    )
}

/// What names something on the disk.
const FILES: [ValueHint; 3] = [ValueHint::DirPath, ValueHint::FilePath, ValueHint::AnyPath];

/// The commands, with what shells can offer for their arguments.
fn completed() -> Command {
    Cli::command().mut_subcommands(|command| command.mut_args(offered))
}

/// An argument with the words that begin its values, or with what kind of file it names.
fn offered(argument: Arg) -> Arg {
    let names = argument.get_value_names().unwrap_or_default();
    match (argument.get_id().as_str(), names.first().map(|n| &**n)) {
        ("device", _) => argument.value_parser(["auto", "cpu", "wgpu"]),
        (_, Some("NAME:PATH")) => argument.value_parser(Source::ALL.map(Source::name)),
        (_, Some("DIR" | "FOLDER" | "FOLDER|RUN" | "RUN")) => {
            argument.value_hint(ValueHint::DirPath)
        }
        (_, Some("FILE")) => argument.value_hint(ValueHint::FilePath),
        _ => argument,
    }
}
