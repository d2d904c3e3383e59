//! The loop over each kind of input, function and output.

use super::*;
use crate::Expr;
#[cfg(target_arch = "x86_64")]
use crate::cpu::simd::with_avx2;

fn access(strides: &[isize]) -> Access {
    Access {
        dtype: DType::F32,
        offset: 0,
        strides: strides.to_vec(),
    }
}

fn run_f32(kernel: &PointwiseKernel, inputs: &[CpuView<'_>]) -> Vec<f32> {
    match pointwise(kernel, inputs).unwrap().remove(0) {
        CpuBuffer::F32(v) => v.to_vec(),
        _ => unreachable!("an f32 root"),
    }
}

#[test]
fn broadcast_and_transposed_inputs() {
    // x[2,3] + row[3] − columns of y[3,2] seen as [2,3]
    let x: Vec<f32> = (0..6).map(|v| v as f32).collect();
    let row = [10.0f32, 20.0, 30.0];
    let y: Vec<f32> = (0..6).map(|v| (v * v) as f32).collect();
    let e = Expr::input(0) + Expr::input(1) - Expr::input(2);
    let inputs = vec![access(&[3, 1]), access(&[0, 1]), access(&[1, 2])];
    let k = PointwiseKernel::new(&[2, 3], &[(e, DType::F32)], inputs, DType::F32);
    let got = run_f32(
        &k,
        &[CpuView::F32(&x), CpuView::F32(&row), CpuView::F32(&y)],
    );
    let want: Vec<f32> = (0..6)
        .map(|i| x[i] + row[i % 3] - y[(i % 3) * 2 + i / 3])
        .collect();
    assert_eq!(got, want);
}

#[test]
fn every_function_agrees_with_f64() {
    let n = 5000;
    let a: Vec<f32> = (0..n).map(|i| 0.05 + i as f32 * 1e-3).collect();
    let b: Vec<f32> = (0..n).map(|i| 2.0 - i as f32 * 3e-4).collect();
    let exprs = Unary::ALL
        .map(|f| Expr::input(0).unary(f))
        .into_iter()
        .chain(Binary::ALL.map(|f| Expr::input(0).binary(f, Expr::input(1))))
        .chain([Expr::input(0).less_than(1.0).select(Expr::input(1), 3.0)]);
    for e in exprs {
        let inputs = vec![access(&[1]), access(&[1])];
        let k = PointwiseKernel::new(&[n], &[(e.clone(), DType::F32)], inputs, DType::F32);
        let got = run_f32(&k, &[CpuView::F32(&a), CpuView::F32(&b)]);
        for i in 0..n {
            let want = e.eval(&[a[i].into(), b[i].into()]);
            let error = (f64::from(got[i]) - want).abs();
            assert!(
                error <= 2e-6 * want.abs().max(1.0),
                "{e:?} at {i}: {} {want}",
                got[i]
            );
        }
    }
}

/// Whatever of the outputs the last operation may write by itself, with every set of instructions.
#[test]
fn outputs_of_every_kind_side_by_side() {
    let n = 2 * BLOCK + 37;
    let numbers: Vec<f32> = (0..2 * n).map(|i| (i % 101) as f32 - 50.0).collect();
    let x = || Expr::input(0);
    let square = || x() * x();
    let all: [&[(Expr, DType)]; 9] = [
        &[(square(), DType::F32)],
        &[(square(), DType::F16)],
        &[(square(), DType::F64)],
        &[(square(), DType::U32)],
        &[(square(), DType::F32), (square() + 1.0, DType::F32)],
        &[(square() + 1.0, DType::F32), (square(), DType::F32)],
        // the last operation is two outputs
        &[(square(), DType::F32), (square(), DType::F32)],
        &[(square(), DType::F32), (x(), DType::F32)],
        &[(square(), DType::F32), (Expr::constant(3.0), DType::F32)],
    ];
    type Range = fn(&mut Interpreter<'_, f32>, usize, &mut [Out<'_>], &[f32]);
    #[allow(unused_mut, reason = "there are no others elsewhere")]
    let mut sets: Vec<Range> = vec![
        |i, len, out, own| i.range(0, len, out, own),
        |i, len, out, own| i.range_any(0, len, out, own),
    ];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        sets.push(|i, len, out, own| unsafe {
            with_avx2(
                #[inline(always)]
                || i.range_any(0, len, out, own),
            )
        });
    }
    // contiguous, every second, handed over
    for (stride, given) in [(1, false), (2, false), (1, true)] {
        for exprs in all {
            let inputs = vec![access(&[stride])];
            let kernel = PointwiseKernel::new(&[n], exprs, inputs, DType::F32);
            let element = |i: usize| f64::from(numbers[i * stride as usize]);
            let views = [CpuView::F32(if given { &[] } else { &numbers })];
            for range in &sets {
                let outputs = exprs.iter().map(|(_, d)| CpuBuffer::uninit("test", *d, n));
                let mut outputs: Vec<CpuBuffer> = outputs.map(Result::unwrap).collect();
                let mut out: Vec<Out<'_>> = outputs.iter_mut().map(Out::of).collect();
                let mut interpreter = Interpreter::new(&kernel, &views, given);
                range(
                    &mut interpreter,
                    n,
                    &mut out,
                    if given { &numbers[..n] } else { &[] },
                );
                for (output, (e, _)) in outputs.iter().zip(exprs) {
                    for i in 0..n {
                        let got = match output {
                            CpuBuffer::F32(v) => f64::from(v[i]),
                            CpuBuffer::F16(v) => f64::from(v[i].to_f32()),
                            CpuBuffer::F64(v) => v[i],
                            CpuBuffer::U32(v) => f64::from(v[i]),
                        };
                        let mut want = e.eval(&[element(i)]);
                        if let CpuBuffer::F16(_) = output {
                            want = f16::from_f64(want).to_f64();
                        }
                        assert_eq!(got, want, "{exprs:?} {stride} {given} at {i}");
                    }
                }
            }
        }
    }
}

#[test]
fn random_numbers_do_not_depend_on_the_partition() {
    let key = RngKey::new(1, 2).at(3);
    for n in [1usize, 3, 1023, 70_001] {
        let e = Expr::random(Distribution::Normal, key);
        let k = PointwiseKernel::new(&[n], &[(e, DType::F32)], vec![], DType::F32);
        let got = run_f32(&k, &[]);
        for i in [0, n / 2, n - 1] {
            let w = key.block((i / 4) as u32);
            let pair = random::normal_pair(w[i % 4 / 2 * 2], w[i % 4 / 2 * 2 + 1]);
            assert_eq!(got[i], pair[i % 2]);
        }
    }
}
