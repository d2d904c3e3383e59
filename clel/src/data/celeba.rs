//! CelebA's aligned and cropped faces.

use std::path::{Path, PathBuf};

use clel_nn::files::open_regular;

use super::folder::pictures;
use super::found::Parts;
use super::{Channels, Crop, Form, Split};
use crate::{Error, Result};

/// The square that is cut out of the 218×178 pixels, and the size it is brought to, if no other is asked for: those of Liu et al.,
/// "Deep Learning Face Attributes in the Wild" (ICCV 2015), as generative models use the set.
const CROP: u32 = 140;
const SIZE: [usize; 2] = [64, 64];
const ATTRIBUTES: usize = 40;

/// CelebA from a folder with `img_align_celeba/`, `list_eval_partition.txt` and, for classes, `list_attr_celeba.txt`, or with these in `Img`, `Eval` and `Anno`, as published:
/// <https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html>; where a list is not there, it is read from the table of that name, `.csv`, as Kaggle has it. The centre of 140×140 is resized to 64×64 or to `size`. The training part
/// is learnt, the test part held out, the validation part left out. With the name of an attribute, a face that has it is of class
/// 1, another of class 0.
///
/// # Errors
/// A file is missing; a line of a list has another form; there is no such attribute.
pub fn celeba(folder: &Path, size: Option<[usize; 2]>, attribute: Option<&str>) -> Result<Parts> {
    let mut images = placed(folder, "Img", "img_align_celeba");
    // some archives have the folder in a folder of its name
    if images.join("img_align_celeba").is_dir() {
        images.push("img_align_celeba");
    }
    let form = Form {
        crop: Some(Crop::Centre(CROP)),
        size: size.or(Some(SIZE)),
        channels: Channels::Rgb,
    };
    let parts = list(folder, "Eval", "list_eval_partition");
    let partition = partition(&parts)?;
    let labels = match attribute {
        Some(name) => Some(attributes(
            &list(folder, "Anno", "list_attr_celeba"),
            name,
            &partition,
        )?),
        None => None,
    };
    let part = |wanted: u8| -> Result<Split> {
        let chosen = || {
            partition
                .iter()
                .enumerate()
                .filter(|(_, (_, part))| *part == wanted)
        };
        let files: Vec<PathBuf> = chosen().map(|(_, (name, _))| images.join(name)).collect();
        if files.is_empty() {
            let why = format!("no image of part {wanted} (0 learnt, 1 validation, 2 test)");
            return Err(Error::format(&parts, "lines", why));
        }
        Ok(Split {
            images: pictures(files.into(), form)?,
            labels: labels
                .as_ref()
                .map(|labels| chosen().map(|(i, _)| labels[i]).collect()),
        })
    };
    Ok((part(0)?, Some(part(2)?)))
}

/// A file of the set, in its folder as torchvision has it, or in the inner folder in which it was published.
fn placed(folder: &Path, inner: &str, name: &str) -> PathBuf {
    let published = folder.join(inner).join(name);
    match published.exists() {
        true => published,
        false => folder.join(name),
    }
}

/// A list as it was published, or the table that Kaggle has made of it, if only that is there.
fn list(folder: &Path, inner: &str, name: &str) -> PathBuf {
    let published = placed(folder, inner, &format!("{name}.txt"));
    let table = placed(folder, inner, &format!("{name}.csv"));
    match !published.exists() && table.exists() {
        true => table,
        false => published,
    }
}

/// Whether a list is a table: commas between the values, and names above them.
fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "csv")
}

/// The values of a line.
fn values(line: &str, table: bool) -> Vec<&str> {
    match table {
        true => line.split(',').map(str::trim).collect(),
        false => line.split_whitespace().collect(),
    }
}

/// Name and part (0, 1 or 2) of each image.
fn partition(path: &Path) -> Result<Vec<(String, u8)>> {
    let text = open_regular(path)
        .and_then(std::io::read_to_string)
        .map_err(Error::read(path))?;
    let table = is_table(path);
    let head = text.lines().next().unwrap_or_default();
    if table && values(head, table) != ["image_id", "partition"] {
        let why = format!("`{head}`, expected image_id,partition");
        return Err(Error::format(path, "line 1", why));
    }
    let lines = text
        .lines()
        .enumerate()
        .skip(usize::from(table))
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            let words = values(line, table);
            match words[..] {
                [name, part @ ("0" | "1" | "2")] if is_plain(name) => {
                    Ok((name.to_owned(), part.as_bytes()[0] - b'0'))
                }
                _ => {
                    let why = format!("`{line}`, expected the name of an image and 0, 1 or 2");
                    Err(Error::format(path, format!("line {}", i + 1), why))
                }
            }
        })
        .collect()
}

/// A name that leads into no other folder.
fn is_plain(name: &str) -> bool {
    Path::new(name).file_name() == Some(name.as_ref())
}

/// 1 for each image with the attribute, 0 for the others.
fn attributes(path: &Path, attribute: &str, partition: &[(String, u8)]) -> Result<Vec<u32>> {
    let text = open_regular(path)
        .and_then(std::io::read_to_string)
        .map_err(Error::read(path))?;
    let fault = |line: usize, why: String| Error::format(path, format!("line {line}"), why);
    let table = is_table(path);
    let mut lines = text.lines();
    if !table {
        let count = lines.next().unwrap_or_default().trim();
        if count.parse() != Ok(partition.len()) {
            let why = format!(
                "`{count}`, expected the number of images, {} as in the partition",
                partition.len()
            );
            return Err(fault(1, why));
        }
    }
    let head = if table { 1 } else { 2 };
    let mut names = values(lines.next().unwrap_or_default(), table);
    if table && !names.is_empty() {
        // that of the column of images
        names.remove(0);
    }
    if names.len() != ATTRIBUTES {
        let why = format!(
            "{} names, expected those of {ATTRIBUTES} attributes",
            names.len()
        );
        return Err(fault(head, why));
    }
    let column = names
        .iter()
        .position(|name| *name == attribute)
        .ok_or_else(|| {
            let why = format!(
                "no attribute `{attribute}` (data.attribute); there are {}",
                names.join(", ")
            );
            fault(head, why)
        })?;
    let mut labels = Vec::with_capacity(partition.len());
    for (i, line) in lines.filter(|line| !line.trim().is_empty()).enumerate() {
        let mut words = values(line, table).into_iter();
        let name = words.next().unwrap_or_default();
        match partition.get(i) {
            Some((expected, _)) if name == expected => {}
            Some((expected, _)) => {
                return Err(fault(
                    i + head + 1,
                    format!("`{name}`, expected {expected} as in the partition"),
                ));
            }
            None => {
                return Err(fault(
                    i + head + 1,
                    format!(
                        "`{name}`, expected the end after {} images",
                        partition.len()
                    ),
                ));
            }
        }
        let signs: Vec<&str> = words.collect();
        if signs.len() != ATTRIBUTES {
            return Err(fault(
                i + head + 1,
                format!("{} values, expected {ATTRIBUTES}", signs.len()),
            ));
        }
        match signs[column] {
            "1" => labels.push(1),
            "-1" => labels.push(0),
            other => {
                return Err(fault(
                    i + head + 1,
                    format!("`{other}` for {attribute}, expected 1 or -1"),
                ));
            }
        }
    }
    if labels.len() != partition.len() {
        let why = format!("the file ends here, expected {} images", partition.len());
        return Err(fault(labels.len() + head + 1, why));
    }
    Ok(labels)
}
