//! The binary files of CIFAR-10 and CIFAR-100, in a folder or in the published archive.

use std::io::Read;
use std::path::{Path, PathBuf};

use clel_nn::files::read_regular;

use super::found::under_a_name;
use super::packed::Packed;
use super::{Found, Images, Split};
use crate::{Error, Result};

const PLANE: usize = 32 * 32;
/// Kinds of classes of CIFAR-100, whose labels have two bytes: the kind and the class.
const COARSE: u8 = 20;
/// A file of an archive that claims more is none of CIFAR's, whose largest has 154 MB.
const LARGEST: u64 = 1 << 30;

/// What a record holds: label bytes, then a red, a green and a blue plane of 32×32 bytes.
struct Layout {
    /// Name of the set.
    name: &'static str,
    /// The folder inside the archive.
    folder: &'static str,
    /// Label bytes, of which the last one counts.
    labels: usize,
    /// Labels are below this.
    classes: u8,
    /// Names of the training files as published, in their order.
    train: &'static [&'static str],
    /// Name of the test file.
    test: &'static str,
    /// Name of all of them packed.
    archive: &'static str,
    /// The folder and the archive of the version for Python, which is not read.
    python: [&'static str; 2],
    /// Name of the file with the names of the classes, where the labels are those of one.
    names: Option<&'static str>,
}

/// CIFAR-10 from a folder with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or from `cifar-10-binary.tar.gz`, as
/// published: <https://www.cs.toronto.edu/~kriz/cifar.html>. A part of it is the first training files, one or more.
///
/// # Errors
/// A file is missing, but for the last training files, is not a whole number of records, or has a label above 9.
pub fn cifar10(path: &Path) -> Result<Found> {
    let layout = Layout {
        name: "CIFAR-10",
        folder: "cifar-10-batches-bin",
        labels: 1,
        classes: 10,
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: "test_batch.bin",
        archive: "cifar-10-binary.tar.gz",
        python: ["cifar-10-batches-py", "cifar-10-python.tar.gz"],
        names: None,
    };
    layout.read(path)
}

/// CIFAR-100 with its 100 fine labels, from a folder with `train.bin` and `test.bin` or from `cifar-100-binary.tar.gz`; their names are those of
/// `fine_label_names.txt`, if it is there.
///
/// # Errors
/// A file is missing, is not a whole number of records, or has a fine label above 99.
pub fn cifar100(path: &Path) -> Result<Found> {
    let layout = Layout {
        name: "CIFAR-100",
        folder: "cifar-100-binary",
        labels: 2,
        classes: 100,
        train: &["train.bin"],
        test: "test.bin",
        archive: "cifar-100-binary.tar.gz",
        python: ["cifar-100-python", "cifar-100-python.tar.gz"],
        names: Some("fine_label_names.txt"),
    };
    layout.read(path)
}

/// A file and where it lies.
struct Member {
    /// Its own path, or its archive's.
    path: PathBuf,
    name: String,
    is_packed: bool,
    bytes: Vec<u8>,
}

/// The files of a set.
struct Members {
    train: Vec<Member>,
    test: Member,
    names: Option<Member>,
}

impl Layout {
    fn read(&self, path: &Path) -> Result<Found> {
        let Members { train, test, names } = if path.is_file() {
            self.archive(path)?
        } else {
            self.folder(path)?
        };
        let missing = self.missing(path, &train)?;
        let parts = (self.split(&train)?, Some(self.split(&[test])?));
        Ok(Found {
            classes: names.map(Member::lines).transpose()?,
            missing,
            ..parts.into()
        })
    }

    /// Whether a file's name is one of the published ones.
    fn has(&self, name: &str) -> bool {
        name == self.test || self.train.contains(&name) || self.names == Some(name)
    }

    /// Names of the last training files that are not there. Any other that is not there was hardly left out on purpose.
    fn missing(&self, path: &Path, train: &[Member]) -> Result<Vec<String>> {
        let is_there = |name: &str| train.iter().any(|member| member.name == name);
        let Some(last) = self.train.iter().rposition(|name| is_there(name)) else {
            return Err(self.nothing(path));
        };
        let (until, after) = self.train.split_at(last + 1);
        match until.iter().find(|name| !is_there(name)) {
            None => Ok(after.iter().map(|name| (*name).to_owned()).collect()),
            Some(name) => {
                let why = format!(
                    "not there, but {} is; expected all of {}, or for a part of {} the first of them",
                    self.train[last],
                    self.train.join(", "),
                    self.name
                );
                Err(Error::format(path, *name, why))
            }
        }
    }

    /// The training files and the test file of a folder, or of the folder in it that the archive unpacks to, or of the archive in it.
    fn folder(&self, path: &Path) -> Result<Members> {
        let (outer, inner) = (path, path.join(self.folder));
        let path = if inner.is_dir() { &inner } else { outer };
        let member = |name: &str| {
            let path = path.join(name);
            Ok(Member {
                bytes: read_regular(&path).map_err(Error::read(&path))?,
                path,
                name: name.to_owned(),
                is_packed: false,
            })
        };
        std::fs::read_dir(path).map_err(Error::read(path))?;
        let is_there = |name: &&&str| path.join(name).exists();
        let train = self.train.iter().filter(is_there);
        let train = train.map(|name| member(name)).collect::<Result<Vec<_>>>()?;
        if train.is_empty() {
            let archives = [outer, path].map(|p| p.join(self.archive));
            return match under_a_name(&archives) {
                Some(archive) => self.archive(archive),
                None => Err(self.nothing(path)),
            };
        }
        let names = self.names.as_ref().filter(is_there);
        Ok(Members {
            train,
            test: member(self.test)?,
            names: names.map(|name| member(name)).transpose()?,
        })
    }

    /// The same from an archive, whose members are read in memory, by the last part of their names.
    fn archive(&self, path: &Path) -> Result<Members> {
        if path
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| self.has(n))
        {
            return Err(Error::NoImages {
                path: path.to_owned(),
                why: format!(
                    "one file of {}; expected its folder, or the .tar.gz as published",
                    self.name
                ),
            });
        }
        let packed = Packed::open(path)?;
        let at = packed.position();
        let fault = |e: std::io::Error| {
            let place = format!("byte {} of the unpacked archive", at.get());
            Error::format(
                path,
                place,
                format!("truncated, damaged or no tar archive: {}", in_words(&e)),
            )
        };
        let mut archive = tar::Archive::new(packed);
        let (mut train, mut test, mut names) = (Vec::new(), None, None);
        let mut is_python = false;
        for entry in archive.entries().map_err(fault)? {
            let mut entry = entry.map_err(fault)?;
            let name = entry.path().map_err(fault)?;
            is_python |= name.iter().any(|part| part == self.python[0]);
            let Some(name) = name.file_name().and_then(|n| n.to_str()).map(str::to_owned) else {
                continue;
            };
            if !entry.header().entry_type().is_file() || !self.has(&name) {
                continue;
            }
            if entry.size() > LARGEST {
                let why = format!("claims {} bytes, expected at most {LARGEST}", entry.size());
                return Err(Error::format(path, format!("member {name}"), why));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(fault)?;
            if bytes.len() as u64 != entry.size() {
                let why = format!("{name} ends after {} of its bytes", bytes.len());
                return Err(fault(std::io::Error::other(why)));
            }
            let (is_test, is_names) = (name == self.test, self.names == Some(&name));
            let member = Member {
                path: path.to_owned(),
                name,
                is_packed: true,
                bytes,
            };
            if is_test {
                test = Some(member);
            } else if is_names {
                names = Some(member);
            } else {
                train.push(member);
            }
        }
        // the archive's checksum comes last
        std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(fault)?;
        train.sort_by(|a: &Member, b| a.name.cmp(&b.name));
        if train.is_empty() && is_python {
            return Err(self.of_python(path));
        }
        if train.is_empty() {
            return Err(self.nothing(path));
        }
        let test = test.ok_or_else(|| {
            let why = format!("the archive has no {}", self.test);
            Error::format(path, "members", why)
        })?;
        Ok(Members { train, test, names })
    }

    /// The error of the version for Python, whose pickles are not read.
    fn of_python(&self, path: &Path) -> Error {
        Error::NoImages {
            path: path.to_owned(),
            why: format!(
                "this is {}'s version for Python; expected the binary version of the same page, {}",
                self.name, self.archive
            ),
        }
    }

    fn nothing(&self, path: &Path) -> Error {
        let called = path.file_name().is_some_and(|name| name == self.python[0]);
        if called || self.python.iter().any(|name| path.join(name).exists()) {
            return self.of_python(path);
        }
        Error::NoImages {
            path: path.to_owned(),
            why: format!(
                "expected {}'s binary files {} and {}",
                self.name,
                self.train.join(", "),
                self.test
            ),
        }
    }

    fn split(&self, members: &[Member]) -> Result<Split> {
        let record = self.labels + 3 * PLANE;
        let mut labels = Vec::new();
        let mut values = Vec::new();
        for member in members {
            let bytes = &member.bytes;
            let whole = bytes.len() / record;
            if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
                return Err(member.fault(
                    whole * record,
                    format!(
                        "the file ends inside record {whole}: {} bytes are not a whole number of \
                         {record}-byte records of {} (labels and 3·32·32 values)",
                        bytes.len(),
                        self.name
                    ),
                ));
            }
            values.reserve(whole * 3 * PLANE);
            for (i, bytes) in bytes.chunks_exact(record).enumerate() {
                let (head, planes) = bytes.split_at(self.labels);
                if let [coarse, _] = *head
                    && coarse >= COARSE
                {
                    return Err(member.fault(
                        i * record,
                        format!(
                            "coarse label {coarse} of record {i}, expected 0 to {}",
                            COARSE - 1
                        ),
                    ));
                }
                let label = head[self.labels - 1];
                if label >= self.classes {
                    return Err(member.fault(
                        i * record + self.labels - 1,
                        format!(
                            "label {label} of record {i}, expected 0 to {}",
                            self.classes - 1
                        ),
                    ));
                }
                labels.push(u32::from(label));
                interleave(planes, &mut values);
            }
        }
        let shape = [labels.len(), 32, 32, 3];
        Ok(Split {
            images: Images::of_levels(shape, values, 256)?.into(),
            labels: Some(labels),
        })
    }
}

impl Member {
    /// The lines of a text that are not empty.
    fn lines(self) -> Result<Vec<String>> {
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|e| self.fault(e.valid_up_to(), "no UTF-8 text".to_owned()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(str::to_owned).collect())
    }

    fn fault(&self, at: usize, why: String) -> Error {
        let place = match self.is_packed {
            true => format!("member {}, byte {at}", self.name),
            false => format!("byte {at}"),
        };
        Error::format(&self.path, place, why)
    }
}

/// What went wrong with an archive, without the bytes of the damaged header that the decoder quotes.
fn in_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" when getting ") {
        Some((_, rest)) => {
            let field = rest.split_whitespace().next().unwrap_or_default();
            format!("a member's header has no number for `{field}`")
        }
        None => text,
    }
}

/// Appends the pixels of an image whose colours lie in planes one after another.
pub(super) fn interleave(planes: &[u8], values: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(planes.len() / 3);
    for ((r, g), b) in red.iter().zip(green).zip(blue) {
        values.extend([*r, *g, *b]);
    }
}
