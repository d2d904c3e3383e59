//! The command line: what is typed, and how errors are told.

mod bench;
mod classifier;
mod completions;
mod devices;
mod doctor;
mod energy;
mod eval;
mod experiment;
mod export;
mod import;
mod man;
mod models;
mod ood;
mod output;
mod progress;
mod report;
mod runs;
mod sample;
mod settings;
#[cfg(not(target_family = "wasm"))]
mod signals;
#[cfg(target_family = "wasm")]
#[path = "no_signals.rs"]
mod signals;
mod size;
mod subjects;
mod table;
mod threads;
mod train;
mod tune;
mod unused;
mod watch;
mod weight;

use std::any::TypeId;
use std::error::Error as _;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use clel_tensor::Device;
use clel_tensor::cpu::on_workers;
use clel_tensor::gpu::{SHADERS, shaders_folder};
use image::ImageError;

use self::size::SizeArgument;
use crate::data::{self, NamedImages};
use crate::doctor::restrictions;
use crate::report::{Look, Pictures, RunDir, best_of};
use crate::train::newest_usable;
use crate::{Error, Result};

/// Exit code of what a signal has stopped, as shells have it for Ctrl-C.
const STOPPED: u8 = 130;

/// What the process ends with.
const EXIT_CODES: [(&str, &str); 4] = [
    ("0", "All is done."),
    (
        "1",
        "A device, a disk or the computation failed, or the machine has nothing for what was asked, no such device for instance.",
    ),
    (
        "2",
        "An argument, a setting or a file is not as it must be; the message says which.",
    ),
    (
        "130",
        "Ctrl-C or SIGTERM has stopped `train`, `experiment` or `watch`; what was training is saved. A second signal ends it at once, with 1. The other commands a signal ends \
         at once, of which shells tell 128 and its number: 130 for Ctrl-C, 143 for SIGTERM.",
    ),
];

/// Energy-based models guided by contrastive latent variables.
#[derive(Debug, Parser)]
#[command(name = "clel", version, propagate_version = true, after_help = exit_codes())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands; what each does is said where its arguments are, the first paragraph in the list of them all.
#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Train>),
    Sample(Box<sample::Sample>),
    Energy(energy::Energy),
    Eval(Box<eval::Eval>),
    Ood(ood::Ood),
    Experiment(experiment::ExperimentCommand),
    Classifier(classifier::ClassifierCommand),
    Import(import::Import),
    Export(export::Export),
    Report(report::Report),
    Watch(watch::Watch),
    Runs(runs::Runs),
    Settings(settings::Settings),
    Bench(bench::Bench),
    Tune(tune::Tune),
    Devices(devices::Devices),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

/// The end of the help text.
fn exit_codes() -> String {
    let lines = EXIT_CODES.map(|(code, meaning)| format!("\n  {code:>3}  {meaning}"));
    format!("Exit codes:{}", lines.concat())
}

/// The variable that names a device where `--device` does not.
const DEVICE: &str = "CLEL_DEVICE";
/// The device where nobody names one.
const AUTO: &str = "auto";
/// The variable that says how samples are shown where `--pictures` does not.
const PICTURES: &str = "CLEL_PICTURES";

/// Where to compute; an argument of every command.
#[derive(Debug, clap::Args)]
struct DeviceArgument {
    /// auto, cpu, wgpu, wgpu:NUMBER or wgpu:PART-OF-NAME; `auto` takes graphics hardware if there
    /// is any, else the CPU.
    #[arg(
        long,
        value_name = "DEVICE",
        default_value = AUTO,
        env = DEVICE
    )]
    device: String,
}

impl DeviceArgument {
    /// The device, as `clel tune` left it.
    fn open(&self) -> Result<Device> {
        let device = Device::parse(&self.device).map_err(|error| self.advised(error))?;
        if let Device::Wgpu(gpu) = &device
            && let Err(error) = crate::tune::load(gpu)
        {
            let (why, remedy) = (error.in_one_line(), crate::tune::remedy(&error, gpu));
            output::error(&format!("warning: not tuned: {why}; {remedy}"));
        }
        if let (Device::Wgpu(_), Some(folder)) = (&device, shaders_folder()) {
            let folder = folder.display();
            output::error(&format!(
                "warning: {SHADERS}: kernels are made from the shaders in {folder}, those that are there"
            ));
        }
        Ok(device)
    }
}

impl DeviceArgument {
    /// The error, with where there is advice; a word that is none is no matter of the machine.
    fn advised(&self, error: clel_tensor::Error) -> clel_tensor::Error {
        match error {
            clel_tensor::Error::NoDevice { wanted, why } => {
                let set = restrictions()
                    .into_iter()
                    .map(|set| format!("; {set} says which drivers to take"));
                let why = format!(
                    "{why}{}; `clel doctor` says what to do",
                    set.collect::<String>()
                );
                clel_tensor::Error::NoDevice { wanted, why }
            }
            other => other,
        }
    }
}

/// How a run is shown while it goes on.
#[derive(Debug, clap::Args)]
struct LookArguments {
    /// Print a line now and then instead of drawing curves and samples on the whole terminal; files and pipes get lines anyway.
    #[arg(long)]
    plain: bool,
    /// How the dashboard shows samples.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value = "auto",
        env = PICTURES
    )]
    pictures: Pictures,
}

impl LookArguments {
    /// Lines, too, where what is printed is JSON.
    fn look(&self, json: bool) -> Look {
        Look {
            plain: self.plain || json,
            pictures: self.pictures,
        }
    }
}

/// Runs the command that the process was started with. Bad input ends with one message on standard
/// error and exit code 2, a failure of the device (lost, out of memory), of a disk (full, faulty) or of the computation, or what the machine has nothing for, a device among that, with 1, training that was
/// stopped by a signal with 130, as is `watch`; `--resume` goes on with it.
pub fn main() -> ExitCode {
    let typed = arguments().try_get_matches();
    let by_variable = typed.as_ref().is_ok_and(is_device_of_variable);
    let command = match typed.and_then(|typed: ArgMatches| Cli::from_arg_matches(&typed)) {
        Ok(cli) => cli.command,
        Err(told) => return told_by_clap(with_variable(told)),
    };
    let done = |()| ExitCode::SUCCESS;
    if let Some(warning) = threads::warning() {
        output::error(&warning);
    }
    let result = on_workers(|| match command {
        Command::Train(arguments) => arguments.run(),
        Command::Sample(arguments) => arguments.run().map(done),
        Command::Energy(arguments) => arguments.run().map(done),
        Command::Eval(arguments) => arguments.run().map(done),
        Command::Ood(arguments) => arguments.run().map(done),
        Command::Experiment(arguments) => arguments.run(),
        Command::Classifier(arguments) => arguments.run().map(done),
        Command::Import(arguments) => arguments.run().map(done),
        Command::Export(arguments) => arguments.run().map(done),
        Command::Report(arguments) => arguments.run().map(done),
        Command::Watch(arguments) => arguments.run(),
        Command::Runs(arguments) => arguments.run().map(done),
        Command::Settings(arguments) => arguments.run().map(done),
        Command::Bench(arguments) => arguments.run().map(done),
        Command::Tune(arguments) => arguments.run().map(done),
        Command::Devices(arguments) => arguments.run().map(done),
        Command::Doctor(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run().map(done),
        Command::Man(arguments) => arguments.run().map(done),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            let mut text = chain(&error);
            if by_variable && is_about_device(&error) {
                text += &format!("\n  the variable {DEVICE} names it");
            }
            output::error(&text);
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}

/// What may be typed. A negative number is the value of the option before it if that takes a number, and no option of its own: what is then said is why it
/// is no value. A variable that is set to nothing is as good as not set.
fn arguments() -> clap::Command {
    let command = Cli::command();
    command.mut_subcommands(|command| {
        command.mut_args(|argument| {
            let argument = match takes_number(&argument) {
                true => argument.allow_negative_numbers(true),
                false => argument,
            };
            let set = argument.get_env().and_then(std::env::var_os);
            match set.is_some_and(|set| set.is_empty()) {
                true => argument.env(Resettable::Reset),
                false => argument,
            }
        })
    })
}

/// Whether the values of an argument are numbers.
fn takes_number(argument: &Arg) -> bool {
    let numbers = [
        TypeId::of::<u16>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<f64>(),
        // height and width
        TypeId::of::<[usize; 2]>(),
    ];
    let value = argument.get_value_parser().type_id();
    numbers.iter().any(|number| value == *number)
}

/// Whether it is the environment that names the device.
fn is_device_of_variable(typed: &ArgMatches) -> bool {
    typed.subcommand().is_some_and(|(_, typed)| {
        // not all commands take one
        typed.try_contains_id("device").is_ok()
            && typed.value_source("device") == Some(ValueSource::EnvVariable)
    })
}

/// Whether no device is what a word describes.
fn is_about_device(error: &Error) -> bool {
    use clel_tensor::Error as Arrays;
    matches!(
        error.of_arrays(),
        Some(Arrays::NoDevice { .. } | Arrays::DeviceWord { .. })
    )
}

/// What is wrong with the arguments, with the variable that a wrong value is from if nobody has typed the option.
fn with_variable(mut told: clap::Error) -> clap::Error {
    let Some(ContextValue::String(argument)) = told.get(ContextKind::InvalidArg) else {
        return told;
    };
    let option = "--pictures";
    let is_typed = std::env::args_os().any(|typed| {
        let typed = typed.to_string_lossy();
        typed.split('=').next() == Some(option)
    });
    if argument.split(' ').next() == Some(option) && !is_typed {
        let named = format!("{PICTURES}, the variable of {argument}");
        told.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    told
}

/// Prints help, or what is wrong with the arguments.
fn told_by_clap(told: clap::Error) -> ExitCode {
    let printed = output::printed(told.print(), told.use_stderr());
    match printed {
        Ok(()) => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2)),
        Err(error) => {
            output::error(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// The message with its causes, one a line.
fn chain(error: &Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let why = inner.to_string();
        // Some messages end with their cause already.
        if !text.ends_with(&why) {
            text.push_str(&format!("\n  because: {why}"));
        }
        cause = inner.source();
    }
    text
}

/// Whether the person who typed the command can put it right.
fn is_bad_input(error: &Error) -> bool {
    use clel_nn::Error as Network;
    let no_device = matches!(error.of_arrays(), Some(clel_tensor::Error::NoDevice { .. }));
    if no_device || error.is_of_device() {
        return false;
    }
    match error {
        Error::Numbers { .. } | Error::Unsupported { .. } | Error::RunGone(_) => false,
        Error::DataGone { source, .. } | Error::Unread { source, .. } => is_bad_input(source),
        Error::Read { source, .. }
        | Error::Write { source, .. }
        | Error::Image {
            source: ImageError::IoError(source),
            ..
        }
        | Error::Network(Network::Io { source, .. }) => is_wrong_path(source.kind()),
        _ => true,
    }
}

/// Whether another path, or other content, would do; a disk that is full or faulty is not the path's fault.
fn is_wrong_path(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
    )
}

/// Images that an argument names, as [`data::read_any`] has them; pictures in a folder that are not read are told.
fn given_images(
    path: &Path,
    shape: Option<[usize; 3]>,
    size: Option<[usize; 2]>,
) -> Result<NamedImages> {
    let given = data::read_any(path, shape, size)?;
    if let Some(files) = given.left_out.in_words() {
        output::error(&format!(
            "warning: {}: left out {files}; only .png, .jpg, .jpeg and .webp are read",
            path.display()
        ));
    }
    Ok(given)
}

/// What `load` makes of that which an argument `--checkpoint` names: a file, a run directory's newest whole one, or RUN/best.
fn from_checkpoint<T>(path: &Path, load: impl Fn(&Path) -> Result<T>) -> Result<T> {
    if !path.is_dir() {
        return match best_of(path)? {
            Some(best) => load(&best),
            None => load(path),
        };
    }
    let found = newest_usable(&RunDir::open(path)?, load).map_err(|error| match error {
        Error::NoCheckpoint(run) => Error::Argument {
            argument: run.display().to_string(),
            why: "there is no checkpoint in it, so there is no model yet: a run saves one whenever log.checkpoint_every iterations are done, when it \
                  is stopped, and at its end"
                .to_owned(),
        },
        other => other,
    })?;
    for warning in &found.warnings {
        output::error(&format!("warning: {warning}"));
    }
    Ok(found.value)
}
