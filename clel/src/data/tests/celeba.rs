use super::*;

/// Four faces, which are learnt, left out, tested with, learnt; with the centre of each in a colour of its own.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("img_align_celeba");
    std::fs::create_dir(&images).unwrap();
    let mut partition = String::new();
    let mut attributes = "4\n".to_owned();
    attributes.extend((0..40).map(|i| format!("A{i} ")));
    for (i, part) in [0, 1, 2, 0].into_iter().enumerate() {
        let name = format!("00000{}.png", i + 1);
        let colour = image::Rgb([40 * i as u8, 100, 250]);
        let face = image::RgbImage::from_fn(178, 218, |x, y| match (x, y) {
            (19..159, 39..179) => colour,
            _ => image::Rgb([0; 3]),
        });
        face.save(images.join(&name)).unwrap();
        partition += &format!("{name} {part}\n");
        attributes += &format!("\n{name} {}", if i < 2 { "1 -1 " } else { "-1  1 " });
        attributes += &"-1 ".repeat(38);
    }
    std::fs::write(dir.path().join("list_eval_partition.txt"), partition).unwrap();
    std::fs::write(dir.path().join("list_attr_celeba.txt"), attributes).unwrap();
    dir
}

#[test]
fn the_centre_of_each_face_goes_to_its_part() {
    let dir = folder();
    let (train, test) = celeba(dir.path(), None, Some("A1")).unwrap();
    let test = test.unwrap();
    assert_eq!(train.images.shape(), [2, 64, 64, 3]);
    assert_eq!(
        (train.labels, test.labels),
        (Some(vec![0, 1]), Some(vec![1]))
    );
    for (set, reds) in [(&train.images, vec![0, 120]), (&test.images, vec![80])] {
        for (image, red) in levels(set).chunks(64 * 64 * 3).zip(reds) {
            // no pixel of the frame around the 140×140 of the centre has come along
            assert!(image.chunks(3).all(|p| p == [red, 100, 250]));
        }
    }
    // as it was published
    for (inner, name) in [
        ("Img", "img_align_celeba"),
        ("Eval", "list_eval_partition.txt"),
        ("Anno", "list_attr_celeba.txt"),
    ] {
        std::fs::create_dir(dir.path().join(inner)).unwrap();
        std::fs::rename(dir.path().join(name), dir.path().join(inner).join(name)).unwrap();
    }
    let (again, _) = celeba(dir.path(), None, Some("A1")).unwrap();
    assert_eq!(again.labels, Some(vec![0, 1]));
    let (train, _) = celeba(dir.path(), Some([32, 32]), None).unwrap();
    assert_eq!((train.images.shape(), train.labels), ([2, 32, 32, 3], None));
}

#[test]
fn lists_may_be_tables() {
    let dir = folder();
    let table = |name: &str, head: &str| {
        let [list, table] =
            ["txt", "csv"].map(|ending| dir.path().join(format!("{name}.{ending}")));
        let text = std::fs::read_to_string(&list).unwrap();
        std::fs::remove_file(list).unwrap();
        // without the count of images, and with a name above theirs
        let lines: Vec<&str> = text.lines().filter(|line| *line != "4").collect();
        let commas = lines
            .iter()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(","));
        let text = head.to_owned() + &commas.collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&table, &text).unwrap();
        (table, text)
    };
    let (partition, right) = table("list_eval_partition", "image_id,partition\n");
    let (attributes, list) = table("list_attr_celeba", "image_id,");
    let (train, test) = celeba(dir.path(), None, Some("A1")).unwrap();
    let labels = (train.labels, test.unwrap().labels);
    assert_eq!(labels, (Some(vec![0, 1]), Some(vec![1])));
    let check = |path: &Path, text: &str, told: &str| {
        std::fs::write(&partition, &right).unwrap();
        std::fs::write(&attributes, &list).unwrap();
        std::fs::write(path, text).unwrap();
        let error = message(celeba(dir.path(), None, Some("A1")));
        assert!(error.contains(told), "{told} is not in {error}");
    };
    let headless = right.split_once('\n').unwrap().1;
    check(
        &partition,
        headless,
        "csv: line 1: `000001.png,0`, expected image_id,partition",
    );
    check(
        &partition,
        &right.replace("02.png,1", "02.png,3"),
        "csv: line 3: `000002.png,3`",
    );
    check(
        &attributes,
        &list.replace("\n000002.png,1", "\n000002.png,x,1"),
        "csv: line 3: 41 values",
    );
    check(
        &attributes,
        &list.replace("image_id,", ""),
        "csv: line 1: 39 names",
    );
}

#[test]
fn faulty_lists_are_told_by_line() {
    let dir = folder();
    let [partition, attributes] =
        ["list_eval_partition.txt", "list_attr_celeba.txt"].map(|n| dir.path().join(n));
    let right = [&partition, &attributes].map(|p| std::fs::read_to_string(p).unwrap());
    let check = |part: &str, list: &str, told: &str| {
        std::fs::write(&partition, part).unwrap();
        std::fs::write(&attributes, list).unwrap();
        let error = message(celeba(dir.path(), None, Some("A0")));
        assert!(error.contains(told), "{told} is not in {error}");
    };
    let [part, list] = &right;
    check(
        &part.replace("02.png 1", "02.png 3"),
        list,
        "list_eval_partition.txt: line 2: `000002.png 3`, expected the name of an image and 0, 1 or 2",
    );
    check(
        &part.replace("000003.png", "../000003.png"),
        list,
        "line 3: `../000003.png 2`, expected",
    );
    check(
        &part.replace("03.png 2", "03.png 1"),
        list,
        "no image of part 2",
    );
    check(&part[..33], list, "line 3: `000003.`, expected");
    check(
        part,
        &list.replacen('4', "5", 1),
        "list_attr_celeba.txt: line 1: `5`, expected the number of images, 4",
    );
    check(
        part,
        &list.replacen("A7 ", "", 1),
        "line 2: 39 names, expected those of 40 attributes",
    );
    check(
        part,
        &list.replacen("A0 ", "B0 ", 1),
        "line 2: no attribute `A0` (data.attribute); there are B0, A1",
    );
    check(
        part,
        &list.replacen("2.png 1", "2.png 0", 1),
        "line 4: `0` for A0, expected 1 or -1",
    );
    check(
        part,
        &list.replacen("2.png 1", "2.png", 1),
        "line 4: 39 values, expected 40",
    );
    check(
        part,
        &list.replacen("02.png", "09.png", 1),
        "line 4: `000009.png`, expected 000002.png as in the partition",
    );
    let three = &list[..list.find("\n000004").unwrap()];
    check(part, three, "line 6: the file ends here, expected 4 images");
    for end in (0..list.len() - 3).step_by(7) {
        check(part, &list[..end], "list_attr_celeba.txt: line ");
    }
    check(part, list, "no error");
}

#[test]
fn faces_smaller_than_the_crop_are_named() {
    let dir = folder();
    png(&dir.path().join("img_align_celeba/000004.png"), 178, 100, 0);
    let (train, _) = celeba(dir.path(), None, None).unwrap();
    let error = message(train.images.read_all());
    assert!(
        error.contains("000004.png: size: 100×178, expected at least 140×140"),
        "{error}"
    );
}
