mod figures;

use super::*;

/// The features of `tests/reference/frechet.py`.
fn features(n: usize, d: usize, phase: f64) -> Vec<f64> {
    let mut out = Vec::with_capacity(n * d);
    for i in 0..n {
        for j in 0..d {
            let (i, j) = (i as f64, j as f64);
            out.push(
                (0.37 * (i + 1.0) * (j + 1.0) + phase).sin()
                    + 0.5 * (1.3 * i - 0.7 * j * phase).cos()
                    + 0.1 * phase * j,
            );
        }
    }
    out
}

#[test]
fn frechet_distances_agree_with_scipy() {
    // Printed by tests/reference/frechet.py; the last has fewer vectors than features.
    for (n1, n2, d, expected) in [
        (40, 50, 5, 0.259_328_595_571),
        (200, 150, 24, 26.718_392_667_597),
        (10, 300, 24, 40.309_146_782_582),
    ] {
        let a = Gaussian::fit(&features(n1, d, 0.2), d).unwrap();
        let b = Gaussian::fit(&features(n2, d, 0.9), d).unwrap();
        for found in [frechet_distance(&a, &b), frechet_distance(&b, &a)] {
            let found = found.unwrap();
            assert!(
                (found - expected).abs() <= 1e-6 * expected,
                "{found} {expected}"
            );
        }
        assert!(frechet_distance(&a, &a).unwrap() < 1e-9);
    }
}

#[test]
fn frechet_distance_of_one_dimension_is_the_formula() {
    // (μ₁ − μ₂)² + (σ₁ − σ₂)²: means 1 and 4, deviations √2 and √8.
    let a = Gaussian::fit(&[0.0f32, 2.0], 1).unwrap();
    let b = Gaussian::fit(&[2.0f32, 6.0], 1).unwrap();
    assert!((frechet_distance(&a, &b).unwrap() - 11.0).abs() < 1e-12);
}

#[test]
fn fits_refuse_what_has_no_covariance() {
    assert!(Gaussian::fit(&[1.0f32, 2.0], 2).is_err());
    assert!(Gaussian::fit(&[1.0f32, 2.0, 3.0], 2).is_err());
    let error = Gaussian::fit(&[1.0, 2.0, f32::NAN, 3.0], 2)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "Gaussian fit: feature 0 of vector 1 is NaN");
    let (a, b) = (
        Gaussian::fit(&[0.0f32, 1.0], 1).unwrap(),
        Gaussian::fit(&[0.0f32; 4], 2).unwrap(),
    );
    assert!(frechet_distance(&a, &b).is_err());
}

#[test]
fn nearest_neighbours_agree_with_a_plain_search() {
    let (n, m, d) = (300, 700, 6);
    let to_f32 = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let (train, test) = (to_f32(features(n, d, 0.3)), to_f32(features(m, d, 0.5)));
    let train_labels: Vec<u32> = (0..n as u32).map(|i| i % 7).collect();
    let test_labels: Vec<u32> = (0..m as u32).map(|i| i % 5).collect();
    let mut right = 0;
    for (row, label) in test.chunks(d).zip(&test_labels) {
        let mut best = (f64::INFINITY, 0);
        for (candidate, label) in train.chunks(d).zip(&train_labels) {
            let distance = row
                .iter()
                .zip(candidate)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum::<f64>();
            if distance < best.0 {
                best = (distance, *label);
            }
        }
        right += usize::from(best.1 == *label);
    }
    let found = neighbour_accuracy((&train, &train_labels), (&test, &test_labels), d, 1).unwrap();
    assert_eq!(found, right as f64 / m as f64);
    assert!(neighbour_accuracy((&train, &train_labels), (&test, &[]), d, 1).is_err());
}

#[test]
fn digits_have_the_nearest_neighbours_that_scikit_learn_finds() {
    // KNeighborsClassifier(1) of scikit-learn 1.9.1 on this split: 295 of 297 right.
    let digits = crate::data::digits();
    let (train, test) = (&digits.train, &digits.test);
    let labels = |split: &crate::data::Split| split.labels.clone().unwrap();
    let unit = |split: &crate::data::Split| split.images.read_all().unwrap().to_unit();
    let found = neighbour_accuracy(
        (&unit(train), &labels(train)),
        (&unit(test), &labels(test)),
        64,
        1,
    )
    .unwrap();
    assert!((found * 297.0 - 295.0).abs() < 1e-9, "{}", found * 297.0);
}

#[test]
fn the_digit_classifier_agrees_with_pytorch() {
    // Printed by clel/data/make_digit_classifier.py.
    const LOGITS: [f64; 11] = [
        1.35219, -2.33947, -4.25939, -9.19366, -1.04955, -4.92759, 2.4047, -8.08851, -0.60762,
        -9.37884, -9.40508,
    ];
    let test = crate::data::digits().test;
    let (images, labels) = (
        test.images.read_all().unwrap().to_unit(),
        test.labels.unwrap(),
    );
    let classifier = DigitClassifier::embedded().unwrap();
    let sum: f64 = classifier
        .features(&images)
        .unwrap()
        .iter()
        .map(|v| f64::from(*v))
        .sum();
    assert!((sum / 25_541.239_987 - 1.0).abs() < 1e-6, "{sum}");

    let probabilities = classifier.probabilities(&images).unwrap();
    let total: f64 = LOGITS.iter().map(|l| l.exp()).sum();
    for (found, logit) in probabilities.iter().zip(LOGITS) {
        assert!((f64::from(*found) - logit.exp() / total).abs() < 1e-5);
    }
    let right = probabilities
        .chunks(11)
        .zip(&labels)
        .filter(|(p, label)| p.iter().all(|other| *other <= p[**label as usize]))
        .count();
    assert_eq!(right, 292);
}

#[test]
fn the_judge_knows_digits_from_noise() {
    use clel_tensor::random::{RngKey, uniform};
    let classifier = DigitClassifier::embedded().unwrap();
    let digits = classifier
        .judge(
            &crate::data::digits()
                .test
                .images
                .read_all()
                .unwrap()
                .to_unit(),
        )
        .unwrap();
    assert!(
        digits.frechet < 1.0 && digits.recognised > 0.9,
        "{digits:?}"
    );
    assert!(digits.kinds.iter().all(|n| *n > 15), "{digits:?}");

    let key = RngKey::new(1, 1);
    let noise: Vec<f32> = (0..300 * 16)
        .flat_map(|b| key.block(b).map(uniform))
        .collect();
    let noise = classifier.judge(&noise).unwrap();
    assert!(
        noise.frechet > 500.0 && noise.recognised < 0.01,
        "{noise:?}"
    );
    assert!(classifier.judge(&[0.5; 63]).is_err());
}
