use std::path::Path;

use super::*;
use crate::Error;

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
        sum += split
            .images
            .clone()
            .into_levels()
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
    let x = images.dequantised(&[0], RngKey::new(1, 2));
    assert!(x.iter().all(|v| (3.0 / 17.0..4.0 / 17.0).contains(v)));
    let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / 4000.0;
    // Standard error of the mean of 4000 uniform numbers: 1/17 · 0.289/√4000.
    assert!(
        (mean - 3.5 / 17.0).abs() < 5.0 * 0.289 / 17.0 / 4000f64.sqrt(),
        "{mean}"
    );
    assert_eq!(x, images.dequantised(&[0], RngKey::new(1, 2)));
    assert_ne!(x, images.dequantised(&[0], RngKey::new(1, 2).at(1)));
}

#[test]
fn bytes_survive_dequantisation() {
    let all: Vec<u8> = (0..=255).collect();
    let images = Images::from_levels([256, 1, 1, 1], all.clone(), 256).unwrap();
    let order: Vec<usize> = (0..256).collect();
    let back: Vec<u8> = images
        .dequantised(&order, RngKey::new(7, 0))
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
    let (mean, std) = images.channel_statistics();
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
fn cifar_records_become_interleaved_colours() {
    let dir = tempfile::tempdir().unwrap();
    let record = |label: u8| {
        let mut bytes = vec![label];
        bytes.extend((0..3u32).flat_map(|c| (0..1024u32).map(move |p| (p % 80 + 80 * c) as u8)));
        bytes
    };
    std::fs::write(dir.path().join("data_batch_2.bin"), record(2)).unwrap();
    std::fs::write(
        dir.path().join("data_batch_1.bin"),
        [record(7), record(1)].concat(),
    )
    .unwrap();
    std::fs::write(dir.path().join("test_batch.bin"), record(9)).unwrap();
    let data = cifar10(dir.path()).unwrap();
    assert_eq!(data.train.labels, Some(vec![7, 1, 2]));
    assert_eq!(data.test.labels, Some(vec![9]));
    assert_eq!(data.train.images.shape(), [3, 32, 32, 3]);
    let values = data.train.images.into_levels();
    assert_eq!(&values[..6], &[0, 80, 160, 1, 81, 161]);
}

#[test]
fn damaged_cifar_files_name_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let train = dir.path().join("data_batch_1.bin");
    assert!(message(cifar10(dir.path())).contains("expected CIFAR-10's binary files"));
    std::fs::write(&train, vec![0; 3073 + 100]).unwrap();
    let error = message(cifar10(dir.path()));
    assert!(
        error.contains("data_batch_1.bin: byte 3073: the file ends inside record 1"),
        "{error}"
    );
    std::fs::write(&train, vec![10; 3073]).unwrap();
    let error = message(cifar10(dir.path()));
    assert!(
        error.contains("byte 0: label 10 of record 0, expected 0 to 9"),
        "{error}"
    );
    std::fs::write(&train, vec![0; 3073]).unwrap();
    let error = message(cifar10(dir.path()));
    assert!(
        error.contains("cannot read") && error.contains("test_batch.bin"),
        "{error}"
    );
}

#[test]
fn folders_of_classes_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for (class, names) in [("cat", ["b.png", "a.png"]), ("ant", ["x.jpg", "y.webp"])] {
        let folder = dir.path().join(class);
        std::fs::create_dir(&folder).unwrap();
        for (i, name) in names.iter().enumerate() {
            png(&folder.join(name), 6, 4, i as u8);
        }
    }
    let folder = read_folder(dir.path(), None, Channels::AsStored).unwrap();
    assert_eq!(folder.classes, ["ant", "cat"]);
    assert_eq!(folder.split.labels, Some(vec![0, 0, 1, 1]));
    assert_eq!(folder.split.images.shape(), [4, 4, 6, 3]);
    let last_two = folder.split.images.select(&[2, 3]).into_levels();
    assert_eq!(
        (last_two[0], last_two[72]),
        (1, 0),
        "a.png comes before b.png"
    );

    let resized = read_folder(dir.path(), Some([3, 3]), Channels::Grey).unwrap();
    assert_eq!(resized.split.images.shape(), [4, 3, 3, 1]);
}

#[test]
fn unreadable_and_odd_sized_images_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(message(read_folder(dir.path(), None, Channels::Rgb)).contains("no images here"));
    png(&dir.path().join("a.png"), 6, 4, 0);
    png(&dir.path().join("b.png"), 5, 4, 0);
    let error = message(read_folder(dir.path(), None, Channels::Rgb));
    assert!(
        error.contains("b.png: size: 4×5, but") && error.contains("is 4×6"),
        "{error}"
    );
    let bytes = std::fs::read(dir.path().join("a.png")).unwrap();
    std::fs::write(dir.path().join("b.png"), &bytes[..bytes.len() / 2]).unwrap();
    let error = read_folder(dir.path(), None, Channels::Rgb).unwrap_err();
    assert!(
        matches!(&error, Error::Image { path, .. } if path.ends_with("b.png")),
        "{error}"
    );
}

#[test]
fn samples_written_are_samples_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.safetensors");
    write_samples(&path, [2, 1, 2, 1], &[0.0, 0.25, 0.5, 1.0]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("samples").unwrap();
    assert_eq!(view.shape(), [2, 1, 2, 1]);
    assert_eq!(view.data()[4..8], 0.25f32.to_le_bytes());
    let error = message(read_tensors(&path));
    assert!(
        error.contains("tensor `images`: not there") && error.contains("samples"),
        "{error}"
    );
}

#[test]
fn tensors_of_images_and_labels_are_read() {
    use safetensors::{Dtype, tensor::TensorView};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.safetensors");
    let write = |dtype, shape: &[usize], bytes: &[u8], labels: &[u8]| {
        let images = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        let labels = TensorView::new(Dtype::U8, vec![labels.len()], labels).unwrap();
        let file = safetensors::serialize([("images", images), ("labels", labels)], None).unwrap();
        std::fs::write(&path, file).unwrap();
    };
    write(Dtype::U8, &[2, 1, 1, 3], &[1, 2, 3, 4, 5, 6], &[0, 3]);
    let (train, test) = read_tensors(&path).unwrap();
    assert_eq!(
        train.images,
        Images::from_levels([2, 1, 1, 3], vec![1, 2, 3, 4, 5, 6], 256).unwrap()
    );
    assert_eq!((train.labels, test), (Some(vec![0, 3]), None));

    write(Dtype::F32, &[1, 1, 1, 1], &1.5f32.to_le_bytes(), &[0]);
    assert!(
        message(read_tensors(&path)).contains("tensor `images`: value 0 is 1.5, expected 0..1")
    );
    write(Dtype::F64, &[1, 1, 1, 1], &1.5f64.to_le_bytes(), &[0]);
    assert!(message(read_tensors(&path)).contains("type F64, expected F32"));
    write(Dtype::U8, &[1, 3, 1], &[1, 2, 3], &[0]);
    assert!(message(read_tensors(&path)).contains("shape [1, 3, 1], expected [N, H, W, C]"));
    write(Dtype::U8, &[1, 1, 1, 1], &[1], &[0, 1]);
    assert!(message(read_tensors(&path)).contains("tensor `labels`: shape [2], expected [1]"));

    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(message(read_tensors(&path)).contains("not a whole safetensors file"));
}

#[test]
fn held_out_images_are_drawn_once() {
    let values: Vec<u8> = (0..20).collect();
    let all = Split {
        images: Images::from_levels([20, 1, 1, 1], values.clone(), 256).unwrap(),
        labels: None,
    };
    let data = hold_out(Path::new("x"), all.clone(), 0.25, 1).unwrap();
    assert_eq!((data.train.images.len(), data.test.images.len()), (15, 5));
    let mut both = data.train.images.into_levels();
    both.extend(data.test.images.into_levels());
    both.sort_unstable();
    assert_eq!(both, values);
    assert!(hold_out(Path::new("x"), all.select(&[0]), 0.9, 1).is_err());
}

#[test]
fn images_of_another_size_than_the_model_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    png(&path, 6, 4, 0);
    let error = message(read_any(&path, Some([8, 8, 1])));
    assert!(error.contains("found 4×6×1, expected 8×8×1"), "{error}");
    let (images, names) = read_any(&path, Some([4, 6, 1])).unwrap();
    assert_eq!(images.shape(), [1, 4, 6, 1]);
    assert!(names[0].ends_with("a.png"));
    assert!(matches!(
        read_any(Path::new("/nowhere.png"), None),
        Err(Error::Read { .. })
    ));
}
