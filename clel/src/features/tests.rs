use std::collections::BTreeMap;
use std::path::Path;

use clel_autograd::Var;
use clel_nn::files::write_tensors;
use clel_nn::{Layer, Mode, Module, Visitor};
use clel_tensor::{Device, Tensor};

use super::*;
use crate::data::{ImageSet, Split};

/// The numbers of `tests/reference/feature_networks.py`: a counter through the finaliser of MurmurHash3.
fn numbers(stream: u32, n: usize) -> impl Iterator<Item = f64> {
    (0..n as u32).map(move |i| {
        let mut h = i.wrapping_add(stream.wrapping_mul(0x9E37_79B1));
        for (shift, factor) in [(16, 0x85EB_CA6B), (13, 0xC2B2_AE35), (16, 1u32)] {
            h ^= h >> shift;
            h = h.wrapping_mul(factor);
        }
        f64::from(h) / 4_294_967_296.0
    })
}

/// A file with a value by that formula for every slot of a network.
fn write_weights(path: &Path, network: &dyn Module) {
    let mut slots = network.slots();
    slots.sort_by(|a, b| a.0.cmp(&b.0));
    let tensors = slots.iter().enumerate().map(|(stream, (name, slot))| {
        let shape = slot.order().file_shape(slot.tensor().shape());
        let fan_in = shape.iter().skip(1).product::<usize>() as f64;
        let value = |u: f64| match shape.len() {
            4 => (2.0 * u - 1.0) * (6.0 / fan_in).sqrt(),
            2 => 0.04 * u - 0.02,
            _ if name.ends_with("running_var") => 0.5 + u,
            _ if name.contains("bn") && name.ends_with(".weight") => 0.5 + u,
            _ => u - 0.5,
        };
        let values = numbers(stream as u32, shape.iter().product());
        let values: Vec<f32> = values.map(|u| value(u) as f32).collect();
        let tensor = Tensor::from_slice(&values, &shape, &Device::Cpu).unwrap();
        (name.clone(), tensor)
    });
    write_tensors(path, &tensors.collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
}

fn images(n: usize, side: usize) -> ImageSet {
    let values = numbers(1000, n * side * side * 3)
        .enumerate()
        .map(|(i, u)| {
            let row = (i / (3 * side)) % side;
            (127.5 * (u + row as f64 / side as f64)).floor() as u8
        });
    let images = Images::from_levels([n, side, side, 3], values.collect(), 256);
    images.unwrap().into()
}

/// What PyTorch printed of two images: sums of the features, the first four features and probabilities.
struct Printed {
    sums: [f64; 2],
    features: [[f64; 4]; 2],
    probabilities: [[f64; 4]; 2],
}

fn compare(found: &Features, printed: &Printed, tolerance: f64) {
    let (classes, probabilities) = found.probabilities.as_ref().unwrap();
    let near = |found: f32, printed: f64, scale: f64| {
        let error = (f64::from(found) - printed).abs() / scale;
        assert!(error <= tolerance, "{found} {printed} {error}");
    };
    for i in 0..2 {
        let row = &found.values[i * found.dimension..][..found.dimension];
        let sum: f64 = row.iter().map(|v| f64::from(*v)).sum();
        near(sum as f32, printed.sums[i], printed.sums[i]);
        let p = &probabilities[i * classes..];
        for j in 0..4 {
            near(row[j], printed.features[i][j], 1.0);
            near(
                p[j],
                printed.probabilities[i][j],
                printed.probabilities[i][j],
            );
        }
    }
}

#[test]
fn inception_agrees_with_pytorch_fid() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inception.safetensors");
    write_weights(&path, &inception::Network::new(&Device::Cpu).unwrap());
    let network = Inception::load(&path, &Device::Cpu).unwrap();
    let found = extract(&network, &images(2, 20)).unwrap();
    assert_eq!(found.dimension, 2048);
    assert_eq!(found.probabilities.as_ref().unwrap().0, 1008);
    compare(&found, &INCEPTION, 1e-4);
    // a grey image is one of three equal channels
    let grey = Images::from_levels([1, 9, 7, 1], (0..63).collect(), 256).unwrap();
    let same = (0..63).flat_map(|v| [v; 3]).collect();
    let colour = Images::from_levels([1, 9, 7, 3], same, 256).unwrap();
    assert_eq!(
        extract(&network, &grey.into()).unwrap(),
        extract(&network, &colour.into()).unwrap()
    );
}

#[test]
fn cifar_resnets_agree_with_pytorch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resnet8.safetensors");
    write_weights(
        &path,
        &cifar_resnet::Network::new(1, 10, &Device::Cpu).unwrap(),
    );
    let network = CifarResNet::load(&path, &Device::Cpu).unwrap();
    assert!(
        network.name().starts_with("CIFAR-10 ResNet-8 ("),
        "{}",
        network.name()
    );
    let found = extract(&network, &images(2, 32)).unwrap();
    compare(&found, &RESNET8, 1e-4);
    // numbers of 0..1 are the 8 bits that they stand for
    let middles =
        Images::from_unit([2, 32, 32, 3], images(2, 32).read_all().unwrap().to_unit()).unwrap();
    assert_eq!(extract(&network, &middles.into()).unwrap(), found);
    let error = extract(&network, &images(2, 20)).unwrap_err().to_string();
    assert!(error.contains("found 20×20×3, expected 32×32×3"), "{error}");
}

#[test]
fn a_classifier_learns_digits_and_comes_back_from_its_file() {
    let digits = crate::data::digits();
    let how = Fitting {
        iterations: 60,
        batch: 64,
        rate: 3e-3,
        seed: 1,
    };
    let fit = || {
        let classes = ClassSet::of_digits();
        Classifier::fit(&digits.train, &classes, &how, &Device::Cpu, &mut |_, _| {
            Ok(())
        })
    };
    let classifier = fit().unwrap();
    let accuracy = classifier.accuracy(&digits.test).unwrap();
    assert!(accuracy > 0.93, "{accuracy}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("digits.safetensors");
    classifier.save(&path).unwrap();
    let loaded = Classifier::load(&path, &Device::Cpu).unwrap();
    assert_eq!(loaded.classes(), Some(ClassSet::of_digits()));
    let found = extract(&loaded, &digits.test.images).unwrap();
    assert_eq!(found, extract(&classifier, &digits.test.images).unwrap());
    assert_eq!(
        found,
        extract(&fit().unwrap(), &digits.test.images).unwrap()
    );
}

#[test]
fn a_classifier_of_too_small_images_is_told_before_it_learns() {
    let classes = ClassSet::of_digits();
    let how = Fitting {
        iterations: 1,
        batch: 2,
        rate: 1e-3,
        seed: 1,
    };
    let fit = |side| {
        let data = Split {
            images: images(2, side),
            labels: Some(vec![0, 1]),
        };
        Classifier::fit(&data, &classes, &how, &Device::Cpu, &mut |_, _| Ok(()))
    };
    fit(4).unwrap();
    let error = fit(3).err().unwrap().to_string();
    assert!(
        error.contains("found 3×3, expected at least 4×4"),
        "{error}"
    );
}

#[test]
fn the_embedded_digits_are_a_feature_network() {
    let network = FeatureSource::Digits.open(&Device::Cpu).unwrap();
    let test = crate::data::digits().test;
    let found = extract(network.as_ref(), &test.images).unwrap();
    let classifier = crate::eval::DigitClassifier::embedded().unwrap();
    let values = test.images.read_all().unwrap().to_unit();
    assert_eq!(found.values, classifier.features(&values).unwrap());
    let (classes, p) = found.probabilities.unwrap();
    assert_eq!(classes, 11);
    for (a, b) in p.iter().zip(classifier.probabilities(&values).unwrap()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

// ANCHOR: features
/// Features of any layer that takes images [N, H, W, C].
struct Own<L> {
    layer: L,
    shape: [usize; 3],
    device: Device,
}

impl<L: Layer> FeatureNetwork for Own<L> {
    fn name(&self) -> String {
        "my network".to_owned() // a figure means nothing without it
    }

    fn takes(&self) -> Option<[usize; 3]> {
        Some(self.shape)
    }

    fn is_classifier(&self) -> bool {
        false
    }

    fn batch(&self, images: &Images) -> Result<Batch> {
        let x: Var = middles(images, &self.device)?.into();
        let features = self.layer.forward(&x, Mode::Eval)?; // [n, d]
        Ok(Batch {
            features: features.into_tensor(),
            logits: None,
        })
    }
}
// ANCHOR_END: features

/// The pixels themselves.
struct Flat;

impl Module for Flat {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for Flat {
    fn forward(&self, x: &Var, _: Mode) -> clel_nn::Result<Var> {
        Ok(x.flatten(1)?)
    }
}

#[test]
fn a_network_of_ones_own_has_features() {
    let network = Own {
        layer: Flat,
        shape: [2, 2, 3],
        device: Device::Cpu,
    };
    let images = images(5, 2);
    let found = extract(&network, &images).unwrap();
    assert_eq!((found.dimension, found.len()), (12, 5));
    assert_eq!(found.values, images.read_all().unwrap().to_unit());
    let reference = Reference::new(found.clone(), &[Figure::Frechet], 0).unwrap();
    let distance = reference.compare(&found).unwrap().frechet.unwrap();
    assert!(distance.abs() < 1e-3, "{distance}");
}

/// A network that says something of this shape of each batch, the first and those that follow.
struct Says {
    features: [Vec<usize>; 2],
    logits: [Option<Vec<usize>>; 2],
    batches: std::cell::Cell<usize>,
}

impl FeatureNetwork for Says {
    fn name(&self) -> String {
        "a network of one's own".to_owned()
    }

    fn batch_size(&self) -> usize {
        2
    }

    fn takes(&self) -> Option<[usize; 3]> {
        None
    }

    fn batch(&self, _: &Images) -> crate::Result<Batch> {
        let which = self.batches.replace(1);
        let array = |shape: &Vec<usize>| {
            Tensor::zeros(shape, clel_tensor::DType::F32, &Device::Cpu).unwrap()
        };
        Ok(Batch {
            features: array(&self.features[which]),
            logits: self.logits[which].as_ref().map(array),
        })
    }
}

/// Of four images in two batches.
#[test]
fn networks_say_the_same_of_each_image() {
    let of = |features: [&[usize]; 2], logits: [Option<&[usize]>; 2]| {
        let network = Says {
            features: features.map(<[usize]>::to_vec),
            logits: logits.map(|l| l.map(<[usize]>::to_vec)),
            batches: std::cell::Cell::new(0),
        };
        extract(&network, &images(4, 2))
    };
    let right: &[usize] = &[2, 3];
    let none = [None; 2];
    let whole = of([right; 2], [Some(&[2, 10]); 2]).unwrap();
    assert_eq!((whole.len(), whole.dimension), (4, 3));
    assert_eq!(whole.probabilities.unwrap().1.len(), 40);
    let wrong = [
        ("maps", of([&[2, 2, 2, 3]; 2], none)),
        ("rows", of([&[3, 3]; 2], none)),
        ("no numbers", of([&[2, 0]; 2], none)),
        ("dimension", of([right, &[2, 4]], none)),
        ("rows of logits", of([right; 2], [Some(&[5, 10]); 2])),
        ("rank of logits", of([right; 2], [Some(&[2, 1, 10]); 2])),
        ("classes", of([right; 2], [Some(&[2, 10]), Some(&[2, 5])])),
        ("no logits", of([right; 2], [Some(&[2, 10]), None])),
        ("late logits", of([right; 2], [None, Some(&[2, 10])])),
    ];
    let accepted = wrong.iter().filter(|(_, found)| {
        let refused = matches!(found, Err(crate::Error::Mismatch { what, .. })
            if what.ends_with("of a network of one's own"));
        !refused
    });
    let accepted: Vec<_> = accepted.collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}

#[test]
fn features_of_rank_1_are_refused() {
    let network = Says {
        features: [vec![2], vec![2]],
        logits: [None, None],
        batches: std::cell::Cell::new(0),
    };
    assert!(matches!(
        extract(&network, &images(4, 2)),
        Err(crate::Error::Mismatch { .. })
    ));
}

#[test]
fn an_inception_score_that_is_asked_for_needs_probabilities() {
    let features = |classifier: bool| Features {
        dimension: 2,
        values: numbers(3, 40).map(|v| v as f32).collect(),
        probabilities: classifier.then(|| (2, vec![0.5; 40])),
    };
    let reference = |figures: &[Figure]| Reference::new(features(true), figures, 0).unwrap();
    let score = reference(&[Figure::InceptionScore]);
    assert!(score.compare(&features(true)).is_ok());
    assert!(score.compare(&features(false)).is_err());
    let frechet = reference(&[Figure::Frechet]);
    assert!(frechet.compare(&features(false)).is_ok());
}

/// Printed by `tests/reference/feature_networks.py`.
const INCEPTION: Printed = Printed {
    sums: [1.071026e+04, 1.085328e+04],
    features: [
        [4.422048, 1.542886, 0.0, 11.65068],
        [4.760782, 1.446726, 0.0, 12.48958],
    ],
    probabilities: [
        [1.565648e-05, 5.351430e-11, 5.942616e-06, 1.033971e-03],
        [1.644982e-05, 4.346620e-11, 4.585414e-06, 1.031307e-03],
    ],
};
const RESNET8: Printed = Printed {
    sums: [1.295959e+02, 1.259714e+02],
    features: [
        [0.4966373, 0.1033599, 0.0, 2.486896],
        [0.4640962, 5.777243e-03, 0.0, 2.600648],
    ],
    probabilities: [
        [0.1032380, 0.09684282, 0.09144600, 0.1182953],
        [0.1000760, 0.09970409, 0.09063616, 0.1184586],
    ],
};
