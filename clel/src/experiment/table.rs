//! The results as tables.

use super::file::End;
use super::measure::{BUFFER, FRESH, NEIGHBOUR};
use super::results::{ExperimentResults, Spread, State, VariantResult};
use crate::report::ENDED;
use crate::words::counted;

/// A table: the headings, and a row for each variant.
pub type Table = Vec<Vec<String>>;

/// What a table has beside the variants' names: a heading, and the cell of a variant.
type Column<'a> = (String, Box<dyn Fn(&VariantResult) -> String + 'a>);

/// Up to three tables: the curves' ends, how well energies know other images, long chains. Figures are mean ± standard deviation over the
/// variant's complete runs.
pub fn tables(results: &ExperimentResults) -> Vec<Table> {
    let groups = [
        of_curves(results),
        of_outliers(&results.end),
        of_chains(&results.end),
    ];
    let filled = groups.into_iter().filter(|columns| !columns.is_empty());
    filled
        .map(|columns| {
            let headings = columns.iter().map(|(heading, _)| heading.clone());
            let row = |v: &VariantResult| {
                let cells = columns.iter().map(|(_, cell)| cell(v));
                std::iter::once(v.name.clone()).chain(cells).collect()
            };
            let first = std::iter::once("variant".to_owned())
                .chain(headings)
                .collect();
            std::iter::once(first)
                .chain(results.variants.iter().map(row))
                .collect()
        })
        .collect()
}

fn of_curves(results: &ExperimentResults) -> Vec<Column<'_>> {
    let seconds = |v: &VariantResult| v.seconds_per_iteration.map_or("–".to_owned(), number);
    let mut columns: Vec<Column> = vec![
        (
            "runs".to_owned(),
            Box::new(|v| runs(v, results.all_seeds().len())),
        ),
        ("s/iteration".to_owned(), Box::new(seconds)),
    ];
    let has = |figure| results.variants.iter().any(|v| v.last(figure).is_some());
    for figure in [BUFFER, FRESH].into_iter().filter(|f| has(f)) {
        columns.push((figure.to_owned(), Box::new(move |v| spread(v.last(figure)))));
        if let Some(seconds) = results.equal_time() {
            columns.push((
                format!("after {seconds:.0} s"),
                Box::new(move |v| spread(v.after(figure, seconds))),
            ));
        }
    }
    if has(NEIGHBOUR) {
        columns.push((
            NEIGHBOUR.to_owned(),
            Box::new(|v| percent(v.last(NEIGHBOUR))),
        ));
    }
    columns
}

fn of_outliers(end: &End) -> Vec<Column<'_>> {
    let mut columns: Vec<Column> = Vec::new();
    for (i, set) in end.ood.iter().enumerate() {
        for (k, beta) in end.betas.iter().enumerate() {
            let shown = move |v: &VariantResult| {
                spread(v.at_end(|end| end.auroc.get(i)?.get(k).copied().flatten()))
            };
            columns.push((format!("AUROC, {set}, β = {beta}"), Box::new(shown)));
        }
    }
    columns
}

fn of_chains(end: &End) -> Vec<Column<'_>> {
    let lengths = end.chains.iter().enumerate();
    lengths
        .map(|(i, rounds)| -> Column<'_> {
            let shown = move |v: &VariantResult| spread(v.at_end(|end| end.chains.get(i).copied()));
            (
                format!("Fréchet, {}", counted(*rounds, "round")),
                Box::new(shown),
            )
        })
        .collect()
}

/// The tables in Markdown, with what the figures depend on, and what went wrong.
pub fn markdown(results: &ExperimentResults) -> String {
    let mut text = format!("### {}\n\n", escaped(&results.title));
    for table in tables(results) {
        for (i, row) in table.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            text += &format!("| {} |\n", cells.join(" | "));
            if i == 0 {
                text += &format!("|{}\n", "---|".repeat(row.len()));
            }
        }
        text += "\n";
    }
    let notes = notes(results);
    let notes: Vec<String> = notes.split("\n\n").map(paragraph).collect();
    text += &format!("{}\n", notes.join("\n\n"));
    text
}

/// A text as Markdown shows it as it is, in one line: what somebody has called a variant is no markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '$' => {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
    out
}

/// The same for a paragraph, which is no list either, whatever it begins with.
fn paragraph(text: &str) -> String {
    let text = escaped(text.trim_start());
    let number = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match text[number..].starts_with(['.', ')']) && number > 0 || text.starts_with(['-', '+', '='])
    {
        true => format!("{}\\{}", &text[..number], &text[number..]),
        false => text,
    }
}

/// What the figures depend on, in words.
pub(super) fn notes(results: &ExperimentResults) -> String {
    let (curves, end) = (&results.curves, &results.end);
    let seeds: Vec<String> = results.all_seeds().iter().map(u64::to_string).collect();
    let mut text = format!(
        "Mean ± standard deviation over the complete runs of seeds {}. Fréchet distances in {}: ",
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
            "{} of {}, averaged network",
            counted(n, "fresh chain"),
            counted(rounds, "round")
        ));
    }
    if !end.chains.is_empty() {
        let n = end.chain_samples;
        kinds.push(format!(
            "{n} chains of each length, averaged network, without restarts"
        ));
    }
    text += &kinds.join("; ");
    text += ". A round is sampler.steps Langevin steps; seconds are iterations times the cost of one, the lower decile over all stretches between two points.";
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
            // what ended it has just been told
            let ended = |event: &&String| event.contains(ENDED) && run.state.is_end();
            for event in run.interventions.iter().filter(|event| !ended(event)) {
                text += &format!("\n\n{name}, seed {seed}: {event}");
            }
        }
    }
    text
}

/// Complete runs, how many there are to be, and how others ended.
fn runs(variant: &VariantResult, count: usize) -> String {
    let of = |wanted: fn(&State) -> bool| variant.runs.iter().filter(|r| wanted(&r.state)).count();
    let mut text = format!("{} of {count}", variant.complete().count());
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
        Some(s) if s.n < 2 => format!("{:.1} %", 100.0 * s.mean),
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
