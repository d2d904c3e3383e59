use serde_json::json;

use super::super::compare::{at_end, differences, setting};
use super::*;
use crate::config::{Config, Layers};
use crate::eval::DigitReport;

fn config(settings: &[&str]) -> Config {
    let mut layers = Layers::preset("digits").unwrap();
    for setting in settings {
        layers.set(setting).unwrap();
    }
    layers.build().unwrap()
}

/// A run in a directory that is not there, with these settings and this summary of its last iteration.
fn run(config: Option<Config>, summary: Option<Summary>) -> Overview {
    let mut run = Overview::of(std::path::Path::new("/there is no such run"));
    run.iterations = summary.as_ref().map_or(0, |summary| summary.iterations);
    (run.config, run.summary) = (config, summary);
    run
}

fn summary(judged: &[(&str, Option<f64>, Option<f64>)], neighbour: Option<f64>) -> Summary {
    let judged = judged.iter().map(|(name, encoder, digits)| Judged {
        name: (*name).to_owned(),
        images: 100,
        encoder_frechet: *encoder,
        digits: digits.map(|frechet| DigitReport {
            images: 100,
            frechet,
            recognised: 0.9,
            kinds: [10; 10],
        }),
    });
    Summary {
        iterations: 60,
        device: String::new(),
        seconds: 1.0,
        judged: judged.collect(),
        nearest_neighbour: neighbour,
        pictures: Vec::new(),
        interventions: Vec::new(),
    }
}

/// Headings, and names with values; `-` where there is none.
fn told(runs: &[Overview]) -> Vec<(&'static str, Vec<String>)> {
    let groups = at_end(runs).into_iter().map(|group| {
        let figures = group.figures.iter().map(|figure| {
            let values = figure.values.iter();
            let values = values.map(|value| value.as_deref().unwrap_or("-"));
            let values: Vec<&str> = values.collect();
            format!("{}: {}", figure.name, values.join(" "))
        });
        (&group.heading[..20], figures.collect())
    });
    groups.collect()
}

#[test]
fn figures_at_the_end_are_those_that_a_run_has_come_to() {
    assert!(at_end(&[run(None, None), run(None, None)]).is_empty());
    let with = summary(&[("samples", Some(0.25), Some(1.5))], Some(0.975));
    let other = summary(
        &[("samples", None, None), ("fresh chains", None, Some(2.0))],
        None,
    );
    let runs = [
        run(None, Some(with)),
        run(None, Some(other)),
        run(None, None),
    ];
    let expected = [
        ("Fréchet distance in", "samples: 0.2500 - -"),
        (
            "Fréchet distance in",
            "samples: 1.5000 - -, fresh chains: - 2.0000 -",
        ),
        ("1-NN accuracy of the", "held-out images: 97.5 % - -"),
    ];
    let found = told(&runs);
    let found: Vec<_> = found
        .iter()
        .map(|(h, f)| (h.trim(), f.join(", ")))
        .collect();
    assert_eq!(found, expected.map(|(h, f)| (h, f.to_owned())));
    // a run that goes on has left its summary behind
    let mut later = runs;
    later[0].iterations = 61;
    let found = told(&later);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn settings_differ_between_runs_whose_configuration_is_known() {
    let runs = [
        run(Some(config(&[])), None),
        run(None, None),
        run(
            Some(config(&[
                "seed=3",
                "sampler.clip=0.5",
                "health.energy=1e30",
            ])),
            None,
        ),
    ];
    let found = differences(&runs);
    let words = |key: &str| -> Vec<String> {
        let values = found[key].iter().zip(&runs);
        let words = values.map(|(value, run)| setting(value.as_ref(), run));
        words.collect()
    };
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["health.energy", "sampler.clip", "seed"]
    );
    assert_eq!(words("seed"), ["0", "?", "3"]);
    assert_eq!(words("sampler.clip"), ["not set", "?", "0.5"]);
    // no thirty digits
    assert_eq!(words("health.energy")[2], "1e30");
    assert!(differences(&runs[..2]).is_empty());
}

/// The runs of a variant have one colour and one name in the legend.
#[test]
fn variants_share_a_colour() {
    let dir = tempfile::tempdir().unwrap();
    let member = |name: &str, variant: Option<&str>| {
        let run = RunDir::create(&dir.path().join(name)).unwrap();
        run.write_config(&config(&[])).unwrap();
        let mut metrics = run.metrics(0).unwrap();
        for step in 1..=2 {
            metrics.write(step, &[("gap", step as f64)]).unwrap();
        }
        let of = variant.map(|variant| VariantRun {
            variant: variant.to_owned(),
            name: format!("{variant} {name}"),
        });
        Member { run, of }
    };
    let shown = |runs: Vec<Member>| -> serde_json::Value {
        let page = Several {
            runs,
            ..Several::default()
        }
        .page()
        .unwrap();
        let (_, json) = page.html.split_once("id=\"content\">").unwrap();
        serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap()
    };
    let runs = vec![
        member("a", Some("guided")),
        member("b", None),
        member("c", Some("guided")),
        member("d", Some("free")),
    ];
    let found = shown(runs.clone());
    let of = |what: &serde_json::Value, keys: [&str; 2]| {
        let all = what.as_array().unwrap().iter();
        let all = all.map(|one| json!([one[keys[0]], one[keys[1]]]));
        all.collect::<Vec<_>>()
    };
    assert_eq!(
        of(&found["runs"], ["name", "place"]),
        [
            json!(["guided a", 0]),
            json!(["b", 1]),
            json!(["guided c", 0]),
            json!(["free d", 2])
        ]
    );
    assert_eq!(
        of(&found["plots"][0]["courses"], ["label", "place"]),
        [
            json!(["guided", 0]),
            json!(["b", 1]),
            json!(["guided", 0]),
            json!(["free", 2])
        ]
    );
    assert_eq!(found["differences"], json!([]));
    // names that do not tell runs apart make room for those of directories
    let mut same = runs;
    same[2].of = same[0].of.clone();
    let found = shown(same);
    assert_eq!(found["runs"][0]["name"], "a");
    assert_eq!(found["runs"][2]["name"], "c");
}
