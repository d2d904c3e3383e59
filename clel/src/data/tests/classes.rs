use super::*;
use crate::config::{DataConfig, Layers};

fn config(source: &str, path: &Path) -> DataConfig {
    let mut layers = Layers::preset("cifar10").unwrap();
    layers.set(&format!("data.source={source}")).unwrap();
    let path = path.to_str().unwrap();
    layers.set_text("data.path", path, "a test".to_owned());
    layers.build().unwrap().data
}

#[test]
fn classes_have_the_names_that_their_sets_give_them() {
    let dir = tempfile::tempdir().unwrap();
    let named = |config: &DataConfig| class_names(config).unwrap();
    for class in ["wood", "brick", "train/b", "train/a"] {
        let folder = dir.path().join(class);
        std::fs::create_dir_all(&folder).unwrap();
        png(&folder.join("1.png"), 4, 4, 0);
    }
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let names = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    assert_eq!(named(&config("dtd", dir.path())), names(&["brick", "wood"]));
    assert_eq!(named(&config("images", dir.path())), names(&["a", "b"]));
    assert_eq!(named(&config("svhn", dir.path())), None);
    assert_eq!(named(&config("cifar10", dir.path())).unwrap()[3], "cat");
    assert_eq!(named(&config("cifar100", dir.path())), None);
    let list = dir.path().join("fine_label_names.txt");
    std::fs::write(list, "apple\naquarium_fish\n\n").unwrap();
    let fine = names(&["apple", "aquarium_fish"]);
    assert_eq!(named(&config("cifar100", dir.path())), fine);
    let faces = config("celeba", dir.path());
    assert_eq!(named(&faces), None);
    let smiling = DataConfig {
        attribute: Some("Smiling".to_owned()),
        ..faces
    };
    assert_eq!(named(&smiling), names(&["not-Smiling", "Smiling"]));
    assert!(class_names(&config("images", &dir.path().join("nowhere"))).is_err());
}
