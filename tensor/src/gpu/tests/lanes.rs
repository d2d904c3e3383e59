//! Products by lanes that share rows, and what is computed as such products.

use super::primitives::check;
use super::*;
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};

/// By lanes that share rows, where the adapter's can: edges in every direction, one matrix for all batches.
#[test]
fn matrix_products_by_lanes() {
    let options = GpuOptions {
        family: Some(Family::Direct),
        smallest_limits: false,
        ..TEST_OPTIONS
    };
    let Some(gpu) = test_gpu_with(options) else {
        return;
    };
    for (batch, m, n, k) in [
        (1, 16, 64, 8),
        (3, 37, 68, 24),
        (2, 9, 32, 40),
        (36, 1, 100, 16),
    ] {
        for (b_transposed, a_batched, b_batched) in [
            (false, true, true),
            (true, true, true),
            (false, false, true),
            (true, true, false),
        ] {
            let product = MatMul {
                batch,
                m,
                n,
                k,
                a_transposed: false,
                b_transposed,
                a_batched,
                b_batched,
            };
            check(&gpu, &Primitive::MatMul(product));
        }
    }
    // single pixels, and windows of any kind, of few channels and of more
    for (c, o, kh, kw, stride, pad) in [
        (24, 40, 1, 1, 1, 0),
        (3, 32, 3, 3, 1, 1),
        (1, 24, 3, 3, 1, 1),
        (4, 40, 2, 5, 1, 0),
        (2, 64, 3, 3, 2, 1),
        (1, 24, 5, 5, 1, 2),
        (3, 24, 4, 3, 3, 2),
        (20, 28, 3, 2, 2, 1),
        (3, 24, 7, 7, 2, 3),
        (8, 100, 3, 3, 1, 0),
        // a weight too large for a uniform
        (3, 600, 3, 3, 1, 1),
    ] {
        let shape = Conv2d {
            n: 3,
            h: 9,
            w: 7,
            c,
            o,
            kh,
            kw,
            stride,
            pad,
            oh: (9 + 2 * pad - kh) / stride + 1,
            ow: (7 + 2 * pad - kw) / stride + 1,
        };
        check(&gpu, &Primitive::Conv(ConvPass::Forward, shape));
        check(&gpu, &Primitive::Conv(ConvPass::InputGrad, shape));
        // in parts the last of which is shorter
        let pixels = Conv2d { n: 24, ..shape };
        check(&gpu, &Primitive::Conv(ConvPass::WeightGrad, pixels));
    }
    let compiled = gpu.compiled();
    let sums = ["5 KW=5 C=1", "3 KW=3 C=2", "3 KW=3 C=3", "2 KW=5 C=4"];
    let sums = sums.map(|of| format!("windows_sum KH={of}"));
    let products = [
        "matmul_lanes TM=16 TNV=1 BT=0 HELD=0",
        "matmul_lanes TM=16 TNV=1 BT=0 HELD=256",
        "conv_lanes WEIGHT=0 TM=16 TNV=2 BT=1 HELD=0",
        "conv_lanes WEIGHT=0 TM=16 TNV=1 BT=1 HELD=256",
        "conv_lanes WEIGHT=1",
    ];
    let sums = sums.iter().map(String::as_str);
    for kernel in products.into_iter().chain(sums) {
        let by_lanes = compiled.iter().any(|key| key.starts_with(kernel));
        assert_eq!(by_lanes, has_lanes(&gpu), "{kernel}: {compiled:?}");
    }
}
