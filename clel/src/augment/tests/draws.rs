//! How the parameters of augmentations are distributed.

use super::*;

/// 4000 draws of a family for images of `size`.
fn params(family: Augmentation, size: [usize; 2]) -> Vec<Params> {
    let key = RngKey::new(1, 2);
    (0..40)
        .map(|step| Params::draw(family, 100, size, key.at(step)))
        .collect()
}

fn strong_draws(size: [usize; 2]) -> Vec<Strong> {
    let of = |p| match p {
        Params::Strong(p) => p,
        other => panic!("{other:?}"),
    };
    let all = params(Augmentation::Strong, size);
    all.into_iter().flat_map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Uniform on `low..high`: never beyond, both ends reached within 2 % of the width, and mean and variance as they must be.
#[track_caller]
fn assert_spread(values: &[f64], [low, high]: [f64; 2]) {
    let width = high - low;
    let places: Vec<f64> = values.iter().map(|v| (v - low) / width).collect();
    assert!(places.iter().all(|p| (0.0..=1.0).contains(p)));
    assert!(places.iter().any(|p| *p < 0.02));
    assert!(places.iter().any(|p| *p > 0.98));
    let n = places.len() as f64;
    assert!(n > 500.0);
    assert!((mean(&places) - 0.5).abs() < 4.5 / (12.0 * n).sqrt());
    let squares: Vec<f64> = places.iter().map(|p| (p - 0.5).powi(2)).collect();
    assert!((mean(&squares) - 1.0 / 12.0).abs() < 4.5 / (180.0 * n).sqrt());
}

/// Correlation of two lists of numbers is that of independent ones.
#[track_caller]
fn assert_independent(a: &[f64], b: &[f64]) {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    let correlation = sum(&|a, b| a * b) / spread;
    assert!(correlation.abs() < 4.5 / (a.len() as f64).sqrt());
}

/// 81 shifts of −4 to 4 pixels each way, all alike, mirrored or not.
#[test]
fn weak_draws_are_all_shifts_equally_often() {
    let of = |p| match p {
        Params::Weak(p) => p,
        other => panic!("{other:?}"),
    };
    let all = params(Augmentation::Weak, [8, 8]);
    let all: Vec<Weak> = all.into_iter().flat_map(of).collect();
    let mut hits = [[0; 9]; 9];
    all.iter().for_each(|w| hits[w.top][w.left] += 1);
    // each is expected 49 times, with a standard deviation of 7
    let hits = hits.as_flattened();
    assert!(hits.iter().all(|h| (18..85).contains(h)), "{hits:?}");
    for above in [true, false] {
        let half: Vec<_> = all.iter().filter(|w| (w.top > 4) == above).collect();
        let flipped = half.iter().filter(|w| w.flip).count() as f64;
        // standard deviations are below 0.013
        assert!((flipped / half.len() as f64 - 0.5).abs() < 0.05);
    }
}

#[test]
fn affine_draws_fill_their_ranges() {
    let of = |p| match p {
        Params::Affine(p) => p,
        other => panic!("{other:?}"),
    };
    let all = params(Augmentation::Affine, [8, 8]);
    let all: Vec<Affine> = all.into_iter().flat_map(of).collect();
    let column = |f: fn(&Affine) -> f64| all.iter().map(f).collect::<Vec<f64>>();
    let columns = [
        (column(|a| a.rotation), [-0.15, 0.15]),
        (column(|a| a.scale), [0.85, 1.15]),
        (column(|a| a.shift[0]), [-0.2, 0.2]),
        (column(|a| a.shift[1]), [-0.2, 0.2]),
        (column(|a| a.brightness), [0.8, 1.2]),
    ];
    for (i, (values, range)) in columns.iter().enumerate() {
        assert_spread(values, *range);
        for (other, _) in &columns[..i] {
            assert_independent(values, other);
        }
    }
}

#[test]
fn factors_of_the_jitter_fill_their_ranges() {
    let mut factors = [(); 4].map(|()| Vec::new());
    let mut orders = std::collections::BTreeMap::new();
    for jitter in strong_draws([32, 32]).iter().filter_map(|p| p.jitter) {
        let mut order = Vec::new();
        let mut own = [0.0; 4];
        for step in jitter {
            let (kind, factor) = match step {
                Recolour::Brightness(f) => (0, f),
                Recolour::Contrast(f) => (1, f),
                Recolour::Saturation(f) => (2, f),
                Recolour::Hue(f) => (3, f),
                Recolour::Keep => panic!("a jitter has four changes"),
            };
            order.push(kind);
            own[kind] = factor;
        }
        factors.iter_mut().zip(own).for_each(|(all, f)| all.push(f));
        *orders.entry(order).or_insert(0) += 1;
    }
    for (i, values) in factors.iter().enumerate() {
        let range = match i {
            3 => [-0.1, 0.1],
            _ => [0.6, 1.4],
        };
        assert_spread(values, range);
        for other in &factors[..i] {
            assert_independent(values, other);
        }
    }
    // each of the 24 orders is expected 133 times, with a standard deviation of 11.3
    assert_eq!(orders.len(), 24, "{orders:?}");
    assert!(orders.values().all(|n| (82..185).contains(n)), "{orders:?}");
}

/// 100 000 boxes of torchvision 0.29's `RandomResizedCrop.get_params` (scale 0.08 to 1, ratio 3/4 to 4/3) had 0.490 of a 32×32 image on the average,
/// with a standard deviation of 0.24: attempts that do not fit are drawn again, which favours smaller ones.
#[test]
fn crops_have_the_areas_and_ratios_of_torchvision() {
    let boxes: Vec<CropBox> = strong_draws([32, 32]).iter().map(|p| p.crop).collect();
    let column = |f: &dyn Fn(&CropBox) -> f64| boxes.iter().map(f).collect::<Vec<f64>>();
    let areas = column(&|b| (b.height * b.width) as f64 / 1024.0);
    assert!((mean(&areas) - 0.490).abs() < 0.015, "{}", mean(&areas));
    let end = |pick: fn(f64, f64) -> f64| areas.iter().copied().reduce(pick).unwrap();
    // sides are whole: 0.08 of the area are 9 rows and columns
    let (least, most) = (end(f64::min), end(f64::max));
    assert!((0.07..0.09).contains(&least), "{least}");
    assert!((0.95..=1.0).contains(&most), "{most}");
    let ratios: Vec<f64> = boxes
        .iter()
        .filter(|b| b.height.min(b.width) >= 14)
        .map(|b| (b.width as f64 / b.height as f64).ln())
        .collect();
    // as often wide as high: the logarithm of the ratio has a standard deviation below 0.17
    assert!(ratios.len() > 2000);
    let sd = 0.17 / (ratios.len() as f64).sqrt();
    assert!(mean(&ratios).abs() < 4.5 * sd, "{}", mean(&ratios));
    let widest = ratios.iter().copied().reduce(f64::max).unwrap();
    let highest = ratios.iter().copied().reduce(f64::min).unwrap();
    for end in [widest, -highest] {
        // rounding of both sides moves it by up to 1/14
        assert!((0.27..0.36).contains(&end), "{end}");
    }
}

#[test]
fn crops_lie_anywhere_in_the_image() {
    let boxes: Vec<CropBox> = strong_draws([32, 40]).iter().map(|p| p.crop).collect();
    // where there are enough places for a uniform share; `below(n)` is one of n
    let spare = |b: &&CropBox| 32 - b.height >= 6 && 40 - b.width >= 6;
    let shares = |f: &dyn Fn(&CropBox) -> (usize, usize)| -> Vec<f64> {
        let with_room = boxes.iter().filter(spare).map(f);
        with_room
            .map(|(first, room)| (first as f64 + 0.5) / (room + 1) as f64)
            .collect()
    };
    let top = shares(&|b| (b.top, 32 - b.height));
    let left = shares(&|b| (b.left, 40 - b.width));
    for places in [&top, &left] {
        let (n, off) = (places.len() as f64, mean(places) - 0.5);
        assert!(n > 1500.0);
        assert!(off.abs() < 4.5 / (12.0 * n).sqrt(), "{off}");
    }
    assert_independent(&top, &left);
    let reached = |f: &dyn Fn(&CropBox) -> bool| boxes.iter().filter(spare).any(f);
    assert!(reached(&|b| b.top == 0) && reached(&|b| b.top + b.height == 32));
    assert!(reached(&|b| b.left == 0) && reached(&|b| b.left + b.width == 40));
}
