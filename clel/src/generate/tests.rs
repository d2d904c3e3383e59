use clel_autograd::{Var, check_grad};
use clel_nn::{Init, Mode};
use clel_tensor::{DType, Device, RngKey, Tensor};

use super::*;
use crate::config::{Activation, Augmentation, ModelConfig, Network};
use crate::data::{ImageSet, Images, Split};
use crate::features::{Batch, FeatureNetwork};
use crate::model::{EnergyNetwork, Normalisation};
use crate::sampler::{Langevin, Rounds, Start};

/// An encoder and a judge to compute with by hand: an image's features and logits are its own two pixels.
struct Pixels(Option<[usize; 3]>);

impl FeatureNetwork for Pixels {
    fn name(&self) -> String {
        "pixels".to_owned()
    }

    fn takes(&self) -> Option<[usize; 3]> {
        self.0
    }

    fn batch(&self, images: &Images) -> crate::Result<Batch> {
        let shape = [images.len(), images.image_len()];
        let pixels = Tensor::from_slice(&images.to_unit(), &shape, &Device::Cpu)?;
        Ok(Batch {
            features: pixels.clone(),
            logits: self.0.map(|_| pixels),
        })
    }
}

/// Images of 1×2 pixels.
fn pairs(values: &[f32]) -> ImageSet {
    let shape = [values.len() / 2, 1, 2, 1];
    Images::from_unit(shape, values.to_vec()).unwrap().into()
}

fn latent(values: &[f32]) -> Latent {
    Latent::mean(values, values.len()).unwrap()
}

#[test]
fn a_class_is_the_direction_of_its_mean() {
    let data = Split {
        images: pairs(&[0.0, 1.0, 0.25, 0.0, 0.75, 0.5, 0.5, 0.25]),
        labels: Some(vec![7, 2, 2, 2]),
    };
    let close = |z: Latent, wanted: [f64; 2]| {
        let length = (wanted[0].powi(2) + wanted[1].powi(2)).sqrt();
        for (z, w) in z.values().iter().zip(wanted) {
            assert!((f64::from(*z) - w / length).abs() < 1e-7, "{z} {wanted:?}");
        }
    };
    close(of_class(&Pixels(None), &data, 2, 10).unwrap(), [0.5, 0.25]);
    close(of_class(&Pixels(None), &data, 7, 10).unwrap(), [0.0, 1.0]);
    // of three, the first and the second are two, evenly taken
    close(of_class(&Pixels(None), &data, 2, 2).unwrap(), [0.5, 0.25]);
    close(of_class(&Pixels(None), &data, 2, 1).unwrap(), [1.0, 0.0]);
    assert!(of_class(&Pixels(None), &data, 3, 10).is_err());
    let unlabelled = Split {
        labels: None,
        ..data
    };
    assert!(of_class(&Pixels(None), &unlabelled, 0, 10).is_err());
    assert!(Latent::mean(&[1.0, 0.5, -1.0, -0.5], 2).is_err());
}

#[test]
fn an_arc_has_constant_speed_and_unit_length() {
    let (a, b) = (latent(&[1.0, 0.2, -0.4]), latent(&[-0.3, 0.9, 0.1]));
    let dot = |a: &Latent, b: &Latent| {
        let products = a.values().iter().zip(b.values());
        products
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
            .min(1.0)
    };
    let angle = dot(&a, &b).acos();
    for k in 0..=4 {
        let t = f64::from(k) / 4.0;
        let z = Latent::between(&a, &b, t).unwrap();
        assert!((dot(&z, &z) - 1.0).abs() < 1e-6);
        assert!((dot(&a, &z).acos() - t * angle).abs() < 1e-3, "{t}");
        assert!((dot(&z, &b).acos() - (1.0 - t) * angle).abs() < 1e-3, "{t}");
    }
    assert_eq!(Latent::between(&a, &a, 0.3).unwrap(), a);
    let opposite = latent(&[-1.0, -0.2, 0.4]);
    assert!(Latent::between(&a, &opposite, 0.5).is_err());
}

fn network(dtype: DType) -> EnergyNetwork {
    drawn(dtype, 1)
}

/// The network that this stream of random numbers gives.
fn drawn(dtype: DType, stream: u32) -> EnergyNetwork {
    let config = ModelConfig {
        network: Network::Tiny,
        width: 4,
        hidden: 8,
        latent: 3,
        activation: Activation::LeakyRelu,
        spectral_norm: true,
        projector: true,
    };
    let normalisation = Normalisation {
        mean: vec![0.4],
        std: vec![0.3],
    };
    let mut init = Init::new(RngKey::new(3, stream), dtype, &Device::Cpu);
    EnergyNetwork::new(&config, &normalisation, &mut init).unwrap()
}

fn terms(weighted: &[(&[f32], f64)]) -> Vec<Term> {
    let term = |(z, weight): &(&[f32], f64)| Term {
        latent: latent(z),
        weight: *weight,
    };
    weighted.iter().map(term).collect()
}

const A: &[f32] = &[1.0, 0.2, -0.4];
const B: &[f32] = &[-0.3, 0.9, 0.1];

/// n·½‖f‖² − β·⟨ĝ, Σ w·z⟩, computed by hand from f and g, and its derivative by differences.
#[test]
fn a_composition_is_the_sum_of_its_energies() {
    let guide = Guide::new(
        &[terms(&[(A, 1.0), (B, -0.5)]), terms(&[(B, 2.0), (A, 1.0)])],
        vec![0, 1],
        0.7,
    );
    let sums = guide.sums(&(0..2), &Device::Cpu).unwrap();
    let sums = Var::constant(sums.tensor().to_dtype(DType::F64).unwrap());
    let f = [[0.3, -1.0, 0.5], [2.0, 0.1, -0.2]];
    let g = [[1.0, 2.0, -2.0], [0.5, 0.0, 0.1]];
    let array = |rows: &[[f64; 3]; 2]| {
        Tensor::from_slice(rows.as_flattened(), &[2, 3], &Device::Cpu).unwrap()
    };
    let energies = guide.of_features(&array(&f).into(), &array(&g).into(), &sums);
    let energies = energies.unwrap().tensor().to_vec::<f64>().unwrap();
    let unit = |v: &[f32]| {
        latent(v)
            .values()
            .iter()
            .map(|v| f64::from(*v))
            .collect::<Vec<_>>()
    };
    let (a, b) = (unit(A), unit(B));
    for (i, weights) in [[1.0, -0.5], [1.0, 2.0]].into_iter().enumerate() {
        let half: f64 = f[i].iter().map(|v| v * v / 2.0).sum();
        let length = g[i].iter().map(|v| v * v).sum::<f64>().sqrt();
        let cosine = |z: &[f64]| g[i].iter().zip(z).map(|(g, z)| g * z / length).sum::<f64>();
        let wanted: f64 = [&a, &b]
            .iter()
            .zip(weights)
            .map(|(z, w)| half - 0.7 * w * cosine(z))
            .sum();
        assert!(
            (energies[i] - wanted).abs() < 1e-6,
            "{} {wanted}",
            energies[i]
        );
    }

    let network = network(DType::F64);
    let x = Tensor::uniform(&[2, 8, 8, 1], RngKey::new(5, 5), &Device::Cpu).unwrap();
    let energy = |x: &[Var]| {
        // the program's errors are not that crate's
        Ok(guide.energy(&network, &x[0], &sums).unwrap())
    };
    check_grad(&energy, &[x.to_dtype(DType::F64).unwrap()], 1).unwrap();
}

#[test]
fn one_latent_of_weight_1_is_the_joint_energy() {
    let network = network(DType::F32);
    let x = Tensor::uniform(&[2, 8, 8, 1], RngKey::new(5, 5), &Device::Cpu).unwrap();
    let guide = Guide::new(&[terms(&[(A, 1.0)])], vec![0, 0, 0], 0.3);
    let sums = guide.sums(&(1..3), &Device::Cpu).unwrap();
    let found = guide.energy(&network, &x.clone().into(), &sums).unwrap();
    let z = Tensor::from_slice(latent(A).values(), &[1, 3], &Device::Cpu).unwrap();
    let joint = network.joint_energy(&x.into(), &z.into(), 0.3, Mode::Eval);
    let [found, joint] = [found, joint.unwrap()].map(|e| e.tensor().to_vec::<f32>().unwrap());
    assert_eq!(found, joint);
}

fn rounds(steps: usize) -> Rounds {
    Rounds {
        langevin: Langevin {
            steps: 4,
            step_size: 10.0,
            noise: 0.02,
            ..Langevin::default()
        },
        steps,
        augmentation: Augmentation::None,
        restart: 0.0,
        seed: 9,
    }
}

#[test]
fn known_pixels_stay_as_they_are_and_films_change_nothing() {
    let network = network(DType::F32);
    let (count, size) = (70, 64);
    let known: Vec<bool> = (0..size).map(|i| i % 3 != 0).collect();
    let key = RngKey::new(1, 2);
    let images = Tensor::uniform(&[count * size], key, &Device::Cpu).unwrap();
    let images = images.to_vec::<f32>().unwrap();
    let mut generation = Generation {
        model: Ensemble::new(&network, Vec::new()),
        rounds: rounds(10),
        shape: [8, 8, 1],
        device: &Device::Cpu,
        given: None,
        told: None,
    };
    let guide = Guide::new(&[terms(&[(A, 1.0)])], vec![0; count], 0.3);
    let run = |g: &Generation<'_>, guides: &[Guide]| {
        g.run(guides, Start::Noise(count), count, None).unwrap()
    };
    let (free, led) = (run(&generation, &[]), run(&generation, &[guide]));
    assert_ne!(free, led);
    generation.given = Some(Given::Pixels {
        images: images.clone(),
        known: known.clone(),
    });
    let filled = run(&generation, &[]);
    for (i, v) in filled.iter().enumerate() {
        if known[i % size] {
            assert_eq!(v.to_bits(), images[i].to_bits(), "{i}");
        }
    }
    let is_free = |(i, _): &(usize, &f32)| !known[i % size];
    let holes = |v: &[f32]| -> Vec<f32> {
        let holes = v.iter().enumerate().filter(is_free);
        holes.map(|(_, v)| *v).collect()
    };
    assert_ne!(holes(&filled), holes(&images));

    let mut film = Film::new(4, 10, 68, size);
    let place = |chain: usize| count - 1 - chain;
    let filmed = generation.run(&[], Start::Noise(count), count, Some((&mut film, &place)));
    assert_eq!(filmed.unwrap(), filled);
    assert_eq!(film.steps(), [0, 4, 8, 10]);
    let last = &film.frames()[3];
    for chain in 2..count {
        let there = &last[place(chain) * size..][..size];
        assert_eq!(there, &filled[chain * size..][..size]);
    }
    let start = &film.frames()[0];
    for (i, known) in known.iter().enumerate() {
        let at_end = images[(count - 1) * size + i];
        assert_eq!(start[i].to_bits() == at_end.to_bits(), *known);
    }
}

/// Without steps nothing moves, and a film has one frame.
#[test]
fn no_steps_are_no_steps() {
    let network = network(DType::F32);
    let generation = Generation {
        model: Ensemble::new(&network, Vec::new()),
        rounds: rounds(0),
        shape: [8, 8, 1],
        device: &Device::Cpu,
        given: None,
        told: None,
    };
    let mut film = Film::new(5, 0, 1, 64);
    let images = vec![0.25; 64];
    let place = |chain: usize| chain;
    let ends = generation.run(&[], Start::Images(&images), 1, Some((&mut film, &place)));
    assert_eq!(ends.unwrap(), images);
    assert_eq!((film.steps(), film.frames()), (vec![0], &[images][..]));
}

#[test]
fn samples_are_counted_by_what_they_were_asked_for() {
    let judge = Pixels(Some([1, 2, 1]));
    let images = pairs(&[0.9, 0.1, 0.2, 0.8, 0.3, 0.6, 0.1, 0.2, 0.7, 0.5]);
    let verdicts = Verdicts::of(&judge, &images).unwrap();
    assert_eq!(
        (verdicts.classes, &verdicts.taken[..]),
        (2, &[0, 1, 1, 1, 0][..])
    );
    let asked = |class| {
        let names = ["one", "two", "any"].map(str::to_owned);
        names.into_iter().zip([class, vec![1], vec![]]).collect()
    };
    let either = Agreement::count(&verdicts, asked(vec![0, 1]), |i| i / 2).unwrap();
    assert_eq!((either.n, either.agreed), (4, 4));
    let agreement = Agreement::count(&verdicts, asked(vec![0]), |i| i / 2).unwrap();
    assert_eq!((agreement.n, agreement.agreed), (4, 3));
    assert_eq!(agreement.accuracy, Some(0.75));
    let taken: Vec<_> = agreement.rows.iter().map(|row| &row.taken[..]).collect();
    assert_eq!(taken, [[1, 1], [0, 2], [1, 0]]);
    assert!(Agreement::count(&verdicts, asked(vec![2]), |i| i / 2).is_err());
    assert!(Verdicts::of(&Pixels(None), &images).is_err());
}

#[test]
fn the_energy_of_an_ensemble_is_the_mean_of_its_networks() {
    let networks: Vec<EnergyNetwork> = (1..4).map(|s| drawn(DType::F64, s)).collect();
    let x = Tensor::uniform(&[5, 8, 8, 1], RngKey::new(6, 6), &Device::Cpu).unwrap();
    let x: Var = x.to_dtype(DType::F64).unwrap().into();
    let numbers = |e: crate::Result<Var>| e.unwrap().tensor().to_vec::<f64>().unwrap();
    let all = Ensemble::new(&networks[0], networks[1..].iter().collect());
    let single: Vec<Vec<f64>> = networks
        .iter()
        .map(|n| numbers(n.energy(&x, Mode::Eval)))
        .collect();
    for (i, found) in numbers(all.energy(&x, &[])).into_iter().enumerate() {
        let mean = (single[0][i] + single[1][i] + single[2][i]) / 3.0;
        assert!((found - mean).abs() < 1e-12 * mean, "{found} {mean}");
        assert!((found - single[0][i]).abs() > 1e-3 * mean);
    }
    // each is led by its own latents
    let guides: Vec<Guide> = [[(A, 1.0)], [(B, 1.0)], [(A, -0.5)]]
        .iter()
        .map(|t| Guide::new(&[terms(t)], vec![0; 5], 0.4))
        .collect();
    let sums = |g: &Guide| -> Var {
        let sums = g.sums(&(0..5), &Device::Cpu).unwrap();
        sums.tensor().to_dtype(DType::F64).unwrap().into()
    };
    let led_by: Vec<(&Guide, Var)> = guides.iter().map(|g| (g, sums(g))).collect();
    let single: Vec<Vec<f64>> = networks
        .iter()
        .zip(&led_by)
        .map(|(n, (guide, sums))| numbers(guide.energy(n, &x, sums)))
        .collect();
    for (i, found) in numbers(all.energy(&x, &led_by)).into_iter().enumerate() {
        let mean = (single[0][i] + single[1][i] + single[2][i]) / 3.0;
        assert!((found - mean).abs() < 1e-12, "{found} {mean}");
    }
}

#[test]
fn chains_of_an_ensemble() {
    let networks = [drawn(DType::F32, 1), drawn(DType::F32, 2)];
    let run = |model: Ensemble<'_>| {
        let generation = Generation {
            model,
            rounds: rounds(10),
            shape: [8, 8, 1],
            device: &Device::Cpu,
            given: None,
            told: None,
        };
        generation.run(&[], Start::Noise(6), 6, None).unwrap()
    };
    let ensemble = |first: usize, others: &[usize]| {
        let others = others.iter().map(|i| &networks[*i]).collect();
        run(Ensemble::new(&networks[first], others))
    };
    // of one: the plain chain of that network
    let energy = |x: &Var| networks[0].energy(x, Mode::Eval);
    let plain = rounds(10).run(&energy, Start::Noise(6), [8, 8, 1], &Device::Cpu);
    assert_eq!(ensemble(0, &[]), plain.unwrap());
    // twice the same is the same; two are in between, whichever comes first
    assert_eq!(ensemble(0, &[0]), ensemble(0, &[]));
    let both = ensemble(0, &[1]);
    assert_eq!(both, ensemble(1, &[0]));
    assert_ne!(both, ensemble(0, &[]));
    assert_ne!(both, ensemble(1, &[]));
}

fn is_mismatch<T>(found: crate::Result<T>) -> bool {
    matches!(found, Err(crate::Error::Mismatch { .. }))
}

#[test]
fn latents_are_of_whole_rows_and_one_dimension() {
    assert!(is_mismatch(Latent::mean(&[1.0, 2.0, 3.0], 2)), "half a row");
    let three = latent(&[1.0, 0.0, 0.5]);
    assert!(is_mismatch(Latent::between(
        &latent(&[1.0, 0.2]),
        &three,
        0.5
    )));
}

#[test]
fn latents_of_a_guide_have_one_dimension() {
    let of = |kinds: &[Vec<Term>]| Guide::new(kinds, vec![0], 0.3).sums(&(0..1), &Device::Cpu);
    let (short, long): (&[f32], &[f32]) = (&[1.0; 4], &[1.0; 8]);
    assert!(is_mismatch(of(&[terms(&[(short, 1.0), (long, 1.0)])])));
    let kinds = [terms(&[(short, 1.0)]), terms(&[(long, 1.0)])];
    assert!(is_mismatch(of(&kinds)), "of two kinds");
    // the energy of a kind has as many terms as that of the first
    let kinds = [terms(&[(A, 1.0)]), terms(&[(A, 1.0), (B, 1.0)])];
    assert!(is_mismatch(of(&kinds)), "other numbers of terms");
}

#[test]
fn a_guide_has_a_kind_for_each_chain() {
    let of =
        |of_chain| Guide::new(&[terms(&[(A, 1.0)])], of_chain, 0.3).sums(&(0..2), &Device::Cpu);
    of(vec![0, 0]).unwrap();
    assert!(is_mismatch(of(vec![0])));
}

#[test]
fn a_guide_has_the_kinds_that_chains_are_of() {
    let guide = Guide::new(&[terms(&[(A, 1.0)])], vec![0, 1], 0.3);
    assert!(is_mismatch(guide.sums(&(0..2), &Device::Cpu)));
}

/// A run of five chains of ten steps from `start`.
fn five(
    start: Start<'_>,
    given: Option<Given>,
    film: Option<&mut Film>,
) -> crate::Result<Vec<f32>> {
    let network = network(DType::F32);
    let generation = Generation {
        model: Ensemble::new(&network, Vec::new()),
        rounds: rounds(10),
        shape: [8, 8, 1],
        device: &Device::Cpu,
        given,
        told: None,
    };
    let place = |chain: usize| chain;
    generation.run(&[], start, 5, film.map(|film| (film, &place as _)))
}

#[test]
fn a_generation_has_an_image_to_start_each_chain() {
    let images = vec![0.5; 3 * 64];
    assert!(is_mismatch(five(Start::Images(&images), None, None)));
}

#[test]
fn what_is_given_is_given_for_each_chain() {
    let images = vec![0.5; 64];
    let noisy = Given::Noisy { images, sigma: 0.1 };
    assert!(is_mismatch(five(Start::Noise(5), Some(noisy), None)));
}

#[test]
fn what_is_given_is_known_for_each_pixel() {
    let pixels = Given::Pixels {
        images: vec![0.5; 5 * 64],
        known: vec![true; 8],
    };
    assert!(is_mismatch(five(Start::Noise(5), Some(pixels), None)));
}

#[test]
fn a_film_has_frames_for_the_steps_and_images_of_its_chains() {
    let filmed = |last, size| {
        five(
            Start::Noise(5),
            None,
            Some(&mut Film::new(4, last, 5, size)),
        )
    };
    filmed(10, 64).unwrap();
    assert!(is_mismatch(filmed(4, 64)), "shorter");
    assert!(is_mismatch(filmed(20, 64)), "longer");
    assert!(is_mismatch(filmed(10, 16)), "smaller");
}
