use super::*;

/// Everything in a folder, read.
fn all(path: &Path) -> crate::Result<Images> {
    read_folder(path, AS_STORED)?.split.images.read_all()
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
    // what systems and editors leave behind is neither an image nor a class
    std::fs::write(dir.path().join("cat/._a.png"), "noted").unwrap();
    std::fs::create_dir(dir.path().join(".copies")).unwrap();
    png(&dir.path().join(".copies/a.png"), 5, 5, 0);
    let folder = read_folder(dir.path(), AS_STORED).unwrap();
    assert_eq!(folder.classes, ["ant", "cat"]);
    assert_eq!(folder.split.labels, Some(vec![0, 0, 1, 1]));
    assert_eq!(folder.split.images.shape(), [4, 4, 6, 3]);
    let last_two = levels(&folder.split.images.select(&[2, 3]));
    assert_eq!(
        (last_two[0], last_two[72]),
        (1, 0),
        "a.png comes before b.png"
    );

    let small = Form {
        size: Some([3, 3]),
        channels: Channels::Grey,
        ..AS_STORED
    };
    let resized = read_folder(dir.path(), small).unwrap();
    assert_eq!(resized.split.images.shape(), [4, 3, 3, 1]);
}

#[test]
fn unreadable_and_odd_sized_images_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(message(read_folder(dir.path(), AS_STORED)).contains("no images here"));
    png(&dir.path().join("a.png"), 6, 4, 0);
    png(&dir.path().join("b.png"), 5, 4, 0);
    let error = message(all(dir.path()));
    assert!(
        error.contains("b.png: size: 4×5, but") && error.contains("is 4×6"),
        "{error}"
    );
    let bytes = std::fs::read(dir.path().join("a.png")).unwrap();
    std::fs::write(dir.path().join("b.png"), &bytes[..bytes.len() / 2]).unwrap();
    let error = all(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Image { path, .. } if path.ends_with("b.png")),
        "{error}"
    );
}

#[test]
fn textures_of_varying_sizes_become_one_size() {
    let dir = tempfile::tempdir().unwrap();
    for (class, w, h) in [("banded", 60, 40), ("woven", 33, 90)] {
        let folder = dir.path().join("images").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        png(&folder.join("a.png"), w, h, 3);
    }
    let all = textures(dir.path(), None).unwrap().split;
    assert_eq!(
        (all.images.shape(), all.labels),
        ([2, 32, 32, 3], Some(vec![0, 1]))
    );
    assert_eq!(levels(&all.images).len(), 2 * 3072);
}

#[test]
fn folders_of_parts_must_have_the_same_classes() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["train/a", "train/b", "test/a", "test/b"] {
        let folder = dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        png(
            &folder.join("x.png"),
            4,
            4,
            folder.components().count() as u8,
        );
    }
    let ((train, test), classes) = folder::parts(dir.path(), AS_STORED).unwrap();
    assert_eq!(classes, ["a", "b"]);
    assert_eq!(
        (train.labels, test.unwrap().labels),
        (Some(vec![0, 1]), Some(vec![0, 1]))
    );
    std::fs::rename(dir.path().join("test/b"), dir.path().join("test/c")).unwrap();
    let error = message(folder::parts(dir.path(), AS_STORED));
    assert!(
        error.contains("test: found a, c, expected those of `train`: a, b"),
        "{error}"
    );
}

#[test]
fn a_small_file_that_claims_a_large_picture_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    png(&path, 6, 4, 0);
    let mut bytes = std::fs::read(&path).unwrap();
    // width and height in the first chunk, and the chunk's checksum
    bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = read_file(&path, AS_STORED).unwrap_err();
    let Error::Image { source, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(source, image::ImageError::Limits(_)), "{source}");
}
