//! The font of pictures.

use crate::Result;

/// What pictures call it.
pub(super) const FAMILY: &str = "sans-serif";

/// Whether a picture of pixels can have letters. On WebAssembly plotters has none for it.
pub(super) const IN_PIXELS: bool = cfg!(not(target_family = "wasm"));

/// Makes it known to plotters.
///
/// # Errors
/// The library cannot read it.
#[cfg(not(target_family = "wasm"))]
pub(super) fn register() -> Result<()> {
    use super::draw::fault;
    use plotters::style::{FontStyle, register_font};

    /// DejaVu Sans, Latin, Greek and some signs: pictures have words on machines without fonts too.
    const FONT: &[u8] = include_bytes!("../../assets/font/dejavu-sans-subset.ttf");
    register_font(FAMILY, FontStyle::Normal, FONT).map_err(|_| fault("the font"))
}

/// A picture of lines names its font, and who shows it has one.
#[cfg(target_family = "wasm")]
pub(super) fn register() -> Result<()> {
    Ok(())
}
