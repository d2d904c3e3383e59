use std::io::Write;

use super::*;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn file(magic: u32, sizes: &[u32], values: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let head = [&[magic], sizes].concat();
    let head = head.into_iter().flat_map(u32::to_be_bytes);
    head.chain(values).collect()
}

/// Three images of 2×3 to learn and one to test with.
fn small() -> [(&'static str, Vec<u8>); 4] {
    [
        ("train-images-idx3-ubyte", file(0x803, &[3, 2, 3], 0..18)),
        ("train-labels-idx1-ubyte", file(0x801, &[3], [9, 0, 4])),
        ("t10k-images-idx3-ubyte", file(0x803, &[1, 2, 3], 50..56)),
        ("t10k-labels-idx1-ubyte", file(0x801, &[1], [5])),
    ]
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in small() {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

#[test]
fn plain_and_packed_files_are_read() {
    let dir = folder();
    for _ in 0..2 {
        let (train, test) = mnist(dir.path()).unwrap();
        let test = test.unwrap();
        assert_eq!(train.images.shape(), [3, 2, 3, 1]);
        assert_eq!(levels(&train.images), (0..18).collect::<Vec<u8>>());
        assert_eq!(train.labels, Some(vec![9, 0, 4]));
        assert_eq!(levels(&test.images), (50..56).collect::<Vec<u8>>());
        assert_eq!(test.labels, Some(vec![5]));
        for (name, bytes) in small() {
            std::fs::remove_file(dir.path().join(name)).ok();
            std::fs::write(dir.path().join(format!("{name}.gz")), packed(&bytes)).unwrap();
        }
    }
    let found = fashion(Some(dir.path())).unwrap().0;
    assert_eq!(found.labels, Some(vec![9, 0, 4]));
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("FashionMNIST")).unwrap();
    std::fs::rename(dir.path(), root.path().join("FashionMNIST/raw")).unwrap();
    assert!(message(mnist(root.path())).contains("train-images-idx3-ubyte"));
    for folder in ["", "FashionMNIST"] {
        let found = fashion(Some(&root.path().join(folder))).unwrap().0;
        assert_eq!(found.labels, Some(vec![9, 0, 4]));
    }
}

#[test]
fn only_systems_that_have_the_package_are_told_to_install_it() {
    let [linux, windows] =
        ["linux", "windows"].map(|system| crate::data::idx::absent(system).to_string());
    assert!(linux.contains("apt-get install dataset-fashion-mnist"));
    assert!(!windows.contains("apt-get") && !windows.contains("/usr"));
    for told in [linux, windows] {
        assert!(told.contains("--path"), "{told}");
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let dir = folder();
    let images = dir.path().join("train-images-idx3-ubyte");
    let labels = dir.path().join("train-labels-idx1-ubyte");
    let [whole, right] = [&images, &labels].map(|p| std::fs::read(p).unwrap());
    let check = |path: &Path, bytes: &[u8], parts: &[&str]| {
        std::fs::write(path, bytes).unwrap();
        let error = message(mnist(dir.path()));
        for part in parts {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    };
    for end in 0..whole.len() {
        check(
            &images,
            &whole[..end],
            &["train-images-idx3-ubyte: byte", "truncated"],
        );
        let gz = packed(&whole);
        check(
            &images,
            &gz[..end.max(2)],
            &["train-images-idx3-ubyte: byte (unpacked)"],
        );
    }
    check(
        &images,
        &packed(&whole[..20]),
        &["(unpacked) 20: the data end here, 14 bytes before the end of 3 images of 2×3"],
    );
    check(
        &images,
        &file(0x803, &[u32::MAX, 4000, 4000], 0..18),
        &[
            "byte 16: 4294967295 images of 4000×4000 would take",
            "at most 18",
        ],
    );
    check(
        &images,
        &packed(&file(0x803, &[u32::MAX, 28, 28], 0..18)),
        &["(unpacked) 16: 4294967295 images", "truncated"],
    );
    check(
        &images,
        &file(0x803, &[1, 0, 3], 0..18),
        &["byte 8: height 0, expected 1 to 4096"],
    );
    check(
        &images,
        &file(0x803, &[0, 2, 3], 0..18),
        &["byte 4: no images at all"],
    );
    check(
        &images,
        &file(0x801, &[3, 2, 3], 0..18),
        &["byte 0: magic number 0x00000801, expected 0x00000803"],
    );
    check(
        &images,
        &file(0x803, &[2, 2, 3], 0..18),
        &["byte 28: more data than the header says"],
    );
    check(&images, &whole, &["no error"]);
    check(
        &labels,
        &file(0x801, &[3], [1, 10, 0]),
        &["train-labels-idx1-ubyte: byte 9: label 10 of image 1, expected 0 to 9"],
    );
    check(
        &labels,
        &file(0x801, &[2], [1, 2]),
        &["byte 4: 2 labels, expected 3"],
    );
    check(&labels, &right, &["no error"]);
    std::fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert!(message(mnist(dir.path())).contains("expected the IDX file t10k-labels-idx1-ubyte or"));
}
