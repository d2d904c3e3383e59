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
    // pictures of other forms are counted
    for name in ["cat/a.bmp", "ant/b.BMP", "ant/c.heic", "ant/notes.txt"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let folder = read_folder(dir.path(), AS_STORED).unwrap();
    assert_eq!(folder.classes, ["ant", "cat"]);
    let left_out = folder.left_out.in_words();
    assert_eq!(left_out.as_deref(), Some("2 .bmp, 1 .heic"));
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
fn a_folder_is_grey_only_if_all_its_files_are() {
    let dir = tempfile::tempdir().unwrap();
    let grey = |name: &str| {
        let image = image::GrayImage::from_pixel(6, 4, image::Luma([9]));
        image.save(dir.path().join(name)).unwrap();
    };
    grey("a.png");
    grey("b.jpg");
    assert_eq!(all(dir.path()).unwrap().shape(), [2, 4, 6, 1]);
    // a palette is colours, too
    let file = std::fs::File::create(dir.path().join("c.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 6, 4);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![200, 10, 30]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 24]).unwrap();
    writer.finish().unwrap();
    let images = all(dir.path()).unwrap();
    assert_eq!(images.shape(), [3, 4, 6, 3]);
    let levels = images.into_levels();
    assert_eq!(
        (&levels[..3], &levels[2 * 72..][..3]),
        (&[9; 3][..], &[200, 10, 30][..])
    );
    // unless the channels are asked for
    let channels = Channels::Grey;
    let asked = read_folder(
        dir.path(),
        Form {
            channels,
            ..AS_STORED
        },
    )
    .unwrap();
    assert_eq!(asked.split.images.shape(), [3, 4, 6, 1]);
    // a damaged header that decides is told
    std::fs::write(dir.path().join("b.jpg"), "no JPEG").unwrap();
    assert!(message(all(dir.path())).contains("b.jpg: unreadable image"));
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
    let error = message(all(dir.path()));
    let told = format!(
        "the file has {} bytes, expected a whole PNG file",
        bytes.len() / 2
    );
    assert!(
        error.contains("b.png: unreadable image: ") && error.contains(&told),
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
    let all = textures(dir.path(), None, false).unwrap().split;
    assert_eq!(
        (all.images.shape(), all.labels),
        ([2, 32, 32, 3], Some(vec![0, 1]))
    );
    assert_eq!(levels(&all.images).len(), 2 * 3072);

    // as they are, from the upper left
    let corner = textures(dir.path(), Some([3, 2]), true).unwrap().split;
    assert_eq!(corner.images.shape(), [2, 3, 2, 3]);
    let row = |y: u8| [3, y, 200, 4, y, 200];
    let woven = &levels(&corner.images)[18..];
    assert_eq!(woven, [row(0), row(1), row(2)].concat());
    let told = textures(dir.path(), Some([41, 2]), true).unwrap_err();
    let told = told.to_string();
    assert!(told.contains("40×60, expected at least 41×2"), "{told}");
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
    let found = folder::parts(dir.path(), folder::TEST, AS_STORED).unwrap();
    let (train, test) = found.parts;
    assert_eq!(found.classes.unwrap(), ["a", "b"]);
    assert_eq!(
        (train.labels, test.unwrap().labels),
        (Some(vec![0, 1]), Some(vec![0, 1]))
    );
    std::fs::rename(dir.path().join("test/b"), dir.path().join("test/c")).unwrap();
    let error = message(folder::parts(dir.path(), folder::TEST, AS_STORED));
    assert!(
        error.contains("test: found a, c, expected those of `train`: a, b"),
        "{error}"
    );
    std::fs::remove_dir_all(dir.path().join("test/a")).unwrap();
    std::fs::rename(
        dir.path().join("test/c/x.png"),
        dir.path().join("test/x.png"),
    )
    .unwrap();
    let error = message(folder::parts(dir.path(), folder::TEST, AS_STORED));
    assert!(
        error.contains("test: found no sub-folders, expected"),
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

#[test]
fn a_jpeg_without_its_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    let noise = |x: u32, y: u32, c: u32| ((x * 37) ^ (y * 91) ^ (c * 50) ^ ((x * y) >> 2)) as u8;
    image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([0, 1, 2].map(|c| noise(x, y, c))))
        .save(&path)
        .unwrap();
    let whole = std::fs::read(&path).unwrap();
    // behind the headers, a decoder alone takes any of these for a picture
    for cut in [whole.len() / 2, whole.len() * 99 / 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = message(read_file(&path, AS_STORED));
        let told = format!(
            "a.jpg: unreadable image: the JPEG ends after {cut} bytes without its end marker"
        );
        assert!(error.contains(&told), "{error}");
    }
    // what comes after the end is no part of it; an end inside a segment, as of a thumbnail, is not the picture's
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    read_file(&path, AS_STORED).unwrap();
    let thumbnail = [
        &whole[..2],
        &[0xff, 0xe5, 0, 6, 0xff, 0xd8, 0xff, 0xd9],
        &whole[2..],
    ]
    .concat();
    std::fs::write(&path, &thumbnail).unwrap();
    read_file(&path, AS_STORED).unwrap();
    std::fs::write(&path, &thumbnail[..thumbnail.len() - 2]).unwrap();
    let error = message(read_file(&path, AS_STORED));
    assert!(error.contains("without its end marker"), "{error}");
}

#[test]
fn one_file_of_a_set_is_told_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    for (name, source, told) in [
        (
            "train_32x32.mat",
            "svhn",
            "expected the folder of train_32x32.mat and test_32x32.mat",
        ),
        (
            "val_data.npz",
            "imagenet32",
            "expected the folder of train_data_batch_1.npz",
        ),
        (
            "train-images-idx3-ubyte",
            "mnist",
            "expected the folder of train-images-idx3-ubyte",
        ),
        (
            "data_batch_1.bin",
            "cifar10",
            "expected its folder, or the .tar.gz",
        ),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, [0; 3073]).unwrap();
        let set: SetArgument = format!("{source}:{}", path.display()).parse().unwrap();
        let error = message(set.load(0.0, None));
        assert!(error.contains(told), "{error}");
    }
}
