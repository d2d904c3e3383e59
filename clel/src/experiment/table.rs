//! The results as a table.

use super::file::Experiment;
use super::measure::{BUFFER, FRESH, NEIGHBOUR};
use super::results::{Results, Spread, State, VariantResult};

/// Rows of cells, the headings first: a row for each variant, figures as mean ± standard deviation over its complete runs.
pub fn rows(experiment: &Experiment, results: &Results) -> Vec<Vec<String>> {
    type Column<'a> = (String, Box<dyn Fn(&VariantResult) -> String + 'a>);
    let mut columns: Vec<Column> = vec![
        ("variant".to_owned(), Box::new(|v| v.name.clone())),
        ("runs".to_owned(), Box::new(runs)),
        (
            "s/iteration".to_owned(),
            Box::new(|v| v.seconds_per_iteration.map_or("–".to_owned(), number)),
        ),
    ];
    let has = |figure| results.variants.iter().any(|v| v.last(figure).is_some());
    for figure in [BUFFER, FRESH, NEIGHBOUR].into_iter().filter(|f| has(f)) {
        let shown = move |v: &VariantResult| match figure {
            NEIGHBOUR => percent(v.last(figure)),
            _ => spread(v.last(figure)),
        };
        columns.push((figure.to_owned(), Box::new(shown)));
        if let (Some(seconds), true) = (results.equal_time(), figure != NEIGHBOUR) {
            let shown = move |v: &VariantResult| spread(v.after(figure, seconds));
            columns.push((format!("{figure}, after {seconds:.0} s"), Box::new(shown)));
        }
    }
    for (i, set) in experiment.end.ood.iter().enumerate() {
        for (k, beta) in experiment.end.betas.iter().enumerate() {
            let shown = move |v: &VariantResult| {
                spread(v.at_end(|end| end.auroc.get(i)?.get(k).copied().flatten()))
            };
            columns.push((format!("AUROC, {set}, β = {beta}"), Box::new(shown)));
        }
    }
    for (i, rounds) in experiment.end.chains.iter().enumerate() {
        let shown = move |v: &VariantResult| spread(v.at_end(|end| end.chains.get(i).copied()));
        columns.push((
            format!("Fréchet, chains of {rounds} rounds"),
            Box::new(shown),
        ));
    }
    let mut rows = vec![columns.iter().map(|(heading, _)| heading.clone()).collect()];
    for variant in &results.variants {
        rows.push(columns.iter().map(|(_, cell)| cell(variant)).collect());
    }
    rows
}

/// The table in Markdown, with what the figures depend on, and what went wrong.
pub fn markdown(experiment: &Experiment, results: &Results) -> String {
    let rows = rows(experiment, results);
    let mut text = format!("### {}\n\n", results.title);
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        if i == 0 {
            text += &format!("|{}\n", "---|".repeat(row.len()));
        }
    }
    text += &format!("\n{}\n", notes(experiment, results));
    text
}

/// What the figures depend on, in words.
pub(super) fn notes(experiment: &Experiment, results: &Results) -> String {
    let (curves, end) = (&experiment.curves, &experiment.end);
    let seeds: Vec<String> = experiment.seeds.iter().map(u64::to_string).collect();
    let mut text = format!(
        "Mean ± standard deviation over the complete runs, seeds {}. Fréchet distances in {}: ",
        seeds.join(", "),
        results.measure
    );
    let mut kinds = Vec::new();
    if curves.samples > 0 {
        kinds.push(format!(
            "up to {} chains of the replay buffer",
            curves.samples
        ));
    }
    if curves.fresh > 0 {
        let (n, rounds) = (curves.fresh, curves.rounds);
        kinds.push(format!(
            "{n} fresh chains of {rounds} rounds, averaged network"
        ));
    }
    if !end.chains.is_empty() {
        let n = end.chain_samples;
        kinds.push(format!(
            "{n} chains of each length, averaged network, without restarts"
        ));
    }
    text += &kinds.join("; ");
    text += ". A round is sampler.steps Langevin steps; seconds are iterations times the median cost of an iteration.";
    if !end.ood.is_empty() {
        text += " AUROC of test images by −(½‖f‖² − β·cos(g(f), h)); with β = 0 it is E(x) alone.";
    }
    for variant in &results.variants {
        for run in &variant.runs {
            let (name, seed) = (&variant.name, run.seed);
            match &run.state {
                State::Complete => {}
                State::Unfinished => text += &format!("\n\n{name}, seed {seed}: not finished."),
                State::Sick(why) => text += &format!("\n\n{name}, seed {seed}, was sick: {why}"),
                State::Failed(why) => text += &format!("\n\n{name}, seed {seed}, failed: {why}"),
            }
            for event in &run.interventions {
                text += &format!("\n\n{name}, seed {seed}: {event}");
            }
        }
    }
    text
}

/// Complete runs, all runs, and how the others ended.
fn runs(variant: &VariantResult) -> String {
    let of = |wanted: fn(&State) -> bool| variant.runs.iter().filter(|r| wanted(&r.state)).count();
    let mut text = format!("{} of {}", variant.complete().count(), variant.runs.len());
    for (n, word) in [
        (of(|s| matches!(s, State::Sick(_))), "sick"),
        (of(|s| matches!(s, State::Failed(_))), "failed"),
    ] {
        if n > 0 {
            text += &format!(", {n} {word}");
        }
    }
    text
}

fn spread(spread: Option<Spread>) -> String {
    match spread {
        None => "–".to_owned(),
        Some(s) if s.n < 2 => number(s.mean),
        Some(s) => format!("{} ± {}", number(s.mean), number(s.deviation)),
    }
}

fn percent(spread: Option<Spread>) -> String {
    match spread {
        None => "–".to_owned(),
        Some(s) => format!("{:.1} ± {:.1} %", 100.0 * s.mean, 100.0 * s.deviation),
    }
}

/// Three digits or so.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
