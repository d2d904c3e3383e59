//! Latents of classes, of images, and between them.

use crate::data::Split;
use crate::features::{FeatureNetwork, extract};
use crate::model::same_shape;
use crate::{Error, Result};

/// The shortest mean that still points somewhere.
const SHORTEST: f64 = 1e-6;

/// A point z on the unit sphere, where the encoder puts images.
#[derive(Debug, Clone, PartialEq)]
pub struct Latent(Vec<f32>);

impl Latent {
    /// The normalised mean of latents, row-major \[n, d\].
    ///
    /// # Errors
    /// They cancel out, or there are none; [`Error::Mismatch`] for a part of a row.
    pub fn mean(rows: &[f32], d: usize) -> Result<Latent> {
        if !rows.len().is_multiple_of(d) {
            return Err(Error::Mismatch {
                what: "numbers of the latents".to_owned(),
                found: rows.len().to_string(),
                expected: format!("a multiple of {d}, of which a latent consists"),
            });
        }
        let mut sum = vec![0.0f64; d];
        for row in rows.chunks_exact(d.max(1)) {
            for (s, v) in sum.iter_mut().zip(row) {
                *s += f64::from(*v);
            }
        }
        let n = (rows.len() / d.max(1)).max(1) as f64;
        normalised(&sum.iter().map(|s| s / n).collect::<Vec<_>>())
    }

    /// The point at `t` in 0..=1 of the shorter arc from `a` to `b`, of constant speed: with Ω the angle between them,
    /// (sin((1 − t)Ω)·a + sin(tΩ)·b)/sin Ω (Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985).
    ///
    /// # Errors
    /// They are opposite, so that there is no shorter arc; [`Error::Mismatch`] for two dimensions.
    pub fn between(a: &Latent, b: &Latent, t: f64) -> Result<Latent> {
        same_shape("the second latent", &[b.0.len()], &[a.0.len()])?;
        let pairs = || {
            a.0.iter()
                .zip(&b.0)
                .map(|(a, b)| (f64::from(*a), f64::from(*b)))
        };
        let angle = pairs()
            .map(|(a, b)| a * b)
            .sum::<f64>()
            .clamp(-1.0, 1.0)
            .acos();
        let (start, end) = match angle.sin() {
            // nearly the same point: the chord is the arc
            s if s < SHORTEST => (1.0 - t, t),
            s => (((1.0 - t) * angle).sin() / s, (t * angle).sin() / s),
        };
        normalised(
            &pairs()
                .map(|(a, b)| start * a + end * b)
                .collect::<Vec<_>>(),
        )
    }

    /// Its coordinates.
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}

fn normalised(v: &[f64]) -> Result<Latent> {
    let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length.is_finite() && length >= SHORTEST {
        return Ok(Latent(v.iter().map(|v| (v / length) as f32).collect()));
    }
    Err(Error::Numbers {
        what: "a latent",
        why: format!(
            "a mean of latents has length {length:.1e}: they point everywhere, or two are opposite"
        ),
    })
}

/// The latent of a class: the normalised mean of the encoder's latents of its images, at most `most`, taken evenly from all.
///
/// # Errors
/// The set has no classes, or no image of this one; an image that cannot be read, or of another size; what the device reports.
pub fn of_class(
    encoder: &dyn FeatureNetwork,
    data: &Split,
    class: u32,
    most: usize,
) -> Result<Latent> {
    data.check("the images of classes")?;
    let labels = data.labels.as_deref().unwrap_or_default().iter();
    let all: Vec<usize> = labels
        .enumerate()
        .filter_map(|(i, label)| (*label == class).then_some(i))
        .collect();
    if all.is_empty() {
        return Err(Error::Mismatch {
            what: format!("images of class {class}"),
            found: "none".to_owned(),
            expected: "at least one".to_owned(),
        });
    }
    let n = all.len().min(most.max(1));
    let chosen: Vec<usize> = (0..n).map(|i| all[i * all.len() / n]).collect();
    let found = extract(encoder, &data.images.select(&chosen))?;
    Latent::mean(&found.values, found.dimension)
}
