//! IDX files: MNIST and sets in its form.

use std::path::{Path, PathBuf};

use super::found::{Parts, under_a_name};
use super::packed::Packed;
use super::{Images, Split};
use crate::config::LARGEST_SIDE;
use crate::{Error, Result};

/// What a file of unsigned bytes with three axes begins with, and one with a single axis.
const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;
/// Where Debian's package dataset-fashion-mnist puts its files.
const FASHION: &str = "/usr/share/datasets/fashion-mnist";
/// The largest height and width.
const LARGEST: u32 = LARGEST_SIDE as u32;

/// MNIST from a folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same of `t10k`, plain or `.gz`, as
/// published: <http://yann.lecun.com/exdb/mnist/>; also where torchvision puts them, in `MNIST/raw`.
///
/// # Errors
/// A file is missing, truncated or has another form, there are not as many labels as images, or a label is above 9.
pub fn mnist(folder: &Path) -> Result<Parts> {
    read(folder, "MNIST")
}

/// The set in a folder, or in the inner one in which torchvision puts what it calls `name`.
fn read(folder: &Path, name: &str) -> Result<Parts> {
    let inner = [folder.join("raw"), folder.join(name).join("raw")];
    let is_there =
        |folder: &Path| find(folder, "train", "images", "idx3").is_ok_and(|path| path.is_file());
    let inner = inner
        .iter()
        .find(|inner| !is_there(folder) && is_there(inner));
    let folder = inner.map_or(folder, |inner| inner);
    let train = split(folder, "train")?;
    let test = split(folder, "t10k")?;
    let (found, expected) = (test.images.shape(), train.images.shape());
    if found[1..] != expected[1..] {
        return Err(Error::Mismatch {
            what: format!("images of t10k in {}", folder.display()),
            found: format!("{:?}", &found[1..]),
            expected: format!("{:?}, as those of train", &expected[1..]),
        });
    }
    Ok((train, Some(test)))
}

/// Fashion-MNIST, which has MNIST's form (<https://github.com/zalandoresearch/fashion-mnist>); without a folder, that of Debian's
/// package dataset-fashion-mnist.
///
/// # Errors
/// Those of [`mnist`]; no folder is given and the package is not installed.
pub fn fashion(folder: Option<&Path>) -> Result<Parts> {
    let installed = Path::new(FASHION);
    match folder {
        Some(folder) => read(folder, "FashionMNIST"),
        None if installed.is_dir() => read(installed, "FashionMNIST"),
        None => Err(absent(std::env::consts::OS)),
    }
}

/// What a system without the package is told.
pub(super) fn absent(system: &str) -> Error {
    match system {
        "linux" => Error::NoImages {
            path: FASHION.into(),
            why: "install the package dataset-fashion-mnist (apt-get install dataset-fashion-mnist), or name the folder of \
                  the four IDX files with --path"
                .to_owned(),
        },
        _ => Error::Argument {
            argument: "--data fashion".to_owned(),
            why: "needs --path, the folder of the four IDX files of https://github.com/zalandoresearch/fashion-mnist"
                .to_owned(),
        },
    }
}

fn split(folder: &Path, part: &str) -> Result<Split> {
    let (n, [h, w], values) = images(&find(folder, part, "images", "idx3")?)?;
    let path = find(folder, part, "labels", "idx1")?;
    let labels = labels(&path)?;
    if labels.len() != n {
        let why = format!("{} labels, expected {n}: one for each image", labels.len());
        return Err(Error::format(&path, "byte 4", why));
    }
    Ok(Split {
        images: Images::of_levels([n, h, w, 1], values, 256)?.into(),
        labels: Some(labels),
    })
}

/// `train-images-idx3-ubyte`, under the names in use.
fn find(folder: &Path, part: &str, what: &str, kind: &str) -> Result<PathBuf> {
    let names = ["-", "."].map(|dot| format!("{part}-{what}{dot}{kind}-ubyte"));
    let all = names.iter().flat_map(|n| [n.clone(), format!("{n}.gz")]);
    let paths: Vec<PathBuf> = all.map(|name| folder.join(name)).collect();
    under_a_name(&paths)
        .cloned()
        .ok_or_else(|| Error::NoImages {
            path: folder.to_owned(),
            why: format!("expected the IDX file {} or {}.gz", names[0], names[0]),
        })
}

/// Number and size of the images, and their values.
fn images(path: &Path) -> Result<(usize, [usize; 2], Vec<u8>)> {
    let mut file = Packed::open(path)?;
    let n = header(&mut file, IMAGES, "images")?;
    let [h, w] = [side(&mut file, "height")?, side(&mut file, "width")?];
    let bytes = u64::from(n) * u64::from(h) * u64::from(w);
    let values = file.bytes(bytes, &format!("{n} images of {h}×{w}"))?;
    finished(&mut file)?;
    Ok((n as usize, [h as usize, w as usize], values))
}

fn labels(path: &Path) -> Result<Vec<u32>> {
    let mut file = Packed::open(path)?;
    let n = header(&mut file, LABELS, "labels")?;
    let start = file.position().get();
    let labels = file.bytes(u64::from(n), &format!("{n} labels"))?;
    if let Some(i) = labels.iter().position(|label| *label > 9) {
        let why = format!("label {} of image {i}, expected 0 to 9", labels[i]);
        return Err(file.fault_at(start + i as u64, why));
    }
    finished(&mut file)?;
    Ok(labels.into_iter().map(u32::from).collect())
}

/// Reads what the file says it is, and how many there are: big-endian numbers of four bytes.
fn header(file: &mut Packed<'_>, magic: u32, what: &str) -> Result<u32> {
    let found = u32::from_be_bytes(file.array("the magic number")?);
    if found != magic {
        let why =
            format!("magic number {found:#010x}, expected {magic:#010x}: no IDX file of {what}");
        return Err(file.fault_at(0, why));
    }
    let n = u32::from_be_bytes(file.array("the number of items")?);
    if n == 0 {
        return Err(file.fault_at(4, format!("no {what} at all")));
    }
    Ok(n)
}

fn side(file: &mut Packed<'_>, what: &str) -> Result<u32> {
    let at = file.position().get();
    let side = u32::from_be_bytes(file.array(what)?);
    if (1..=LARGEST).contains(&side) {
        return Ok(side);
    }
    Err(file.fault_at(at, format!("{what} {side}, expected 1 to {LARGEST}")))
}

fn finished(file: &mut Packed<'_>) -> Result<()> {
    if file.is_at_end()? {
        return Ok(());
    }
    Err(file.fault("more data than the header says; expected the end of the file"))
}
