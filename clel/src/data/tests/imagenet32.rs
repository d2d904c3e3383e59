use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

fn npy(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let text = format!("{text:<117}\n");
    [
        b"\x93NUMPY\x01\x00",
        &(text.len() as u16).to_le_bytes()[..],
        text.as_bytes(),
        bytes,
    ]
    .concat()
}

fn npz(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(
            *name,
            SimpleFileOptions::default().compression_method(method),
        )
        .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Images whose planes hold label, label + 1 and label + 2.
fn batch(labels: &[i64], method: CompressionMethod) -> Vec<u8> {
    let values: Vec<u8> = labels
        .iter()
        .flat_map(|l| (0..3072).map(|i| *l as u8 + (i / 1024) as u8))
        .collect();
    let numbers: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
    let n = labels.len();
    let members = [
        ("data.npy", npy("|u1", &format!("{n}, 3072"), &values)),
        ("labels.npy", npy("<i8", &format!("{n},"), &numbers)),
    ];
    npz(&members, method)
}

fn folder(first: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let stored = CompressionMethod::Stored;
    for (name, bytes) in [
        ("train_data_batch_1.npz", first.to_vec()),
        ("train_data_batch_10.npz", batch(&[7], stored)),
        ("train_data_batch_2.npz", batch(&[1, 1000], stored)),
        ("val_data.npz", batch(&[3], stored)),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

#[test]
fn batches_are_one_set_in_their_order_packed_or_not() {
    for (method, memory) in [
        (CompressionMethod::Stored, 0),
        (CompressionMethod::Stored, 1 << 20),
        // the packed batch alone is held
        (CompressionMethod::Deflated, 6200),
        (CompressionMethod::Deflated, 1 << 20),
    ] {
        let dir = folder(&batch(&[20, 30], method));
        let found = imagenet32(dir.path(), None, memory).unwrap();
        let (train, test) = found.parts;
        let batches: Vec<String> = (3..10)
            .map(|n| format!("train_data_batch_{n}.npz"))
            .collect();
        assert_eq!(found.missing, batches);
        assert_eq!(train.labels, Some(vec![19, 29, 0, 999, 6]));
        assert_eq!(test.unwrap().labels, Some(vec![2]));
        assert_eq!(train.images.in_memory().is_some(), memory == 1 << 20);
        let values = levels(&train.images);
        for (i, label) in [20, 30, 1, 1000i64, 7].into_iter().enumerate() {
            let colours = [0, 1, 2].map(|c| label as u8 + c);
            let image = &values[i * 3072..(i + 1) * 3072];
            assert!(image.chunks(3).all(|pixel| pixel == colours), "{i}");
        }
    }
}

#[test]
fn a_packed_batch_needs_memory() {
    let dir = folder(&batch(&[20, 30], CompressionMethod::Deflated));
    let error = message(imagenet32(dir.path(), None, 6000));
    assert!(
        error.contains("train_data_batch_1.npz: array `data`: compressed"),
        "{error}"
    );
    assert!(error.contains("numpy.savez"), "{error}");
    let error = message(imagenet32(dir.path(), Some([64, 64]), 1 << 20));
    assert!(
        error.contains("found [64, 64], expected none, or [32, 32]"),
        "{error}"
    );
}

#[test]
fn damaged_batches_are_told_wherever_they_end() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let whole = batch(&[20], method);
        for end in (0..whole.len()).step_by(whole.len() / 150 + 1) {
            let dir = folder(&whole[..end]);
            let error = message(imagenet32(dir.path(), None, 1 << 20));
            assert!(error.contains("train_data_batch_1.npz: "), "{end}: {error}");
        }
    }
}

#[test]
fn what_is_no_batch_is_told() {
    let label = 5i64.to_le_bytes();
    let of = |data: Vec<u8>, labels: Vec<u8>| {
        npz(
            &[("data.npy", data), ("labels.npy", labels)],
            CompressionMethod::Deflated,
        )
    };
    let (data, labels) = (
        || npy("|u1", "1, 3072", &[0; 3072]),
        || npy("<i8", "1,", &label),
    );
    let lies = npy("|u1", "1, 3072", &[0; 3072]);
    let mut fortran = data();
    let at = fortran.windows(5).position(|w| w == b"False").unwrap();
    fortran[at..at + 5].copy_from_slice(b"True ");
    let cases: [(Vec<u8>, &str); 10] = [
        (
            b"PK no zip".to_vec(),
            "directory (9 bytes in all): not a whole .npz file",
        ),
        (
            npz(&[("data.npy", data())], CompressionMethod::Stored),
            "array `labels`: not there; the file holds data",
        ),
        (
            of(data(), npy("<i8", "1,", &1001i64.to_le_bytes())),
            "array `labels`: label 1001 of image 0, expected 1 to 1000",
        ),
        (
            of(data(), npy("<i8", "1,", &0i64.to_le_bytes())),
            "array `labels`: label 0 of image 0, expected 1 to 1000",
        ),
        (
            of(data(), npy("<f8", "1,", &label)),
            "array `labels`: type <f8, expected whole numbers",
        ),
        (
            of(npy("|u1", "1, 768", &[0; 768]), labels()),
            "array `data`: [1, 768] of type |u1, expected [1, 3072] of |u1",
        ),
        (
            of(npy("|u1", "99999999999, 99999999999", &[0]), labels()),
            "array `data`: [99999999999, 99999999999] of |u1 does not fit 129 bytes",
        ),
        (
            of(lies[..2000].to_vec(), labels()),
            "array `data`: [1, 3072] of |u1 does not fit 2000 bytes",
        ),
        (
            of(fortran, labels()),
            "expected an array of numbers in C order",
        ),
        (
            of(b"not an array".to_vec(), labels()),
            "expected \\x93NUMPY: no numpy array",
        ),
    ];
    for (bytes, told) in cases {
        let error = message(imagenet32(folder(&bytes).path(), None, 1 << 20));
        assert!(error.contains(told), "{told} is not in {error}");
    }
}

#[test]
fn image_folders_are_brought_to_32() {
    let dir = tempfile::tempdir().unwrap();
    for (part, class) in [
        ("train", "n01"),
        ("train", "n02"),
        ("val", "n01"),
        ("val", "n02"),
    ] {
        let folder = dir.path().join(part).join(class);
        std::fs::create_dir_all(&folder).unwrap();
        png(&folder.join("b.png"), 50, 40, 3);
        // in colour, too, though the first file is not
        image::GrayImage::new(40, 60)
            .save(folder.join("a.png"))
            .unwrap();
    }
    // ImageNet's test images have no classes, and do not hide the validation images
    std::fs::create_dir(dir.path().join("test")).unwrap();
    png(&dir.path().join("test/a.png"), 50, 40, 3);
    let (train, test) = imagenet32(dir.path(), None, 0).unwrap().parts;
    assert_eq!(train.images.shape(), [4, 32, 32, 3]);
    assert_eq!(test.unwrap().labels, Some(vec![0, 0, 1, 1]));
    assert_eq!(levels(&train.images).len(), 4 * 3072);
}

#[test]
fn a_bit_that_is_not_as_it_was_written_is_found() {
    let mut bytes = batch(&[20, 30], CompressionMethod::Stored);
    // in the middle of the first image
    bytes[1500] ^= 1;
    // held in memory or not
    for memory in [1 << 20, 0] {
        let error = message(imagenet32(folder(&bytes).path(), None, memory));
        assert!(
            error.contains("train_data_batch_1.npz: array `data`: after ")
                && error.contains("expected 6144 bytes with the checksum"),
            "{error}"
        );
    }
}

#[test]
fn labels_of_batches_have_the_names_of_the_published_list() {
    let dir = folder(&batch(&[1], CompressionMethod::Stored));
    let list = dir.path().join("map_clsloc.txt");
    let classes = || imagenet32(dir.path(), None, 0).map(|found| found.classes);
    assert_eq!(classes().unwrap(), None);
    let crane = "n02012849 2 crane\n";
    std::fs::write(
        &list,
        format!("n02119789 1 kit_fox\nn03126707 3 crane\n{crane}"),
    )
    .unwrap();
    let expected = ["kit_fox", "crane n02012849", "crane n03126707"];
    assert_eq!(classes().unwrap().unwrap(), expected);
    std::fs::write(&list, format!("{crane}n02119789 kit_fox\n")).unwrap();
    let error = message(classes());
    assert!(
        error.contains("map_clsloc.txt: line 2: expected"),
        "{error}"
    );
    std::fs::write(&list, crane).unwrap();
    assert!(message(classes()).contains("not 1 to 1"));
}
