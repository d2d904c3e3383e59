//! The one error type of this crate, in groups by where things go wrong.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::experiment_of;

/// What can go wrong between a command line and a trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- configuration ----------------------------------------------------
    /// A configuration file is not TOML.
    #[error("{origin}: not valid TOML: {why}")]
    ConfigSyntax {
        /// File and line, or the `--set` argument.
        origin: String,
        /// The parser's words.
        why: String,
    },
    /// A key that no setting has.
    #[error("{origin}: unknown key `{key}`; {instead}")]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// File and line, or the `--set` argument.
        origin: String,
        /// What it may have been meant to be, or what says which there are.
        instead: String,
    },
    /// A value of the wrong type or an unknown word.
    #[error("{origin}: `{key}`: {why}")]
    ConfigValue {
        /// The dotted key.
        key: String,
        /// File and line, or the `--set` argument.
        origin: String,
        /// What would be right.
        why: String,
    },
    /// Values that are well-formed but make no sense; one line for each.
    #[error("the configuration does not make sense:\n  {}", .problems.join("\n  "))]
    ConfigInvalid {
        /// `key = value (origin): why`, one for each problem.
        problems: Vec<String>,
    },
    /// No preset of this name.
    #[error("there is no preset `{name}`; there are {}", .known.join(", "))]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// Names of the presets.
        known: Vec<&'static str>,
    },
    /// What the system has nothing for, whatever the arguments.
    #[error("{what}: {why}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What is missing, and what to do instead.
        why: String,
    },
    /// A command-line argument that parses but cannot be used.
    #[error("{argument}: {why}")]
    Argument {
        /// The argument as given.
        argument: String,
        /// What would be right.
        why: String,
    },

    // ---- files ------------------------------------------------------------
    /// The system refused to read something.
    #[error("cannot read {}", .path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system refused to write something.
    #[error("cannot write {}", .path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file that does not hold what it should.
    #[error("{}: {place}: {why}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where in it: an offset, a tensor, a line.
        place: String,
        /// What was found and what was expected.
        why: String,
    },
    /// A state dict whose arrays are not those of the model; one line for each kind of difference, the first of its arrays in it.
    #[error("{}: not a state dict of `{model}`:\n  {}", .path.display(), .problems.join("\n  "))]
    StateDict {
        /// The file.
        path: PathBuf,
        /// The model asked for.
        model: &'static str,
        /// Which model it may be, and what is missing, superfluous, or of another shape or type.
        problems: Vec<String>,
    },
    /// An image file that cannot be decoded, or a picture that cannot be encoded.
    #[error("{}: unreadable image", .path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The decoder's words.
        source: image::ImageError,
    },
    /// A folder or file without a single usable image.
    #[error("{}: no images here: {why}", .path.display())]
    NoImages {
        /// File or folder.
        path: PathBuf,
        /// What would be an image.
        why: String,
    },
    /// The images of a run are not where its settings say, or are none.
    #[error(
        "cannot read the images of {}, whose data.path is {}{}; {cure}",
        .of.display(), .path.display(), looked_for(.folder)
    )]
    DataGone {
        /// The run, or its checkpoint.
        of: PathBuf,
        /// The path that it has stored.
        path: PathBuf,
        /// The folder in which that was looked for, where it is relative.
        folder: Option<PathBuf>,
        /// What says where they lie now.
        cure: String,
        /// What is in the way.
        source: Box<Error>,
    },
    /// Training came to images that cannot be read: those of the next iteration, or those that judge the last one.
    #[error(
        "images that are needed after iteration {step} cannot be read; {}",
        goes_on(*.step, .run)
    )]
    Unread {
        /// The run, of which a checkpoint has all that was done.
        run: PathBuf,
        /// Iterations done.
        step: u64,
        /// What is wrong with the images.
        source: Box<Error>,
    },
    /// The run directory is already there.
    #[error(
        "the run directory {} exists already; continue that run with `--resume {}`, or choose another `--out`",
        .path.display(), as_argument(.path)
    )]
    RunExists {
        /// The directory.
        path: PathBuf,
    },
    /// The directory for results is already there.
    #[error("{} exists already; choose another `--out`", .path.display())]
    OutputExists {
        /// The directory.
        path: PathBuf,
    },
    /// `--resume` names something that is not a run directory.
    #[error("{} is not a run directory: {why}", .path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// Somebody has removed or moved the directory of a run that goes on.
    #[error("the run directory {} is gone: somebody has removed or moved it", .0.display())]
    RunGone(PathBuf),
    /// A run directory has no checkpoint, or has none any more.
    #[error("{}: there is no checkpoint in it, so there is nothing to go on from; its settings begin a new run: `clel train --config {}`", .0.display(), as_argument(&.0.join("config.toml")))]
    NoCheckpoint(PathBuf),
    /// Checkpoints, of which none is what was written; one line for each, the newest first.
    #[error(
        "{}: {} damaged:\n  {}\nits settings begin a new run: `clel train --config {} --out NEW`",
        .path.display(), all_of(.problems.len()), .problems.join("\n  "), as_argument(&.path.join("config.toml"))
    )]
    AllDamaged {
        /// The run directory.
        path: PathBuf,
        /// What is wrong with each.
        problems: Vec<String>,
    },
    /// Another process is training in the directory.
    #[error("another process is training in {}; wait for it, or stop it", .path.display())]
    RunBusy {
        /// The directory.
        path: PathBuf,
    },

    // ---- data and numbers -------------------------------------------------
    /// Arrays whose sizes do not belong together.
    #[error("{what}: found {found}, expected {expected}")]
    Mismatch {
        /// What was compared.
        what: String,
        /// The size or value met.
        found: String,
        /// The size or value that would be right.
        expected: String,
    },
    /// A computation that has no meaningful result for these numbers.
    #[error("{what}: {why}")]
    Numbers {
        /// The computation.
        what: &'static str,
        /// Which condition the numbers break.
        why: String,
    },

    /// Training needs more memory than there is.
    #[error("{failure}; {advice}")]
    TooLarge {
        /// What did not fit.
        failure: clel_tensor::Error,
        /// What would fit.
        advice: String,
    },

    /// Whoever runs the program asked it to end.
    #[error("stopped")]
    Interrupted,

    // ---- below ------------------------------------------------------------
    /// An array operation failed.
    #[error(transparent)]
    Tensor(#[from] clel_tensor::Error),
    /// A recorded operation or a gradient failed.
    #[error(transparent)]
    Autograd(#[from] clel_autograd::Error),
    /// A layer failed.
    #[error(transparent)]
    Network(#[from] clel_nn::Error),
}

/// [`Error::Interrupted`] once `stop` is true: asked wherever something may take long.
pub(crate) fn going_on(stop: &AtomicBool) -> Result<()> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// A path as it is typed: in quotes where a shell would make something else of it, and never like an option.
pub(crate) fn as_argument(path: &Path) -> String {
    let text = path.display().to_string();
    let text = match text.starts_with('-') {
        true => format!("./{text}"),
        false => text,
    };
    let plain = |c: char| c.is_alphanumeric() || "_./,:=@%+-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => quoted(&text),
    }
}

/// A word in quotes of the shell.
#[cfg(unix)]
fn quoted(text: &str) -> String {
    // no path has the character that it refuses
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}

/// A word as names of people are on Windows: with a space, or with what stands between the folders.
#[cfg(not(unix))]
fn quoted(text: &str) -> String {
    match text.contains(|c: char| c.is_whitespace() || "&()^;!'`".contains(c)) || text.is_empty() {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

fn looked_for(folder: &Option<PathBuf>) -> String {
    match folder {
        Some(folder) => format!(", which was looked for in {}", folder.display()),
        None => String::new(),
    }
}

/// So many checkpoints, of which something is.
fn all_of(checkpoints: usize) -> String {
    match checkpoints {
        1 => "its only checkpoint is".to_owned(),
        n => format!("all of its {n} checkpoints are"),
    }
}

/// How a run goes on once what was in its way is gone.
fn goes_on(step: u64, run: &Path) -> String {
    let (saved, from) = match step {
        0 => ("nothing is done yet".to_owned(), "begins anew"),
        _ => (format!("iteration {step} is saved"), "goes on from there"),
    };
    let command = match experiment_of(run) {
        Some(_) => "`clel experiment`".to_owned(),
        None => format!("`clel train --resume {}`", as_argument(run)),
    };
    format!("{saved}: once they can be read, {command} {from}")
}

impl Error {
    /// The message with its causes, in one line.
    pub fn in_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            let why = inner.to_string();
            // some messages end with their cause already
            if !text.ends_with(&why) {
                text = format!("{text}: {why}");
            }
            cause = inner.source();
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The failure of an array operation that this is, if it is one.
    pub(crate) fn of_arrays(&self) -> Option<&clel_tensor::Error> {
        match self {
            Error::Tensor(inner)
            | Error::Autograd(clel_autograd::Error::Tensor(inner))
            | Error::Network(clel_nn::Error::Tensor(inner)) => Some(inner),
            _ => None,
        }
    }

    /// Whether it is the device that has failed: it is gone, its memory is full, or it reports something else.
    pub(crate) fn is_of_device(&self) -> bool {
        use clel_tensor::Error as Arrays;
        matches!(self, Error::TooLarge { .. })
            || matches!(
                self.of_arrays(),
                Some(
                    Arrays::DeviceLost { .. } | Arrays::OutOfMemory { .. } | Arrays::Device { .. }
                )
            )
    }

    /// Whether it is a file that cannot be read, or not as it must be.
    pub(crate) fn is_of_file(&self) -> bool {
        matches!(
            self,
            Error::Read { .. } | Error::Image { .. } | Error::Format { .. }
        )
    }

    /// For `map_err` on what reads `path`.
    pub fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::Read { path, source }
    }

    /// For `map_err` on what writes `path`.
    pub fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    }

    /// A file that does not hold what it should: `place` within it, and `why`.
    pub fn format(path: &Path, place: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Format {
            path: path.to_owned(),
            place: place.into(),
            why: why.into(),
        }
    }
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_can_be() {
        let told = |path: &str| Error::RunExists { path: path.into() }.to_string();
        for plain in ["runs/digits-001", "Läufe/数字,a=b@1%+:x"] {
            assert!(told(plain).contains(&format!("`--resume {plain}`")));
        }
        assert!(told("-run").contains("`--resume ./-run`"));
        let quoted = match cfg!(unix) {
            true => "`--resume 'Ada Lovelace/a'`",
            false => "`--resume \"Ada Lovelace/a\"`",
        };
        let spaced = told("Ada Lovelace/a");
        assert!(spaced.contains(quoted), "{spaced}");
    }

    /// What a shell makes of it is the path again.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_a_path_as_it_is() {
        for path in [
            "a b", "it's", "$HOME", "a;b", "~x", "a*", "(1)", "a\\b", "\"q\"", "", "a`b`",
        ] {
            let script = format!("printf %s {}", as_argument(Path::new(path)));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            assert_eq!(
                String::from_utf8(output.unwrap().stdout).unwrap(),
                path,
                "{script}"
            );
        }
    }
}
