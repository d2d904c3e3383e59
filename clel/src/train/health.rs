//! Whether a run is well, by what practitioners watch.

use std::collections::VecDeque;

use clel_tensor::RngKey;

use super::{figures::Figures, streams};
use crate::config::{Config, HealthConfig};
use crate::report::{History, short};

/// Lines of metrics whose gap is remembered.
const HISTORY: usize = 100;
/// Fewer say nothing about what is usual.
const ENOUGH: usize = 20;
/// A gap below so many times the largest energy so far is no danger, however far it is from what it was: while a network begins to learn,
/// its energies grow a hundredfold within a few lines. Two runs that broke down came to 26 and 110.
const DANGEROUS: f64 = 6.0;
/// Nor is a smaller one. That growth can come late, and to more than so many times: healthy runs came to gaps of 0.0074, the two that broke down
/// to 0.058 and 0.83.
const SMALL: f64 = 0.02;

/// Watches the figures of a run.
#[derive(Debug, Clone)]
pub(super) struct Health {
    limits: HealthConfig,
    gaps: VecDeque<f64>,
    /// The largest mean |∇E| so far.
    largest_gradient: f64,
    /// The largest mean |E| so far, of data or samples.
    largest_energy: f64,
}

/// The energies that the loss holds; it leaves that of noise to itself.
const ENERGIES: [&str; 2] = ["E(data)", "E(samples)"];

impl Health {
    /// Goes on from the metrics that there are, as if it had seen them.
    pub fn new(limits: &HealthConfig, history: &History) -> Health {
        let mut health = Health {
            limits: limits.clone(),
            gaps: VecDeque::with_capacity(HISTORY),
            largest_gradient: 0.0,
            largest_energy: 0.0,
        };
        let values = |name| {
            let values = history.points(name).map(|(_, value)| value);
            values.filter(|value| value.is_finite())
        };
        values("gap").for_each(|gap| health.remember(gap));
        health.largest_gradient = values("gradient_first").fold(0.0, f64::max);
        let energies = ENERGIES.into_iter().flat_map(values);
        health.largest_energy = energies.map(f64::abs).fold(0.0, f64::max);
        health
    }

    fn remember(&mut self, gap: f64) {
        if self.gaps.len() == HISTORY {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    /// What is wrong with these figures, if anything.
    pub fn diagnose(&mut self, figures: &Figures) -> Option<String> {
        if let Some((name, value)) = figures.iter().find(|(_, v)| !v.is_finite()) {
            return Some(format!("{name} is {value}"));
        }
        let figure = |name: &str| figures.iter().find(|f| f.0 == name).map_or(0.0, |f| f.1);
        let limits = &self.limits;
        for name in ENERGIES {
            if figure(name).abs() > limits.energy {
                return Some(format!(
                    "{name} is {}, beyond ±{} (health.energy)",
                    short(figure(name)),
                    set(limits.energy)
                ));
            }
        }
        let gradient = figure("gradient_first");
        self.largest_gradient = self.largest_gradient.max(gradient);
        if self.largest_gradient <= 0.0 {
            return Some(
                "the mean |∇E| at the sampler's first step is 0 and has been since the run began: the samples do not move"
                    .to_owned(),
            );
        }
        if gradient < limits.gradient * self.largest_gradient {
            return Some(format!(
                "the mean |∇E| at the sampler's first step has fallen from {:.1e} to {gradient:.1e}, below {} times that \
                 (health.gradient): the samples do not move",
                self.largest_gradient,
                set(limits.gradient)
            ));
        }
        let saturated = figure("saturated");
        if saturated > limits.saturated {
            return Some(format!(
                "{:.1} % of the samples' pixels are 0 or 1, more than {:.1} % (health.saturated)",
                100.0 * saturated,
                100.0 * limits.saturated
            ));
        }
        let unusual = self.unusual_gap(figure("gap"));
        let energies = ENERGIES.map(|name| figure(name).abs());
        self.largest_energy = energies.into_iter().fold(self.largest_energy, f64::max);
        unusual
    }

    /// Whether the gap has left its own history, to which it is then added.
    fn unusual_gap(&mut self, gap: f64) -> Option<String> {
        let n = self.gaps.len() as f64;
        let mean = self.gaps.iter().sum::<f64>() / n;
        let variance = self.gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
        let deviations = (gap - mean).abs() / variance.sqrt();
        let limit = self.limits.gap_deviations;
        let dangerous = (DANGEROUS * self.largest_energy).max(SMALL);
        let counts = self.gaps.len() >= ENOUGH && gap.abs() > dangerous;
        if counts && deviations > limit {
            return Some(format!(
                "the gap E(data) − E(samples) is {}, {deviations:.0} standard deviations from its mean {} over the last {} lines of metrics, \
                 more than {limit} (health.gap_deviations), and the largest energy before was {}",
                short(gap),
                short(mean),
                self.gaps.len(),
                short(self.largest_energy)
            ));
        }
        self.remember(gap);
        None
    }
}

/// A limit as it is set.
fn set(limit: f64) -> String {
    match (1e-4..1e6).contains(&limit) {
        true => limit.to_string(),
        false => format!("{limit:e}"),
    }
}

impl Config {
    /// The seed of all that training draws. The data's parts are drawn by `seed` itself: they stay when a run goes back.
    pub fn drawing_seed(&self) -> u64 {
        match self.health.rolled_back as u64 {
            0 => self.seed,
            n => {
                let [high, low, ..] = RngKey::new(self.seed, streams::ROLL_BACK).at(n).block(0);
                u64::from(high) << 32 | u64::from(low)
            }
        }
    }

    /// The settings with which a sick run goes on from an earlier iteration: one more on the count, which changes all random numbers, and
    /// lower rates.
    pub(super) fn rolled_back(&self) -> Config {
        let mut next = self.clone();
        next.health.rolled_back += 1;
        next.train.ebm.lr *= self.health.rate_factor;
        next.train.encoder.lr *= self.health.rate_factor;
        next
    }

    /// Whether these are `old` settings after the run went back to before they changed.
    pub(crate) fn is_rolled_back_from(&self, old: &Config) -> bool {
        let mut step = old.clone();
        while step.health.rolled_back < self.health.rolled_back {
            step = step.rolled_back();
        }
        step == *self && step != *old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(gap: f64) -> Figures {
        vec![
            ("E(data)", 0.1),
            ("E(samples)", 0.1 - gap),
            ("E(noise)", 0.1),
            ("gap", gap),
            ("gradient_first", 1e-4),
            ("saturated", 0.5),
        ]
    }

    fn with(name: &'static str, value: f64) -> Figures {
        let all = figures(0.0).into_iter();
        all.map(|f| if f.0 == name { (name, value) } else { f })
            .collect()
    }

    #[test]
    fn each_sickness_is_named() {
        let diagnose =
            |f: &Figures| Health::new(&HealthConfig::default(), &History::default()).diagnose(f);
        assert_eq!(diagnose(&figures(0.01)), None);
        let mut health = Health::new(&HealthConfig::default(), &History::default());
        assert_eq!(health.diagnose(&figures(0.01)), None);
        let told = health
            .diagnose(&with("gradient_first", 1e-11))
            .expect("no gradient");
        assert!(told.contains("health.gradient"), "{told}");
        for (name, value, says) in [
            ("E(samples)", f64::NAN, "E(samples) is NaN"),
            ("saturated", f64::INFINITY, "saturated is inf"),
            (
                "E(data)",
                -10.5,
                "E(data) is -10.500, beyond ±10 (health.energy)",
            ),
            ("E(samples)", 8.521_197_158_4e11, "E(samples) is 8.52e11, "),
            ("gradient_first", 0.0, "is 0 and has been"),
            ("saturated", 0.995, "health.saturated"),
        ] {
            let told = diagnose(&with(name, value)).expect(name);
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn a_gap_is_compared_with_its_own_history() {
        let mut health = Health::new(&HealthConfig::default(), &History::default());
        for i in 0..150 {
            let gap = 0.01 * f64::from(i % 5);
            assert_eq!(health.diagnose(&figures(gap)), None);
        }
        assert!(health.diagnose(&figures(0.09)).is_none(), "small");
        let told = health.diagnose(&figures(1.5)).expect("far away");
        assert!(told.contains("health.gap_deviations"), "{told}");
        // a resumed run has the history of what it goes on with
        let line =
            |i: usize| serde_json::json!({"step": i, "E(data)": 0.1, "gap": 0.01 * (i % 5) as f64});
        let history = History::of_lines((0..30).map(line));
        let mut resumed = Health::new(&HealthConfig::default(), &history);
        assert!(resumed.diagnose(&figures(1.5)).is_some());
        // however small the energies are
        let tiny = |gap: f64| -> Figures {
            let mut all = figures(1e-3 * gap);
            let energies = all.iter_mut().filter(|f| f.0.starts_with("E("));
            energies.for_each(|f| f.1 = 1e-3);
            all
        };
        let mut health = Health::new(&HealthConfig::default(), &History::default());
        for i in 0..50 {
            assert_eq!(health.diagnose(&tiny(0.01 * f64::from(i % 5))), None);
        }
        assert_eq!(
            health.diagnose(&tiny(5.0)),
            None,
            "energies that begin to grow"
        );
        let told = health.diagnose(&tiny(30.0)).expect("far away");
        assert!(
            told.contains("the gap E(data) − E(samples) is 0.0300, "),
            "{told}"
        );
        // one that broke down (digits without latents, rate 2·10⁻³, seed 1), whose noise had risen before
        let line = |gap: f64, data: f64, noise: f64| -> Figures {
            let all = figures(gap).into_iter();
            let replaced = all.map(|f| match f.0 {
                "E(data)" => (f.0, data),
                "E(samples)" => (f.0, data - gap),
                "E(noise)" => (f.0, noise),
                _ => f,
            });
            replaced.collect()
        };
        let mut health = Health::new(&HealthConfig::default(), &History::default());
        for i in 0..34 {
            let gap = 1e-4 * (f64::from(i % 5) - 2.0) / 2.0;
            assert_eq!(health.diagnose(&line(gap, 3e-4, 0.025)), None);
        }
        assert!(health.diagnose(&line(0.058, 3e-4, 0.025)).is_some());
        // one that went on well (docs/pictures/small.toml, seed 6, iteration 50), whose energies had stayed at 4·10⁻⁴ and less
        let mut late = Health::new(&HealthConfig::default(), &History::default());
        for i in 0..24 {
            let gap = 1e-5 * f64::from(i % 5);
            assert_eq!(late.diagnose(&line(gap, 3.9e-4, 0.01)), None);
        }
        assert_eq!(late.diagnose(&line(6.18e-3, 6.2e-3, 0.02)), None);
        // a young run has no history to leave
        let mut young = Health::new(&HealthConfig::default(), &History::default());
        assert_eq!(young.diagnose(&figures(1.5)), None);
    }

    #[test]
    fn going_back_is_recognised() {
        let config = crate::config::Layers::preset("digits")
            .unwrap()
            .build()
            .unwrap();
        let (once, twice) = (config.rolled_back(), config.rolled_back().rolled_back());
        let seeds = [&config, &once, &twice].map(Config::drawing_seed);
        assert_eq!(seeds[0], config.seed);
        assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[0] != seeds[2]);
        assert_eq!(twice.train.ebm.lr, config.train.ebm.lr / 4.0);
        assert!(twice.is_rolled_back_from(&config) && once.is_rolled_back_from(&config));
        assert!(!config.is_rolled_back_from(&config) && !config.is_rolled_back_from(&once));
        let mut other = once.clone();
        other.sampler.steps += 1;
        assert!(!other.is_rolled_back_from(&config));
    }
}
