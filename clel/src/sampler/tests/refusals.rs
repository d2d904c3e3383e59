//! What the sampler does not take.

use super::*;
use crate::Error;
use crate::config::Augmentation;

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

fn is_mismatch<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Mismatch { .. }))
}

/// Energies \[N, 1\] that are added to \[N\] are N² numbers, and their mean has 1/N of the gradient.
#[test]
fn energies_are_one_for_each_image() {
    let column = |x: &Var| Ok(x.mul(x)?.sum(&[1, 2, 3], false)?.reshape(&[4, 1])?);
    let square = |x: &Var| Ok(bowl(x)?.add(&column(x)?)?);
    let mean = |x: &Var| Ok(bowl(x)?.mean_all()?);
    let pixels = |x: &Var| Ok(x.mul(x)?);
    let wrong: [(&str, &Energy<'_>); 4] = [
        ("[N, 1]", &column),
        ("[N, N]", &square),
        ("[]", &mean),
        ("[N, H, W, C]", &pixels),
    ];
    for (what, energy) in wrong {
        let found = langevin(0.0, None).run(energy, &start(), RngKey::new(0, 0));
        assert!(is_mismatch(found), "{what}");
    }
    let told = langevin(0.0, None).run(&mean, &start(), RngKey::new(0, 0));
    assert_eq!(
        told.unwrap_err().to_string(),
        "energies: found [], expected [4]"
    );
}

#[test]
fn given_noise_has_the_shape_of_the_images() {
    let of = |images: &[usize], noise: &[usize]| {
        langevin(0.1, None).step(&bowl, &zeros(images), Numbers::Given(&zeros(noise)))
    };
    let wrong = [
        ([4, 2, 2, 1], vec![1, 2, 2, 1]),
        ([4, 2, 2, 1], vec![2, 1]),
        ([1, 2, 2, 1], vec![5, 2, 2, 1]),
    ];
    for (images, noise) in wrong {
        assert!(is_mismatch(of(&images, &noise)), "{noise:?}");
    }
    of(&[4, 2, 2, 1], &[4, 2, 2, 1]).unwrap();
    // also in repeated steps
    let mut noise = vec![zeros(&[4, 2, 2, 1]); 6];
    noise[4] = zeros(&[1, 2, 2, 1]);
    let run = langevin(0.1, None).run_given(&bowl, &start(), &noise);
    assert!(run.is_err());
}

#[test]
fn what_is_known_of_images_has_their_shape() {
    let pixels = |images: &[usize], known: &[usize]| Observed::Pixels {
        images: zeros(images),
        known: zeros(known),
    };
    let l = langevin(0.1, None);
    let wrong = [
        pixels(&[4, 2, 2, 1], &[2, 2]),
        pixels(&[5, 2, 2, 1], &[1, 2, 2, 1]),
        pixels(&[4, 2, 2, 1], &[1, 1, 2, 2, 1]),
        Observed::noisy(zeros(&[4, 2, 2, 3]), 0.1, &l),
    ];
    for observed in wrong {
        assert!(is_mismatch(observed.correct(&start())), "{observed:?}");
        let key = RngKey::new(0, 0);
        let run = l.follow(&bowl, &start(), key, Some(&observed), &mut |_, _| Ok(()));
        assert!(is_mismatch(run), "{observed:?}");
    }
    for known in [vec![1, 2, 2, 1], vec![4, 2, 2, 1], vec![2, 2, 1]] {
        pixels(&[4, 2, 2, 1], &known).correct(&start()).unwrap();
        pixels(&[1, 2, 2, 1], &known).correct(&start()).unwrap();
    }
}

#[test]
fn gradients_are_not_clipped_to_less_than_nothing() {
    for clip in [-1.0, f64::NAN] {
        let key = RngKey::new(0, 0);
        let run = langevin(0.0, Some(clip)).run(&bowl, &start(), key);
        assert!(matches!(run, Err(Error::Numbers { .. })), "{clip}");
    }
}

fn rounds(steps: usize) -> Rounds {
    Rounds {
        langevin: langevin(0.0, None),
        steps,
        augmentation: Augmentation::None,
        restart: 0.0,
        seed: 1,
    }
}

#[test]
fn rounds_start_from_whole_images() {
    let of = |n: usize| {
        let values = vec![0.5; n];
        rounds(3).run(&bowl, Start::Images(&values), [8, 8, 1], &Device::Cpu)
    };
    assert!(is_mismatch(of(100)));
    assert_eq!(of(128).unwrap().len(), 128);
}

#[test]
fn rounds_begin_with_an_image_for_each_chain() {
    let values = vec![0.5; 12];
    let of = |chains| rounds(3).begin(Start::Images(&values), &chains, [2, 2, 1], &Device::Cpu);
    assert!(is_mismatch(of(0..5)));
    assert_eq!(of(1..3).unwrap().shape(), [2, 2, 2, 1]);
}

#[test]
fn there_is_no_round_after_the_last() {
    let of = |round| {
        let (mut chains, shape) = (vec![0.5; 4], [2, 2, 1]);
        let watch = &mut |_: usize, _: &Tensor| Ok(());
        // the second round is of two steps
        rounds(5).round(&bowl, &mut chains, round, shape, &Device::Cpu, watch)
    };
    of(1).unwrap();
    assert!(is_mismatch(of(2)));
    assert!(is_mismatch(of(9)));
}

/// Where nothing is augmented, the images need be no pictures.
#[test]
fn rounds_take_points_and_any_channels() {
    for shape in [[1, 1, 2], [2, 2, 4]] {
        let ends = rounds(5).run(&bowl, Start::Noise(3), shape, &Device::Cpu);
        assert_eq!(ends.unwrap().len(), 3 * shape.iter().product::<usize>());
    }
}

#[test]
fn statistics_of_f64_are_those_of_f32() {
    let of = |x: &Tensor| {
        let chains = langevin(0.0, None).run(&bowl, x, RngKey::new(0, 0));
        chains.unwrap().statistics().unwrap()
    };
    let [single, double] = [of(&start()), of(&start().to_dtype(DType::F64).unwrap())];
    let pairs = [
        (single.first_energy, double.first_energy),
        (single.last_energy, double.last_energy),
        (single.first_gradient, double.first_gradient),
        (single.last_gradient, double.last_gradient),
        (single.moved, double.moved),
    ];
    for (a, b) in pairs {
        assert!(b != 0.0 && (a - b).abs() < 1e-6, "{a} {b}");
    }
}
