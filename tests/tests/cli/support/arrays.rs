//! Safetensors files as plain bytes, to be changed and written again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Arrays by name: type, shape, bytes.
pub type Arrays = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;
/// What a file says of itself.
pub type Metadata = Option<HashMap<String, String>>;

/// All that a file holds.
pub fn read_all(path: &Path) -> (Arrays, Metadata) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let arrays = file.iter().map(|(name, view)| {
        let array = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (name.to_owned(), array)
    });
    let mut metadata = header.metadata().clone();
    // what is changed here is changed on purpose
    if let Some(metadata) = &mut metadata {
        metadata.remove("checksum");
    }
    (arrays.collect(), metadata)
}

/// A file's arrays.
pub fn read(path: &Path) -> Arrays {
    read_all(path).0
}

/// Writes a file.
pub fn write_all(path: &Path, arrays: &Arrays, metadata: Metadata) {
    let views = arrays.iter().map(|(name, (dtype, shape, bytes))| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let views: Vec<_> = views.collect();
    std::fs::write(path, safetensors::serialize(views, metadata).unwrap()).unwrap();
}

/// Writes a file without metadata.
pub fn write(path: &Path, arrays: &Arrays) {
    write_all(path, arrays, None);
}

/// A file of images whose pixels differ, perhaps with labels of so many classes.
pub fn write_images(path: &Path, shape: [usize; 4], labels: Option<usize>) {
    let size = shape.iter().product::<usize>();
    let bytes = (0..size).map(|i| (i * 7 + i / 64 * 13) as u8).collect();
    let mut arrays = Arrays::from([("images".into(), (Dtype::U8, shape.to_vec(), bytes))]);
    if let Some(classes) = labels {
        let labels = (0..shape[0]).map(|i| (i % classes) as u8).collect();
        arrays.insert("labels".into(), (Dtype::U8, vec![shape[0]], labels));
    }
    write(path, &arrays);
}
