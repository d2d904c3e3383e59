use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::set::Records;
use super::*;

/// `n` images of two pixels that say which they are, and how often one was read.
#[derive(Debug)]
struct Counted {
    n: usize,
    reads: AtomicUsize,
    /// This one cannot be read.
    broken: Option<usize>,
}

impl Records for Counted {
    fn shape(&self) -> [usize; 4] {
        [self.n, 1, 2, 1]
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> crate::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.broken == Some(index) {
            return Err(Error::format(
                Path::new("set"),
                format!("image {index}"),
                "broken",
            ));
        }
        values.extend([index as u8, (index / 256) as u8]);
        Ok(())
    }
}

fn counted(n: usize, broken: Option<usize>) -> (Arc<Counted>, ImageSet) {
    let reads = AtomicUsize::new(0);
    let records = Arc::new(Counted { n, reads, broken });
    (records.clone(), ImageSet::stored(records))
}

#[test]
fn a_set_read_from_its_place_is_that_in_memory() {
    let (_, stored) = counted(1000, None);
    let held = stored.clone().held_up_to(2000).unwrap();
    assert!(held.in_memory().is_some());
    assert!(
        stored
            .clone()
            .held_up_to(1999)
            .unwrap()
            .in_memory()
            .is_none()
    );
    for size in [1, 7, 64, 1000, 2000] {
        let (a, b): (Vec<_>, Vec<_>) =
            (held.batches(size).collect(), stored.batches(size).collect());
        assert_eq!(a.len(), 1000usize.div_ceil(size));
        for (a, b) in a.into_iter().zip(b) {
            assert_eq!(a.unwrap(), b.unwrap());
        }
    }
    let some = [999, 0, 512, 0];
    assert_eq!(
        held.read(&some).unwrap(),
        stored.select(&some).read_all().unwrap()
    );
    assert_eq!(
        stored
            .select(&some)
            .select(&[2])
            .read(&[0])
            .unwrap()
            .into_levels(),
        [0, 2]
    );
    assert_eq!(
        held.channel_statistics().unwrap(),
        stored.channel_statistics().unwrap()
    );
}

#[test]
fn batches_of_training_are_the_same_and_are_read_once() {
    let (records, stored) = counted(300, None);
    let held = stored.clone().held_up_to(u64::MAX).unwrap();
    let before = records.reads.load(Ordering::Relaxed);
    let batches = |set: &ImageSet, first: u64| {
        let mut order = Order::new(300, 32, RngKey::new(1, 4));
        let ahead = Ahead::new(set, move |i| {
            (first + i < 25).then(|| order.batch(first + i).to_vec())
        });
        ahead.map(|images| images.unwrap()).collect::<Vec<_>>()
    };
    let all = batches(&stored, 0);
    assert_eq!(records.reads.load(Ordering::Relaxed) - before, 25 * 32);
    assert_eq!(all, batches(&held, 0));
    // resumed
    assert_eq!(all[11..], batches(&stored, 11));
}

#[test]
fn an_image_that_cannot_be_read_is_an_error_of_its_batch() {
    let (_, set) = counted(100, Some(57));
    let read: Vec<_> = set.batches(10).collect();
    assert_eq!(read.len(), 10);
    for (i, batch) in read.into_iter().enumerate() {
        assert_eq!(message(batch).contains("image 57"), i == 5);
    }
    assert!(message(set.channel_statistics()).contains("image 57"));
    assert!(message(set.held_up_to(1000)).contains("image 57"));
}

#[test]
fn reading_ahead_stops_when_nobody_listens() {
    let (records, set) = counted(100_000, None);
    let mut batches = set.batches(1);
    assert!(batches.next().is_some());
    drop(batches);
    drop(set);
    // the threads hold the records until they end
    while Arc::strong_count(&records) > 1 {
        std::thread::yield_now();
    }
    assert!(records.reads.load(Ordering::Relaxed) < 1000);
}
