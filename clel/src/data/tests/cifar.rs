use super::*;

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
    let (train, test) = cifar10(dir.path()).unwrap().parts;
    assert_eq!(train.labels, Some(vec![7, 1, 2]));
    let test = test.unwrap();
    assert_eq!(test.labels, Some(vec![9]));
    assert_eq!(train.images.shape(), [3, 32, 32, 3]);
    let values = levels(&train.images);
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
        error.contains("cannot read") && error.contains("test_batch.bin"),
        "{error}"
    );
    std::fs::write(dir.path().join("test_batch.bin"), vec![0; 3073]).unwrap();
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
}

#[test]
fn the_version_for_python_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let told = |path: &Path, read: fn(&Path) -> crate::Result<Found>, right: &str| {
        let error = message(read(path));
        let python = error.contains("version for Python") && error.contains(right);
        assert!(python, "{error}");
    };
    for (folder, read, right) in [
        (
            "cifar-10-batches-py",
            cifar10 as fn(&Path) -> _,
            "cifar-10-binary.tar.gz",
        ),
        ("cifar-100-python", cifar100, "cifar-100-binary.tar.gz"),
    ] {
        let path = dir.path().join(folder);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("data_batch_1"), [0x80, 2]).unwrap();
        told(&path, read, right);
        told(dir.path(), read, right);
        let packed = dir.path().join("packed.tar.gz");
        let name = format!("{folder}/data_batch_1");
        std::fs::write(&packed, archive(&[(&name, vec![0x80, 2])])).unwrap();
        told(&packed, read, right);
    }
}

/// A tar archive of these members, packed by gzip.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(packed);
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // a name that `Builder` would refuse must reach the reader, too
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Records whose planes count up from the label.
fn records(labels: &[u8], bytes_before: usize) -> Vec<u8> {
    let record = |&label: &u8| {
        let mut bytes = vec![0; bytes_before];
        bytes.push(label);
        bytes.extend((0..3072u32).map(|i| (i % 251) as u8 ^ label));
        bytes
    };
    labels.iter().flat_map(record).collect()
}

#[test]
fn an_archive_holds_what_its_folder_holds() {
    let dir = tempfile::tempdir().unwrap();
    let members = [
        ("cifar-10-batches-bin/data_batch_2.bin", records(&[4, 0], 0)),
        ("cifar-10-batches-bin/readme.html", b"<html>".to_vec()),
        ("cifar-10-batches-bin/data_batch_1.bin", records(&[9], 0)),
        ("../../test_batch.bin", records(&[3], 0)),
    ];
    let path = dir.path().join("cifar-10-binary.tar.gz");
    std::fs::write(&path, archive(&members)).unwrap();
    let inner = dir.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&inner).unwrap();
    for (name, bytes) in &members {
        std::fs::write(inner.join(name.rsplit('/').next().unwrap()), bytes).unwrap();
    }
    let (train, test) = cifar10(&path).unwrap().parts;
    let (folder_train, folder_test) = cifar10(dir.path()).unwrap().parts;
    assert_eq!(train.labels, Some(vec![9, 4, 0]));
    assert_eq!(train.labels, folder_train.labels);
    assert_eq!(levels(&train.images), levels(&folder_train.images));
    assert_eq!(
        levels(&test.unwrap().images),
        levels(&folder_test.unwrap().images)
    );
    // nothing has been unpacked
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    // the archive in its folder, perhaps beside one in which nothing is yet
    std::fs::remove_dir_all(&inner).unwrap();
    std::fs::create_dir(&inner).unwrap();
    let again = cifar10(dir.path()).unwrap().parts.0;
    assert_eq!(levels(&again.images), levels(&train.images));
}

#[test]
fn fine_labels_of_cifar100_count() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("train.bin"), records(&[99, 7], 1)).unwrap();
    std::fs::write(dir.path().join("test.bin"), records(&[50], 1)).unwrap();
    let (train, test) = cifar100(dir.path()).unwrap().parts;
    assert_eq!(train.labels, Some(vec![99, 7]));
    assert_eq!(test.unwrap().labels, Some(vec![50]));
    assert_eq!(levels(&train.images)[..3], [99, 20 ^ 99, 40 ^ 99]);
    // their names, wherever the images are found
    let set = |path: &Path| cifar100(path).unwrap().classes;
    assert_eq!(set(dir.path()), None);
    let names = b"apple\naquarium_fish\n\n".to_vec();
    let fine = Some(vec!["apple".to_owned(), "aquarium_fish".to_owned()]);
    std::fs::write(dir.path().join("fine_label_names.txt"), &names).unwrap();
    assert_eq!(set(dir.path()), fine);
    let parent = dir.path().join("parent");
    let inner = parent.join("cifar-100-binary");
    std::fs::create_dir_all(&inner).unwrap();
    let members = [
        ("cifar-100-binary/train.bin", records(&[99], 1)),
        ("cifar-100-binary/test.bin", records(&[50], 1)),
        ("cifar-100-binary/fine_label_names.txt", names),
    ];
    for (name, bytes) in &members {
        std::fs::write(parent.join(name), bytes).unwrap();
    }
    assert_eq!(set(&parent), fine);
    let packed = dir.path().join("c.tar.gz");
    std::fs::write(&packed, archive(&members)).unwrap();
    assert_eq!(set(&packed), fine);
    std::fs::write(dir.path().join("test.bin"), records(&[50, 100], 1)).unwrap();
    let error = message(cifar100(dir.path()));
    assert!(
        error.contains("test.bin: byte 3075: label 100 of record 1, expected 0 to 99"),
        "{error}"
    );
    let mut coarse = records(&[50], 1);
    coarse[0] = 20;
    std::fs::write(dir.path().join("test.bin"), coarse).unwrap();
    let error = message(cifar100(dir.path()));
    assert!(
        error.contains("test.bin: byte 0: coarse label 20 of record 0, expected 0 to 19"),
        "{error}"
    );
    let error = message(cifar10(dir.path()));
    assert!(
        error.contains("expected CIFAR-10's binary files"),
        "{error}"
    );
}

#[test]
fn damaged_archives_are_told_wherever_they_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.tar.gz");
    let whole = archive(&[
        ("c/data_batch_1.bin", records(&[1, 2], 0)),
        ("c/test_batch.bin", records(&[3], 0)),
    ]);
    // what follows gzip's last data is a checksum and a length, eight bytes
    for end in (0..whole.len()).step_by(37) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let error = message(cifar10(&path));
        assert!(error.contains("c.tar.gz: "), "{end}: {error}");
        assert!(
            error.contains("archive") || error.contains("no images"),
            "{end}: {error}"
        );
    }
    std::fs::write(&path, archive(&[("c/data_batch_1.bin", records(&[1], 0))])).unwrap();
    assert!(message(cifar10(&path)).contains("the archive has no test_batch.bin"));
    std::fs::write(&path, archive(&[("c/data_batch_1.bin", records(&[11], 0))])).unwrap();
    let error = message(cifar10(&path));
    assert!(error.contains("archive has no test_batch.bin"), "{error}");
}

#[test]
fn a_member_that_claims_too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.tar");
    for (claim, told) in [
        (5000, "truncated, damaged or no tar archive"),
        (1 << 40, "claims 1099511627776 bytes"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_path("data_batch_1.bin").unwrap();
        header.set_size(claim);
        header.set_cksum();
        std::fs::write(&path, [&header.as_bytes()[..], &[0; 600]].concat()).unwrap();
        let error = message(cifar10(&path));
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_part_is_told_and_a_gap_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(dir.path().join(name), records(&[1], 0)).unwrap();
    write("test_batch.bin");
    for n in [1, 2, 3, 5] {
        write(&format!("data_batch_{n}.bin"));
    }
    let set = SetArgument {
        source: Source::Cifar10,
        path: Some(dir.path().to_owned()),
    };
    let error = message(set.load(0.0, None));
    assert!(
        error.contains("data_batch_4.bin: not there, but data_batch_5.bin is"),
        "{error}"
    );
    write("data_batch_4.bin");
    let whole = set.load(0.0, None).unwrap();
    assert!(whole.name.ends_with("(cifar10)"), "{}", whole.name);
    for n in [4, 5] {
        std::fs::remove_file(dir.path().join(format!("data_batch_{n}.bin"))).unwrap();
    }
    let part = set.load(0.0, None).unwrap();
    let told = "(cifar10 without data_batch_4.bin, data_batch_5.bin)";
    assert!(part.name.ends_with(told), "{}", part.name);
    let tar = archive(&[
        ("c/data_batch_2.bin", records(&[1], 0)),
        ("c/test_batch.bin", records(&[3], 0)),
    ]);
    let path = dir.path().join("c.tar.gz");
    std::fs::write(&path, tar).unwrap();
    assert!(message(cifar10(&path)).contains("data_batch_1.bin: not there"));
}

#[test]
fn a_damaged_header_is_told_without_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.tar");
    let mut header = tar::Header::new_gnu();
    header.set_path("data_batch_1.bin").unwrap();
    header.as_old_mut().name[3..6].copy_from_slice(b"\x1b[2");
    header.as_old_mut().cksum = *b"garbage!";
    std::fs::write(&path, [&header.as_bytes()[..], &[0; 600]].concat()).unwrap();
    let error = message(cifar10(&path));
    assert!(error.contains("has no number for `cksum`"), "{error}");
    assert!(!error.contains(char::is_control), "{error:?}");
}

/// A bit of the checksum that ends a gzip file, behind the archive's own end.
#[test]
fn an_archive_is_compared_with_its_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.tar.gz");
    let mut bytes = archive(&[
        ("data_batch_1.bin", vec![0; 3073]),
        ("test_batch.bin", vec![0; 3073]),
    ]);
    std::fs::write(&path, &bytes).unwrap();
    assert!(cifar10(&path).is_ok());
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = message(cifar10(&path));
    assert!(
        error.contains("c.tar.gz: ") && error.contains("damaged"),
        "{error}"
    );
}
