//! Layers against PyTorch: values, gradients of ⟨y, grad_y⟩, state after each step.

use clel_autograd::Var;
use clel_nn::{
    Activation, BatchNorm, Fill, Init, Layer, Linear, LinearOptions, Mode, Module, Slot, State,
    Weight,
};
use clel_tensor::{DType, RngKey, Tensor};
use clel_tests::{Case, Failure, on_every_device};

fn init(case: &Case<'_>) -> Init {
    Init::new(RngKey::new(1, 0), DType::F32, case.device)
}

/// Sets a parameter or state by name.
fn set(module: &dyn Module, name: &str, value: &Tensor) -> Result<(), Failure> {
    let slot = module.slots().into_iter().find(|(key, _)| key == name);
    match slot.ok_or_else(|| format!("no {name}"))?.1 {
        Slot::Parameter(p) => p.set(p.order().from_file(value)?)?,
        Slot::State(s) => s.set(s.order().from_file(value)?)?,
    }
    Ok(())
}

/// Compares y = layer(x), and the gradients of ⟨y, grad_y⟩ to x and to every parameter.
fn check_layer(case: &Case<'_>, layer: &dyn Layer, mode: Mode) -> Result<(), Failure> {
    for (name, _) in layer.parameters() {
        set(layer, &name, &case.tensor(&name)?)?;
    }
    let x = case.leaf("x")?;
    let y = layer.forward(&x, mode)?;
    case.same("y", y.tensor())?;
    let objective = y.mul(&Var::constant(case.tensor("grad_y")?))?.sum_all()?;
    let parameters = layer.parameters();
    let leaves: Vec<Var> = parameters.iter().map(|(_, p)| p.var()).collect();
    let inputs: Vec<&Var> = std::iter::once(&x).chain(&leaves).collect();
    let gradients = clel_autograd::grad(&[&objective], &inputs, &Default::default())?;
    case.same("grad_x", gradients[0].tensor())?;
    for ((name, _), g) in parameters.iter().zip(&gradients[1..]) {
        case.same(&format!("grad_{name}"), g.tensor())?;
    }
    Ok(())
}

#[test]
fn linear() {
    on_every_device("linear", |file| {
        for (name, inputs, outputs, bias) in [("bias", 7, 9, true), ("plain", 64, 33, false)] {
            let options = LinearOptions {
                bias: bias.then_some(Fill::ZEROS),
                ..LinearOptions::default()
            };
            let layer = Linear::new(&mut init(file), inputs, outputs, &options)?;
            check_layer(&file.under(name), &layer, Mode::Train)?;
        }
        Ok(())
    });
}

#[test]
fn activations() {
    on_every_device("activations", |file| {
        for (name, layer) in [
            ("leaky_relu", Activation::LeakyRelu(0.2)),
            ("relu", Activation::Relu),
            ("silu", Activation::Silu),
            ("elu", Activation::Elu),
            ("gelu", Activation::Gelu),
            ("softplus", Activation::Softplus),
        ] {
            check_layer(&file.under(name), &layer, Mode::Eval)?;
            check_layer(&file.under("far").under(name), &layer, Mode::Eval)?;
        }
        Ok(())
    });
}

/// Running statistics after each of several training steps, then an evaluation.
fn batch_norm(fixture: &str, channels: usize) {
    on_every_device(fixture, |file| {
        let layer = BatchNorm::new(&mut init(file), channels)?;
        assert_eq!(layer.eps, file.fixture.note::<f64>("eps")?);
        assert_eq!(layer.momentum, file.fixture.note::<f64>("momentum")?);
        let running = ["running_mean", "running_var"];
        for name in running {
            set(&layer, name, &file.under("initial").tensor(name)?)?;
        }
        let steps: usize = file.fixture.note("steps")?;
        for step in 0..steps {
            let case = file.under(&format!("train.{step}"));
            check_layer(&case, &layer, Mode::Train)?;
            for (name, state) in layer.states() {
                case.same(&name, &state.tensor())?;
            }
        }
        let before: Vec<Tensor> = layer.states().iter().map(|(_, s)| s.tensor()).collect();
        check_layer(&file.under("eval"), &layer, Mode::Eval)?;
        let unchanged = |((_, s), old): (&(String, &State), &Tensor)| s.tensor().same(old);
        assert!(layer.states().iter().zip(&before).all(unchanged));
        Ok(())
    });
}

#[test]
fn batch_norm_of_vectors() {
    batch_norm("batchnorm1d", 6);
}

#[test]
fn batch_norm_of_images() {
    batch_norm("batchnorm2d", 5);
}

const ORIGINAL: &str = "parametrizations.weight.original";
const U: &str = "parametrizations.weight.0._u";
const V: &str = "parametrizations.weight.0._v";

/// Shapes \[out, in\] or \[out, kh, kw, in\].
const CASES: [(&str, &[usize]); 3] = [
    ("conv3x3", &[6, 3, 3, 4]),
    ("conv1x1", &[5, 1, 1, 7]),
    ("linear", &[6, 9]),
];

/// How a layer is made, and u, v, σ, W/σ and the gradient to W over several power iterations.
#[test]
fn spectral_norm() {
    on_every_device("spectral_norm", |file| {
        let iterations: usize = file.fixture.note("construction_iterations")?;
        let steps: usize = file.fixture.note("steps")?;
        for (name, shape) in CASES {
            let case = file.under(name);
            check_construction(&case, shape, iterations)?;
            let weight = Weight::new(&mut init(file), shape, Fill::Normal(1.0), true)?;
            set(&weight, ORIGINAL, &case.tensor("original")?)?;
            set_vectors(&case.under("initial"), &weight)?;
            for step in 0..steps {
                check_use(&case.under(&format!("train.{step}")), &weight, Mode::Train)?;
            }
            check_use(&case.under("eval"), &weight, Mode::Eval)?;
        }
        Ok(())
    });
}

/// Iterations from the vectors that were drawn reach PyTorch's, and ours those that a layer is made with.
fn check_construction(case: &Case<'_>, shape: &[usize], iterations: usize) -> Result<(), Failure> {
    let made = Weight::new(&mut init(case), shape, Fill::Normal(1.0), true)?;
    // the same numbers once more: what a layer draws after its weight
    let mut draws = init(case);
    let columns = draws.fill(Fill::Normal(1.0), shape)?.len() / shape[0];
    let weight = Weight::new(&mut init(case), shape, Fill::Normal(1.0), true)?;
    for ((_, state), len) in weight.states().iter().zip([shape[0], columns]) {
        state.set(draws.fill(Fill::Normal(1.0), &[len])?)?;
    }
    let iterate = || (0..iterations).try_for_each(|_| weight.value(Mode::Train).map(drop));
    iterate()?;
    for ((name, made), (_, reached)) in made.states().iter().zip(weight.states()) {
        let (made, reached) = (made.tensor(), reached.tensor());
        let apart = made.sub(&reached)?.abs()?.to_vec::<f32>()?;
        let apart = apart.into_iter().fold(0.0, f32::max);
        assert!(apart < 1e-6, "{name} of {shape:?}: apart by {apart}");
    }

    set(&weight, ORIGINAL, &case.tensor("original")?)?;
    set_vectors(&case.under("drawn"), &weight)?;
    iterate()?;
    same_vectors(&case.under("constructed"), &weight)
}

fn set_vectors(case: &Case<'_>, weight: &Weight) -> Result<(), Failure> {
    set(weight, U, &case.tensor("u")?)?;
    set(weight, V, &case.tensor("v")?)
}

fn same_vectors(case: &Case<'_>, weight: &Weight) -> Result<(), Failure> {
    for ((_, state), key) in weight.states().iter().zip(["u", "v"]) {
        case.same(key, &state.order().to_file(&state.tensor())?)?;
    }
    Ok(())
}

fn check_use(case: &Case<'_>, weight: &Weight, mode: Mode) -> Result<(), Failure> {
    let used = weight.value(mode)?;
    let (_, original) = weight.parameters().remove(0);
    case.same("weight", &original.order().to_file(used.tensor())?)?;
    same_vectors(case, weight)?;
    // W = σ·(W/σ), so σ is the ratio of the norms
    let length = |t: &Tensor| -> Result<f64, Failure> { Ok(t.mul(t)?.sum_all()?.item()?.sqrt()) };
    let sigma = length(&original.tensor())? / length(used.tensor())?;
    case.same("sigma", &Tensor::scalar(sigma as f32, case.device)?)?;
    let seed = original.order().from_file(&case.tensor("grad_weight")?)?;
    let objective = used.mul(&Var::constant(seed))?.sum_all()?;
    let leaf = original.var();
    let g = clel_autograd::grad(&[&objective], &[&leaf], &Default::default())?.remove(0);
    case.same("grad_original", &original.order().to_file(g.tensor())?)
}
