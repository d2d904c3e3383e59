//! Measuring the ways to compute a product on the device at hand.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use super::faults::lock;
use super::template::program;
use super::tiled::Work;
use super::tiles::{Product, TILES, Tuned, suits};
use super::way::{Plan, Way};
use super::{Gpu, GpuBuffer, winograd};
use crate::expr::{Access, PointwiseKernel};
use crate::primitive::{ConvPass, Primitive};
use crate::random::{RngKey, uniform};
use crate::{DType, Error, Expr, MatmulPrecision, Result, with_matmul_precision};

/// What is known of the device, and what is watched for.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    pub(super) best: Tuned,
    watched: Option<BTreeMap<Product, Primitive>>,
}

impl Tuning {
    /// Whether somebody watches.
    pub(super) fn watches(&self) -> bool {
        self.watched.is_some()
    }

    /// Keeps a product that was asked for, if somebody watches.
    pub(super) fn see(&mut self, product: Product, primitive: &Primitive) {
        if let Some(watched) = &mut self.watched {
            watched.entry(product).or_insert_with(|| primitive.clone());
        }
    }
}

/// How long a product takes one way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The way.
    pub way: Way,
    /// Seconds for one product.
    pub seconds: f64,
}

/// What a product took each way.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// Its name in [`Tuned`].
    pub product: String,
    /// Operations on numbers, two for a multiply-add.
    pub operations: usize,
    /// As it would be computed now, unless the driver refuses that.
    pub before: Option<Trial>,
    /// Every way that makes sense for it and makes it, fastest first.
    pub trials: Vec<Trial>,
    /// The ways whose results are not the product, by a fault of the driver or of a kernel, or that the driver does not compile.
    pub wrong: Vec<Way>,
}

impl Gpu {
    /// The best ways to compute products, as [`Gpu::try_ways`] found them here or in an earlier run.
    pub fn tuned(&self) -> Tuned {
        lock(&self.inner.tuning).best.clone()
    }

    /// Goes these ways for these products from now on. Results change in their rounding.
    pub fn set_tuned(&self, best: Tuned) {
        lock(&self.inner.tuning).best = best;
    }

    /// The products that `work` asks for, in an order to measure them in; none where the direct kernels run, which there is no choice of.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn watch_products<E>(
        &self,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<Vec<Primitive>, E> {
        lock(&self.inner.tuning).watched = Some(BTreeMap::new());
        let done = work();
        let watched = lock(&self.inner.tuning).watched.take();
        done.map(|()| self.with_inner_products(watched.unwrap_or_default()))
    }

    /// The products of matrices first, those that minimal filtering would ask for too: it is to be measured with the best of them, be it that its
    /// transforms make the halves that these have to make.
    fn with_inner_products(&self, watched: BTreeMap<Product, Primitive>) -> Vec<Primitive> {
        let mut all = watched.clone();
        for primitive in watched.values() {
            for tiling in self.filtered(primitive) {
                let inner = Primitive::MatMul(winograd::product(&tiling));
                if let Some(work) = self.work(&inner, DType::F32) {
                    all.insert(work.product, inner);
                }
            }
        }
        let (matrices, convolutions): (Vec<_>, Vec<_>) = all
            .into_values()
            .partition(|primitive| matches!(primitive, Primitive::MatMul(_)));
        matrices.into_iter().chain(convolutions).collect()
    }

    /// Measures every way to compute a product, with this thread's [precision](crate::MatmulPrecision); `None` for what the tiled kernels do not make.
    ///
    /// # Errors
    /// No memory for the operands, or an earlier failure of the device.
    pub fn try_ways(&self, primitive: &Primitive) -> Result<Option<Tried>> {
        let Some(Work { product, .. }) = self.work(primitive, DType::F32) else {
            return Ok(None);
        };
        let name = product.to_string();
        let operands = primitive
            .input_lens()
            .iter()
            .enumerate()
            .map(|(i, len)| self.upload(bytemuck::cast_slice(&numbers(*len, i as u64))))
            .collect::<Result<Vec<_>>>()?;
        let operands: Vec<&GpuBuffer> = operands.iter().collect();
        let known = self.tuned();
        let space = self.inner.limits.max_compute_workgroup_storage_size;
        let usual = match self.plan(primitive, DType::F32) {
            Some(Plan::Filtered(tiling, _)) => Way::Winograd(tiling.outputs),
            Some(Plan::Tiled(_, tile)) => Way::Tile(tile),
            _ => return Ok(None),
        };
        let expected = self.by_registers(primitive, &operands)?;
        let (precision, follows) = (product.precision, follows(primitive));
        let mut wrong = Vec::new();
        let measure = |way: Way| -> Result<(Trial, bool)> {
            lock(&self.inner.tuning).best.insert(name.clone(), way);
            let run = || self.run_followed(primitive, &operands, follows.as_ref());
            let alone = self.product(primitive, &operands)?;
            let right = agree(&alone, &expected, precision)
                && self.follow(&run()?, &expected, precision)?;
            let seconds = self.time(run)?;
            Ok((Trial { way, seconds }, right))
        };
        let tiles = TILES
            .into_iter()
            .filter(|tile| suits(&product, tile, space));
        let filtered = self.filtered(primitive).into_iter();
        let ways = tiles
            .map(Way::Tile)
            .chain(filtered.map(|tiling| Way::Winograd(tiling.outputs)));
        let mut trials = Vec::new();
        let mut before = None;
        for way in ways {
            let measured = measure(way);
            self.set_tuned(known.clone());
            let (trial, right) = match measured {
                // a kernel that does not compile; the device goes on
                Err(Error::Device { .. }) if self.check().is_ok() => {
                    wrong.push(way);
                    continue;
                }
                measured => measured?,
            };
            if way == usual {
                before = Some(trial);
            }
            match right {
                true => trials.push(trial),
                false => wrong.push(way),
            }
        }
        trials.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        Ok(Some(Tried {
            product: name,
            operations: 2 * product.batch * product.m * product.n * product.k,
            before,
            trials,
            wrong,
        }))
    }

    /// The numbers of a product, as it is computed now.
    fn product(&self, primitive: &Primitive, operands: &[&GpuBuffer]) -> Result<Vec<f32>> {
        let output = self.run(primitive, DType::F32, operands)?;
        self.numbers_of(&output, primitive.output_len())
    }

    /// The same by the threads' own arithmetic, as a device computes that is not tuned.
    fn by_registers(&self, primitive: &Primitive, operands: &[&GpuBuffer]) -> Result<Vec<f32>> {
        let known = self.tuned();
        self.set_tuned(Tuned::new());
        let made = with_matmul_precision(MatmulPrecision::Highest, || {
            self.product(primitive, operands)
        });
        self.set_tuned(known);
        made
    }

    /// A product with what usually follows it in its launch; alone where nothing does.
    fn run_followed(
        &self,
        primitive: &Primitive,
        operands: &[&GpuBuffer],
        follows: Option<&PointwiseKernel>,
    ) -> Result<Vec<GpuBuffer>> {
        if let Some(kernel) = follows
            && let Some(outputs) = self.run_through(primitive, DType::F32, operands, kernel, &[])?
        {
            return Ok(outputs);
        }
        Ok(vec![self.run(primitive, DType::F32, operands)?])
    }

    /// Whether outputs are what [`follows`] makes of a product, if they are of that.
    fn follow(
        &self,
        outputs: &[GpuBuffer],
        product: &[f32],
        precision: MatmulPrecision,
    ) -> Result<bool> {
        let [sum, active] = outputs else {
            return Ok(true);
        };
        let sums: Vec<f32> = product.iter().map(|x| x + 1.0).collect();
        let actives: Vec<f32> = sums.iter().map(|x| x.max(x * 0.2)).collect();
        let [sum, active] = [
            self.numbers_of(sum, sums.len())?,
            self.numbers_of(active, sums.len())?,
        ];
        Ok(agree(&sum, &sums, precision) && agree(&active, &actives, precision))
    }

    fn numbers_of(&self, buffer: &GpuBuffer, len: usize) -> Result<Vec<f32>> {
        let bytes = self.read(buffer, len * size_of::<f32>())?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// Seconds for one run: the best of three series of about five milliseconds.
    fn time<T>(&self, run: impl Fn() -> Result<T>) -> Result<f64> {
        let series = |runs: usize| -> Result<f64> {
            let begin = Instant::now();
            for _ in 0..runs {
                run()?;
            }
            self.wait()?;
            Ok(begin.elapsed().as_secs_f64() / runs as f64)
        };
        // the first compiles
        series(1)?;
        let once = series(2)?.min(series(2)?);
        let runs = (0.005 / once).clamp(1.0, 100.0) as usize;
        Ok(series(runs)?.min(series(runs)?).min(series(runs)?))
    }
}

/// What usually follows a convolution and its input gradient in one launch, of which it takes registers: both a sum and its activation are
/// kept. A tile that is fastest alone can be the slowest with it.
fn follows(primitive: &Primitive) -> Option<PointwiseKernel> {
    let Primitive::Conv(ConvPass::Forward | ConvPass::InputGrad, _) = primitive else {
        return None;
    };
    let len = primitive.output_len();
    let access = Access {
        dtype: DType::F32,
        offset: 0,
        strides: vec![1],
    };
    let sum = Expr::input(0) + 1.0;
    let active = sum.clone().maximum(sum.clone() * 0.2);
    let exprs = [(sum, DType::F32), (active, DType::F32)];
    Some(PointwiseKernel::new(
        &[len],
        &exprs,
        vec![access],
        DType::F32,
    ))
}

/// Whether numbers are those of a product, but for rounding: by the norm of their difference, a hundred times what a precision is good for.
fn agree(got: &[f32], expected: &[f32], precision: MatmulPrecision) -> bool {
    let bound = match precision {
        MatmulPrecision::Highest | MatmulPrecision::High => 1e-4,
        MatmulPrecision::Medium => 3e-2,
    };
    let square = |x: f64| x * x;
    let differences = got
        .iter()
        .zip(expected)
        .map(|(g, e)| square(f64::from(*g) - f64::from(*e)));
    let norm: f64 = expected.iter().map(|e| square(f64::from(*e))).sum();
    // not with numbers that are none
    got.len() == expected.len() && differences.sum::<f64>() <= square(bound) * norm
}

/// A word that changes with the kernels that are measured.
pub fn kernels_version() -> String {
    let shaders = [
        program!("gemm_tiled"),
        program!("gemm_matrix"),
        program!("gemm_operands"),
        program!("gemm_first"),
        program!("gemm_next"),
        program!("gemm_matrix_keep"),
        program!("gemm_tiled_keep"),
        program!("split"),
        program!("thread"),
        program!("each_thread"),
        program!("philox"),
        program!("numerics"),
        program!("reduce"),
        program!("winograd_lines"),
        program!("winograd_forth"),
        program!("winograd_back"),
        program!("winograd_weight"),
        program!("winograd_input"),
        program!("winograd_output"),
    ];
    // what cannot be read is an error when it is compiled
    let shaders = shaders.map(|shader| shader.text().unwrap_or_default());
    let choices = [
        include_str!("matrix.rs"),
        include_str!("winograd.rs"),
        include_str!("tiled.rs"),
        include_str!("tiles.rs"),
        include_str!("pointwise_text.rs"),
        include_str!("layout.rs"),
        include_str!("through.rs"),
        include_str!("matmul.rs"),
        include_str!("../winograd.rs"),
    ];
    let mut hasher = DefaultHasher::new();
    (shaders, choices).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Uniform numbers in [−½, ½): zeros would be multiplied faster than others, and sums of numbers of one sign are all much the same.
fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let key = RngKey::new(seed, 0);
    let words = (0..).flat_map(|block| key.block(block));
    words.take(len).map(|word| uniform(word) - 0.5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_product_is_seen() {
        let expected = numbers(1000, 0);
        let agrees = |got: &[f32], precision| agree(got, &expected, precision);
        for precision in [
            MatmulPrecision::Highest,
            MatmulPrecision::High,
            MatmulPrecision::Medium,
        ] {
            assert!(agrees(&expected, precision));
            assert!(!agrees(&numbers(1000, 1), precision));
            assert!(!agrees(&expected[1..], precision));
            let mut none = expected.clone();
            none[7] = f32::NAN;
            assert!(!agrees(&none, precision));
            let mut one = expected.clone();
            one[7] += 10.0;
            assert!(!agrees(&one, precision));
        }
        let rounded: Vec<f32> = expected.iter().map(|x| x * 1.001).collect();
        assert!(agrees(&rounded, MatmulPrecision::Medium));
        assert!(!agrees(&rounded, MatmulPrecision::High));
    }
}
