use super::*;

#[test]
fn samples_written_are_samples_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.safetensors");
    write_samples(&path, [2, 1, 2, 1], &[0.0, 0.25, 0.5, 1.0]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("samples").unwrap();
    assert_eq!(view.shape(), [2, 1, 2, 1]);
    assert_eq!(view.data()[4..8], 0.25f32.to_le_bytes());
    let (split, test) = read_tensors(&path).unwrap();
    let read = split.images.read_all().unwrap();
    assert_eq!(read.to_unit(), [0.0, 0.25, 0.5, 1.0]);
    assert!(test.is_none());

    let other = safetensors::serialize([("pixels", view)], None).unwrap();
    std::fs::write(&path, other).unwrap();
    let error = message(read_tensors(&path));
    assert!(
        error.contains("tensor `images`: not there") && error.contains("pixels"),
        "{error}"
    );
}

#[test]
fn tensors_of_images_and_labels_are_read() {
    use safetensors::{Dtype, tensor::TensorView};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.safetensors");
    let write = |dtype, shape: &[usize], bytes: &[u8], labels: &[u8]| {
        let images = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        let labels = TensorView::new(Dtype::U8, vec![labels.len()], labels).unwrap();
        let file = safetensors::serialize([("images", images), ("labels", labels)], None).unwrap();
        std::fs::write(&path, file).unwrap();
    };
    write(Dtype::U8, &[2, 1, 1, 3], &[1, 2, 3, 4, 5, 6], &[0, 3]);
    let (train, test) = read_tensors(&path).unwrap();
    let all = Images::from_levels([2, 1, 1, 3], vec![1, 2, 3, 4, 5, 6], 256).unwrap();
    assert_eq!(train.images.read_all().unwrap(), all);
    // read where they lie, one by one, unless there is room for all
    assert!(train.images.in_memory().is_none());
    assert_eq!(train.images.read(&[1]).unwrap(), all.select(&[1]));
    assert!(
        train
            .images
            .clone()
            .held_up_to(6)
            .unwrap()
            .in_memory()
            .is_some()
    );
    assert_eq!(train.labels, Some(vec![0, 3]));
    assert!(test.is_none());

    write(Dtype::F32, &[1, 1, 1, 1], &1.5f32.to_le_bytes(), &[0]);
    assert!(
        message(read_tensors(&path)).contains("tensor `images`: value 0 is 1.5, expected 0..1")
    );
    write(Dtype::F64, &[1, 1, 1, 1], &1.5f64.to_le_bytes(), &[0]);
    assert!(message(read_tensors(&path)).contains("type F64, expected F32"));
    write(Dtype::U8, &[1, 3, 1], &[1, 2, 3], &[0]);
    assert!(message(read_tensors(&path)).contains("shape [1, 3, 1], expected [N, H, W, C]"));
    write(Dtype::U8, &[1, 1, 1, 1], &[1], &[0, 1]);
    assert!(message(read_tensors(&path)).contains("tensor `labels`: shape [2], expected [1]"));

    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(message(read_tensors(&path)).contains("not a whole safetensors file"));
}
