//! The font of pictures.

/// What pictures call it.
pub(super) const FONT: &str = "sans-serif";

/// Makes it known to plotters; whether there is one.
///
/// # Errors
/// The library cannot read it.
#[cfg(not(target_family = "wasm"))]
pub(super) fn register() -> Result<bool, &'static str> {
    use plotters::style::{FontStyle, register_font};

    /// The same as of the program's pictures. plotters puts letters down without the room in front of them: the words of a font whose
    /// spaces are narrow run into each other.
    const LETTERS: &[u8] = include_bytes!("../../../clel/assets/font/dejavu-sans-subset.ttf");
    // once is enough, and again does no harm
    register_font(FONT, FontStyle::Normal, LETTERS)
        .map(|()| true)
        .map_err(|_| "plotters cannot read the font")
}

/// On WebAssembly plotters has no letters for pictures of pixels.
#[cfg(target_family = "wasm")]
pub(super) fn register() -> Result<bool, &'static str> {
    Ok(false)
}
