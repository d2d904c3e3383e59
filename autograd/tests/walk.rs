//! What the walk visits, frees and refuses.

use clel_autograd::{Error, GradOptions, Result, Var, grad, no_grad};
use clel_tensor::{DType, Device, Expr, Tensor, count_launches};

fn leaf(shape: &[usize], scale: f32) -> Var {
    let v: Vec<f32> = (0..shape.iter().product())
        .map(|i| scale * (i % 7) as f32 - 1.0)
        .collect();
    Var::leaf(Tensor::from_slice(&v, shape, &Device::Cpu).unwrap())
}

fn network(x: &Var, w: &[Var; 3]) -> Result<Var> {
    let mut h = x.clone();
    for w in &w[..2] {
        h = h.conv2d(w, 1, 1)?;
        h = h.maximum(&h.mul_scalar(0.2)?)?;
    }
    let f = h.mean(&[1, 2], false)?.matmul_t(&w[2], false, true)?;
    f.mul(&f)?.sum_all()
}

fn parameters() -> [Var; 3] {
    [
        leaf(&[4, 3, 3, 2], 0.1),
        leaf(&[4, 3, 3, 4], 0.1),
        leaf(&[5, 4], 0.3),
    ]
}

#[test]
fn the_gradient_of_an_image_launches_no_weight_gradient() -> Result<()> {
    let (x, w) = (leaf(&[2, 5, 5, 2], 0.2), parameters());
    let (g, counts) = count_launches(|| -> Result<Tensor> {
        let e = network(&x, &w)?;
        let g = grad(&[&e], &[&x], &GradOptions::default())?.remove(0);
        g.tensor().realize()?;
        Ok(g.into_tensor())
    });
    assert_eq!(g?.shape(), x.shape());
    assert_eq!(counts.get("conv2d_weight_grad"), None, "{counts:?}");
    assert_eq!(
        (counts["conv2d"], counts["conv2d_input_grad"]),
        (2, 2),
        "{counts:?}"
    );
    // the matrix product forward, and its gradient towards the image; none towards the weight
    assert_eq!(counts["matmul"], 2, "{counts:?}");

    let (_, counts) = count_launches(|| {
        let e = network(&x.detach(), &w)?;
        grad(&[&e], &[&w[0], &w[1], &w[2]], &GradOptions::default())
    });
    assert_eq!(counts["conv2d_weight_grad"], 2, "{counts:?}");
    // the first layer's image is a constant
    assert_eq!(counts["conv2d_input_grad"], 1, "{counts:?}");
    Ok(())
}

#[test]
fn constants_and_unreached_inputs_are_errors() -> Result<()> {
    let (x, y) = (leaf(&[3], 1.0), leaf(&[2], 1.0));
    let e = x.mul(&x)?.sum_all()?;
    let refused = grad(&[&e], &[&x, &y], &GradOptions::default()).unwrap_err();
    assert!(
        matches!(refused, Error::Unused { input: 1, .. }),
        "{refused}"
    );
    let refused = grad(&[&e], &[&x.detach()], &GradOptions::default()).unwrap_err();
    assert!(
        matches!(refused, Error::Constant { input: 0, .. }),
        "{refused}"
    );
    let options = GradOptions {
        allow_unused: true,
        ..GradOptions::default()
    };
    let zeros = grad(&[&e], &[&y], &options)?.remove(0);
    assert_eq!(zeros.tensor().to_vec::<f32>()?, [0.0; 2]);
    let options = GradOptions {
        seeds: Some(vec![y.detach()]),
        ..GradOptions::default()
    };
    assert!(matches!(
        grad(&[&e], &[&x], &options).unwrap_err(),
        Error::Seeds { .. }
    ));
    Ok(())
}

#[test]
fn nothing_is_recorded_inside_no_grad_or_behind_detach() -> Result<()> {
    let x = leaf(&[3], 1.0);
    assert!(!no_grad(|| x.mul(&x))?.requires_grad());
    let y = x.mul(&x.detach())?.sum_all()?;
    let g = grad(&[&y], &[&x], &GradOptions::default())?.remove(0);
    assert_eq!(g.tensor().to_vec::<f32>()?, x.tensor().to_vec::<f32>()?);
    assert!(!g.requires_grad());
    Ok(())
}

#[test]
fn seeds_weigh_the_outputs() -> Result<()> {
    let x = leaf(&[2], 1.0);
    let (a, b) = (x.mul_scalar(2.0)?, x.mul_scalar(3.0)?);
    let seed =
        |v: &[f32]| Ok::<_, Error>(Var::constant(Tensor::from_slice(v, &[2], &Device::Cpu)?));
    let seeds = Some(vec![seed(&[1.0, 0.0])?, seed(&[10.0, 1.0])?]);
    let g = grad(
        &[&a, &b],
        &[&x],
        &GradOptions {
            seeds,
            ..GradOptions::default()
        },
    )?
    .remove(0);
    assert_eq!(g.tensor().to_vec::<f32>()?, [32.0, 3.0]);
    Ok(())
}

#[test]
fn whole_numbers_have_no_gradient() -> Result<()> {
    let words = Var::leaf(Tensor::from_slice(&[1u32, 2], &[2], &Device::Cpu)?);
    let y = words.mul_scalar(2.0)?.sum_all()?;
    for allow_unused in [false, true] {
        let options = GradOptions {
            allow_unused,
            ..GradOptions::default()
        };
        let e = grad(&[&y], &[&words], &options).unwrap_err();
        assert!(
            matches!(e, Error::NotFloat { input: 0, dtype, .. } if dtype == DType::U32),
            "{e}"
        );
    }
    Ok(())
}

/// Without the feature there is no second device.
#[cfg(feature = "wgpu")]
#[test]
fn seeds_are_where_the_outputs_are() -> Result<()> {
    let gpu = match Device::parse("wgpu") {
        Ok(gpu) => gpu,
        Err(e) if std::env::var("CLEL_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
        Err(e) => {
            eprintln!("skipped: {e}");
            return Ok(());
        }
    };
    let x = leaf(&[2], 1.0);
    let y = x.exp()?;
    let options = GradOptions {
        seeds: Some(vec![y.tensor().to_device(&gpu)?.into()]),
        ..GradOptions::default()
    };
    let e = grad(&[&y], &[&x], &options).unwrap_err().to_string();
    assert!(
        e.starts_with("grad: operands are on wgpu") && e.contains(" and cpu"),
        "{e}"
    );
    // where nothing else would notice: the output is the input
    let e = grad(&[&x], &[&x], &options).map(|g| g[0].tensor().device().to_string());
    assert!(e.is_err(), "{e:?}");
    Ok(())
}

/// Where one operation is computed by another, the error has the name of the one that was called.
#[test]
fn errors_name_the_operation_that_was_called() -> Result<()> {
    let (x, y) = (leaf(&[3], 1.0), leaf(&[2], 1.0));
    let double = Var::leaf(Tensor::zeros(&[3], DType::F64, &Device::Cpu)?);
    let half = x.to_dtype(DType::F16)?;
    for (name, result) in [
        ("mul", x.mul(&y)),
        ("less_than", x.less_than(&double)),
        ("select", x.select(&x, &y)),
        ("sum", x.sum(&[1], false)),
        ("mean", x.mean(&[1], false)),
        ("mean", half.mean(&[0, 0], true)),
        ("logsumexp", x.logsumexp(&[1], false)),
        ("pad", x.pad(&[])),
        ("pad", x.pad(&[(usize::MAX, 1)])),
        (
            "pointwise",
            Var::pointwise(&(Expr::input(0) + Expr::input(1)), &[&x, &y]),
        ),
    ] {
        let message = result.map(|_| ()).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{name}: ")),
            "{name}: {message}"
        );
    }
    Ok(())
}

#[test]
fn a_deep_graph_neither_overflows_the_stack_nor_the_walk() -> Result<()> {
    let x = leaf(&[2], 1.0);
    let mut y = x.clone();
    for _ in 0..200_000 {
        y = y.add(&x)?;
    }
    let g = grad(&[&y], &[&x], &GradOptions::default())?.remove(0);
    assert_eq!(g.tensor().to_vec::<f32>()?, [200_001.0; 2]);
    Ok(())
}

#[test]
fn an_intermediate_result_can_be_the_input() -> Result<()> {
    let x = leaf(&[3], 1.0);
    let h = x.mul_scalar(2.0)?;
    let y = h.mul(&h)?.sum_all()?;
    let g = grad(&[&y], &[&h, &x, &x], &GradOptions::default())?;
    let values = |v: &Var| v.tensor().to_vec::<f32>();
    assert_eq!(values(&g[0])?, values(&h.mul_scalar(2.0)?)?);
    assert_eq!(values(&g[1])?, values(&h.mul_scalar(4.0)?)?);
    assert_eq!(values(&g[1])?, values(&g[2])?);
    Ok(())
}

#[test]
fn a_cast_takes_the_gradient_back_to_its_type() -> Result<()> {
    let x = leaf(&[3], 1.0);
    let y = x.to_dtype(DType::F64)?.mul_scalar(3.0)?.sum_all()?;
    assert_eq!(y.tensor().dtype(), DType::F64);
    let g = grad(&[&y], &[&x], &GradOptions::default())?.remove(0);
    assert_eq!(g.tensor().to_vec::<f32>()?, [3.0; 3]);
    Ok(())
}

/// As in PyTorch: where a maximum, a bound or a selection leaves an element out, its gradient is 0, however steep what follows is.
#[test]
fn what_is_left_out_has_no_gradient() -> Result<()> {
    let steep = |y: Var| y.sqrt()?.sum_all();
    let x = leaf(&[1], 1.0); // −1
    let zero = Var::constant(Tensor::zeros(&[1], DType::F32, &Device::Cpu)?);
    let relu = Var::piecewise_linear(
        &Expr::input(0).maximum(0.0),
        &Expr::constant(0.0).less_than(Expr::input(0)),
        &x,
    )?;
    let never = x.less_than_scalar(-5.0)?;
    for y in [
        x.maximum_scalar(0.0)?,
        x.maximum(&zero)?,
        zero.maximum(&x)?,
        x.clamp(0.0, 1.0)?,
        never.select(&x, &zero)?,
        relu,
    ] {
        let g = grad(&[&steep(y)?], &[&x], &GradOptions::default())?;
        assert_eq!(g[0].tensor().to_vec::<f32>()?, [0.0]);
    }
    Ok(())
}

/// Steps and comparisons depend on their operand, with the derivative zero.
#[test]
fn steps_have_the_gradient_zero() -> Result<()> {
    let x = leaf(&[2], 1.5);
    for y in [x.floor()?, x.sign()?, x.less_than_scalar(2.0)?] {
        let g = grad(&[&y.sum_all()?], &[&x], &GradOptions::default())?;
        assert_eq!(g[0].tensor().to_vec::<f32>()?, [0.0; 2]);
    }
    Ok(())
}
