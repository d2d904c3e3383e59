//! The digits that are part of the program.

use super::{Dataset, Images, Pixels, Split};

/// 1 797 records of one label and 64 grey values (0 to 16); `clel/data/make_digits.py` makes it.
const RECORDS: &[u8] = include_bytes!("../../data/digits.bin");
const TRAIN: usize = 1500;
const RECORD: usize = 65;

/// Handwritten digits, 8×8, 17 grey levels, ten classes: 1 500 to learn, 297 held out, in a fixed order.
///
/// E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
/// Repository, 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0.
pub fn digits() -> Dataset {
    let (train, test) = RECORDS.split_at(TRAIN * RECORD);
    Dataset {
        name: "UCI handwritten digits, 8×8".to_owned(),
        train: split(train),
        test: split(test),
        classes: None,
        drawn: false,
    }
}

fn split(records: &[u8]) -> Split {
    let records = records.chunks_exact(RECORD);
    let n = records.len();
    let mut labels = Vec::with_capacity(n);
    let mut values = Vec::with_capacity(n * 64);
    for record in records {
        labels.push(u32::from(record[0]));
        values.extend_from_slice(&record[1..]);
    }
    Split {
        images: Images {
            shape: [n, 8, 8, 1],
            pixels: Pixels::Levels { values, levels: 17 },
        }
        .into(),
        labels: Some(labels),
    }
}
