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
    let named = |config: &DataConfig| crate::data::classes::names(config).unwrap();
    assert_eq!(named(&config("svhn", dir.path())), None);
    assert_eq!(named(&config("cifar10", dir.path())).unwrap()[3], "cat");
    assert_eq!(named(&config("cifar100", dir.path())), None);
    let list = dir.path().join("fine_label_names.txt");
    std::fs::write(list, "apple\naquarium_fish\n\n").unwrap();
    let fine = strings(&["apple", "aquarium_fish"]);
    assert_eq!(named(&config("cifar100", dir.path())), fine);
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
    // images themselves: they have no classes
    png(&dir.path().join("train/1.png"), 4, 4, 0);
    png(&dir.path().join("test/1.png"), 4, 4, 0);
    assert_eq!(named("images"), None);
    assert!(load(&config("images", &dir.path().join("nowhere")), 0).is_err());
}
