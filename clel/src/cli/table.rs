//! Columns that line up.

use super::output;
use crate::Result;

/// Prints rows of cells, a row of one cell as it is: the first column to the left, the others to the right if `right`.
pub(super) fn say(rows: &[Vec<String>], right: bool) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows.iter().filter(|row| row.len() > 1) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &width))| match i > 0 && right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        output::say(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
