//! Columns that line up.

use super::output;
use crate::Result;
use crate::report::{printable, spelled};

/// The rows in the characters that the terminal has: how wide a cell is must be known before it is lined up with others.
pub(super) fn in_locale(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let cell = |cell: &String| spelled(&printable(cell)).into_owned();
    rows.iter()
        .map(|row| row.iter().map(cell).collect())
        .collect()
}

/// Prints rows of cells, a row of one cell as it is: the first column to the left, the others to the right if `right`.
pub(super) fn say(rows: &[Vec<String>], right: bool) -> Result<()> {
    let rows = in_locale(rows);
    let widths = widths(&rows);
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &width))| match i > 0 && right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        output::say_in_words(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints rows as [`say`] does, as many columns beside the first one as the terminal has room for, then the others below.
pub(super) fn say_in_parts(rows: &[Vec<String>]) -> Result<()> {
    for (i, part) in parts(&in_locale(rows), output::width())
        .into_iter()
        .enumerate()
    {
        if i > 0 {
            output::say("")?;
        }
        say(&part, true)?;
    }
    Ok(())
}

/// The rows cut into tables that are no wider than `room`, if a column beside the first one is not too wide itself. A row of one cell is in each.
fn parts(rows: &[Vec<String>], room: Option<usize>) -> Vec<Vec<Vec<String>>> {
    let Some(room) = room else {
        return vec![rows.to_vec()];
    };
    let widths = widths(rows);
    let mut parts = Vec::new();
    let mut from = 1;
    while from < widths.len().max(2) {
        let mut wide = widths.first().copied().unwrap_or(0);
        let fitting = widths.iter().skip(from).take_while(|width| {
            wide += **width + 2;
            wide <= room
        });
        let to = from + fitting.count().max(1);
        let cut = |row: &Vec<String>| match row.len() {
            0 | 1 => row.clone(),
            len => {
                let cells = row[from.min(len)..to.min(len)].iter().cloned();
                row[..1].iter().cloned().chain(cells).collect()
            }
        };
        parts.push(rows.iter().map(cut).collect());
        from = to;
    }
    parts
}

/// How wide the rows are.
pub(super) fn width(rows: &[Vec<String>]) -> usize {
    let wide = widths(rows).iter().map(|width| width + 2).sum::<usize>();
    wide.saturating_sub(2)
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

/// Shortens the cells of the column under a heading until the rows are no wider than `room`, if it need not be narrower than `least` for that.
pub(super) fn shorten(rows: &mut [Vec<String>], room: usize, heading: &str, least: usize) {
    let over = width(rows).saturating_sub(room);
    let Some(place) = rows[0].iter().position(|cell| cell == heading) else {
        return;
    };
    let wide = widths(rows)[place].saturating_sub(over);
    if wide < least {
        return;
    }
    let mark = spelled("…");
    for row in rows.iter_mut() {
        let cell = &mut row[place];
        if cell.chars().count() > wide {
            let kept = wide.saturating_sub(mark.chars().count());
            *cell = cell.chars().take(kept).collect::<String>() + &mark;
        }
    }
}

/// Takes columns out until the others are no wider than `room`: those under these headings, the first one first. The headings of what was taken.
pub(super) fn narrow(
    rows: &mut [Vec<String>],
    room: usize,
    least: impl IntoIterator<Item = &'static str>,
) -> Vec<&'static str> {
    let mut gone = Vec::new();
    for heading in least {
        if width(rows) <= room {
            break;
        }
        let Some(place) = rows[0].iter().position(|cell| *cell == spelled(heading)) else {
            continue;
        };
        for row in rows.iter_mut() {
            row.remove(place);
        }
        gone.push(heading);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_beside_is_below() {
        let rows = ["| a | bb | ccc", "heading", "x | 1 | 2 | 3"];
        let rows = rows.map(|row| {
            row.split('|')
                .map(|c| c.trim().to_owned())
                .collect::<Vec<_>>()
        });
        let told = |room| -> Vec<String> {
            let parts = parts(&rows, room).into_iter();
            let cells = parts.flatten().map(|row| row.join("|"));
            cells.collect()
        };
        let whole = ["|a|bb|ccc", "heading", "x|1|2|3"];
        assert_eq!(told(None), whole);
        assert_eq!(told(Some(13)), whole);
        let two = ["|a|bb", "heading", "x|1|2", "|ccc", "heading", "x|3"];
        assert_eq!(told(Some(12)), two);
        assert_eq!(told(Some(1)).len(), 9, "one column each");
        assert_eq!(parts(&[vec!["alone".to_owned()]], Some(3)).len(), 1);
    }

    #[test]
    fn long_words_are_shortened_if_that_is_enough() {
        let rows = ["run device gap", "a cpu 1", "b 0123456789abcdef 2"];
        let rows = rows.map(|row| row.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for (room, expected) in [
            (26, "0123456789abcdef"),
            (25, "0123456789abcd…"),
            (20, "012345678…"),
            (18, "0123456…"),
            (17, "0123456789abcdef"),
        ] {
            let mut left = rows.clone();
            shorten(&mut left, room, "device", 8);
            let cells = left.iter().map(|row| row[1].as_str());
            let cells: Vec<&str> = cells.collect();
            assert_eq!(cells, ["device", "cpu", expected], "{room}");
        }
        let mut left = rows.clone();
        shorten(&mut left, 1, "nothing", 8);
        assert_eq!(left, rows);
    }

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
                narrow(&mut left, room, ["nothing", "gap", "state"]),
                gone,
                "{room}"
            );
            assert!(left.iter().all(|row| row.len() == 3 - gone.len()));
        }
    }
}
