//! What the front does on its own: laziness, views, broadcasting. Kernels are tested with the devices.

use super::*;
use crate::{Result, RngKey, count_launches};

fn iota(shape: &[usize]) -> Tensor {
    let v: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32).collect();
    Tensor::from_slice(&v, shape, &Device::Cpu).unwrap()
}

#[test]
fn a_chain_is_one_launch() -> Result<()> {
    let (x, g) = (iota(&[4, 5]), iota(&[4, 5]));
    let (y, counts) = count_launches(|| -> Result<Tensor> {
        let noise = Tensor::normal(&[4, 5], RngKey::new(1, 0), &Device::Cpu)?;
        let step = x.sub(&g.mul_scalar(0.1)?)?.add(&noise.mul_scalar(0.01)?)?;
        let y = step.clamp(0.0, 10.0)?;
        y.realize()?;
        Ok(y)
    });
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("pointwise", 1)]);
    assert_eq!(y?.to_vec::<f32>()?[19], 10.0);
    Ok(())
}

#[test]
fn several_results_share_a_launch() -> Result<()> {
    let (p, g, m) = (iota(&[7]), iota(&[7]), iota(&[7]));
    let m2 = m.mul_scalar(0.75)?.add(&g.mul_scalar(0.25)?)?;
    let p2 = p.sub(&m2.mul_scalar(0.5)?)?;
    let (done, counts) = count_launches(|| Tensor::realize_all(&[&m2, &p2, &m2]));
    done?;
    assert_eq!(counts["pointwise"], 1);
    assert_eq!(p2.to_vec::<f32>()?[6], 3.0);
    assert_eq!(m2.to_vec::<f32>()?[6], 6.0);
    Ok(())
}

#[test]
fn long_chains_are_cut_and_agree_with_single_launches() -> Result<()> {
    let chain = || -> Result<Vec<f32>> {
        let mut x = iota(&[3, 4]).mul_scalar(0.1)?;
        for i in 0..200 {
            x = x
                .sin()?
                .mul_scalar(1.01)?
                .add(&iota(&[4]).mul_scalar(0.01 * f64::from(i % 3))?)?;
        }
        x.to_vec()
    };
    let (fused, counts) = count_launches(chain);
    // of 800 operations
    assert!(counts["pointwise"] < 250, "{counts:?}");
    assert_eq!(fused?, without_fusion(chain)?);
    Ok(())
}

#[test]
fn more_operands_than_a_kernel_reads_take_several() -> Result<()> {
    let inputs: Vec<Tensor> = (0..11).map(|i| iota(&[3, 1 + i % 2])).collect();
    let read: Vec<&Tensor> = inputs.iter().collect();
    let product = (1..11).fold(Expr::input(0), |e, n| (e + Expr::input(n)) * 0.5);
    let chain = || -> Result<Vec<f32>> {
        let mut x = inputs[0].clone();
        for y in &inputs[1..] {
            x = x.add(y)?.mul_scalar(0.5)?;
        }
        x.to_vec()
    };
    let (made, counts) = count_launches(|| Tensor::pointwise(&product, &read)?.to_vec::<f32>());
    assert_eq!(made?, without_fusion(chain)?);
    assert_eq!(counts["pointwise"], 2);
    Ok(())
}

#[test]
fn views_share_and_work_everywhere() -> Result<()> {
    let x = iota(&[2, 3, 4]);
    assert_eq!(
        x.permute(&[2, 0, 1])?.to_vec::<f32>()?[..3],
        [0.0, 4.0, 8.0]
    );
    assert_eq!(
        x.flip(2)?.slice(1, 1, 1)?.to_vec::<f32>()?,
        [7., 6., 5., 4., 19., 18., 17., 16.]
    );
    assert_eq!(
        x.slice_step(2, 1, 2, 2)?.slice(0, 1, 1)?.to_vec::<f32>()?,
        [13., 15., 17., 19., 21., 23.]
    );
    let t = x.transpose(1, 2)?;
    assert_eq!(t.reshape(&[8, 3])?.to_vec::<f32>()?[3..6], [1.0, 5.0, 9.0]);
    assert_eq!(
        t.add(&t)?.sum(&[0, 2], false)?.to_vec::<f32>()?,
        [120., 132., 144., 156.]
    );
    let wide = x.slice(2, 0, 1)?.expand(&[2, 3, 5])?;
    assert_eq!(
        wide.sum_all()?.item()?,
        5.0 * (0. + 4. + 8. + 12. + 16. + 20.)
    );
    Ok(())
}

#[test]
fn empty_and_scalar_arrays() -> Result<()> {
    let none = iota(&[0, 3]);
    assert_eq!(none.add_scalar(1.0)?.to_vec::<f32>()?, []);
    assert_eq!(none.sum(&[0], false)?.to_vec::<f32>()?, [0.0; 3]);
    assert_eq!(
        none.max(&[0], true)?.to_vec::<f32>()?,
        [f32::NEG_INFINITY; 3]
    );
    let s = Tensor::scalar(2.0f32, &Device::Cpu)?;
    assert_eq!(s.mul(&s)?.item()?, 4.0);
    assert_eq!(s.add(&none)?.shape(), [0, 3]);
    assert_eq!(
        iota(&[2, 0]).matmul(&iota(&[0, 2]))?.to_vec::<f32>()?,
        [0.0; 4]
    );
    Ok(())
}

#[test]
fn products_of_views_and_batches() -> Result<()> {
    let (a, b) = (iota(&[3, 4]), iota(&[3, 5]));
    let want: Vec<f32> = (0..20)
        .map(|i| {
            (0..3)
                .map(|k| ((k * 4 + i / 5) * (k * 5 + i % 5)) as f32)
                .sum()
        })
        .collect();
    assert_eq!(a.transpose(0, 1)?.matmul(&b)?.to_vec::<f32>()?, want);
    assert_eq!(a.matmul_t(&b, true, false)?.to_vec::<f32>()?, want);
    let batch = iota(&[2, 3, 4]);
    let both = batch.matmul(&iota(&[4, 5]))?;
    assert_eq!(both.shape(), [2, 3, 5]);
    let second = batch.slice(0, 1, 1)?.squeeze(0)?.matmul(&iota(&[4, 5]))?;
    assert_eq!(
        both.slice(0, 1, 1)?.to_vec::<f32>()?,
        second.to_vec::<f32>()?
    );
    let shared = iota(&[2, 1, 3, 4]).matmul(&iota(&[6, 4, 2]))?;
    assert_eq!(shared.shape(), [2, 6, 3, 2]);
    Ok(())
}

/// Where so many elements can be counted.
#[test]
#[cfg(target_pointer_width = "64")]
fn arrays_that_memory_cannot_hold_are_an_error() {
    use crate::Error;

    for dtype in [DType::F32, DType::F16, DType::F64, DType::U32] {
        let e = Tensor::arange(1 << 45, dtype, &Device::Cpu).unwrap_err();
        assert!(
            matches!(e, Error::OutOfMemory { op: "arange", .. }),
            "{e:?}"
        );
        let e = Tensor::arange(usize::MAX, dtype, &Device::Cpu).unwrap_err();
        assert!(matches!(e, Error::Shape { op: "arange", .. }), "{e:?}");
    }
}

#[test]
fn errors_name_the_operation_and_the_shapes() {
    let text = |r: Result<Tensor>| r.unwrap_err().to_string();
    assert_eq!(
        text(iota(&[2, 3]).add(&iota(&[4]))),
        "add: shapes [2, 3] and [4] do not fit: axis 1: 3 and 4 differ and neither is 1"
    );
    assert_eq!(
        text(iota(&[2, 3]).matmul(&iota(&[4, 2]))),
        "matmul: shapes [2, 3] and [4, 2] do not fit: 3 columns meet 4 rows"
    );
    assert!(text(iota(&[1, 2, 2, 3]).conv2d(&iota(&[4, 3, 3, 3]), 1, 0)).contains("window"));
    assert!(text(iota(&[1, 2, 2, 3]).conv2d(&iota(&[4, 0, 3, 3]), 1, 1)).contains("window"));
    let root = 1 << (usize::BITS / 2);
    assert!(text(iota(&[1]).expand(&[root, root])).contains("can be counted"));
    assert!(text(iota(&[1]).pad(&[(usize::MAX, 1)])).contains("can be counted"));
    assert!(text(iota(&[2, 3]).pad(&[(1, 1)])).contains("2 of them, not 1"));
    assert!(text(iota(&[2]).sum(&[1], false)).contains("has no axis 1"));
    assert!(text(iota(&[2, 0]).argmax(1)).contains("axis 1 is empty"));
    assert_eq!(
        text(Tensor::concat(&[], 0)),
        "concat: arrays given are 0, at least 1 needed"
    );
    assert!(text(Tensor::concat(&[&iota(&[2])], 1)).contains("has no axis 1"));
    let most = iota(&[1]).expand(&[isize::MAX as usize]).unwrap();
    assert!(text(Tensor::concat(&[&most; 3], 0)).contains("can be counted"));
    let asked = iota(&[2]).to_vec::<f64>().unwrap_err().to_string();
    assert!(asked.starts_with("to_vec: elements are f32, asked for as f64"));
    assert!(text(iota(&[2]).gather(&iota(&[1]))).contains("elements are f32, expected u32"));
}

/// Numbers of PyTorch 2.15.0: `F.interpolate(x[:, :, 1:4, 0:3], size=(4, 4), mode="bicubic",
/// align_corners=False)` for x = arange(25).reshape(1, 1, 5, 5)² / 100.
#[test]
fn bicubic_resampling_agrees_with_pytorch() -> Result<()> {
    let x = iota(&[1, 5, 5, 1]);
    let x = x.mul(&x)?.mul_scalar(0.01)?;
    let boxes = Tensor::from_slice(&[1.0f32, 0.0, 3.0, 3.0], &[1, 4], &Device::Cpu)?;
    let y = x.resample_bicubic(&boxes, 4, 4)?;
    assert_eq!(y.shape(), [1, 4, 4, 1]);
    let got = y.to_vec::<f32>()?;
    for (got, want) in got.iter().zip(BICUBIC) {
        assert!(
            (got - want).abs() < 2e-6 * want.abs().max(1.0),
            "{got} {want}"
        );
    }
    Ok(())
}

const BICUBIC: [f32; 16] = [
    0.188787, 0.248443, 0.354545, 0.430627, 0.580709, 0.676554, 0.839228, 0.951498, 1.514389,
    1.666806, 1.917921, 2.086764, 2.316956, 2.505561, 2.813248, 3.018279,
];
