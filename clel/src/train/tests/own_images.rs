//! Images of one's own, read when they are needed, and a run on them; the book shows both.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config;
use crate::config::Config;
use crate::data::{Dataset, ImageSet, Records, Split};
use crate::report::{Lines, RunDir};
use crate::tensor::Device;
use crate::train::{Ended, Job, run};
use crate::{Error, Result};

// ANCHOR: records
/// Grey images of 8×8, one behind the other in a file without a header.
#[derive(Debug)]
struct Raw {
    file: PathBuf,
    count: usize,
}

impl Records for Raw {
    fn shape(&self) -> [usize; 4] {
        [self.count, 8, 8, 1]
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()> {
        let mut image = [0; 64];
        let start = SeekFrom::Start(64 * index as u64);
        let read = File::open(&self.file).and_then(|mut file| {
            file.seek(start)?;
            file.read_exact(&mut image)
        });
        read.map_err(Error::read(&self.file))?;
        values.extend(image);
        Ok(())
    }
}
// ANCHOR_END: records

// ANCHOR: job
/// A run on the first images of a file, with the others held out.
fn job(config: Config, file: &Path, run: &Path) -> Result<Job> {
    let count = 12;
    let all = ImageSet::stored(Arc::new(Raw {
        file: file.to_owned(),
        count,
    }));
    let split = |range: std::ops::Range<usize>| Split {
        images: all.select(&range.collect::<Vec<_>>()),
        labels: None,
    };
    Ok(Job {
        config,
        data: Dataset {
            name: "my images".to_owned(),
            train: split(0..8),
            test: split(8..count),
            classes: None,
            drawn: false,
        },
        device: Device::Cpu,
        run: RunDir::create(run)?,
        resume: false,
        stop_after: None,
        stop: Arc::default(),
    })
}
// ANCHOR_END: job

#[test]
fn a_run_reads_images_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images");
    let bytes: Vec<u8> = (0..12 * 64).map(|i| (i * 37 % 251) as u8).collect();
    std::fs::write(&file, bytes).unwrap();
    let quick = config(&["train.iterations=2", "eval.samples=4", "eval.rounds=1"]);
    let begun = |name: &str| {
        let job = job(quick.clone(), &file, &folder.path().join(name)).unwrap();
        run(job, &mut Lines::default())
    };
    assert!(matches!(begun("one").unwrap(), Ended::Finished(_)));
    // a run whose images end too early names their file
    std::fs::write(&file, vec![0; 7 * 64]).unwrap();
    let told = begun("two").map(|_| ()).unwrap_err().in_one_line();
    assert!(told.contains(&file.display().to_string()), "{told}");
}

/// So many values instead of four.
#[derive(Debug)]
struct Uneven(usize);

impl Records for Uneven {
    fn shape(&self) -> [usize; 4] {
        [3, 2, 2, 1]
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()> {
        let len = if index == 1 { self.0 } else { 4 };
        values.extend(vec![0; len]);
        Ok(())
    }
}

#[test]
fn an_image_of_another_size_is_told() {
    assert!(ImageSet::stored(Arc::new(Uneven(4))).read_all().is_ok());
    for len in [3, 5] {
        let set = ImageSet::stored(Arc::new(Uneven(len)));
        let told = set.read_all().unwrap_err().to_string();
        let wanted = format!("values of image 1: found {len}, expected 4, of 2×2×1");
        assert!(told.contains(&wanted), "{told}");
    }
}
