//! Everything that reads a file from elsewhere, each behind one call: for tests that spoil files, and for fuzzers.

use std::io::{Cursor, Write};
use std::path::Path;

use clel::config::Layers;
use clel::data::{Channels, Form, cifar10, imagenet32, mnist, read_file, read_tensors, svhn};
use clel::train::{Trainer, load_networks};
use clel_tensor::Device;
use flate2::{Compression, write::ZlibEncoder};
use image::ImageFormat;
use safetensors::SafeTensors;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::tiny;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A reader of files.
pub struct Reader {
    /// The form that it reads.
    pub name: &'static str,
    /// Reads bytes as such a file, from a folder in which it may write.
    pub read: fn(&Path, &[u8]) -> Outcome,
    /// A small file that is whole.
    pub sample: fn() -> Outcome<Vec<u8>>,
}

/// All of them.
pub const READERS: [Reader; 10] = [
    Reader {
        name: "cifar",
        read: |folder, bytes| {
            let record = cifar_sample()?;
            for part in 2..=5 {
                std::fs::write(folder.join(format!("data_batch_{part}.bin")), &record)?;
            }
            std::fs::write(folder.join("test_batch.bin"), &record)?;
            std::fs::write(folder.join("data_batch_1.bin"), bytes)?;
            cifar10(folder)?;
            Ok(())
        },
        sample: cifar_sample,
    },
    Reader {
        name: "cifar_tar",
        read: |folder, bytes| {
            let file = folder.join("cifar-10-binary.tar");
            std::fs::write(&file, bytes)?;
            cifar10(&file)?;
            Ok(())
        },
        sample: || {
            let mut archive = tar::Builder::new(Vec::new());
            let record = cifar_sample()?;
            let parts = (1..=5).map(|n| format!("data_batch_{n}.bin"));
            for name in parts.chain(["test_batch.bin".to_owned()]) {
                let mut header = tar::Header::new_gnu();
                header.set_size(record.len() as u64);
                header.set_mode(0o644);
                let path = format!("cifar-10-batches-bin/{name}");
                archive.append_data(&mut header, path, &record[..])?;
            }
            Ok(archive.into_inner()?)
        },
    },
    Reader {
        name: "idx",
        read: |folder, bytes| {
            let labels = [0, 0, 8, 1, 0, 0, 0, 2, 3, 4];
            for (name, bytes) in [
                ("train-images-idx3-ubyte", bytes),
                ("train-labels-idx1-ubyte", &labels),
                ("t10k-images-idx3-ubyte", &idx_sample()?),
                ("t10k-labels-idx1-ubyte", &labels),
            ] {
                std::fs::write(folder.join(name), bytes)?;
            }
            mnist(folder)?;
            Ok(())
        },
        sample: idx_sample,
    },
    Reader {
        name: "mat",
        read: |folder, bytes| {
            std::fs::write(folder.join("test_32x32.mat"), mat_sample()?)?;
            std::fs::write(folder.join("train_32x32.mat"), bytes)?;
            svhn(folder)?;
            Ok(())
        },
        sample: mat_sample,
    },
    Reader {
        name: "npz",
        read: |folder, bytes| {
            std::fs::write(folder.join("val_data.npz"), npz_sample()?)?;
            std::fs::write(folder.join("train_data_batch_1.npz"), bytes)?;
            let (train, _) = imagenet32(folder, None, 1 << 20)?.parts;
            // what is not in memory is read now
            train.images.read_all()?;
            Ok(())
        },
        sample: npz_sample,
    },
    Reader {
        name: "safetensors",
        read: |folder, bytes| {
            let file = folder.join("images.safetensors");
            std::fs::write(&file, bytes)?;
            read_tensors(&file)?;
            Ok(())
        },
        sample: || {
            let bytes = vec![7u8; 2 * 4 * 4];
            let view = safetensors::tensor::TensorView::new(
                safetensors::Dtype::U8,
                vec![2, 4, 4, 1],
                &bytes,
            )?;
            Ok(safetensors::serialize([("images", view)], None)?)
        },
    },
    Reader {
        name: "png",
        read: |folder, bytes| picture(folder, "image.png", bytes),
        sample: || encoded(ImageFormat::Png),
    },
    Reader {
        name: "jpeg",
        read: |folder, bytes| picture(folder, "image.jpg", bytes),
        sample: || encoded(ImageFormat::Jpeg),
    },
    Reader {
        name: "config",
        read: |folder, bytes| {
            let file = folder.join("config.toml");
            std::fs::write(&file, bytes)?;
            Layers::file(&file)?.build()?;
            Ok(())
        },
        sample: || Ok(Layers::preset("digits")?.build()?.to_toml().into_bytes()),
    },
    Reader {
        name: "checkpoint",
        read: |folder, bytes| {
            let file = folder.join("step-00000001.safetensors");
            std::fs::write(&file, bytes)?;
            load_networks(&file, &Device::Cpu)?;
            Ok(())
        },
        sample: checkpoint_sample,
    },
];

/// Two images of CIFAR-10.
fn cifar_sample() -> Outcome<Vec<u8>> {
    Ok((0..2 * 3073).map(|i| (i % 3073 % 10) as u8).collect())
}

/// Two images of 2×3.
fn idx_sample() -> Outcome<Vec<u8>> {
    let head = [0x803u32, 2, 2, 3].into_iter().flat_map(u32::to_be_bytes);
    Ok(head.chain(0..12).collect())
}

/// One image of SVHN with its label: MATLAB's level 5, one array packed and one plain.
fn mat_sample() -> Outcome<Vec<u8>> {
    let element = |kind: u32, bytes: &[u8]| -> Vec<u8> {
        let mut all = [kind.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
        all.extend(bytes);
        all.resize(8 + bytes.len().next_multiple_of(8), 0);
        all
    };
    let array = |name: u8, shape: &[i32], numbers: &[u8]| -> Vec<u8> {
        let axes: Vec<u8> = shape.iter().flat_map(|a| a.to_le_bytes()).collect();
        let parts = [
            element(6, &[9, 0, 0, 0, 0, 0, 0, 0]),
            element(5, &axes),
            vec![1, 0, 1, 0, name, 0, 0, 0],
            element(2, numbers),
        ];
        element(14, &parts.concat())
    };
    let mut file = b"MATLAB 5.0 MAT-file".to_vec();
    file.resize(124, b' ');
    file.extend([0, 1, b'I', b'M']);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&array(b'X', &[32, 32, 3, 1], &[5; 3072]))?;
    let packed = zlib.finish()?;
    file.extend(15u32.to_le_bytes());
    file.extend((packed.len() as u32).to_le_bytes());
    file.extend(packed);
    file.extend(array(b'y', &[1, 1], &[4]));
    Ok(file)
}

/// One image of ImageNet 32×32 with its label.
fn npz_sample() -> Outcome<Vec<u8>> {
    let npy = |kind: &str, shape: &str, bytes: &[u8]| -> Vec<u8> {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        let text = format!("{text:<117}\n");
        let len = (text.len() as u16).to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &len, text.as_bytes(), bytes].concat()
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("data.npy", npy("|u1", "1, 3072", &[9; 3072])),
        ("labels.npy", npy("<i8", "1,", &7i64.to_le_bytes())),
    ] {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn encoded(format: ImageFormat) -> Outcome<Vec<u8>> {
    let image = image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([x as u8 * 30, y as u8 * 30, 9]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

fn picture(folder: &Path, name: &str, bytes: &[u8]) -> Outcome {
    let file = folder.join(name);
    std::fs::write(&file, bytes)?;
    let form = Form {
        crop: None,
        size: None,
        channels: Channels::AsStored,
    };
    read_file(&file, form)?;
    Ok(())
}

/// What the trainer saves before its first step, of a very small model.
fn checkpoint_sample() -> Outcome<Vec<u8>> {
    let mut config = tiny::config(&["data.mean=[0.3]", "data.std=[0.3]"])?;
    config.data.shape = Some([8, 8, 1]);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("checkpoint.safetensors");
    Trainer::new(&config, &Device::Cpu)?.save(&file)?;
    let bytes = std::fs::read(file)?;
    // with its checksum, nothing behind that would ever be reached
    let (_, header) = SafeTensors::read_metadata(&bytes)?;
    let mut metadata = header.metadata().clone();
    metadata
        .as_mut()
        .and_then(|strings| strings.remove("checksum"));
    let arrays = SafeTensors::deserialize(&bytes)?.tensors();
    Ok(safetensors::serialize(arrays, metadata)?)
}
