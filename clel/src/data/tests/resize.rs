//! Images brought to another size.

use crate::data::{Images, Pixels};

fn levels(images: Images) -> Vec<u8> {
    match images.pixels() {
        Pixels::Levels {
            values,
            levels: 256,
        } => values.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn images_are_cropped_resized_and_converted() {
    // red on the left, green in the middle, blue on the right: the centre is green
    let row: Vec<u8> = [[255, 0, 0], [0, 255, 0], [0, 255, 0], [0, 0, 255]].concat();
    let stripes = [row.clone(), row].concat();
    let stripes = Images::from_levels([1, 2, 4, 3], stripes, 256).unwrap();
    let same = stripes.clone().brought_to([2, 4, 3]);
    assert_eq!(same, stripes);
    let centre = stripes.clone().brought_to([2, 2, 3]);
    assert_eq!(centre.shape(), [1, 2, 2, 3]);
    assert_eq!(levels(centre), [0, 255, 0].repeat(4));
    // luma of green by Rec. 709, 0.7152
    assert_eq!(levels(stripes.brought_to([2, 2, 1])), [182; 4]);

    let grey = Images::from_levels([2, 1, 1, 1], vec![0, 16], 17).unwrap();
    let colour = grey.brought_to([3, 3, 3]);
    assert_eq!(colour.shape(), [2, 3, 3, 3]);
    // middles of levels of seventeen, in 8 bits
    let expected = [[7u8; 27], [248; 27]].concat();
    assert_eq!(levels(colour), expected);
}
