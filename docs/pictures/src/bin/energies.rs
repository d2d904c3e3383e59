//! The energies of a run over time, as a picture:
//!
//!     cargo run -p clel-pictures --bin energies -- PICTURE.png RUN

use std::{error::Error, path::PathBuf};

use clel_pictures::{Colour, Panel, Picture};
use serde_json::Value;

const CURVES: [(&str, &str, Colour); 3] = [
    ("E(noise)", "of noise", Colour::Black),
    ("E(data)", "of data", Colour::Blue),
    ("E(samples)", "of samples", Colour::Orange),
];

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("energies")?;
    let run = std::env::args_os().nth(2);
    let run = PathBuf::from(run.ok_or("give a picture and a run: PICTURE.png runs/digits-001")?);
    let mut curves: [Vec<(f64, f64)>; 3] = Default::default();
    for line in std::fs::read_to_string(run.join("metrics.jsonl"))?.lines() {
        let line: Value = serde_json::from_str(line)?;
        for (curve, (name, ..)) in curves.iter_mut().zip(CURVES) {
            if let (Some(step), Some(energy)) = (line["step"].as_f64(), line[name].as_f64()) {
                curve.push((step, energy.max(1e-30).log10()));
            }
        }
    }
    let (mut end, mut low, mut high) = (1.0f64, 0.0f64, -3.0f64);
    for (step, energy) in curves.iter().flatten() {
        (end, low, high) = (end.max(*step), low.min(*energy), high.max(*energy));
    }
    let mut panel = Panel::new("mean energies", 0.0..end, low.floor()..high.ceil())
        .wide()
        .along("iteration")
        .powers_of_ten();
    for (points, (_, label, colour)) in curves.into_iter().zip(CURVES) {
        panel = panel.line(label, colour, points);
    }
    picture.draw(&[panel])
}
