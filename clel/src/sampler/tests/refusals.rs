//! What the sampler does not take.

use super::*;
use crate::Error;

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
