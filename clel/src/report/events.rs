//! Figures, pictures and distributions for TensorBoard.
//!
//! An event file is a sequence of records: length (u64), checksum of the length, data, checksum of
//! the data; the data are a protocol-buffer message `Event` with the few fields used here.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::histogram::Histogram;
use crate::{Error, Result};

/// What the name of an event file begins with; seconds since 1970 follow.
const NAME: &str = "events.out.tfevents.";
/// What it ends with.
const AUTHOR: &str = ".clel";

/// Writes an event file into a folder; `tensorboard --logdir FOLDER` shows it.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// A new file beside those of earlier runs in the same folder.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        let now = now();
        // TensorBoard reads files in the order of their names, and must do so after the clock was set back, too
        let newest = seconds_of(folder)?.into_iter().max();
        let mut second = newest.map_or(now as u64, |newest| (newest + 1).max(now as u64));
        loop {
            let path = folder.join(format!("{NAME}{second}{AUTHOR}"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => second += 1,
                Err(error) => return Err(Error::write(&path)(error)),
                Ok(file) => {
                    let mut events = Events { path, file };
                    events.record(&version(now))?;
                    return Ok(events);
                }
            }
        }
    }

    /// Adds numbers of a step under their names.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        self.record(&scalars(now(), step, values))
    }

    /// Adds a picture, given as the bytes of a PNG file and its size.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn png(&mut self, step: u64, name: &str, size: (u32, u32), png: &[u8]) -> Result<()> {
        const RGB: u64 = 3;
        let mut picture = Message::default();
        picture.varint(1, u64::from(size.1));
        picture.varint(2, u64::from(size.0));
        picture.varint(3, RGB);
        picture.bytes(4, png);
        let mut value = Message::default();
        value.bytes(1, name.as_bytes());
        value.bytes(4, &picture.0);
        let mut summary = Message::default();
        summary.bytes(1, &value.0);
        self.record(&event(now(), step, 5, &summary.0))
    }

    /// Adds the distribution of some numbers; those that are not finite are left out, and of nothing there is none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn histogram(&mut self, step: u64, name: &str, values: &[f32]) -> Result<()> {
        match Histogram::of(values) {
            Some(found) => self.record(&histogram(now(), step, name, &found)),
            None => Ok(()),
        }
    }

    /// Says that the run goes on after `step`: what earlier files have of later steps is not shown any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start(&mut self, step: u64) -> Result<()> {
        self.record(&start(now(), step))
    }

    /// Adds a text about a step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn text(&mut self, step: u64, text: &str) -> Result<()> {
        self.record(&words(now(), step, text))
    }

    fn record(&mut self, data: &[u8]) -> Result<()> {
        self.file
            .write_all(&framed(data))
            .map_err(Error::write(&self.path))
    }
}

/// The seconds in the names of the event files of a folder.
fn seconds_of(folder: &Path) -> Result<Vec<u64>> {
    let mut seconds = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let name = entry.map_err(Error::read(folder))?.file_name();
        let name = name.to_string_lossy();
        let number = name.strip_prefix(NAME).and_then(|n| n.strip_suffix(AUTHOR));
        seconds.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(seconds)
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the format asks for the time of day; nothing is computed from it"
)]
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

/// The first event of a file.
pub(super) fn version(time: f64) -> Vec<u8> {
    event(time, 0, 3, b"brain.Event:2")
}

/// An event that begins a session after a step: readers forget what they have of the next one and later ones.
pub(super) fn start(time: f64, step: u64) -> Vec<u8> {
    const START: u64 = 1;
    let mut session = Message::default();
    session.varint(1, START);
    event(time, step + 1, 7, &session.0)
}

/// An event with a text, under the name `what happened`.
pub(super) fn words(time: f64, step: u64, text: &str) -> Vec<u8> {
    const STRING: u64 = 7;
    let mut tensor = Message::default();
    tensor.varint(1, STRING);
    // a shape without dimensions: one string
    tensor.bytes(2, &[]);
    tensor.bytes(8, text.as_bytes());
    let mut plugin = Message::default();
    plugin.bytes(1, b"text");
    let mut metadata = Message::default();
    metadata.bytes(1, &plugin.0);
    let mut value = Message::default();
    value.bytes(1, b"what happened");
    value.bytes(8, &tensor.0);
    value.bytes(9, &metadata.0);
    let mut summary = Message::default();
    summary.bytes(1, &value.0);
    event(time, step, 5, &summary.0)
}

/// An event with numbers.
pub(super) fn scalars(time: f64, step: u64, values: &[(&str, f64)]) -> Vec<u8> {
    let mut summary = Message::default();
    for (name, number) in values {
        let mut value = Message::default();
        value.bytes(1, name.as_bytes());
        value.float(2, *number as f32);
        summary.bytes(1, &value.0);
    }
    event(time, step, 5, &summary.0)
}

/// An event with a distribution.
pub(super) fn histogram(time: f64, step: u64, name: &str, found: &Histogram) -> Vec<u8> {
    let mut proto = Message::default();
    for (field, number) in [
        (1, found.low),
        (2, found.high),
        (3, found.count),
        (4, found.sum),
        (5, found.squares),
    ] {
        proto.double(field, number);
    }
    for (field, numbers) in [(6, &found.limits), (7, &found.counts)] {
        let packed: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        proto.bytes(field, &packed);
    }
    let mut value = Message::default();
    value.bytes(1, name.as_bytes());
    value.bytes(5, &proto.0);
    let mut summary = Message::default();
    summary.bytes(1, &value.0);
    event(time, step, 5, &summary.0)
}

fn event(time: f64, step: u64, field: u64, content: &[u8]) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, time);
    if step > 0 {
        event.varint(2, step);
    }
    event.bytes(field, content);
    event.0
}

/// A record around the data.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked_checksum(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked_checksum(data).to_le_bytes());
    out
}

/// CRC-32C (Castagnoli), rotated and shifted as the record format asks.
fn masked_checksum(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// A protocol-buffer message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.raw_varint(field << 3);
        self.raw_varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.raw_varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.raw_varint(field << 3 | 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.raw_varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }
}
