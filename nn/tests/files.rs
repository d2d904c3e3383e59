//! Saving and loading networks, and files that are wrong.

use std::{collections::BTreeMap, fs, path::Path};

use clel_nn::{
    Activation, BatchNorm, Conv2d, ConvOptions, Error, Flatten, Init, Linear, LinearOptions, Mode,
    Module, Sequential,
    files::{
        TensorFile, export, import, load_module, save_module, write_atomically, write_tensors,
    },
};
use clel_tensor::{DType, Device, RngKey, Tensor, f16};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn net(seed: u64, dtype: DType) -> clel_nn::Result<Sequential> {
    let mut init = Init::new(RngKey::new(seed, 1), dtype, &Device::Cpu);
    let conv = ConvOptions {
        spectral_norm: true,
        ..ConvOptions::default()
    };
    Ok(Sequential::new()
        .push(Conv2d::new(&mut init, 2, 3, 3, &conv)?)
        .push(BatchNorm::new(&mut init, 3)?)
        .push(Activation::Relu)
        .push(Linear::new(&mut init, 3, 2, &LinearOptions::default())?))
}

fn values(module: &dyn Module) -> clel_nn::Result<Vec<Vec<f32>>> {
    let slots = module.slots().into_iter();
    slots
        .map(|(_, s)| Ok(s.tensor().to_vec::<f32>()?))
        .collect()
}

/// A folder of its own, where WebAssembly, too, finds one.
fn folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
}

#[test]
fn what_was_saved_is_loaded() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let (saved, loaded) = (net(1, DType::F32)?, net(2, DType::F32)?);
    clel_nn::Layer::forward(
        &saved,
        &Tensor::normal(&[2, 4, 4, 2], RngKey::new(1, 1), &Device::Cpu)?.into(),
        Mode::Train,
    )?;
    save_module(&path, &saved)?;
    load_module(&path, &loaded)?;
    assert_eq!(values(&saved)?, values(&loaded)?);
    // the same content gives the same bytes, and no temporary file stays
    let again = dir.path().join("again.safetensors");
    save_module(&again, &loaded)?;
    assert_eq!(fs::read(&path)?, fs::read(&again)?);
    assert_eq!(fs::read_dir(dir.path())?.count(), 2);
    Ok(())
}

/// Names, shapes and orders are PyTorch's.
#[test]
fn files_are_in_pytorch_order() -> Outcome {
    let net = net(1, DType::F32)?;
    let exported: BTreeMap<String, Tensor> = export(&net, "net.")?.into_iter().collect();
    let shapes: Vec<(&str, &[usize])> = exported
        .iter()
        .map(|(k, t)| (k.as_str(), t.shape()))
        .collect();
    let expected: [(&str, &[usize]); 10] = [
        ("net.0.bias", &[3]),
        ("net.0.parametrizations.weight.0._u", &[3]),
        ("net.0.parametrizations.weight.0._v", &[18]),
        ("net.0.parametrizations.weight.original", &[3, 2, 3, 3]),
        ("net.1.bias", &[3]),
        ("net.1.running_mean", &[3]),
        ("net.1.running_var", &[3]),
        ("net.1.weight", &[3]),
        ("net.3.bias", &[2]),
        ("net.3.weight", &[2, 3]),
    ];
    assert_eq!(shapes, expected);
    // v·W summed over columns is the same number in both orders
    let sigma = |w: &Tensor, v: &Tensor| -> clel_nn::Result<Vec<f32>> {
        Ok(w.reshape(&[3, 18])?
            .matmul(&v.reshape(&[18, 1])?)?
            .to_vec::<f32>()?)
    };
    let slots: BTreeMap<_, _> = net.slots().into_iter().collect();
    let ours = sigma(
        &slots["0.parametrizations.weight.original"].tensor(),
        &slots["0.parametrizations.weight.0._v"].tensor(),
    )?;
    let theirs = sigma(
        &exported["net.0.parametrizations.weight.original"],
        &exported["net.0.parametrizations.weight.0._v"],
    )?;
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    let w = slots["0.parametrizations.weight.original"]
        .tensor()
        .to_vec::<f32>()?;
    let file = exported["net.0.parametrizations.weight.original"].to_vec::<f32>()?;
    // [o, kh, kw, c] = [1, 2, 0, 1]
    assert_eq!(w[((3 + 2) * 3) * 2 + 1], file[((2 + 1) * 3 + 2) * 3]);
    Ok(())
}

/// sin(0), sin(step), sin(2·step), …
fn sines(shape: &[usize], step: f64) -> clel_nn::Result<Tensor> {
    let values = (0..shape.iter().product()).map(|i| (i as f64 * step).sin() as f32);
    Ok(Tensor::from_slice(
        &values.collect::<Vec<_>>(),
        shape,
        &Device::Cpu,
    )?)
}

/// A linear layer after a convolution computes what PyTorch does from the same file, and writes that file. The expected numbers are those of
/// PyTorch 2.15.0: `Conv2d(2, 3, 3)`, `Flatten()`, `Linear(18, 2)`, with parameters and images made of sines.
#[test]
fn flattened_images_are_pytorchs() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let file = |spectral_norm: bool| -> clel_nn::Result<Vec<(String, Tensor)>> {
        let unit = |v: Tensor| v.div(&v.mul(&v)?.sum_all()?.sqrt()?);
        let mut arrays = vec![
            ("0.weight", sines(&[3, 2, 3, 3], 0.7)?),
            ("0.bias", sines(&[3], 0.9)?),
            ("2.bias", sines(&[2], 1.3)?),
        ];
        let weight = sines(&[2, 18], 1.1)?;
        if spectral_norm {
            let u = unit(sines(&[2], 0.8)?)?.add_scalar(1.0)?;
            arrays.push(("2.parametrizations.weight.original", weight));
            arrays.push(("2.parametrizations.weight.0._u", unit(u)?));
            arrays.push(("2.parametrizations.weight.0._v", unit(sines(&[18], 0.5)?)?));
        } else {
            arrays.push(("2.weight", weight));
        }
        let named = arrays.into_iter();
        Ok(named.map(|(name, t)| (name.to_owned(), t)).collect())
    };
    let x = sines(&[2, 2, 4, 5], 0.3)?.permute(&[0, 2, 3, 1])?;
    for (spectral_norm, expected) in [
        (false, [-13.981_03, -17.500_082, -44.904_76, -34.489_014]),
        (true, [33.466_824, 45.160_54, 107.489_91, 85.827_47]),
    ] {
        let mut init = Init::new(RngKey::new(1, 1), DType::F32, &Device::Cpu);
        let options = LinearOptions {
            spectral_norm,
            ..LinearOptions::default()
        };
        let net = Sequential::new()
            .push(Conv2d::new(&mut init, 2, 3, 3, &ConvOptions::default())?)
            .push(Flatten)
            .push(Linear::after_flatten(&mut init, [2, 3, 3], 2, &options)?);
        let arrays = file(spectral_norm)?;
        write_tensors(&path, &arrays, &BTreeMap::new())?;
        load_module(&path, &net)?;
        let y = clel_nn::Layer::forward(&net, &x.clone().into(), Mode::Eval)?;
        for (found, expected) in y.tensor().to_vec::<f32>()?.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 2e-5 * expected.abs(),
                "{found} {expected}"
            );
        }
        for (name, t) in export(&net, "")? {
            let (_, given) = arrays
                .iter()
                .find(|(key, _)| *key == name)
                .expect("it was read");
            assert_eq!(t.to_vec::<f32>()?, given.to_vec::<f32>()?, "{name}");
        }
    }
    Ok(())
}

#[test]
fn single_precision_fills_double() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let (single, double) = (net(1, DType::F32)?, net(2, DType::F64)?);
    save_module(&path, &single)?;
    load_module(&path, &double)?;
    let (_, w) = single.parameters().remove(0);
    let (_, wide) = double.parameters().remove(0);
    let w: Vec<f64> = w
        .tensor()
        .to_vec::<f32>()?
        .into_iter()
        .map(f64::from)
        .collect();
    assert_eq!(w, wide.tensor().to_vec::<f64>()?);
    save_module(&path, &double)?;
    let e = load_module(&path, &single).expect_err("it would lose digits");
    assert!(
        matches!(&e, Error::FileDType { expected, .. } if expected == "f32"),
        "{e}"
    );
    Ok(())
}

/// A file of halves, as PyTorch's `.half()` makes one, fills a module of single precision.
#[test]
fn half_precision_fills_single() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let (from, to) = (net(1, DType::F16)?, net(2, DType::F32)?);
    save_module(&path, &from)?;
    let file = TensorFile::open(&path)?;
    let (name, w) = from.parameters().remove(0);
    assert_eq!(file.element_type(&name).as_deref(), Some("F16"));
    load_module(&path, &to)?;
    let (_, wide) = to.parameters().remove(0);
    let w: Vec<f32> = w
        .tensor()
        .to_vec::<f16>()?
        .iter()
        .map(|x| x.to_f32())
        .collect();
    assert_eq!(w, wide.tensor().to_vec::<f32>()?);
    let e = load_module(&path, &from);
    assert!(e.is_ok(), "halves fill halves: {e:?}");
    Ok(())
}

/// Every wrong file is refused with its name, the key and the shapes, and changes nothing.
#[test]
fn wrong_files_change_nothing() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let net_ = net(1, DType::F32)?;
    let before = values(&net_)?;
    let good: BTreeMap<String, Tensor> = export(&net(2, DType::F32)?, "")?.into_iter().collect();
    let write = |tensors: &BTreeMap<String, Tensor>| {
        let list: Vec<_> = tensors
            .iter()
            .map(|(k, t)| (k.clone(), t.clone()))
            .collect();
        write_tensors(&path, &list, &BTreeMap::new())
    };
    let refused = |words: &[&str]| -> Outcome {
        let message = load_module(&path, &net_)
            .expect_err("it is wrong")
            .to_string();
        assert!(message.contains("net.safetensors"), "{message}");
        assert!(words.iter().all(|w| message.contains(w)), "{message}");
        assert_eq!(before, values(&net_)?);
        Ok(())
    };

    let mut missing = good.clone();
    missing.remove("3.bias");
    write(&missing)?;
    refused(&["no array `3.bias`"])?;

    let mut unknown = good.clone();
    unknown.insert(
        "4.bias".into(),
        Tensor::zeros(&[2], DType::F32, &Device::Cpu)?,
    );
    write(&unknown)?;
    refused(&["no place for array `4.bias`"])?;

    let mut shape = good.clone();
    // in memory's order instead of the file's
    shape.insert(
        "0.parametrizations.weight.original".into(),
        Tensor::zeros(&[3, 3, 3, 2], DType::F32, &Device::Cpu)?,
    );
    write(&shape)?;
    refused(&[
        "`0.parametrizations.weight.original`",
        "[3, 3, 3, 2]",
        "expected [3, 2, 3, 3]",
    ])?;

    let mut words = good.clone();
    words.insert(
        "3.bias".into(),
        Tensor::arange(2, DType::U32, &Device::Cpu)?,
    );
    write(&words)?;
    refused(&["`3.bias`", "u32", "expected f32"])?;

    write(&good)?;
    let bytes = fs::read(&path)?;
    for len in [0, 5, 8, 40, bytes.len() - 1] {
        fs::write(&path, &bytes[..len])?;
        refused(&["not a whole safetensors file"])?;
    }
    fs::write(&path, b"PNG or something else")?;
    refused(&["not a whole safetensors file"])?;
    fs::remove_file(&path)?;
    refused(&["net.safetensors"])?;

    write(&good)?;
    load_module(&path, &net_)?;
    assert_ne!(before, values(&net_)?);
    Ok(())
}

/// A safetensors file of one array `x`.
fn file_of(dtype: &str, shape: &[usize], data: &[u8]) -> clel_nn::Result<TensorFile> {
    let end = data.len();
    let header =
        format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[0,{end}]}}}}"#);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    TensorFile::from_bytes(Path::new("x.safetensors"), bytes)
}

/// The bytes are those of `torch.tensor([1, -2.5, 3.0e38, 1e-40, inf]).bfloat16()`, the numbers those of `.float()` (PyTorch 2.15.0).
#[test]
fn bfloat16_is_read_as_single_precision() -> Outcome {
    let data = [128, 63, 32, 192, 98, 127, 1, 0, 128, 127];
    let file = file_of("BF16", &[5], &data)?;
    let x = file.tensor("x", &Device::Cpu)?;
    assert_eq!(
        x.to_vec::<f32>()?,
        [1.0, -2.5, 3.004_055_3e38, 9.183_55e-41, f32::INFINITY]
    );
    let e = file.check_finite("").expect_err("one is infinite");
    assert!(e.to_string().contains("inf at position 4"), "{e}");
    Ok(())
}

/// PyTorch's counter of batches is an i64 that nothing needs.
#[test]
fn the_count_of_batches_is_ignored() -> Outcome {
    let mut init = Init::new(RngKey::new(1, 1), DType::F32, &Device::Cpu);
    let norm = BatchNorm::new(&mut init, 1)?;
    let header = r#"{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"running_mean":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"running_var":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[16,24]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    for v in [2.0f32, 3.0, 4.0, 5.0] {
        bytes.extend(v.to_le_bytes());
    }
    bytes.extend(7i64.to_le_bytes());
    let file = TensorFile::from_bytes(Path::new("bn.safetensors"), bytes)?;
    import(&norm, &file, "")?;
    assert_eq!(values(&norm)?, [[2.0], [3.0], [4.0], [5.0]]);
    let e = file
        .tensor("num_batches_tracked", &Device::Cpu)
        .expect_err("it is i64");
    assert!(e.to_string().contains("I64"), "{e}");
    Ok(())
}

#[test]
fn parts_of_a_file_by_prefix() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("both.safetensors");
    let (a, b) = (net(1, DType::F32)?, net(2, DType::F32)?);
    let all = [export(&a, "a.")?, export(&b, "b.")?].concat();
    let metadata = BTreeMap::from([("text".to_owned(), "with \"quotes\"\nand lines".to_owned())]);
    write_tensors(&path, &all, &metadata)?;
    let file = TensorFile::open(&path)?;
    assert_eq!(file.metadata(), &metadata);
    let loaded = net(3, DType::F32)?;
    import(&loaded, &file, "b.")?;
    assert_eq!(values(&loaded)?, values(&b)?);
    let twice = [export(&a, "")?, export(&b, "")?].concat();
    let e = write_tensors(&path, &twice, &metadata).expect_err("names repeat");
    assert!(matches!(e, Error::RepeatedKey { .. }), "{e}");
    Ok(())
}

#[test]
fn numbers_that_are_not_finite_are_found() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("a.safetensors");
    let (one, four) = (&[0.5f32], &[0.0, f64::MAX, -1.0, f64::NEG_INFINITY]);
    let list = [
        (
            "a.0".to_owned(),
            Tensor::from_slice(one, &[1], &Device::Cpu)?,
        ),
        (
            "b.0".to_owned(),
            Tensor::from_slice(four, &[2, 2], &Device::Cpu)?,
        ),
        (
            "b.1".to_owned(),
            Tensor::from_slice(&[u32::MAX], &[1], &Device::Cpu)?,
        ),
    ];
    write_tensors(&path, &list, &BTreeMap::new())?;
    let file = TensorFile::open(&path)?;
    file.check_finite("a.")?;
    file.check_finite("b.1")?;
    let e = file
        .check_finite("")
        .expect_err("it is infinite")
        .to_string();
    assert!(
        e.contains("`b.0` of shape [2, 2] holds -inf at position 3"),
        "{e}"
    );
    Ok(())
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing() -> Outcome {
    let dir = folder()?;
    let taken = dir.path().join("folder");
    fs::create_dir(&taken)?;
    fs::write(taken.join("inside"), "x")?;
    assert!(matches!(
        write_atomically(&taken, b"x"),
        Err(Error::Io { .. })
    ));
    assert!(write_atomically(&dir.path().join("no/such/folder/file"), b"x").is_err());
    assert_eq!(fs::read_dir(dir.path())?.count(), 1);
    Ok(())
}

#[test]
fn errors_say_what_was_attempted() -> Outcome {
    let dir = folder()?;
    let here = |name: &str| dir.path().join(name);
    let (missing, folder) = (here("missing"), here("no/folder/here"));
    let net = net(1, DType::F32)?;
    for (result, attempt, path) in [
        (load_module(&missing, &net), "read", &missing),
        (clel_nn::files::check_length(&missing), "read", &missing),
        (save_module(&folder, &net), "write", &folder),
    ] {
        let e = result.expect_err("it is not there").to_string();
        assert!(
            e.starts_with(&format!("cannot {attempt} {}: ", path.display())),
            "{e}"
        );
    }
    let empty = Path::new("");
    for (result, attempt) in [
        (load_module(empty, &net), "read"),
        (save_module(empty, &net), "write"),
    ] {
        let e = result.expect_err("there is no such name").to_string();
        assert_eq!(e, format!("cannot {attempt} \"\": the path is empty"));
    }
    Ok(())
}

/// As PyTorch writes, and every program that opens a file to write it.
#[cfg(unix)]
#[test]
fn links_and_permissions_stay() -> Outcome {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let dir = folder()?;
    let [inside, file, link, again, lost] =
        ["inside", "inside/file", "link", "again", "lost"].map(|name| dir.path().join(name));
    fs::create_dir(&inside)?;
    fs::write(&file, "old")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o606))?;
    symlink("inside/file", &link)?;
    symlink(&link, &again)?;
    write_atomically(&again, b"new")?;
    assert_eq!(fs::read(&file)?, b"new");
    assert!(link.is_symlink() && again.is_symlink());
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o606);
    // one that leads to nothing, and one in a circle
    symlink("inside/lost", &lost)?;
    write_atomically(&lost, b"new")?;
    assert!(!lost.is_symlink() && fs::read(&lost)? == b"new");
    let circle = dir.path().join("circle");
    symlink(&circle, &circle)?;
    assert!(write_atomically(&circle, b"x").is_err());
    assert_eq!(fs::read_dir(&inside)?.count(), 1);
    Ok(())
}

#[cfg(unix)]
#[test]
fn only_files_are_replaced() -> Outcome {
    let dir = folder()?;
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status()?;
    assert!(made.success());
    for (path, words) in [
        (pipe.as_path(), "a pipe or a device, and not a file"),
        (dir.path(), "a folder, and not a file"),
    ] {
        let e = write_atomically(path, b"x").expect_err("it is no file");
        assert!(e.to_string().ends_with(words), "{e}");
    }
    assert!(!fs::metadata(&pipe)?.is_file());
    Ok(())
}

/// Which Windows lets nobody replace meanwhile; a virus scanner looks into files like this.
#[cfg(windows)]
#[test]
fn a_file_that_another_program_reads_is_waited_for() -> Outcome {
    use std::os::windows::fs::OpenOptionsExt;

    let dir = folder()?;
    let path = dir.path().join("x");
    write_atomically(&path, b"old")?;
    let reading = fs::File::options().read(true).share_mode(1).open(&path)?;
    let scanner = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(reading);
    });
    write_atomically(&path, b"new")?;
    assert_eq!(fs::read(&path)?, b"new");
    assert_eq!(fs::read_dir(dir.path())?.count(), 1);
    scanner.join().expect("a thread that sleeps");
    Ok(())
}

/// Zero-sized and scalar arrays.
#[test]
fn odd_shapes() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("odd.safetensors");
    let list = [
        (
            "empty".to_owned(),
            Tensor::zeros(&[0, 3], DType::F32, &Device::Cpu)?,
        ),
        ("scalar".to_owned(), Tensor::scalar(2.5f64, &Device::Cpu)?),
        (
            "strided".to_owned(),
            Tensor::arange(6, DType::U32, &Device::Cpu)?
                .reshape(&[2, 3])?
                .transpose(0, 1)?,
        ),
    ];
    write_tensors(&path, &list, &BTreeMap::new())?;
    let file = TensorFile::open(&path)?;
    assert_eq!(
        file.names().collect::<Vec<_>>(),
        ["empty", "scalar", "strided"]
    );
    assert_eq!(file.tensor("empty", &Device::Cpu)?.shape(), [0, 3]);
    assert_eq!(file.tensor("scalar", &Device::Cpu)?.item()?, 2.5);
    let strided = file.tensor("strided", &Device::Cpu)?;
    assert_eq!(strided.to_vec::<u32>()?, [0, 3, 1, 4, 2, 5]);
    Ok(())
}

/// One changed bit anywhere: the file is refused, or what it holds is what was written.
#[test]
fn no_changed_bit_goes_unnoticed() -> Outcome {
    let dir = folder()?;
    let path = dir.path().join("net.safetensors");
    let metadata = BTreeMap::from([("step".to_owned(), "1234".to_owned())]);
    let x = Tensor::from_slice(&[1.0f32, -2.0, 3.5], &[3], &Device::Cpu)?;
    write_tensors(&path, &[("x".to_owned(), x)], &metadata)?;
    let good = std::fs::read(&path)?;
    assert_eq!(TensorFile::open(&path)?.metadata(), &metadata);
    let mut refused = 0;
    for i in 0..8 * good.len() {
        let mut bytes = good.clone();
        bytes[i / 8] ^= 1 << (i % 8);
        match TensorFile::from_bytes(&path, bytes) {
            Err(_) => refused += 1,
            // the name of the checksum itself
            Ok(file) => {
                assert_eq!(file.metadata()["step"], "1234");
                let values = file.tensor("x", &Device::Cpu)?.to_vec::<f32>()?;
                assert_eq!(values, [1.0, -2.0, 3.5]);
            }
        }
    }
    assert!(refused > 8 * (good.len() - 10), "{refused}");
    Ok(())
}
