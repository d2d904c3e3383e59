//! Figures that `tests/reference/figures.py` printed, by pytorch-fid, prdc, torchmetrics and scikit-learn.

use super::*;

const D: usize = 24;

fn set(n: usize, d: usize, phase: f64) -> Vec<f32> {
    features(n, d, phase)
        .into_iter()
        .map(|v| v as f32)
        .collect()
}

fn sets() -> (Vec<f32>, Vec<f32>) {
    (set(200, D, 0.2), set(150, D, 0.35))
}

#[track_caller]
fn near(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error <= 1e-6 * expected.abs(), "{found} {expected}");
}

#[test]
fn frechet_distances_are_those_of_pytorch_fid() {
    let (a, b) = sets();
    let [a, b] = [a, b].map(|set| Gaussian::fit(&set, D).unwrap());
    near(frechet_distance(&a, &b).unwrap(), 1.785_291_185_072);
}

#[test]
fn frechet_distances_of_fewer_vectors_than_features_keep_their_digits() {
    // by numpy from the centred vectors, without a covariance (frechet.py)
    let of = |n, phase| Gaussian::fit(&features(n, 256, phase), 256).unwrap();
    let (a, b) = (of(30, 0.3), of(60, 0.3));
    let found = frechet_distance(&a, &b).unwrap();
    let expected = 59.382_845_412_706;
    assert!((found / expected - 1.0).abs() < 1e-11, "{found}");
    // what does not vary at all
    let still = Gaussian::fit(&[1.0; 8], 4).unwrap();
    assert_eq!(frechet_distance(&still, &still).unwrap(), 0.0);
    for at in 0..4 {
        let (mut shifted, mut spread) = (still.clone(), still.clone());
        shifted.mean[at] = f64::NAN;
        spread.covariance[(at, at)] = f64::NAN;
        for sick in [shifted, spread] {
            assert!(frechet_distance(&still, &sick).is_err());
            assert!(frechet_distance(&sick, &still).is_err());
        }
    }
}

#[test]
fn kernel_distances_are_those_of_torchmetrics() {
    // subsets of all vectors are the sets themselves: one estimate
    let (a, b) = sets();
    let found = kernel_distance(&a[..150 * D], &b, D, 3).unwrap();
    near(found.mean, 0.170_751_412_359);
    let whole = (found.deviation, found.parts, found.size);
    assert_eq!(whole, (None, 1, 150));
    let part = kernel_distance(&a, &b, D, 3).unwrap();
    assert!(part.deviation.unwrap() > 1e-6 && part.parts == 100);
    // of more vectors, subsets follow the seed and scatter around it
    let more = set(1500, D, 0.2);
    let other = set(1200, D, 0.35);
    let with = |seed| kernel_distance(&more, &other, D, seed).unwrap();
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    assert_eq!(with(1).size, 1000);
    assert!((with(1).mean - with(2).mean).abs() < 4.0 * with(1).deviation.unwrap());
    assert!(kernel_distance(&a[..D], &b, D, 3).is_err());
}

#[test]
fn precision_and_coverage_are_those_of_prdc() {
    let (reference, samples) = sets();
    let found = manifold(&samples, &reference, D).unwrap();
    // k = 3
    near(found.precision, 0.54);
    near(found.recall, 0.525);
    // k = 5
    near(found.density, 1.16);
    near(found.coverage, 0.82);
    let few = manifold(&samples[..5 * D], &reference, D).unwrap_err();
    assert!(
        few.to_string().contains("found 5, expected at least 6"),
        "{few}"
    );
}

#[test]
fn blocks_of_distances_are_whole() {
    // more vectors than a block has, so that every edge is met
    let (a, b) = (set(520, 3, 0.2), set(4100, 3, 0.7));
    let mut nearest = vec![super::super::rows::Nearest::new(2); 520];
    let rows = |v| super::super::rows::Rows::new("test", v, 3, 1).unwrap();
    super::super::rows::distances(rows(&a), rows(&b), |i, start, row| {
        row.iter()
            .enumerate()
            .for_each(|(j, d)| nearest[i].offer(*d, start + j));
        Ok(())
    })
    .unwrap();
    for (row, found) in a.chunks(3).zip(&nearest) {
        let distance = |other: &[f32]| {
            let pairs = row.iter().zip(other);
            pairs
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let mut all: Vec<f64> = b.chunks(3).map(distance).collect();
        all.sort_by(f64::total_cmp);
        for (k, (d, _)) in found.found().iter().enumerate() {
            assert!((d - all[k]).abs() < 1e-7, "{d} {}", all[k]);
        }
    }
}

#[test]
fn inception_scores_are_the_definition() {
    let logits = features(57, 7, 0.4);
    let softmax = logits.chunks(7).flat_map(|row| {
        let sum: f64 = row.iter().map(|v| v.exp()).sum();
        row.iter().map(move |v| (v.exp() / sum) as f32)
    });
    let p: Vec<f32> = softmax.collect();
    let found = inception_score(&p, 7).unwrap();
    near(found.mean, 1.192_219_916_424);
    assert!((found.deviation.unwrap() - 0.039_200_497_799).abs() < 1e-7);
    assert_eq!((found.parts, found.size), (10, 5));
    assert!(inception_score(&p[..9 * 7], 7).is_err());
    assert!(inception_score(&[2.0; 70], 7).is_err());
}

#[test]
fn the_order_of_the_classes_does_not_make_the_inception_score() {
    // certain of ten classes, one after another: in file order each part has one class alone
    let p: Vec<f32> = (0..600 * 10)
        .map(|i| f32::from(u8::from(i % 10 == i / 600)))
        .collect();
    assert!((inception_score(&p, 10).unwrap().mean - 1.0).abs() < 1e-9);
    let drawn = |seed| drawn_inception_score(&p, 10, seed).unwrap();
    // parts of 60 lose some of the 10 that all together have
    assert!((9.0..9.7).contains(&drawn(1).mean), "{:?}", drawn(1));
    assert!(drawn(1) == drawn(1) && drawn(1) != drawn(2));
    assert!(drawn_inception_score(&p[1..], 10, 1).is_err());
    assert!(drawn_inception_score(&p, 0, 1).is_err());
}

#[test]
fn neighbours_vote_as_in_scikit_learn() {
    let (train, test) = sets();
    let train_labels: Vec<u32> = (0..200).map(|i| i % 7).collect();
    let test_labels: Vec<u32> = (0..150).map(|i| i % 7).collect();
    let of = |k| neighbour_accuracy((&train, &train_labels), (&test, &test_labels), D, k);
    for (k, right) in [(1, 74.0), (4, 32.0), (5, 31.0)] {
        near(of(k).unwrap() * 150.0, right);
    }
    for k in [0, 201] {
        let error = of(k).unwrap_err().to_string();
        assert!(error.contains("expected 1 to 200"), "{error}");
    }
}

#[test]
fn the_linear_probe_is_scikit_learns_logistic_regression() {
    let (train, test) = sets();
    let labels = |set: &[f32]| -> Vec<u32> {
        let first = set.chunks(D).map(|row| &row[..3]);
        let largest = first.map(|r| (0..3).max_by(|a, b| r[*a].total_cmp(&r[*b])).unwrap());
        largest.map(|i| i as u32).collect()
    };
    let (train_labels, test_labels) = (labels(&train), labels(&test));
    let probe = Probe::fit(&train, &train_labels, D).unwrap();
    near(probe.loss, 0.112_181_419_8);
    near(
        probe.accuracy(&train, &train_labels).unwrap() * 200.0,
        198.0,
    );
    near(probe.accuracy(&test, &test_labels).unwrap() * 150.0, 139.0);
    assert!(Probe::fit(&train, &[0; 200], D).is_err());
    assert!(Probe::fit(&train, &train_labels[1..], D).is_err());
}

#[test]
fn rankings_with_ties_are_scikit_learns() {
    let round = |v: f64| (v.round_ties_even() / 4.0) as f32;
    let inside = (0..60).map(|i| round(4.0 * (0.7 * f64::from(i)).sin() + 2.0));
    let outside = (0..45).map(|j| round(4.0 * (1.1 * f64::from(j)).cos()));
    let (inside, outside): (Vec<f32>, Vec<f32>) = (inside.collect(), outside.collect());
    let found = ranking(&inside, &outside).unwrap();
    near(found.auroc, 0.697_777_777_777_777_8);
    near(found.aupr, 0.782_853_128_517_556);
    near(found.fpr95, 0.733_333_333_333_333_3);
    let perfect = ranking(&[2.0, 3.0], &[0.0, -0.0, 1.0]).unwrap();
    assert_eq!(
        (perfect.auroc, perfect.aupr, perfect.fpr95),
        (1.0, 1.0, 0.0)
    );
    let same = ranking(&[1.0; 3], &[1.0; 6]).unwrap();
    assert_eq!((same.auroc, same.fpr95), (0.5, 1.0));
    assert!(ranking(&[], &[1.0]).is_err() && ranking(&[f32::NAN], &[1.0]).is_err());
}
