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
