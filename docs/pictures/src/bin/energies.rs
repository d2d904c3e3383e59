//! The energies of a run over time, as a picture:
//!
//!     cargo run -p clel-pictures --bin energies -- PICTURE.png RUN

use std::{error::Error, path::PathBuf};

use clel_pictures::{Colour, Panel, draw};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let run = std::env::args_os().nth(2);
    let run = PathBuf::from(run.ok_or("give a picture and a run: PICTURE.png runs/digits-001")?);
    let mut curves: [Vec<(f64, f64)>; 2] = Default::default();
    for line in std::fs::read_to_string(run.join("metrics.jsonl"))?.lines() {
        let line: Value = serde_json::from_str(line)?;
        for (curve, name) in curves.iter_mut().zip(["E(data)", "E(samples)"]) {
            if let (Some(step), Some(energy)) = (line["step"].as_f64(), line[name].as_f64()) {
                curve.push((step, energy.max(1e-30).log10()));
            }
        }
    }
    let (mut end, mut low, mut high) = (1.0f64, 0.0f64, -3.0f64);
    for (step, energy) in curves.iter().flatten() {
        (end, low, high) = (end.max(*step), low.min(*energy), high.max(*energy));
    }
    let [data, samples] = curves;
    let panel = Panel::new(
        "log₁₀ of the mean energy, iteration by iteration",
        0.0..end,
        low.floor()..high.ceil(),
    )
    .line("of data", Colour::Blue, data)
    .line("of samples", Colour::Orange, samples);
    draw("energies", &[panel])
}
