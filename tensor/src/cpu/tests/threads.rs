use rayon::ThreadPoolBuilder;

use super::super::{CpuView, on_workers, run};
use crate::RngKey;
use crate::precision::{MatmulPrecision, matmul_precision, with_matmul_precision};
use crate::primitive::{
    Conv2d, ConvPass, Gather, MatMul, Pool2d, PoolPass, Primitive, Reduce, ReduceKind,
};
use crate::random::uniform;

/// Numbers whose sums round, so that another order of adding them would show.
fn fractions(len: usize) -> Vec<f32> {
    let key = RngKey::new(5, 0);
    let blocks = 0..len.div_ceil(4) as u32;
    let mut x: Vec<f32> = blocks.flat_map(|b| key.block(b).map(uniform)).collect();
    x.truncate(len);
    x
}

fn bits(primitive: &Primitive, inputs: &[CpuView<'_>], threads: usize) -> Vec<u8> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| run(primitive, inputs).unwrap().view().bytes().to_vec())
}

#[test]
fn results_do_not_depend_on_threads() {
    let conv = |n, side, c, o, k, stride| {
        let out = (side + 2 - k) / stride + 1;
        Conv2d {
            n,
            h: side,
            w: side,
            c,
            o,
            kh: k,
            kw: k,
            stride,
            pad: 1,
            oh: out,
            ow: out,
        }
    };
    let product = |batch, m, n, k, transposed| MatMul {
        batch,
        m,
        n,
        k,
        a_transposed: transposed,
        b_transposed: !transposed,
        a_batched: true,
        b_batched: true,
    };
    let reduce = |outer, len, inner| Reduce { outer, len, inner };
    let mut primitives = vec![
        Primitive::MatMul(product(1, 200, 300, 700, false)),
        Primitive::MatMul(product(1, 64, 27, 9000, true)),
        Primitive::MatMul(product(1, 900, 1, 900, false)),
        Primitive::MatMul(product(9, 50, 60, 70, false)),
        Primitive::Reduce(ReduceKind::Sum, reduce(1, 300_000, 1)),
        Primitive::Reduce(ReduceKind::Sum, reduce(2, 5_000, 33)),
    ];
    for s in [
        conv(8, 32, 16, 24, 3, 1),
        conv(8, 16, 24, 16, 3, 2),
        conv(32, 4, 40, 40, 3, 1),
        conv(16, 32, 3, 32, 3, 1),
    ] {
        for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
            primitives.push(Primitive::Conv(pass, s));
        }
    }
    primitives.push(Primitive::Pool(
        PoolPass::Spread,
        Pool2d {
            n: 8,
            h: 32,
            w: 32,
            c: 16,
            k: 3,
            stride: 2,
            pad: 1,
            oh: 16,
            ow: 16,
        },
    ));
    for primitive in &primitives {
        let inputs: Vec<Vec<f32>> = primitive.input_lens().into_iter().map(fractions).collect();
        let views: Vec<CpuView<'_>> = inputs.iter().map(|x| CpuView::F32(x)).collect();
        let one = bits(primitive, &views, 1);
        for threads in [2, 3] {
            assert!(
                bits(primitive, &views, threads) == one,
                "{primitive:?}, {threads} threads"
            );
        }
    }
    let g = fractions(400_000);
    let index: Vec<u32> = (0..100_000u32)
        .map(|i| i.wrapping_mul(2_654_435_761) % 500)
        .collect();
    let scatter = Primitive::ScatterAdd(Gather {
        rows: 500,
        picks: index.len(),
        inner: 4,
    });
    let views = [CpuView::F32(&g), CpuView::U32(&index)];
    assert!(bits(&scatter, &views, 3) == bits(&scatter, &views, 1));
}

/// A worker that waits takes up other work, which would run under this thread's choices.
#[test]
fn a_thread_keeps_its_choices_to_itself() {
    let square = MatMul {
        batch: 1,
        m: 256,
        n: 256,
        k: 256,
        a_transposed: false,
        b_transposed: false,
        a_batched: true,
        b_batched: true,
    };
    let numbers = fractions(256 * 256);
    let once = || {
        assert_eq!(matmul_precision(), MatmulPrecision::Highest);
        with_matmul_precision(MatmulPrecision::Medium, || {
            let inputs = [CpuView::F32(&numbers), CpuView::F32(&numbers)];
            run(&Primitive::MatMul(square), &inputs).unwrap();
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| on_workers(once)));
        }
    });
}
