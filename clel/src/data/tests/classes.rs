use super::*;
use crate::config::{DataConfig, Layers};

fn config(source: &str, path: &Path) -> DataConfig {
    let mut layers = Layers::preset("cifar10").unwrap();
    layers.set(&format!("data.source={source}")).unwrap();
    let path = path.to_str().unwrap();
    layers.set_text("data.path", path, "a test".to_owned());
    layers.build().unwrap().data
}

fn strings(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|n| (*n).to_owned()).collect())
}

#[test]
fn classes_have_the_names_that_their_sets_give_them() {
    let dir = tempfile::tempdir().unwrap();
    let named = |config: &DataConfig| crate::data::classes::names(config);
    assert_eq!(named(&config("svhn", dir.path())), None);
    assert_eq!(named(&config("cifar10", dir.path())).unwrap()[3], "cat");
    let faces = config("celeba", dir.path());
    assert_eq!(named(&faces), None);
    let smiling = DataConfig {
        attribute: Some("Smiling".to_owned()),
        ..faces
    };
    assert_eq!(named(&smiling), strings(&["not-Smiling", "Smiling"]));
}

#[test]
fn folders_name_the_classes_of_the_images_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let named = |source: &str| load(&config(source, dir.path()), 0).unwrap().classes;
    for class in ["wood", "brick", "train/b", "train/a"] {
        let folder = dir.path().join(class);
        std::fs::create_dir_all(&folder).unwrap();
        png(&folder.join("1.png"), 4, 4, 0);
    }
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(named("dtd"), strings(&["brick", "wood"]));
    // without a part to test with, `train` is a folder like any other
    assert_eq!(named("images"), strings(&["brick", "wood"]));
    for class in ["test/b", "test/a"] {
        let folder = dir.path().join(class);
        std::fs::create_dir_all(&folder).unwrap();
        png(&folder.join("1.png"), 4, 4, 0);
    }
    assert_eq!(named("images"), strings(&["a", "b"]));
    // images themselves: they have no classes, but beside folders they would hide those
    png(&dir.path().join("train/stray.png"), 4, 4, 0);
    let error = load(&config("images", dir.path()), 0).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("stray.png beside the sub-folder a"),
        "{error}"
    );
    for class in ["train/a", "train/b", "test/a", "test/b"] {
        std::fs::remove_dir_all(dir.path().join(class)).unwrap();
    }
    png(&dir.path().join("test/1.png"), 4, 4, 0);
    assert_eq!(named("images"), None);
    // a part without the other, which is no class either
    for folder in ["test", "brick", "wood"] {
        std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
    }
    std::fs::create_dir_all(dir.path().join("train/a")).unwrap();
    std::fs::rename(
        dir.path().join("train/stray.png"),
        dir.path().join("train/a/1.png"),
    )
    .unwrap();
    let error = load(&config("images", dir.path()), 0).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("neither `test` nor `val`"), "{error}");
    assert!(load(&config("images", &dir.path().join("nowhere")), 0).is_err());
}

#[test]
fn synsets_have_the_names_of_the_lists_that_are_published() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let numbers = ["n01440764", "n02012849", "n03126707", "n99999999"];
    for number in numbers {
        for part in ["train", "val"] {
            let folder = data.join(part).join(number);
            std::fs::create_dir_all(&folder).unwrap();
            png(&folder.join("1.png"), 4, 4, 0);
        }
    }
    let named = |source: &str| load(&config(source, &data), 0).unwrap().classes;
    assert_eq!(named("images"), strings(&numbers));
    // beside the folder, and in it; of several lists, the one whose names people use
    let labels = "n02012849 429 crane\nn01440764 449 tench\nn03126707 510 crane\n";
    let birds = ["crane n02012849", "crane n03126707", "n99999999"];
    std::fs::write(dir.path().join("map_clsloc.txt"), labels).unwrap();
    let expected = strings(&[&["tench"], &birds[..]].concat());
    assert_eq!(named("images"), expected);
    assert_eq!(named("imagenet32"), expected);
    let words = "n00001740\tentity\nn01440764\ttinca tinca, tench\nn02012849\tcrane\n";
    std::fs::write(data.join("words.txt"), words).unwrap();
    let expected = strings(&["tinca tinca", "crane", "n03126707", "n99999999"]);
    assert_eq!(named("images"), expected);
    let mapping = "n01440764 tench, Tinca tinca\r\nn03126707 crane\r\n";
    std::fs::write(data.join("LOC_synset_mapping.txt"), mapping).unwrap();
    let expected = strings(&["tench", "n02012849", "crane", "n99999999"]);
    assert_eq!(named("imagenet32"), expected);
}
