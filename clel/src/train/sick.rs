//! What a run says that is sick and ends.

use crate::config::{Config, SickPolicy};
use crate::report::{ENDED, RunDir, experiment_of};
use crate::{Error, Result, error::as_argument};

/// Whether a run that falls sick may go on from an earlier state.
pub(super) fn may_go_back(config: &Config) -> bool {
    let health = &config.health;
    health.policy == SickPolicy::RollBack && health.rolled_back < health.rollbacks
}

/// What the metrics of a run say last that is sick and ends.
pub(super) fn last_words(config: &Config, why: &str) -> String {
    match config.health.rolled_back {
        0 => format!("sick: {why}{ENDED}"),
        n => format!("sick: {why}{ENDED}, having gone back {}", times(n)),
    }
}

/// The error of a run that is sick and ends: what is wrong, what is left, and what to do.
pub(super) fn hopeless(config: &Config, run: &RunDir, why: &str) -> Result<Error> {
    let health = &config.health;
    let place = run.path().display();
    let settings = as_argument(&run.path().join("config.toml"));
    let tried = match health.rolled_back {
        0 => String::new(),
        n => format!(
            " The run has gone back {} already, which is all that health.rollbacks allows.",
            times(n)
        ),
    };
    let kept = match run.checkpoints()?.pop() {
        Some((step, _)) => format!("the last checkpoint is that of iteration {step}"),
        None => "there is no checkpoint from before".to_owned(),
    };
    // the settings that the run has come to count the times that it went back
    let anew = match health.rolled_back {
        0 => String::new(),
        n => {
            // of which the settings have what is left after going back
            let begun = |rate: f64| rounded(rate / health.rate_factor.powi(n as i32));
            let [ebm, encoder] = [config.train.ebm.lr, config.train.encoder.lr].map(begun);
            format!(
                " --set health.rolled_back=0 --set train.ebm.lr={ebm} --set train.encoder.lr={encoder}"
            )
        }
    };
    let goes_back = match health.policy {
        SickPolicy::Stop => "health.policy=roll_back".to_owned(),
        SickPolicy::RollBack => format!("health.rollbacks={}", health.rolled_back + 3),
    };
    // an experiment's runs have its settings, and none is gone on with that was sick
    let resumed = match experiment_of(run.path()) {
        Some(_) => String::new(),
        None => format!(
            " `clel train --resume {} --set {goes_back}` lets it go back by itself, with other random numbers and lower rates; another limit \
             (`health.energy` and the like) is for one that is not sick.",
            as_argument(run.path())
        ),
    };
    Ok(Error::Numbers {
        what: "training",
        why: format!(
            "{why}.{tried} The metrics in {place} show when it began; {kept}. Resumed as it is, the run would come to the same.{resumed} Or start a new one from \
             its settings, \
             `clel train --config {settings}{anew} --set KEY=VALUE`, with another `seed`, a lower `train.ebm.lr`, more `sampler.steps`, a larger \
             `loss.alpha` or, where pixels are 0 or 1, a smaller `sampler.step_size`"
        ),
    })
}

/// A rate without what multiplying and dividing have left in its last digits.
fn rounded(rate: f64) -> String {
    let digits = format!("{rate:.9e}");
    digits
        .parse::<f64>()
        .map_or(digits, |rate| rate.to_string())
}

/// A number of times in words.
fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}
