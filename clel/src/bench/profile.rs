//! What the operations of a case take, kind by kind.

use std::collections::HashMap;

use clel_tensor::Profiled;
use serde::Serialize;

/// One run of a case, with its operations timed one by one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Seconds of the run for one piece of work. A GPU was waited for after each operation.
    pub run_s: f64,
    /// Those that take longest first.
    pub kinds: Vec<Kind>,
}

/// All operations of one kind: the same on arrays of the same size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kind {
    /// What they do.
    pub work: String,
    /// How many; a GPU may take several launches for one.
    pub count: f64,
    /// Seconds of all.
    pub seconds: f64,
    /// Operations on numbers a second of products and convolutions, in billions; two for a multiply-add.
    pub gflops: Option<f64>,
    /// Bytes a second of the arrays that they read and write, in billions; none where the clock saw no time pass.
    pub gbytes: Option<f64>,
    /// The kernels of a GPU, and the seconds of each.
    pub kernels: Vec<(String, f64)>,
}

/// The operations of one kind in one run.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    seconds: f64,
    multiply_adds: u64,
    bytes: u64,
    kernels: Vec<(String, f64)>,
}

impl Sum {
    fn add(&mut self, launch: Profiled) {
        self.count += 1;
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

impl Profile {
    /// Of a run that took so many seconds for `pieces` pieces of work, for one of them.
    pub(super) fn new(launches: Vec<Profiled>, run_s: f64, pieces: usize) -> Profile {
        let mut sums: HashMap<String, Sum> = HashMap::new();
        for mut launch in launches {
            let work = std::mem::take(&mut launch.work);
            sums.entry(work).or_default().add(launch);
        }
        let each = |n: f64| n / pieces as f64;
        let kind = |(work, sum): (String, Sum)| {
            let rate = |amount: u64| {
                let passed = amount > 0 && sum.seconds > 0.0;
                passed.then(|| amount as f64 * 1e-9 / sum.seconds)
            };
            Kind {
                work,
                count: each(sum.count as f64),
                seconds: each(sum.seconds),
                gflops: rate(2 * sum.multiply_adds),
                gbytes: rate(sum.bytes),
                kernels: sum
                    .kernels
                    .into_iter()
                    .map(|(key, s)| (key, each(s)))
                    .collect(),
            }
        };
        let mut kinds: Vec<Kind> = sums.into_iter().map(kind).collect();
        let longest_first = |a: &Kind, b: &Kind| b.seconds.total_cmp(&a.seconds);
        kinds.sort_by(|a, b| longest_first(a, b).then_with(|| a.work.cmp(&b.work)));
        Profile {
            run_s: each(run_s),
            kinds,
        }
    }

    /// Seconds of all operations.
    pub fn seconds(&self) -> f64 {
        self.kinds.iter().map(|kind| kind.seconds).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_one_kind_are_added_up_for_a_piece() {
        let launch = |work: &str, seconds: f64, key: &str| Profiled {
            work: work.into(),
            seconds,
            kernels: vec![(key.into(), seconds)],
            multiply_adds: 1_000_000_000,
            bytes: 3_000_000_000,
        };
        let launches = vec![
            launch("sum", 1.0, "a"),
            launch("matmul", 3.0, "a"),
            launch("none", 0.0, "a"),
            launch("matmul", 5.0, "b"),
            launch("matmul", 4.0, "a"),
            launch("matmul", 4.0, "b"),
        ];
        let profile = Profile::new(launches, 20.0, 2);
        assert_eq!((profile.run_s, profile.seconds()), (10.0, 8.5));
        let [matmul, sum, none] = profile.kinds.try_into().expect("three kinds");
        let of = (matmul.work.as_str(), matmul.count, matmul.seconds);
        assert_eq!(of, ("matmul", 2.0, 8.0));
        // 4 · 2 billion operations and 4 · 3 billion bytes in 16 seconds
        assert_eq!((matmul.gflops, matmul.gbytes), (Some(0.5), Some(0.75)));
        assert_eq!(matmul.kernels, [("a".into(), 3.5), ("b".into(), 4.5)]);
        assert_eq!((sum.work.as_str(), sum.count), ("sum", 0.5));
        assert_eq!((none.gflops, none.gbytes), (None, None));
    }
}
