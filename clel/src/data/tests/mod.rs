mod celeba;
mod cifar;
mod class_set;
mod classes;
mod folders;
mod idx;
mod imagenet32;
mod resize;
mod streaming;
mod svhn;
mod tensors;

use std::path::Path;

use super::*;
use crate::Error;

/// Pictures as they are.
const AS_STORED: Form = Form {
    crop: None,
    size: None,
    channels: Channels::AsStored,
};

/// The 8-bit values of a set.
fn levels(set: &ImageSet) -> Vec<u8> {
    set.read_all().unwrap().into_levels()
}

fn message<T>(result: crate::Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn png(path: &Path, w: u32, h: u32, shift: u8) {
    image::RgbImage::from_fn(w, h, |x, y| image::Rgb([x as u8 + shift, y as u8, 200]))
        .save(path)
        .unwrap();
}

#[test]
fn digits_are_those_of_the_source() {
    let digits = digits();
    assert_eq!(digits.train.images.shape(), [1500, 8, 8, 1]);
    assert_eq!(digits.test.images.shape(), [297, 8, 8, 1]);
    // scikit-learn's load_digits: class counts and the sum of all values.
    let mut counts = [0; 10];
    let mut sum = 0u64;
    for split in [&digits.train, &digits.test] {
        for label in split.labels.as_ref().unwrap() {
            counts[*label as usize] += 1;
        }
        sum += levels(&split.images)
            .iter()
            .map(|v| u64::from(*v))
            .sum::<u64>();
    }
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(sum, 561_718);
}

#[test]
fn dequantisation_fills_each_level_evenly() {
    let images = Images::from_levels([1, 1, 4000, 1], vec![3; 4000], 17).unwrap();
    let x = images.dequantised(RngKey::new(1, 2));
    assert!(x.iter().all(|v| (3.0 / 17.0..4.0 / 17.0).contains(v)));
    let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / 4000.0;
    // Standard error of the mean of 4000 uniform numbers: 1/17 · 0.289/√4000.
    assert!(
        (mean - 3.5 / 17.0).abs() < 5.0 * 0.289 / 17.0 / 4000f64.sqrt(),
        "{mean}"
    );
    assert_eq!(x, images.dequantised(RngKey::new(1, 2)));
    assert_ne!(x, images.dequantised(RngKey::new(1, 2).at(1)));
}

#[test]
fn bytes_survive_dequantisation() {
    let all: Vec<u8> = (0..=255).collect();
    let images = Images::from_levels([256, 1, 1, 1], all.clone(), 256).unwrap();
    let back: Vec<u8> = images
        .dequantised(RngKey::new(7, 0))
        .into_iter()
        .map(to_byte)
        .collect();
    assert_eq!(back, all);
    assert_eq!(
        images
            .to_unit()
            .into_iter()
            .map(to_byte)
            .collect::<Vec<_>>(),
        all
    );
    assert_eq!((to_byte(1.0), to_byte(0.0)), (255, 0));
}

#[test]
fn channel_statistics_of_two_channels_worked_by_hand() {
    let images = Images::from_unit([1, 1, 2, 3], vec![0.0, 0.5, 1.0, 1.0, 0.5, 0.0]).unwrap();
    let (mean, std) = ImageSet::from(images).channel_statistics().unwrap();
    assert_eq!(mean, [0.5, 0.5, 0.5]);
    assert_eq!(std, [0.5, 1e-3, 0.5]);
}

#[test]
fn values_out_of_range_make_no_images() {
    assert!(Images::from_levels([1, 1, 1, 1], vec![17], 17).is_none());
    assert!(Images::from_levels([1, 1, 1, 1], vec![1, 2], 17).is_none());
    assert!(Images::from_unit([1, 1, 1, 1], vec![f32::NAN]).is_none());
    assert!(Images::from_unit([1, 1, 1, 1], vec![1.1]).is_none());
}

#[test]
fn an_epoch_shows_every_image_once_and_the_next_in_another_order() {
    let mut order = Order::new(10, 3, RngKey::new(5, 1));
    let mut epoch = |first: u64| -> Vec<usize> {
        (first..first + 3)
            .flat_map(|i| order.batch(i).to_vec())
            .collect()
    };
    let (one, two) = (epoch(0), epoch(3));
    for epoch in [&one, &two] {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 9);
    }
    assert_ne!(one, two);
    // A fresh order that starts in the middle agrees.
    assert_eq!(Order::new(10, 3, RngKey::new(5, 1)).batch(4), &two[3..6]);
    assert_eq!(Order::new(2, 5, RngKey::new(5, 1)).batch(9).len(), 2);
}

#[test]
fn permutations_are_uniform() {
    // Each of 24 orders of 4 items in 4800 draws: 200 expected, standard deviation 13.8.
    let mut counts = std::collections::HashMap::new();
    for step in 0..4800 {
        *counts
            .entry(order::permutation(4, RngKey::new(3, 9).at(step)))
            .or_insert(0i32) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.values().all(|c| (c - 200).abs() < 70), "{counts:?}");
}

#[test]
fn held_out_images_are_drawn_once() {
    let values: Vec<u8> = (0..20).collect();
    let all = Split {
        images: Images::from_levels([20, 1, 1, 1], values.clone(), 256)
            .unwrap()
            .into(),
        labels: None,
    };
    let (train, test) = hold_out(Path::new("x"), all.clone(), 0.25, 1).unwrap();
    assert_eq!((train.images.len(), test.images.len()), (15, 5));
    let mut both = levels(&train.images);
    both.extend(levels(&test.images));
    both.sort_unstable();
    assert_eq!(both, values);
    assert!(hold_out(Path::new("x"), all.select(&[0]), 0.9, 1).is_err());
}

#[test]
fn images_of_another_size_than_the_model_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    png(&path, 6, 4, 0);
    let error = message(read_any(&path, Some([8, 8, 1]), None));
    assert!(error.contains("found 4×6×1, expected 8×8×1"), "{error}");
    let NamedImages { images, names, .. } = read_any(&path, Some([4, 6, 1]), None).unwrap();
    assert_eq!(images.shape(), [1, 4, 6, 1]);
    assert!(names[0].ends_with("a.png"));
    assert!(matches!(
        read_any(Path::new("/nowhere.png"), None, None),
        Err(Error::Read { .. })
    ));
}
