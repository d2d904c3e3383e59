//! Which images a state has learnt from: a run that goes on with others cannot be repeated.

use flate2::Crc;

use super::Trainer;
use crate::data::{Dataset, Split};
use crate::words::counted;

/// Enough of a training part to see that images were added, taken away or sorted otherwise: how many they are, and a checksum of their classes.
fn described(train: &Split) -> String {
    let images = counted(train.images.len(), "image");
    match &train.labels {
        None => images,
        Some(labels) => {
            let mut sum = Crc::new();
            labels.iter().for_each(|l| sum.update(&l.to_le_bytes()));
            format!("{images} (checksum of classes {:08x})", sum.sum())
        }
    }
}

impl Trainer {
    /// Goes on with these images; what must be told if they are not those that it has learnt from.
    pub(super) fn go_on_with(&mut self, data: &Dataset) -> Option<String> {
        let now = described(&data.train);
        let before = self.learnt_from.replace(now.clone());
        let before = before.filter(|before| *before != now)?;
        Some(format!(
            "the training images have changed: {before} until iteration {}, {now} from then on, in another order; a run of either alone \
             comes to other numbers",
            self.step
        ))
    }
}
