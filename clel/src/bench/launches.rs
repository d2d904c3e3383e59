//! What the launches of a case take, kind by kind.

use std::collections::HashMap;

use clel_tensor::Profiled;
use serde::Serialize;

/// All launches of one kind in a case: one operation on arrays of one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kind {
    /// What they do.
    pub work: String,
    /// How many.
    pub launches: f64,
    /// Seconds of all, by the device's clock.
    pub seconds: f64,
    /// Operations a second of products and convolutions, in billions; two for a multiply-add.
    pub gflops: Option<f64>,
    /// Bytes a second of the arrays that they read and write, in billions.
    pub gbytes: f64,
    /// The kernels of a GPU, and the seconds of each.
    pub kernels: Vec<(String, f64)>,
}

/// The launches of one run, added up by kind.
#[derive(Debug, Default)]
struct Sum {
    launches: u64,
    seconds: f64,
    multiply_adds: u64,
    bytes: u64,
    kernels: Vec<(String, f64)>,
}

impl Sum {
    fn add(&mut self, launch: Profiled) {
        self.launches += 1;
        self.seconds += launch.seconds;
        self.multiply_adds += launch.multiply_adds;
        self.bytes += launch.bytes;
        for (key, seconds) in launch.kernels {
            match self.kernels.iter_mut().find(|(known, _)| *known == key) {
                Some((_, sum)) => *sum += seconds,
                None => self.kernels.push((key, seconds)),
            }
        }
    }
}

/// The kinds of launches of runs that do `pieces` pieces of work each, for one piece, those that take longest first: of each kind the run in which
/// it took its median time.
pub(super) fn kinds(runs: Vec<Vec<Profiled>>, pieces: usize) -> Vec<Kind> {
    let mut of_runs: HashMap<String, Vec<Sum>> = HashMap::new();
    for launches in runs {
        let mut sums: HashMap<String, Sum> = HashMap::new();
        for mut launch in launches {
            let work = std::mem::take(&mut launch.work);
            sums.entry(work).or_default().add(launch);
        }
        for (work, sum) in sums {
            of_runs.entry(work).or_default().push(sum);
        }
    }
    let each = |n: f64| n / pieces as f64;
    let rate = |amount: u64, seconds: f64| amount as f64 * 1e-9 / seconds;
    let kind = |(work, mut sums): (String, Vec<Sum>)| {
        sums.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let sum = sums.swap_remove(sums.len() / 2);
        let kernels = sum.kernels.into_iter();
        Kind {
            work,
            launches: each(sum.launches as f64),
            seconds: each(sum.seconds),
            gflops: (sum.multiply_adds > 0).then(|| rate(2 * sum.multiply_adds, sum.seconds)),
            gbytes: rate(sum.bytes, sum.seconds),
            kernels: kernels.map(|(key, s)| (key, each(s))).collect(),
        }
    };
    let mut all: Vec<Kind> = of_runs.into_iter().map(kind).collect();
    let longest_first = |a: &Kind, b: &Kind| b.seconds.total_cmp(&a.seconds);
    all.sort_by(|a, b| longest_first(a, b).then_with(|| a.work.cmp(&b.work)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_of_one_kind_are_added_up_for_a_piece() {
        let launch = |work: &str, seconds: f64, key: &str| Profiled {
            work: work.into(),
            seconds,
            kernels: vec![(key.into(), seconds)],
            multiply_adds: 1_000_000_000,
            bytes: 3_000_000_000,
        };
        let run = |factor: f64| {
            vec![
                launch("sum", factor, "a"),
                launch("matmul", 3.0 * factor, "a"),
                launch("matmul", 5.0 * factor, "b"),
                launch("matmul", 4.0 * factor, "a"),
                launch("matmul", 4.0 * factor, "b"),
            ]
        };
        let runs = vec![run(100.0), run(0.5), run(1.0)];
        let [matmul, sum] = kinds(runs, 2).try_into().expect("two kinds");
        let of = (matmul.work.as_str(), matmul.launches, matmul.seconds);
        assert_eq!(of, ("matmul", 2.0, 8.0));
        // 4 · 2 billion operations and 4 · 3 billion bytes in 16 seconds
        assert_eq!((matmul.gflops, matmul.gbytes), (Some(0.5), 0.75));
        assert_eq!(matmul.kernels, [("a".into(), 3.5), ("b".into(), 4.5)]);
        assert_eq!((sum.work.as_str(), sum.launches), ("sum", 0.5));
    }
}
