//! Single operations.

use clel_nn::Activation;
use clel_tensor::{DType, Device, Expr, RngKey, Tensor, expr::Distribution};

use super::session::{Amount, Session};
use super::subject::Subject;
use crate::Result;
use crate::model::{convolutions, linears};

/// Elements of an array for pointwise work: 16 MiB, so that three exceed most caches.
const POINTWISE: usize = 1 << 22;

/// Uniform random numbers, computed.
pub(super) fn random(shape: &[usize], device: &Device) -> Result<Tensor> {
    let x = Tensor::uniform(shape, RngKey::new(0, 0), device)?;
    x.realize()?;
    Ok(x)
}

/// `launch`, with its result computed.
fn computed(launch: impl Fn() -> clel_tensor::Result<Tensor>) -> impl FnMut() -> Result<()> {
    move || {
        launch()?.realize()?;
        Ok(())
    }
}

/// The square product, and the products of the head with its weights as they are stored, \[outputs, inputs\].
pub(super) fn matmul(subject: &Subject, session: &mut Session<'_>) -> Result<()> {
    let mut shapes = vec![(1024, 1024, 1024, false)];
    for [inputs, outputs] in linears(&subject.config.model) {
        shapes.push((subject.batch(), outputs, inputs, true));
    }
    for (m, n, k, transposed) in shapes {
        let a = random(&[m, k], session.device())?;
        let b = random(&if transposed { [n, k] } else { [k, n] }, session.device())?;
        let work = Amount::Operations(2 * m * n * k);
        let product = computed(|| a.matmul_t(&b, false, transposed));
        session.measure_operation(format!("matmul {m}x{n}x{k}"), work, product)?;
    }
    Ok(())
}

/// The three passes of each distinct convolution of f.
pub(super) fn conv(subject: &Subject, session: &mut Session<'_>) -> Result<()> {
    let n = subject.batch();
    for c in convolutions(&subject.config.model, subject.shape()) {
        let (k, pad) = (c.kernel, c.kernel / 2);
        let x = random(&[n, c.height, c.width, c.inputs], session.device())?;
        let g = random(&[n, c.height, c.width, c.outputs], session.device())?;
        let w = random(&[c.outputs, k, k, c.inputs], session.device())?;
        let name = |pass: &str| {
            let shape = format!("{}->{} {k}x{k}", c.inputs, c.outputs);
            format!("conv {shape} on {}x{} b{n}, {pass}", c.height, c.width)
        };
        let work = Amount::Operations(2 * n * c.multiply_adds());
        let forward = computed(|| x.conv2d(&w, 1, pad));
        session.measure_operation(name("forward"), work, forward)?;
        let input = computed(|| g.conv2d_input_grad(&w, x.shape(), 1, pad));
        session.measure_operation(name("input gradient"), work, input)?;
        let weight = computed(|| x.conv2d_weight_grad(&g, w.shape(), 1, pad));
        session.measure_operation(name("weight gradient"), work, weight)?;
    }
    Ok(())
}

/// A sum, a chain of six operations, the update of a Langevin step with its noise, and smooth functions.
pub(super) fn pointwise(session: &mut Session<'_>) -> Result<()> {
    let [a, b, c] = [(); 3].map(|()| random(&[POINTWISE], session.device()));
    let (a, b, c) = (a?, b?, c?);
    let input = Expr::input;
    let sum = input(0) + input(1);
    let h = input(0) * input(1) + input(2);
    let chain = (h.clone().maximum(h * 0.2) - input(0)).minimum(1.0);
    let noise = Expr::random(Distribution::Normal, RngKey::new(0, 1));
    let langevin = (input(0) - input(1) * 100.0 + noise * 0.001)
        .maximum(0.0)
        .minimum(1.0);
    for (name, expr, inputs) in [
        ("a + b", sum, vec![&a, &b]),
        ("min(leaky(a b + c) - a, 1)", chain, vec![&a, &b, &c]),
        ("clamp(a - 100 b + noise, 0, 1)", langevin, vec![&a, &b]),
        ("exp(a)", input(0).exp(), vec![&a]),
        ("tanh(a)", input(0).tanh(), vec![&a]),
        ("silu(a)", Activation::Silu.expr(), vec![&a]),
        ("softplus(a)", Activation::Softplus.expr(), vec![&a]),
        ("sin(a)", input(0).sin(), vec![&a]),
        ("pow(a, b)", input(0).pow(input(1)), vec![&a, &b]),
    ] {
        let bytes = Amount::Bytes(4 * POINTWISE * (inputs.len() + 1));
        let run = computed(|| Tensor::pointwise(&expr, &inputs));
        session.measure_operation(format!("pointwise {name}, 16 MiB each"), bytes, run)?;
    }
    Ok(())
}

/// What surrounds products and convolutions: arrays are widened, turned, converted, summed up and pooled.
pub(super) fn array(session: &mut Session<'_>) -> Result<()> {
    const SIDE: usize = 2048;
    let square = random(&[SIDE, SIDE], session.device())?;
    let images = random(&[64, 32, 32, 64], session.device())?;
    let [row, column] = [[1, SIDE], [SIDE, 1]].map(|shape| random(&shape, session.device()));
    let (row, column) = (row?, column?);
    let halves = square.to_dtype(DType::F16)?;
    halves.realize()?;
    let softmax = || {
        let e = square.sub(&square.max(&[1], true)?)?.exp()?;
        e.div(&e.sum(&[1], true)?)
    };
    // each reads its array once and writes its result, at the least
    let bytes = |read: usize, written: usize| Amount::Bytes(read + written);
    let (whole, half, pooled) = (4 * POINTWISE, 2 * POINTWISE, POINTWISE);
    type Launch<'a> = &'a dyn Fn() -> clel_tensor::Result<Tensor>;
    let cases: [(&str, Amount, Launch<'_>); 14] = [
        ("a + row", bytes(whole, whole), &|| square.add(&row)),
        ("a + column", bytes(whole, whole), &|| square.add(&column)),
        ("transpose", bytes(whole, whole), &|| {
            square.transpose(0, 1)?.contiguous()
        }),
        ("channels first", bytes(whole, whole), &|| {
            images.permute(&[0, 3, 1, 2])?.contiguous()
        }),
        ("to f16", bytes(whole, half), &|| {
            square.to_dtype(DType::F16)
        }),
        ("from f16", bytes(half, whole), &|| {
            halves.to_dtype(DType::F32)
        }),
        ("sum", bytes(whole, 4), &|| square.sum_all()),
        ("sum of rows", bytes(whole, 4 * SIDE), &|| {
            square.sum(&[0], false)
        }),
        ("sum of columns", bytes(whole, 4 * SIDE), &|| {
            square.sum(&[1], false)
        }),
        ("max of columns", bytes(whole, 4 * SIDE), &|| {
            square.max(&[1], false)
        }),
        ("softmax", bytes(whole, whole), &softmax),
        ("logsumexp", bytes(whole, 4 * SIDE), &|| {
            square.logsumexp(&[1], false)
        }),
        ("avg_pool2d 2x2", bytes(whole, pooled), &|| {
            images.avg_pool2d(2, 2, 0)
        }),
        ("max_pool2d 2x2", bytes(whole, pooled), &|| {
            images.max_pool2d(2, 2, 0)
        }),
    ];
    for (name, amount, launch) in cases {
        session.measure_operation(
            format!("array {name}, 4 Mi elements"),
            amount,
            computed(launch),
        )?;
    }
    Ok(())
}
