use super::*;

/// An element: type, length, bytes, padding.
fn element(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut all = [kind.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
    all.extend(bytes);
    all.resize(8 + bytes.len().next_multiple_of(8), 0);
    all
}

/// An array of class `class`, its numbers stored as type `kind`.
fn array(name: &str, class: u8, shape: &[i32], kind: u32, numbers: &[u8]) -> Vec<u8> {
    let axes: Vec<u8> = shape.iter().flat_map(|a| a.to_le_bytes()).collect();
    let name = match name.as_bytes() {
        // as MATLAB writes names of up to four letters: in the tag
        &[letter] => vec![1, 0, 1, 0, letter, 0, 0, 0],
        name => element(1, name),
    };
    let flags = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    element(
        14,
        &[flags, element(5, &axes), name, element(kind, numbers)].concat(),
    )
}

fn packed(element: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(element).unwrap();
    let packed = zlib.finish().unwrap();
    // packed elements are not padded
    [
        &15u32.to_le_bytes()[..],
        &(packed.len() as u32).to_le_bytes(),
        &packed,
    ]
    .concat()
}

fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut header = b"MATLAB 5.0 MAT-file".to_vec();
    header.resize(124, b' ');
    header.extend([0, 1, b'I', b'M']);
    [header, elements.concat()].concat()
}

/// Value of row, column, colour of an image.
fn pixel(n: usize, row: usize, column: usize, colour: usize) -> u8 {
    (97 * n + 7 * row + 3 * column + 61 * colour) as u8
}

fn images(n: usize) -> Vec<u8> {
    let all = (0..n * 3072).map(|i| pixel(i / 3072, i % 32, i / 32 % 32, i / 1024 % 3));
    array("X", 9, &[32, 32, 3, n as i32], 2, &all.collect::<Vec<u8>>())
}

fn labels(numbers: &[u8]) -> Vec<u8> {
    array("y", 6, &[numbers.len() as i32, 1], 2, numbers)
}

fn folder(train: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("train_32x32.mat"), train).unwrap();
    let test = file(&[packed(&images(1)), packed(&labels(&[4]))]);
    std::fs::write(dir.path().join("test_32x32.mat"), test).unwrap();
    dir
}

#[test]
fn columns_become_rows_and_label_10_becomes_0() {
    for pack in [packed, <[u8]>::to_vec] {
        let other = array("info", 4, &[1, 2], 4, &[65, 0, 66, 0]);
        let dir = folder(&file(&[
            pack(&other),
            pack(&images(3)),
            pack(&labels(&[10, 1, 9])),
        ]));
        let (train, test) = svhn(dir.path()).unwrap();
        assert_eq!(train.labels, Some(vec![0, 1, 9]));
        assert_eq!(test.unwrap().labels, Some(vec![4]));
        assert_eq!(train.images.shape(), [3, 32, 32, 3]);
        for (i, v) in levels(&train.images).into_iter().enumerate() {
            let (n, row, column, colour) = (i / 3072, i % 3072 / 96, i % 96 / 3, i % 3);
            assert_eq!(
                v,
                pixel(n, row, column, colour),
                "{n} {row} {column} {colour}"
            );
        }
    }
    // MATLAB's own type of a number
    let doubles: Vec<u8> = [10.0f64, 3.0]
        .iter()
        .flat_map(|y| y.to_le_bytes())
        .collect();
    let dir = folder(&file(&[images(2), array("y", 6, &[2, 1], 9, &doubles)]));
    assert_eq!(svhn(dir.path()).unwrap().0.labels, Some(vec![0, 3]));
}

#[test]
fn damaged_files_are_told_wherever_they_end() {
    for pack in [packed, <[u8]>::to_vec] {
        let whole = file(&[pack(&images(2)), pack(&labels(&[1, 2]))]);
        for end in (0..whole.len())
            .rev()
            .take(200)
            .chain((0..whole.len()).step_by(101))
        {
            let dir = folder(&whole[..end]);
            let error = message(svhn(dir.path()));
            assert!(error.contains("train_32x32.mat: "), "{end}: {error}");
            assert!(
                error.contains("byte") || error.contains("array `y`: not in"),
                "{end}: {error}"
            );
        }
    }
}

#[test]
fn what_is_not_svhn_is_told() {
    let long = |n: i32| array("X", 9, &[32, 32, 3, n], 2, &[0; 3072]);
    let claims = |element: Vec<u8>, length: u32| {
        let mut element = element;
        // the length of the last of the elements inside: the numbers
        let at = element.len() - 3072 - 4;
        element[at..at + 4].copy_from_slice(&length.to_le_bytes());
        element
    };
    let y = labels(&[1]);
    let double = array("X", 6, &[32, 32, 3, 1], 9, &[0; 3072 * 8]);
    let small = array("X", 9, &[28, 28, 3, 1], 2, &[0; 2352]);
    let cases: [(Vec<u8>, &str); 11] = [
        (
            b"MATLAB 7.3 MAT-file".repeat(10),
            "byte 0: a MATLAB file of version 7.3 (HDF5); expected version 5",
        ),
        (
            vec![0; 300],
            "byte 124: version and byte order [0, 0, 0, 0], expected [0, 1, 73, 77]",
        ),
        (file(&[images(1)]), "array `y`: not in the file"),
        (file(std::slice::from_ref(&y)), "array `X`: not in the file"),
        (
            file(&[images(2), y.clone()]),
            "array `y`: 1 labels, expected 2",
        ),
        (
            file(&[images(1), labels(&[11])]),
            "array `y`: label 11 of image 0, expected 1 to 10",
        ),
        (
            file(&[long(i32::MAX), y.clone()]),
            "expected those of [32, 32, 3, 2147483647]",
        ),
        (
            file(&[packed(&claims(long(1 << 20), 3072 << 20)), y.clone()]),
            "(unpacked) 64: the numbers of `X` would take 3221225472 bytes, but at most",
        ),
        (
            file(&[double, y.clone()]),
            "an element of type 9, expected one of [2], which is the numbers of `X`",
        ),
        (
            file(&[small, y.clone()]),
            "shape [28, 28, 3, 1], expected [32, 32, 3, N]",
        ),
        (
            file(&[element(9, &[0; 8])]),
            "byte 128: an element of type 9, expected an array (14) or a packed one (15)",
        ),
    ];
    for (bytes, told) in cases {
        let error = message(svhn(folder(&bytes).path()));
        assert!(error.contains(told), "{told} is not in {error}");
    }
}
