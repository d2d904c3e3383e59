//! The order in which output pixels are put into tiles.

/// An output pixel.
#[derive(Clone, Copy, Default)]
pub(super) struct Pixel {
    pub image: usize,
    pub row: usize,
    pub col: usize,
}

/// Pixels ordered as \[group of images\]\[row\]\[column\]\[image of the group\]: where several small
/// images form a group, the pixels of a tile mostly use the same taps.
pub(super) struct Order {
    pub images: usize,
    pub rows: usize,
    pub group: usize,
    /// Columns, those that use the same taps together.
    pub cols: Vec<usize>,
}

impl Order {
    /// Walks from the pixel with this number.
    pub fn from(&self, number: usize) -> Walk<'_> {
        let per_image = self.rows * self.cols.len();
        let first = number / (self.group * per_image) * self.group;
        let group = self.group.min(self.images - first);
        let rest = number - first * per_image;
        Walk {
            order: self,
            first,
            group,
            image: rest % group,
            col: rest / group % self.cols.len(),
            row: rest / group / self.cols.len(),
        }
    }
}

/// An iterator that never ends: it is not asked for more pixels than there are.
pub(super) struct Walk<'a> {
    order: &'a Order,
    /// First image and size of the group.
    first: usize,
    group: usize,
    /// Position within the group.
    image: usize,
    col: usize,
    row: usize,
}

impl Walk<'_> {
    /// The next pixel.
    pub fn next(&mut self) -> Pixel {
        let pixel = Pixel {
            image: self.first + self.image,
            row: self.row,
            col: self.order.cols[self.col],
        };
        self.image += 1;
        if self.image == self.group {
            self.image = 0;
            self.col += 1;
        }
        if self.col == self.order.cols.len() {
            self.col = 0;
            self.row += 1;
        }
        if self.row == self.order.rows {
            self.row = 0;
            self.first += self.group;
            self.group = self.order.group.min(self.order.images - self.first);
        }
        pixel
    }
}
