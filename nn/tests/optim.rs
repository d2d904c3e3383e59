//! Optimisers against plain loops over f64 numbers, and their saved states.

use std::collections::BTreeMap;

use clel_nn::{
    BatchNorm, Error, Init, Linear, LinearOptions, Module, Parameter, Result,
    optim::{
        Adam, Ema, Optimizer, Schedule, Sgd, clip_by_norm, clip_by_value, ema_decay, gradients,
        gradients_or_zeros,
    },
};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches, f16};

const RATE: f64 = 0.02;

/// The gradients of element i at step t.
fn gradient(t: usize, i: usize) -> f64 {
    ((t * 7 + i * 3) as f64).sin() * if i == 1 { 1e-7 } else { 1.0 }
}

fn tensor(values: &[f64]) -> Result<Tensor> {
    Ok(Tensor::from_slice(values, &[values.len()], &Device::Cpu)?)
}

/// Runs an optimiser for `steps` steps from step `from` on one parameter.
fn run(o: &mut dyn Optimizer, p: &Parameter, from: usize, steps: usize) -> Result<()> {
    for t in from..from + steps {
        let g: Vec<f64> = (0..p.tensor().len()).map(|i| gradient(t, i)).collect();
        o.step(&[("w".to_owned(), p)], &[tensor(&g)?], RATE)?;
    }
    Ok(())
}

const START: [f64; 3] = [0.5, -1.0, 2.0];

fn assert_close(found: &Parameter, expected: &[f64]) -> Result<()> {
    for (a, b) in found.tensor().to_vec::<f64>()?.iter().zip(expected) {
        assert!((a - b).abs() < 1e-13, "{a} {b}");
    }
    Ok(())
}

#[test]
fn adam_follows_its_formula() -> Result<()> {
    for (b1, decay) in [(0.9, 0.0), (0.0, 0.0), (0.5, 0.1)] {
        let p = Parameter::new(tensor(&START)?);
        run(&mut Adam::new([b1, 0.999], 1e-8, decay)?, &p, 0, 10)?;
        let expected = (0..3).map(|i| {
            let (mut p, mut m, mut v) = (START[i], 0.0, 0.0);
            for t in 0..10 {
                let g = gradient(t, i) + decay * p;
                m = b1 * m + (1.0 - b1) * g;
                v = 0.999 * v + 0.001 * g * g;
                let n = t as i32 + 1;
                let m_hat: f64 = m / (1.0 - f64::powi(b1, n));
                let v_hat: f64 = v / (1.0 - f64::powi(0.999, n));
                p -= RATE * m_hat / (v_hat.sqrt() + 1e-8);
            }
            p
        });
        assert_close(&p, &expected.collect::<Vec<_>>())?;
    }
    Ok(())
}

#[test]
fn sgd_follows_its_formula() -> Result<()> {
    for (momentum, decay) in [(0.9, 5e-4), (0.0, 0.0)] {
        let p = Parameter::new(tensor(&START)?);
        run(&mut Sgd::new(momentum, decay)?, &p, 0, 10)?;
        let expected = (0..3).map(|i| {
            let (mut p, mut b) = (START[i], 0.0);
            for t in 0..10 {
                b = momentum * b + gradient(t, i) + decay * p;
                p -= RATE * b;
            }
            p
        });
        assert_close(&p, &expected.collect::<Vec<_>>())?;
    }
    Ok(())
}

#[test]
fn a_step_is_one_launch_however_many_parameters() -> Result<()> {
    for make in MAKERS {
        for count in [1, 2, 50] {
            let mut o = make()?;
            let all = (0..count).map(|n| tensor(&vec![0.5; n % 7 + 1]));
            let all = all.collect::<Result<Vec<_>>>()?;
            let parameters: Vec<Parameter> = all.iter().cloned().map(Parameter::new).collect();
            let named = parameters.iter().enumerate();
            let named: Vec<_> = named.map(|(n, p)| (format!("w{n}"), p)).collect();
            o.step(&named, &all, RATE)?;
            let (result, launches) = count_launches(|| o.step(&named, &all, RATE));
            result?;
            let one = BTreeMap::from([("pointwise", 1)]);
            assert_eq!(launches, one, "{count} parameters");
        }
    }
    Ok(())
}

#[test]
fn joined_parameters_keep_their_values() -> Result<()> {
    let mut init = Init::new(RngKey::new(4, 0), DType::F32, &Device::Cpu);
    let net = Linear::new(&mut init, 5, 3, &LinearOptions::default())?;
    let values = |net: &Linear| -> Result<Vec<(Vec<usize>, Vec<f32>)>> {
        let all = net.parameters().into_iter().map(|(_, p)| p.tensor());
        all.map(|t| Ok((t.shape().to_vec(), t.to_vec()?))).collect()
    };
    let before = values(&net)?;
    net.join_parameters()?;
    assert_eq!(values(&net)?, before);
    Ok(())
}

type Make = fn() -> Result<Box<dyn Optimizer>>;
const MAKERS: [Make; 4] = [
    || Ok(Box::new(Adam::default())),
    || Ok(Box::new(Adam::new([0.0, 0.999], 1e-8, 0.0)?)),
    || Ok(Box::new(Sgd::new(0.9, 5e-4)?)),
    || Ok(Box::new(Sgd::new(0.0, 0.0)?)),
];

/// An optimiser taken from a saved state continues to the bit like the one that was never interrupted.
#[test]
fn saved_states_continue() -> Result<()> {
    for make in MAKERS {
        let (p, q) = (
            Parameter::new(tensor(&START)?),
            Parameter::new(tensor(&START)?),
        );
        let (mut whole, mut half, mut rest) = (make()?, make()?, make()?);
        run(&mut *whole, &p, 0, 8)?;
        run(&mut *half, &q, 0, 4)?;
        let state: BTreeMap<String, Tensor> = half.state()?.into_iter().collect();
        rest.load_state(&[("w".to_owned(), &q)], &state)?;
        run(&mut *rest, &q, 4, 4)?;
        assert_eq!(p.tensor().to_vec::<f64>()?, q.tensor().to_vec::<f64>()?);
    }
    Ok(())
}

#[test]
fn states_that_do_not_fit_are_refused() -> Result<()> {
    let (p, q) = (
        Parameter::new(tensor(&START)?),
        Parameter::new(tensor(&START)?),
    );
    let named = [("p".to_owned(), &p), ("q".to_owned(), &q)];
    for (make, kind) in MAKERS
        .iter()
        .zip(["first_moment", "second_moment", "momentum"])
    {
        let mut o = make()?;
        o.step(&named, &[tensor(&START)?, tensor(&START)?], RATE)?;
        let state: BTreeMap<String, Tensor> = o.state()?.into_iter().collect();
        let key = format!("q.{kind}");
        let [mut missing, mut short, mut unknown] = [0; 3].map(|_| state.clone());
        missing.remove(&key);
        short.insert(key, tensor(&[1.0])?);
        unknown.insert(format!("r.{kind}"), tensor(&START)?);
        for state in [missing, short, unknown] {
            let e = make()?.load_state(&named, &state);
            let e = e.expect_err("it does not fit");
            assert!(matches!(e, Error::OptimizerState { .. }), "{e}");
        }
    }
    Ok(())
}

/// As in PyTorch, whose `backward` takes one number of any rank.
#[test]
fn gradients_are_those_of_a_scalar() -> Result<()> {
    let p = Parameter::new(tensor(&START)?);
    let named = [("w".to_owned(), &p)];
    let squares = || p.var().mul(&p.var());
    let one = squares()?.sum(&[0], true)?;
    assert_eq!(
        gradients(one, &named)?[0].to_vec::<f64>()?,
        [1.0, -2.0, 4.0]
    );
    let none = squares()?.slice(0, 0, 0)?;
    for several in [squares()?, none] {
        let e = gradients(several, &named).unwrap_err().to_string();
        assert!(e.contains("a scalar is needed"), "{e}");
    }
    Ok(())
}

#[test]
fn a_parameter_without_a_gradient_is_named() -> Result<()> {
    let (p, q) = (
        Parameter::new(tensor(&START)?),
        Parameter::new(tensor(&START)?),
    );
    let named = [("w".to_owned(), &p), ("out.bias".to_owned(), &q)];
    let objective = || p.var().mul(&p.var())?.sum_all();
    let message = || {
        let e = gradients(objective()?, &named);
        Ok::<_, Error>(e.expect_err("q has no part in it").to_string())
    };
    let words = message()?;
    assert!(
        words.contains("does not depend on `out.bias`") && words.contains("gradients_or_zeros"),
        "{words}"
    );
    let found = gradients_or_zeros(objective()?, &named)?;
    assert_eq!(found[0].to_vec::<f64>()?, [1.0, -2.0, 4.0]);
    assert_eq!(found[1].to_vec::<f64>()?, [0.0; 3]);
    q.bind(tensor(&START)?.into())?;
    let words = message()?;
    assert!(
        words.contains("`out.bias` is bound to a constant"),
        "{words}"
    );
    Ok(())
}

#[test]
fn gradients_that_do_not_fit_change_nothing() -> Result<()> {
    let (p, q) = (
        Parameter::new(tensor(&START)?),
        Parameter::new(tensor(&START)?),
    );
    let named = [("p".to_owned(), &p), ("q".to_owned(), &q)];
    for make in MAKERS {
        let mut o = make()?;
        for gradients in [
            vec![tensor(&START)?],
            vec![tensor(&START)?, tensor(&[1.0])?],
        ] {
            let e = o
                .step(&named, &gradients, RATE)
                .expect_err("they do not fit");
            assert!(matches!(e, Error::Gradients { .. }), "{e}");
        }
        let fit = [tensor(&START)?, tensor(&START)?];
        assert!(matches!(
            o.step(&named, &fit, f64::NAN),
            Err(Error::Setting { .. })
        ));
        assert_close(&p, &START)?;
    }
    Ok(())
}

/// Parameters of two networks, say, both of which have a `0.weight`: they would share their moments.
#[test]
fn two_parameters_of_one_name_are_refused() -> Result<()> {
    let (p, q) = (
        Parameter::new(tensor(&START)?),
        Parameter::new(tensor(&START)?),
    );
    let named = [("0.weight".to_owned(), &p), ("0.weight".to_owned(), &q)];
    for make in MAKERS {
        let mut o = make()?;
        let state: BTreeMap<String, Tensor> = o.state()?.into_iter().collect();
        for result in [
            o.step(&named, &[tensor(&START)?, tensor(&START)?], RATE),
            o.load_state(&named, &state),
        ] {
            let e = result.expect_err("the name repeats").to_string();
            assert!(
                e.contains("two parameters are named `0.weight`") && e.contains("named_parameters"),
                "{e}"
            );
        }
        assert_close(&p, &START)?;
    }
    Ok(())
}

#[test]
fn settings_outside_their_range_are_refused() {
    assert!(Adam::new([1.0, 0.999], 1e-8, 0.0).is_err());
    assert!(Adam::new([0.0, -0.1], 1e-8, 0.0).is_err());
    assert!(Adam::new([0.0, 0.9], 0.0, 0.0).is_err());
    assert!(Sgd::new(-0.1, 0.0).is_err());
    assert!(Sgd::new(0.9, f64::NAN).is_err());
}

#[test]
fn clipping() -> Result<()> {
    let g = [tensor(&[3.0, 0.0])?, tensor(&[4.0])?];
    let (clipped, norm) = clip_by_norm(&g, 10.0)?;
    assert_eq!((norm.item()?, clipped[1].item()?), (5.0, 4.0));
    let (clipped, _) = clip_by_norm(&g, 1.0)?;
    assert!((clipped[0].to_vec::<f64>()?[0] - 3.0 / (5.0 + 1e-6)).abs() < 1e-14);
    assert_eq!(clip_by_value(&g, 3.5)?[1].item()?, 3.5);
    assert!(clip_by_norm(&g, 0.0).is_err() && clip_by_norm(&[], 1.0).is_err());
    Ok(())
}

/// Whose squares are beyond what f16 holds.
#[test]
fn clipping_halves() -> Result<()> {
    let g = Tensor::from_slice(&[f16::from_f32(300.0); 2], &[2], &Device::Cpu)?;
    let (clipped, norm) = clip_by_norm(&[g], 1.0)?;
    assert!((norm.item()? - 300.0 * 2f64.sqrt()).abs() < 1e-3);
    for v in clipped[0].to_vec::<f16>()? {
        assert!((v.to_f64() - 0.5f64.sqrt()).abs() < 1e-3, "{v}");
    }
    Ok(())
}

#[test]
fn schedules() {
    let warm = Schedule::WarmUp { steps: 2000 };
    assert_eq!(
        [0, 999, 1999, 5000].map(|t| warm.factor(t)),
        [0.0005, 0.5, 1.0, 1.0]
    );
    let cosine = Schedule::Cosine { steps: 100 };
    assert!((cosine.factor(50) - 0.5).abs() < 1e-15 && cosine.factor(200).abs() < 1e-15);
    assert_eq!(Schedule::Constant.factor(3), 1.0);
    assert_eq!(Schedule::WarmUp { steps: 0 }.factor(0), 1.0);
    for steps in [3, u64::MAX] {
        assert_eq!(Schedule::WarmUp { steps }.factor(u64::MAX), 1.0);
    }
}

/// All share one count of steps, which is not a later one's.
#[test]
fn adam_refuses_a_parameter_that_comes_later() -> Result<()> {
    let (p, q) = (
        Parameter::new(tensor(&START)?),
        Parameter::new(tensor(&START)?),
    );
    let both = [("p".to_owned(), &p), ("q".to_owned(), &q)];
    let g = [tensor(&START)?, tensor(&START)?];
    let mut adam = Adam::default();
    adam.step(&both[..1], &g[..1], RATE)?;
    let e = adam.step(&both, &g, RATE).expect_err("q is new");
    assert!(e.to_string().contains("`q`"), "{e}");
    adam.step(&both[..1], &g[..1], RATE)
}

#[test]
fn averages() -> Result<()> {
    let mut init = Init::new(RngKey::new(3, 0), DType::F64, &Device::Cpu);
    let (live, average) = (BatchNorm::new(&mut init, 3)?, BatchNorm::new(&mut init, 3)?);
    live.parameters()[0].1.set(tensor(&START)?)?;
    live.states()[1].1.set(tensor(&START)?)?;
    let decay = ema_decay(64, 640.0);
    Ema::update(&live, &average, decay)?;
    Ema::update(&live, &average, decay)?;
    let d2 = decay * decay;
    let expected = START.map(|w| d2 + (1.0 - d2) * w);
    assert_close(average.parameters()[0].1, &expected)?;
    assert_eq!(average.states()[1].1.tensor().to_vec::<f64>()?, START);
    Ema::update(&live, &average, 0.0)?;
    assert_close(average.parameters()[0].1, &START)?;
    let other = Linear::new(&mut init, 3, 3, &LinearOptions::default())?;
    let message = Ema::update(&other, &average, decay)
        .expect_err("it differs")
        .to_string();
    assert!(
        message.contains("parameter `weight`: Tensor([3, 3] f64"),
        "{message}"
    );
    Ok(())
}
