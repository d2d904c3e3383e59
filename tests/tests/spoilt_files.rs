//! Files spoilt at random, through every reader: an error or a value, never a panic, and no memory for what a header pretends.
//!
//! `CLEL_SPOILT=100000` in the environment tries so many files a reader; `fuzz/` holds coverage-guided fuzzers of the same readers.

use std::path::Path;
use std::sync::Mutex;

use cap::Cap;
use clel_tensor::RngKey;
use clel_tests::readers::READERS;

/// Memory beyond this is refused, which ends the program.
#[global_allocator]
static ALLOCATOR: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Memory is counted for the whole process, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// What reading a file of some kilobytes may take, beside what the program holds anyway.
const ROOM: usize = 96 << 20;
const TRIES: u32 = 200;

/// Words that readers like to believe.
const WORDS: [u32; 12] = [
    0,
    1,
    2,
    7,
    0x7f,
    0xff,
    0xffff,
    0x0001_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

/// The file with one to four changes.
fn spoilt(sample: &[u8], key: RngKey) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    let [changes, ..] = key.block(0);
    for change in 0..=changes % 4 {
        let [kind, place, value, length] = key.block(1 + change);
        // headers are at the front, or at the end
        let span = if kind & 8 == 0 {
            bytes.len()
        } else {
            bytes.len().min(200)
        };
        let at = place as usize % span.max(1);
        let at = if kind & 24 == 24 {
            bytes.len().saturating_sub(at + 1)
        } else {
            at
        };
        let end = (at + 1 + length as usize % 16).min(bytes.len());
        match kind % 8 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at.min(end)..end)),
            2 => {
                let piece = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 | 4 => {
                let word = WORDS[value as usize % WORDS.len()];
                let word = if kind & 32 == 0 {
                    word.to_le_bytes()
                } else {
                    word.to_be_bytes()
                };
                for (byte, new) in bytes[at..].iter_mut().zip(word) {
                    *byte = new;
                }
            }
            5 => {
                for byte in bytes[at..].iter_mut().take(8) {
                    *byte = 0xff;
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (value % 8);
                }
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// The fuzzers are no part of the workspace.
#[test]
fn every_reader_has_a_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let targets = manifest.split("[[bin]]\nname = \"").skip(1);
    let mut targets: Vec<&str> = targets.filter_map(|rest| rest.split('"').next()).collect();
    targets.sort_unstable();
    let mut readers = READERS.map(|reader| reader.name);
    readers.sort_unstable();
    assert_eq!(targets, readers);
    for name in readers {
        let path = folder.join(format!("fuzz_targets/{name}.rs"));
        let target = std::fs::read_to_string(&path).unwrap();
        assert!(
            target.contains(&format!("\"{name}\"")),
            "{}",
            path.display()
        );
    }
}

/// With `CLEL_SAMPLES` in the environment they are also written, into a folder for each reader there.
#[test]
fn samples_are_whole() {
    let _turn = TURN.lock();
    for reader in &READERS {
        let folder = tempfile::tempdir().unwrap();
        let sample = (reader.sample)().unwrap();
        (reader.read)(folder.path(), &sample).unwrap_or_else(|e| panic!("{}: {e}", reader.name));
        if let Ok(corpus) = std::env::var("CLEL_SAMPLES") {
            let folder = Path::new(&corpus).join(reader.name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("sample"), sample).unwrap();
        }
    }
}

#[test]
fn spoilt_files_are_errors() {
    let _turn = TURN.lock();
    let tries = std::env::var("CLEL_SPOILT").map_or(TRIES, |n| n.parse().unwrap());
    for (stream, reader) in (0..).zip(&READERS) {
        let folder = tempfile::tempdir().unwrap();
        let sample = (reader.sample)().unwrap();
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + ROOM).unwrap();
        let mut refused = 0;
        for step in 0..tries {
            let bytes = spoilt(&sample, RngKey::new(11, stream).at(step.into()));
            if let Err(error) = (reader.read)(folder.path(), &bytes) {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
        ALLOCATOR.set_limit(usize::MAX).unwrap();
        eprintln!("{}: {refused} of {tries} refused", reader.name);
        assert!(refused > tries / 20, "{}: {refused}", reader.name);
    }
}
