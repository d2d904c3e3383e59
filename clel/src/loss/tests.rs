use clel_autograd::{GradOptions, Var, grad};
use clel_tensor::{Device, RngKey, Tensor};

use super::*;

fn normal(rows: usize, stream: u32) -> Var {
    let t = Tensor::normal(&[rows, 5], RngKey::new(3, stream), &Device::Cpu);
    Var::leaf(t.unwrap())
}

fn number(v: &Var) -> f64 {
    v.tensor().item().unwrap()
}

fn unit(v: &[f32]) -> Vec<f64> {
    let length = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    v.iter().map(|x| f64::from(*x) / length).collect()
}

/// NT-Xent as its definition reads, anchor by anchor.
#[test]
fn nt_xent_is_the_cross_entropy_of_its_definition() {
    let (views, negatives) = (normal(6, 1), normal(4, 2));
    let rows = |v: &Var| -> Vec<Vec<f64>> {
        let values = v.tensor().to_vec::<f32>().unwrap();
        values.chunks(5).map(unit).collect()
    };
    let (y, z) = (rows(&views), rows(&negatives));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / 0.5;
    for with_negatives in [false, true] {
        let mut total = 0.0;
        for i in 0..6 {
            let others = (0..6).filter(|j| *j != i).map(|j| dot(&y[i], &y[j]));
            let mut sum: f64 = others.map(f64::exp).sum();
            if with_negatives {
                sum += z.iter().map(|z| dot(&y[i], z).exp()).sum::<f64>();
            }
            total += sum.ln() - dot(&y[i], &y[(i + 3) % 6]);
        }
        let given = with_negatives.then_some(&negatives);
        let found = number(&nt_xent(&views, given, 0.5).unwrap());
        assert!(
            (found - total / 6.0).abs() < 1e-5,
            "{found} {}",
            total / 6.0
        );
    }
}

/// The signs: a step down the loss lowers the energy of data, raises that of samples, and turns directions towards z.
#[test]
fn the_energy_loss_pulls_data_down_and_samples_up() {
    let (f, g, samples, z) = (normal(3, 1), normal(3, 2), normal(3, 3), normal(3, 4));
    let parts = energy_loss(&f, &g, &samples, &z, 0.0, 0.1).unwrap();
    let gradients = grad(&[&parts.loss], &[&f, &g, &samples], &GradOptions::default()).unwrap();
    let moved = |v: &Var, g: &Var| {
        Var::constant(
            v.tensor()
                .sub(&g.tensor().mul_scalar(0.1).unwrap())
                .unwrap(),
        )
    };
    let [f2, g2, s2] = [
        moved(&f, &gradients[0]),
        moved(&g, &gradients[1]),
        moved(&samples, &gradients[2]),
    ];
    let after = energy_loss(&f2, &g2, &s2, &z, 0.0, 0.1).unwrap();
    let mean = |t: &Tensor| number(&t.mean_all().unwrap().into());
    assert!(mean(&after.data) < mean(&parts.data));
    assert!(mean(&after.samples) > mean(&parts.samples));
    let similarity = |parts: &EnergyLoss| mean(parts.similarity.as_ref().unwrap());
    assert!(similarity(&after) > similarity(&parts));
}

#[test]
fn the_latent_and_the_negatives_get_no_gradient() {
    let (f, g, samples, z) = (normal(2, 1), normal(2, 2), normal(2, 3), normal(2, 4));
    let parts = energy_loss(&f, &g, &samples, &z, 1.0, 0.1).unwrap();
    assert!(grad(&[&parts.loss], &[&z], &GradOptions::default()).is_err());
    let loss = nt_xent(&f, Some(&z), 0.2).unwrap();
    assert!(grad(&[&loss], &[&z], &GradOptions::default()).is_err());
}

#[test]
fn odd_numbers_of_views_are_refused() {
    assert!(nt_xent(&normal(3, 1), None, 0.2).is_err());
    assert!(nt_xent(&normal(0, 1), None, 0.2).is_err());
}

#[test]
fn temperatures_are_above_zero() {
    for tau in [0.0, -0.2, f64::NAN] {
        let found = nt_xent(&normal(4, 1), None, tau);
        assert!(matches!(found, Err(crate::Error::Numbers { .. })), "{tau}");
    }
}

/// Arrays that broadcasting would make something of.
#[test]
fn shapes_that_do_not_belong_together_are_refused() {
    let of = |shape: &[usize]| -> Var {
        let array = Tensor::normal(shape, RngKey::new(3, 9), &Device::Cpu);
        array.unwrap().into()
    };
    let (v, cube) = (of(&[8, 5]), of(&[8, 8, 5]));
    let guided = |f: &Var, g: &Var, samples: &Var, z: &Var| {
        energy_loss(f, g, samples, z, 1.0, 0.1).map(|parts| parts.loss)
    };
    guided(&v, &v, &of(&[3, 5]), &v).unwrap();
    byol(&v, &v).unwrap();
    let wrong = [
        ("byol, more targets", byol(&v, &of(&[10, 5]))),
        ("byol, longer targets", byol(&v, &of(&[8, 1]))),
        ("z [8, 1]", guided(&v, &v, &v, &of(&[8, 1]))),
        ("z [1, 5]", guided(&v, &v, &v, &of(&[1, 5]))),
        ("z [8, 8, 5]", guided(&v, &v, &v, &cube)),
        ("g [1, 5]", guided(&v, &of(&[1, 5]), &v, &v)),
        ("f [1, 5]", guided(&of(&[1, 5]), &v, &v, &v)),
        ("samples [3, 4]", guided(&v, &v, &of(&[3, 4]), &v)),
        (
            "marginal, data",
            marginal_loss(&cube, &v, 1.0).map(|l| l.loss),
        ),
        (
            "marginal, samples",
            marginal_loss(&v, &cube, 1.0).map(|l| l.loss),
        ),
        ("negatives", nt_xent(&v, Some(&of(&[3, 5, 5])), 0.2)),
    ];
    let accepted = wrong
        .iter()
        .filter(|(_, found)| !matches!(found, Err(crate::Error::Mismatch { .. })));
    let accepted: Vec<_> = accepted.map(|(what, _)| what).collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}
