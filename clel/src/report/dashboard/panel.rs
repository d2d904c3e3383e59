//! Where samples are shown: as pixels if the terminal can, else as blocks.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;

use super::graphics::Graphics;
use super::picture::{Half, Palette, Picture};

/// What is known of the panel from one frame to the next.
#[derive(Default)]
pub(super) struct Panel {
    graphics: Option<Graphics>,
    made: Option<Made>,
    /// What the last frame had no pixels for.
    wanted: Option<(Arc<Picture>, Size)>,
    /// Where the last frame has pixels, and the one before.
    places: [Option<Rect>; 2],
}

/// A picture as the terminal takes it.
struct Made {
    picture: Arc<Picture>,
    room: Size,
    protocol: Protocol,
}

impl Panel {
    /// With pixels, if there is a way.
    pub fn new(graphics: Option<Graphics>) -> Panel {
        Panel {
            graphics,
            ..Panel::default()
        }
    }

    /// A frame begins.
    pub fn begin(&mut self) {
        self.places = [None, self.places[0]];
    }

    /// Draws the picture. Pixels take time to be made, so they come with a later frame; older ones stay until then.
    pub fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        picture: &Arc<Picture>,
        palette: Palette,
    ) {
        if self.graphics.is_none() {
            return frame.render_widget(Half(picture, palette), area);
        }
        let room = Size::from(area);
        let made = self.made.as_ref().filter(|made| made.room == room);
        if let Some(made) = made {
            let size = made.protocol.size();
            self.places[0] = Some(Rect::new(area.x, area.y, size.width, size.height));
            frame.render_widget(Image::new(&made.protocol), area);
        }
        if made.is_none_or(|made| !Arc::ptr_eq(&made.picture, picture)) {
            self.wanted = Some((picture.clone(), room));
        }
    }

    /// Makes what the last frame had no pixels for; whether there is something new. Where it cannot be made, there are blocks from now on.
    pub fn make(&mut self) -> bool {
        let (Some((picture, room)), Some(graphics)) = (self.wanted.take(), &mut self.graphics)
        else {
            return false;
        };
        match graphics.encode(&picture, room) {
            Some(protocol) => {
                self.made = Some(Made {
                    picture,
                    room,
                    protocol,
                });
            }
            None => self.graphics = None,
        }
        true
    }

    /// Whether the last frame has left pixels on the screen that are not its own.
    pub fn has_left_pixels(&self) -> bool {
        let [now, before] = self.places;
        let stay = self.graphics.as_ref().is_none_or(Graphics::stay);
        stay && before.is_some() && now != before
    }

    /// The screen has been cleared, and the window may be another.
    pub fn forget(&mut self) {
        self.made = None;
        self.places = [None; 2];
        if let Some(graphics) = &mut self.graphics {
            graphics.measure();
        }
    }
}
