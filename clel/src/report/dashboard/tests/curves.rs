//! What of the curves can be seen.

use super::*;

/// The cells within the frame of the chart that begins in the upper left corner of the body, by column and row.
fn cells(shown: &Shown, now: Instant, width: u16, height: u16) -> Vec<(u16, u16, Color)> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| view::draw(frame, shown, now, &mut Panel::default()))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let braille = |cell: &str| cell.chars().all(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
    let right = (1..width)
        .find(|x| buffer[(*x, 3)].symbol() == "┐")
        .unwrap();
    let bottom = (4..height)
        .find(|y| buffer[(0, *y)].symbol() == "└")
        .unwrap();
    let inner = (0..right).flat_map(|x| (4..bottom).map(move |y| (x, y)));
    let drawn = inner.filter(|at| braille(buffer[*at].symbol()));
    drawn.map(|(x, y)| (x, y, buffer[(x, y)].fg)).collect()
}

/// Samples have the energies of data or nearly so, noise a hundred times as much, and everything more at first.
#[test]
fn samples_are_seen_beside_noise_and_after_a_spike() {
    let (mut shown, now) = run();
    shown.curves.clear();
    for step in 0..400 {
        let spike = if step == 30 { 1e3 } else { 1.0 };
        let wave = 1.0 + 0.5 * (step as f64 / 40.0).sin();
        shown.figure(step, "E(data)", 2e-3 * spike * wave);
        shown.figure(step, "E(samples)", 1.9e-3 * spike / wave);
        shown.figure(step, "E(noise)", 0.2 * spike * wave);
        shown.figure(step, "gap", 1e-4 * wave * spike - 2e-4);
    }
    for (width, height) in [(80, 24), (120, 40)] {
        let text = screen(&shown, now, width, height).join("\n");
        let cells = cells(&shown, now, width, height);
        let of = |colour: Color| cells.iter().filter(move |cell| cell.2 == colour).count();
        for colour in [Color::Cyan, Color::LightRed, Color::Green] {
            assert!(of(colour) >= 3, "{colour}: {}\n{text}", of(colour));
        }
    }
    // by itself, a figure of both signs
    for name in ["E(data)", "E(samples)", "E(noise)"] {
        shown.curves.remove(name);
    }
    let cells = cells(&shown, now, 120, 40);
    let right = cells.iter().map(|cell| cell.0).max().unwrap();
    let newer = cells.iter().filter(|cell| cell.0 > right * 3 / 4);
    let rows: std::collections::BTreeSet<u16> = newer.map(|cell| cell.1).collect();
    let text = screen(&shown, now, 120, 40).join("\n");
    assert!(rows.len() > 3, "{rows:?}\n{text}");
}
