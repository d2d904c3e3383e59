mod draws;

use std::error::Error;

use clel_tensor::{Device, RngKey, Tensor, count_launches};

use super::*;

fn images(n: usize, [h, w]: [usize; 2], channels: usize) -> Tensor {
    Tensor::uniform(&[n, h, w, channels], RngKey::new(5, 5), &Device::Cpu).unwrap()
}

fn strong(n: usize, size: [usize; 2], step: u64) -> Vec<Strong> {
    match Params::draw(Augmentation::Strong, n, size, RngKey::new(1, 2).at(step)) {
        Params::Strong(p) => p,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_draws_the_same_in_every_batch() {
    for family in [
        Augmentation::Weak,
        Augmentation::Strong,
        Augmentation::Affine,
    ] {
        let key = RngKey::new(8, 1);
        let x = images(6, [9, 8], 3);
        let few = augment(&x.slice(0, 0, 2).unwrap(), family, key).unwrap();
        let many = augment(&x, family, key).unwrap();
        let head = many.slice(0, 0, 2).unwrap();
        assert_eq!(
            few.to_vec::<f32>().unwrap(),
            head.to_vec::<f32>().unwrap(),
            "{family:?}"
        );
        let other = augment(&x, family, key.at(1)).unwrap();
        assert_ne!(
            many.to_vec::<f32>().unwrap(),
            other.to_vec::<f32>().unwrap()
        );
    }
}

#[test]
fn values_stay_within_bounds() {
    for family in [
        Augmentation::None,
        Augmentation::Weak,
        Augmentation::Strong,
        Augmentation::Affine,
    ] {
        for channels in [1, 3] {
            let x = images(20, [8, 12], channels);
            let y = augment(&x, family, RngKey::new(2, 7)).unwrap();
            assert_eq!(y.shape(), x.shape());
            let values = y.to_vec::<f32>().unwrap();
            assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{family:?}");
        }
    }
}

/// Shares and ranges of the draws, against the definition of torchvision's transforms.
#[test]
fn strong_draws_have_the_stated_frequencies() {
    let drawn: Vec<Strong> = (0..40)
        .flat_map(|step| strong(100, [32, 32], step))
        .collect();
    let share = |f: &dyn Fn(&Strong) -> bool| {
        drawn.iter().filter(|p| f(p)).count() as f64 / drawn.len() as f64
    };
    // standard deviations are below 0.008
    assert!((share(&|p| p.jitter.is_some()) - 0.8).abs() < 0.03);
    assert!((share(&|p| p.grey) - 0.2).abs() < 0.03);
    assert!((share(&|p| p.flip) - 0.5).abs() < 0.03);
    let hue_first = |p: &Strong| matches!(p.jitter, Some([Recolour::Hue(_), ..]));
    assert!((share(&hue_first) - 0.2).abs() < 0.03);
    for p in &drawn {
        let c = p.crop;
        assert!(c.top + c.height <= 32 && c.left + c.width <= 32);
        let (area, ratio) = (c.height * c.width, c.width as f64 / c.height as f64);
        // rounding moves the sides by up to half a pixel
        assert!(area > 60 && (0.7..1.45).contains(&ratio), "{c:?}");
        for step in p.jitter.into_iter().flatten() {
            match step {
                Recolour::Hue(f) => assert!(f.abs() <= 0.1),
                Recolour::Brightness(f) | Recolour::Contrast(f) | Recolour::Saturation(f) => {
                    assert!((0.6..=1.4).contains(&f))
                }
                Recolour::Keep => panic!("a jitter has four changes"),
            }
        }
    }
}

/// Where no attempt can fit, torchvision takes the largest box of an allowed ratio in the middle. The boxes are what
/// `RandomResizedCrop.get_params` of torchvision 0.29 gave.
#[test]
fn impossible_crops_fall_back_to_the_middle() {
    for (size, [top, left, height, width]) in [
        ([2, 200], [0, 98, 2, 3]),
        ([200, 2], [98, 0, 3, 2]),
        ([4, 100], [0, 47, 4, 5]),
        ([101, 3], [48, 0, 4, 3]),
    ] {
        let wanted = CropBox {
            top,
            left,
            height,
            width,
        };
        for p in strong(50, size, 0) {
            assert_eq!(p.crop, wanted, "{size:?}");
        }
    }
}

#[test]
fn grey_images_know_neither_saturation_nor_hue() {
    let x = images(3, [4, 4], 1);
    let same = [
        Recolour::Saturation(0.3),
        Recolour::Hue(0.2),
        Recolour::Keep,
    ];
    let y = recolour(&x, &[same.to_vec()]).unwrap();
    assert_eq!(x.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
    let y = recolour(&x, &[vec![Recolour::Brightness(0.5); 3]]).unwrap();
    let halved = x.mul_scalar(0.5).unwrap();
    assert_eq!(halved.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
}

#[test]
fn a_weak_shift_moves_pixels_and_reflects() {
    let x = images(2, [6, 7], 3);
    let params = Params::Weak(vec![
        Weak {
            top: 4,
            left: 4,
            flip: false,
        },
        Weak {
            top: 6,
            left: 3,
            flip: true,
        },
    ]);
    let (x, y) = (
        x.to_vec::<f32>().unwrap(),
        params.apply(&x).unwrap().to_vec::<f32>().unwrap(),
    );
    assert_eq!(x[..6 * 7 * 3], y[..6 * 7 * 3]);
    let at = |v: &[f32], i: usize, j: usize| v[6 * 7 * 3 + (i * 7 + j) * 3];
    for (i, row) in [2, 3, 4, 5, 4, 3].into_iter().enumerate() {
        for (j, column) in [5, 4, 3, 2, 1, 0, 1].into_iter().enumerate() {
            assert_eq!(at(&y, i, j), at(&x, row, column), "{i} {j}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let small = images(2, [4, 9], 3);
    for (x, params) in [
        (
            &small,
            Params::draw(Augmentation::Weak, 2, [4, 9], RngKey::new(0, 0)),
        ),
        (
            &small,
            Params::draw(Augmentation::Strong, 3, [4, 9], RngKey::new(0, 0)),
        ),
        (
            &images(2, [8, 8], 2),
            Params::draw(Augmentation::Affine, 2, [8, 8], RngKey::new(0, 0)),
        ),
    ] {
        let error = params.apply(x).unwrap_err();
        assert!(matches!(error, crate::Error::Mismatch { .. }), "{error}");
    }
}

#[test]
fn augmenting_takes_few_launches() -> std::result::Result<(), Box<dyn Error>> {
    for (family, most) in [
        (Augmentation::Weak, 8),
        (Augmentation::Affine, 7),
        (Augmentation::Strong, 30),
    ] {
        let x = images(64, [8, 8], 3);
        x.realize()?;
        let (y, counts) = count_launches(|| {
            augment(&x, family, RngKey::new(3, 3)).map(|y| y.realize().map(|_| ()))
        });
        y??;
        let all: u64 = counts.values().sum();
        assert!(all <= most, "{family:?}: {counts:?}");
    }
    Ok(())
}
