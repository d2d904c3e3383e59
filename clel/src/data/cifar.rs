//! The binary files of CIFAR-10 and CIFAR-100, in a folder or in the published archive.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::packed::Packed;
use super::{Images, Parts, Split};
use crate::{Error, Result};

const PLANE: usize = 32 * 32;
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
    /// Whether a file's name is that of a training file.
    is_train: fn(&str) -> bool,
    /// Name of the test file.
    test: &'static str,
    /// The training files, for people.
    expected: &'static str,
}

/// CIFAR-10 from a folder with `data_batch_*.bin` (one or more, read in the order of their names)
/// and `test_batch.bin`, or from `cifar-10-binary.tar.gz`, as published: <https://www.cs.toronto.edu/~kriz/cifar.html>.
///
/// # Errors
/// A file is missing, is not a whole number of records, or has a label above 9.
pub fn cifar10(path: &Path) -> Result<Parts> {
    let layout = Layout {
        name: "CIFAR-10",
        folder: "cifar-10-batches-bin",
        labels: 1,
        classes: 10,
        is_train: |name| name.starts_with("data_batch_") && name.ends_with(".bin"),
        test: "test_batch.bin",
        expected: "data_batch_1.bin … data_batch_5.bin",
    };
    layout.read(path)
}

/// CIFAR-100 with its 100 fine labels, from a folder with `train.bin` and `test.bin` or from `cifar-100-binary.tar.gz`.
///
/// # Errors
/// A file is missing, is not a whole number of records, or has a fine label above 99.
pub fn cifar100(path: &Path) -> Result<Parts> {
    let layout = Layout {
        name: "CIFAR-100",
        folder: "cifar-100-binary",
        labels: 2,
        classes: 100,
        is_train: |name| name == "train.bin",
        test: "test.bin",
        expected: "train.bin",
    };
    layout.read(path)
}

/// A file and where it lies: its path, or its archive's with its name in there.
struct Member {
    path: PathBuf,
    inside: Option<String>,
    bytes: Vec<u8>,
}

impl Layout {
    fn read(&self, path: &Path) -> Result<Parts> {
        let (train, test) = if path.is_file() {
            self.archive(path)?
        } else {
            self.folder(path)?
        };
        Ok((self.split(&train)?, Some(self.split(&[test])?)))
    }

    /// The training files and the test file of a folder, or of the folder in it that the archive unpacks to.
    fn folder(&self, path: &Path) -> Result<(Vec<Member>, Member)> {
        let inner = path.join(self.folder);
        let path = if inner.is_dir() { &inner } else { path };
        let member = |path: PathBuf| {
            Ok(Member {
                bytes: std::fs::read(&path).map_err(Error::read(&path))?,
                path,
                inside: None,
            })
        };
        let mut batches = Vec::new();
        for entry in std::fs::read_dir(path).map_err(Error::read(path))? {
            let name = entry.map_err(Error::read(path))?.file_name();
            batches.extend(
                name.to_str()
                    .filter(|n| (self.is_train)(n))
                    .map(|n| path.join(n)),
            );
        }
        batches.sort();
        if batches.is_empty() {
            return Err(self.missing(path));
        }
        let train = batches.into_iter().map(member).collect::<Result<_>>()?;
        Ok((train, member(path.join(self.test))?))
    }

    /// The same from an archive, whose members are read in memory, by the last part of their names.
    fn archive(&self, path: &Path) -> Result<(Vec<Member>, Member)> {
        let packed = Packed::open(path)?;
        let at = packed.position();
        let fault = |e: std::io::Error| {
            let place = format!("byte {} of the unpacked archive", at.get());
            Error::format(
                path,
                place,
                format!("truncated, damaged or no tar archive: {e}"),
            )
        };
        let mut archive = tar::Archive::new(packed);
        let (mut train, mut test) = (Vec::new(), None);
        for entry in archive.entries().map_err(fault)? {
            let mut entry = entry.map_err(fault)?;
            let name = entry.path().map_err(fault)?;
            let Some(name) = name.file_name().and_then(|n| n.to_str()).map(str::to_owned) else {
                continue;
            };
            let is_test = name == self.test;
            if !entry.header().entry_type().is_file() || !(is_test || (self.is_train)(&name)) {
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
            let member = Member {
                path: path.to_owned(),
                inside: Some(name),
                bytes,
            };
            if is_test {
                test = Some(member);
            } else {
                train.push(member);
            }
        }
        train.sort_by(|a, b| a.inside.cmp(&b.inside));
        if train.is_empty() {
            return Err(self.missing(path));
        }
        let test = test.ok_or_else(|| {
            let why = format!("the archive has no {}", self.test);
            Error::format(path, "members", why)
        })?;
        Ok((train, test))
    }

    fn missing(&self, path: &Path) -> Error {
        Error::NoImages {
            path: path.to_owned(),
            why: format!(
                "expected {}'s binary files {} and {}",
                self.name, self.expected, self.test
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
    fn fault(&self, at: usize, why: String) -> Error {
        let place = match &self.inside {
            Some(name) => format!("member {name}, byte {at}"),
            None => format!("byte {at}"),
        };
        Error::format(&self.path, place, why)
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
