//! Trying the ways to compute a product, and keeping the best.

use super::*;
use crate::gpu::Way;
use crate::gpu::tiles::{TILES, Tile, Tuned, Unit};
use crate::primitive::{Conv2d, ConvPass, Primitive, Reduce, ReduceKind};
use crate::{DType, MatmulPrecision};

fn convolution() -> Primitive {
    let shape = Conv2d {
        n: 1,
        h: 8,
        w: 8,
        c: 16,
        o: 16,
        kh: 3,
        kw: 3,
        stride: 1,
        pad: 1,
        oh: 8,
        ow: 8,
    };
    Primitive::Conv(ConvPass::Forward, shape)
}

#[test]
fn every_tile_is_tried_and_the_best_is_kept() {
    let open = |family| {
        test_gpu_with(GpuOptions {
            family: Some(family),
            ..TEST_OPTIONS
        })
    };
    let Some(gpu) = open(Family::Tiled) else {
        return;
    };
    let mut seen = Vec::new();
    let work = || -> crate::Result<()> {
        let primitive = convolution();
        let buffers: Vec<GpuBuffer> = primitive
            .input_lens()
            .iter()
            .map(|len| gpu.upload(&vec![0; len * 4]))
            .collect::<crate::Result<_>>()?;
        for _ in 0..2 {
            gpu.run(&primitive, DType::F32, &[&buffers[0], &buffers[1]])?;
        }
        let sum = Reduce {
            outer: 1,
            len: 4,
            inner: 4,
        };
        gpu.run(
            &Primitive::Reduce(ReduceKind::Sum, sum),
            DType::F32,
            &[&buffers[0]],
        )?;
        Ok(())
    };
    seen.extend(gpu.watch_products(work).unwrap());
    // first what minimal filtering would multiply
    let batches: Vec<usize> = seen
        .iter()
        .filter_map(|primitive| match primitive {
            Primitive::MatMul(product) => Some(product.batch),
            _ => None,
        })
        .collect();
    assert_eq!(batches, [16, 36]);
    let seen = &seen[2..];
    assert_eq!(seen, [convolution()]);
    let tried = gpu.try_ways(&seen[0]).unwrap().unwrap();
    assert_eq!(tried.product, "forward 1x64x16x144 by 3x3/1");
    assert_eq!(tried.operations, 2 * 64 * 16 * 144);
    let registers = |tile: &&Tile| {
        tile.unit == Unit::Registers && tile.space(MatmulPrecision::Highest) <= 16 << 10
    };
    // all but those that lie mostly beside sixteen columns or 64 rows
    let expected = TILES
        .iter()
        .filter(registers)
        .filter(|tile| tile.n <= 64 && tile.m <= 64)
        .count();
    // and minimal filtering in two sizes
    assert_eq!(tried.trials.len(), expected + 2);
    assert!(tried.trials.is_sorted_by(|a, b| a.seconds <= b.seconds));
    assert_eq!(tried.wrong, []);
    // trials leave no trace
    assert!(gpu.tuned().is_empty());
    let best = tried.trials.last().unwrap().way;
    gpu.set_tuned(Tuned::from([(tried.product, best)]));
    let again = gpu.try_ways(&seen[0]).unwrap().unwrap();
    assert_eq!(again.before.unwrap().way, best);
    assert_eq!(gpu.reopen().unwrap().tuned(), gpu.tuned());
    // a convolution goes the way that it was given: four launches, or one
    for (way, launches) in [("winograd 2", 4), ("winograd 4", 4), ("32x32/4x4/4/32", 1)] {
        let way = Way::named(way).unwrap();
        gpu.set_tuned(Tuned::from([(again.product.clone(), way)]));
        gpu.reset_launches();
        work().unwrap();
        let counts = gpu.launches();
        assert_eq!(
            counts.values().sum::<u64>(),
            2 * launches + 1,
            "{way}: {counts:?}"
        );
        let products = gpu.watch_products(work).unwrap();
        assert!(products.contains(&convolution()), "{way}");
    }
    // the direct kernels have none
    let direct = open(Family::Direct).unwrap();
    assert_eq!(direct.try_ways(&seen[0]).unwrap(), None);
}
