//! Columns that line up.

use super::output;
use crate::Result;

/// Prints rows of cells, a row of one cell as it is: the first column to the left, the others to the right if `right`.
pub(super) fn say(rows: &[Vec<String>], right: bool) -> Result<()> {
    let widths = widths(rows);
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &width))| match i > 0 && right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        output::say_in_words(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// How wide each column must be.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows.iter().filter(|row| row.len() > 1) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths
}

/// Takes columns out until the others are no wider than `room`: those under these headings, the first one first. The headings of what was taken.
pub(super) fn narrow(
    rows: &mut [Vec<String>],
    room: usize,
    least: &[&'static str],
) -> Vec<&'static str> {
    let mut gone = Vec::new();
    for heading in least {
        let widths = widths(rows);
        if widths.iter().map(|width| width + 2).sum::<usize>() <= room + 2 {
            break;
        }
        let Some(place) = rows[0].iter().position(|cell| cell == heading) else {
            continue;
        };
        for row in rows.iter_mut() {
            row.remove(place);
        }
        gone.push(*heading);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_has_fewer_columns() {
        let rows = ["run state gap", "digits-001 finished 0.1234"];
        let rows = rows.map(|row| row.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for (room, gone) in [
            (28, vec![]),
            (27, vec!["gap"]),
            (20, vec!["gap"]),
            (19, vec!["gap", "state"]),
            (1, vec!["gap", "state"]),
        ] {
            let mut left = rows.clone();
            assert_eq!(
                narrow(&mut left, room, &["nothing", "gap", "state"]),
                gone,
                "{room}"
            );
            assert!(left.iter().all(|row| row.len() == 3 - gone.len()));
        }
    }
}
