//! Every differentiable operation against central differences in f64, to order two, in the middle of a graph with
//! coefficients that are not one.

use clel_autograd::{Result, Var, check_grad};
use clel_tensor::{DType, Device, Expr, RngKey, Tensor};

type F<'a> = &'a dyn Fn(&[Var]) -> Result<Var>;

/// Numbers in (low, high), different for each `stream`.
fn numbers(shape: &[usize], stream: u32, low: f64, high: f64) -> Tensor {
    let u = Tensor::uniform(shape, RngKey::new(5, stream), &Device::Cpu).unwrap();
    let u = u.to_dtype(DType::F64).unwrap();
    u.mul_scalar(high - low).unwrap().add_scalar(low).unwrap()
}

/// Checks `f` between functions with curvature: sin(0.7 x) goes in, and y · (y + 0.3) comes out.
fn check(name: &str, shapes: &[&[usize]], f: F<'_>) {
    let inputs: Vec<Tensor> = shapes
        .iter()
        .enumerate()
        .map(|(i, s)| numbers(s, i as u32, 0.2, 1.4))
        .collect();
    let middle = |x: &[Var]| -> Result<Var> {
        let x: Vec<Var> = x
            .iter()
            .map(|v| v.mul_scalar(0.7)?.sin())
            .collect::<Result<_>>()?;
        let y = f(&x)?.mul_scalar(-1.3)?;
        y.mul(&y.add_scalar(0.3)?)
    };
    if let Err(e) = check_grad(&middle, &inputs, 2) {
        panic!("{name}: {e}");
    }
}

fn index(values: &[u32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn pointwise() {
    let unary: [(&str, F<'_>); 13] = [
        ("neg", &|x| x[0].neg()),
        ("abs", &|x| x[0].sub_scalar(0.5)?.abs()),
        ("exp", &|x| x[0].exp()),
        ("exp_m1", &|x| x[0].exp_m1()),
        ("ln", &|x| x[0].ln()),
        ("ln_1p", &|x| x[0].ln_1p()),
        ("sqrt", &|x| x[0].sqrt()),
        ("recip", &|x| x[0].recip()),
        ("cos", &|x| x[0].cos()),
        ("tanh", &|x| x[0].tanh()),
        ("sigmoid", &|x| x[0].sigmoid()),
        ("clamp", &|x| x[0].clamp(0.3, 0.6)),
        ("pow", &|x| x[0].pow_scalar(2.7)),
    ];
    for (name, f) in unary {
        check(name, &[&[3, 5]], f);
    }
    let binary: [(&str, F<'_>); 8] = [
        ("add", &|x| x[0].add(&x[1])),
        ("sub", &|x| x[0].sub(&x[1])),
        ("mul", &|x| x[0].mul(&x[1])),
        ("div", &|x| x[0].div(&x[1])),
        ("maximum", &|x| x[0].maximum(&x[1])),
        ("minimum", &|x| x[0].minimum(&x[1])),
        ("pow", &|x| x[0].pow(&x[1])),
        ("select", &|x| {
            x[0].less_than(&x[1])?.select(&x[0].mul(&x[1])?, &x[1])
        }),
    ];
    for (name, f) in binary {
        for shapes in [
            [&[3, 4][..], &[3, 4]],
            [&[3, 4], &[4]],
            [&[3, 1], &[2, 1, 4]],
            [&[], &[2, 2]],
        ] {
            check(name, &shapes, f);
        }
    }
}

#[test]
fn an_operand_used_twice_and_an_expression_of_three() {
    check("square", &[&[4]], &|x| x[0].mul(&x[0]));
    check("quotient of itself", &[&[4]], &|x| x[0].exp()?.div(&x[0]));
    let [a, b, c] = [0, 1, 2].map(Expr::input);
    let e = (a.clone() * b.clone() + c.clone()).tanh() * a / (b + c.exp());
    check("expression", &[&[2, 3], &[3], &[2, 1]], &|x| {
        Var::pointwise(&e, &[&x[0], &x[1], &x[2]])
    });
}

#[test]
fn reductions() {
    for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2], &[1, 2]] {
        for keep in [false, true] {
            check("sum", &[&[2, 3, 4]], &|x| x[0].sum(axes, keep));
            check("mean", &[&[2, 3, 4]], &|x| x[0].mean(axes, keep));
            check("max", &[&[2, 3, 4]], &|x| x[0].max(axes, keep));
            check("logsumexp", &[&[2, 3, 4]], &|x| x[0].logsumexp(axes, keep));
        }
    }
    check("sum_all", &[&[2, 3]], &|x| x[0].sum_all());
    check("mean_all", &[&[2, 3]], &|x| x[0].mean_all());
}

#[test]
fn views() {
    let s: &[usize] = &[2, 3, 4];
    check("reshape", &[s], &|x| x[0].reshape(&[4, 6]));
    check("permute", &[s], &|x| x[0].permute(&[2, 0, 1]));
    check("transpose, reshape", &[s], &|x| {
        x[0].transpose(0, 2)?.reshape(&[3, 8])
    });
    check("expand", &[&[3, 1]], &|x| x[0].expand(&[2, 3, 4]));
    check("slice", &[s], &|x| x[0].slice(1, 1, 2));
    check("slice_step", &[&[2, 7]], &|x| x[0].slice_step(1, 1, 3, 2));
    check("flip", &[s], &|x| x[0].flip(1));
    check("squeeze", &[&[3, 1, 2]], &|x| x[0].squeeze(1)?.unsqueeze(0));
    check("cast", &[s], &|x| x[0].to_dtype(DType::F64));
}

#[test]
fn rows_and_joins() {
    let i = index(&[2, 0, 2, 7], &[2, 2]);
    check("gather", &[&[3, 4]], &|x| x[0].gather(&i));
    check("scatter_add", &[&[2, 2, 3]], &|x| x[0].scatter_add(&i, 3));
    check("embed", &[&[2, 3]], &|x| {
        x[0].embed(&[5, 9], &[1, 2], &[3, 2])
    });
    check("pad", &[&[2, 3]], &|x| x[0].pad(&[(1, 0), (2, 3)]));
    check("concat", &[&[2, 1, 3], &[2, 4, 3]], &|x| {
        Var::concat(&[&x[0], &x[1], &x[0]], 1)
    });
    let boxes = Tensor::from_slice(
        &[0.0f64, 1.0, 4.0, 3.0, 1.0, 0.0, 2.0, 5.0],
        &[2, 4],
        &Device::Cpu,
    );
    let boxes = boxes.unwrap();
    check("resample_bicubic", &[&[2, 5, 6, 2]], &|x| {
        x[0].resample_bicubic(&boxes, 3, 4)
    });
}

#[test]
fn products() {
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let a: &[usize] = if ta { &[4, 3] } else { &[3, 4] };
        let b: &[usize] = if tb { &[2, 4] } else { &[4, 2] };
        let a3 = [&[5], a].concat();
        let b3 = [&[5], b].concat();
        let b4 = [&[2, 1], b].concat();
        for shapes in [[a, b], [&a3, &b3], [&a3, b], [a, &b3], [&a3, &b4]] {
            check("matmul", &shapes, &|x| x[0].matmul_t(&x[1], ta, tb));
        }
    }
}

#[test]
fn convolutions() {
    for (h, w, k, stride, pad) in [
        (5, 4, 3, 1, 1),
        (6, 5, 3, 2, 1),
        (4, 4, 1, 1, 0),
        (5, 5, 1, 2, 0),
        (7, 6, 5, 2, 2),
        (4, 5, 2, 1, 0),
    ] {
        let (x, weight) = ([2, h, w, 3], [4, k, k, 3]);
        let name = format!("{h}x{w}, window {k}, stride {stride}, padding {pad}");
        check(&name, &[&x, &weight], &|v| v[0].conv2d(&v[1], stride, pad));
        let y = [
            2,
            (h + 2 * pad - k) / stride + 1,
            (w + 2 * pad - k) / stride + 1,
            4,
        ];
        check(&name, &[&y, &weight], &|v| {
            v[0].conv2d_input_grad(&v[1], &x, stride, pad)
        });
        check(&name, &[&x, &y], &|v| {
            v[0].conv2d_weight_grad(&v[1], &weight, stride, pad)
        });
    }
}

#[test]
fn pools() {
    for (k, stride, pad) in [(2, 2, 0), (3, 2, 1), (3, 1, 0), (2, 3, 1)] {
        let x = [2, 6, 7, 3];
        let y = [
            2,
            (6 + 2 * pad - k) / stride + 1,
            (7 + 2 * pad - k) / stride + 1,
            3,
        ];
        check("avg_pool2d", &[&x], &|v| v[0].avg_pool2d(k, stride, pad));
        check("avg_pool2d_spread", &[&y], &|v| {
            v[0].avg_pool2d_spread(&x, k, stride, pad)
        });
        check("max_pool2d", &[&x], &|v| v[0].max_pool2d(k, stride, pad));
    }
}

#[test]
fn the_check_finds_wrong_gradients() {
    // 2x, of which the derivative of one part is kept back
    let wrong =
        |x: &[Var]| -> Result<Var> { x[0].mul_scalar(2.0)?.detach().sub(&x[0])?.add(&x[0]) };
    assert!(check_grad(&wrong, &[numbers(&[3], 0, 0.2, 0.8)], 1).is_err());
}

/// The derivative of six factors has the cotangent besides them, and the next order another.
#[test]
fn many_operands() {
    let shapes: Vec<&[usize]> = vec![&[2, 3]; 8];
    let product = (1..8).fold(Expr::input(0), |e, n| e * Expr::input(n)).exp();
    check("product of eight", &shapes, &|x| {
        Var::pointwise(&product, &x.iter().collect::<Vec<_>>())
    });
    let (a, b) = (Expr::input(0), Expr::input(1));
    let x = [numbers(&[3], 0, 0.5, 1.5), numbers(&[3], 1, 0.5, 1.5)];
    let quotient = |x: &[Var]| Var::pointwise(&(a.clone() / b.clone()), &[&x[0], &x[1]]);
    check_grad(&quotient, &x, 5).unwrap();
}
