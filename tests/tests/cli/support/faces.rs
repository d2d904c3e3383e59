//! A data set of CelebA's form.

use std::path::Path;

/// Ten faces, two of them held out, with two attributes of which one is theirs each.
pub fn faces(folder: &Path) {
    let images = folder.join("img_align_celeba");
    std::fs::create_dir_all(&images).unwrap();
    let mut partition = String::new();
    let names: Vec<String> = (2..40).map(|i| format!("A{i}")).collect();
    let mut attributes = format!("10\nSmiling Eyeglasses {}\n", names.join(" "));
    for i in 0..10u8 {
        let name = format!("{i:06}.png");
        let face = image::RgbImage::from_pixel(178, 218, image::Rgb([25 * i, 100, 250 - 25 * i]));
        face.save(images.join(&name)).unwrap();
        partition += &format!("{name} {}\n", if i < 8 { 0 } else { 2 });
        let own = if i % 2 == 0 { "1 -1" } else { "-1 1" };
        attributes += &format!("{name} {own} {}\n", "-1 ".repeat(38));
    }
    std::fs::write(folder.join("list_eval_partition.txt"), partition).unwrap();
    std::fs::write(folder.join("list_attr_celeba.txt"), attributes).unwrap();
}
