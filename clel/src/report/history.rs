//! The metrics of a run as columns. Of a long run lines would take many times the room.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use clel_nn::files::open_regular;
use serde_json::{Map, Value};

use super::metric_line::{Field, Line, not_finite};
use super::metrics::{End, damaged, number};
use crate::{Error, Result};

/// What a file of metrics told when it was last read: a column of numbers for each figure, and what happened.
#[derive(Debug, Default)]
pub struct History {
    /// The iteration of each line of figures.
    steps: Vec<u64>,
    columns: Vec<Column>,
    /// What happened, and after which iteration; the run may have gone back since.
    events: Vec<(u64, String)>,
    /// How the run ended, if the last line says that it ended with it.
    end: Option<End>,
    /// The iteration of the last line.
    newest: u64,
    /// The highest iteration of any line.
    highest: u64,
    /// What is wrong with the file.
    damage: Vec<Error>,
    place: Place,
}

/// The values of a figure.
#[derive(Debug)]
struct Column {
    name: String,
    /// Which lines of figures have it.
    rows: Vec<u32>,
    values: Vec<f64>,
}

/// How far a file has been read.
#[derive(Debug, Default)]
struct Place {
    /// When the file was made: another one in its place is read anew.
    created: Option<SystemTime>,
    /// How long it was, and when it had been written last: one that has been written since and is as long is read anew, too.
    seen: Option<(u64, SystemTime)>,
    bytes: u64,
    lines: usize,
    /// The last line that was read.
    last: Vec<u8>,
}

impl Place {
    /// Whether the file goes on from here, where it is then read on. One of a system that does not say when it was made does not.
    fn is_in(&mut self, file: &mut File) -> IoResult<bool> {
        let known = file.metadata()?;
        let same = self.created.is_some() && self.created == known.created().ok();
        let before = std::mem::replace(&mut self.seen, seen(&known));
        let rewritten = before != self.seen && before.map(|b| b.0) == self.seen.map(|s| s.0);
        if !same || rewritten || known.len() < self.bytes {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(self.bytes - self.last.len() as u64))?;
        let mut there = vec![0; self.last.len()];
        match file.read_exact(&mut there) {
            // it has just been cut
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            other => other.map(|()| there == self.last),
        }
    }
}

impl History {
    /// The metrics of a file; none if it is not there yet. A last line that was cut short is left out.
    ///
    /// # Errors
    /// The file cannot be read, or one of its lines is not a JSON object with a `step`.
    pub fn read(path: &Path) -> Result<History> {
        let mut history = History::default();
        history.read_on(path);
        match history.damage.is_empty() {
            true => Ok(history),
            false => Err(history.damage.remove(0)),
        }
    }

    /// Reads the lines that have come since, or all of them where the file is another one. Lines that are damaged are left out and told, a last one that was
    /// cut short is left for the next time. A file that is not there has no lines.
    pub fn read_on(&mut self, path: &Path) {
        if let Err(error) = self.try_to(path) {
            *self = History::default();
            if error.kind() != ErrorKind::NotFound {
                self.damage = vec![Error::read(path)(error)];
            }
        }
    }

    fn try_to(&mut self, path: &Path) -> IoResult<()> {
        let mut file = open_regular(path)?;
        if !self.place.is_in(&mut file)? {
            *self = History::default();
            let known = file.metadata()?;
            (self.place.created, self.place.seen) = (known.created().ok(), seen(&known));
            file.seek(SeekFrom::Start(0))?;
        }
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = file.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Ok(());
            }
            match Line::of(&line) {
                Some(line) => self.add(line),
                None => self.damage.push(damaged(path, self.place.lines)),
            }
            self.place.bytes += length as u64;
            self.place.lines += 1;
            std::mem::swap(&mut self.place.last, &mut line);
        }
    }

    /// Takes a line over.
    pub(super) fn add(&mut self, line: Line<'_>) {
        let step = line.step;
        self.end = line.end();
        self.newest = step;
        self.highest = step.max(self.highest);
        if line.is_event() {
            let event = line.event().map(|text| (line.happened(), text.to_owned()));
            self.events.extend(event);
            return;
        }
        let row = self.steps.len() as u32;
        self.steps.push(step);
        let mut likely = 0;
        for (name, field) in line.fields {
            let value = match field {
                _ if name == "step" => continue,
                Field::Whole(number) => number as f64,
                Field::Number(number) => number,
                Field::Text(word) => match not_finite(&word) {
                    Some(value) => value,
                    None => continue,
                },
                Field::Other => continue,
            };
            let place = self.place_of(&name, likely);
            self.columns[place].set(row, value);
            likely = place + 1;
        }
    }

    /// The state of an iteration has something behind it that happened then or later, before the run went back.
    pub(crate) fn add_event(&mut self, step: u64, happened: u64, text: &str) {
        self.events.push((happened, text.to_owned()));
        self.end = None;
        self.newest = step;
        self.highest = step.max(self.highest);
    }

    /// Where the column of a figure is, which is made if there is none. Lines have their figures in the same order mostly.
    fn place_of(&mut self, name: &str, likely: usize) -> usize {
        if self.columns.get(likely).is_some_and(|c| c.name == name) {
            return likely;
        }
        let known = self.columns.iter().position(|c| c.name == name);
        known.unwrap_or_else(|| {
            self.columns.push(Column {
                name: name.to_owned(),
                rows: Vec::new(),
                values: Vec::new(),
            });
            self.columns.len() - 1
        })
    }

    /// The iterations of the lines of figures, in the order of the file.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// The names of all figures.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &column.name[..])
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Iteration and value of each line that has a figure.
    pub fn points(&self, name: &str) -> impl Iterator<Item = (u64, f64)> {
        let lines = self.column(name).into_iter().flat_map(Column::lines);
        lines.map(|(row, value)| (self.steps[row as usize], value))
    }

    /// The last of them.
    pub fn last(&self, name: &str) -> Option<(u64, f64)> {
        let column = self.column(name)?;
        let row = *column.rows.last()? as usize;
        Some((self.steps[row], *column.values.last()?))
    }

    /// Iteration, value of a figure, and that of another one in the same line.
    pub fn pairs(&self, name: &str, other: Option<&str>) -> Vec<(u64, f64, Option<f64>)> {
        let other = other.and_then(|other| self.column(other));
        let lines = self.column(name).into_iter().flat_map(Column::lines);
        let pairs = lines.map(|(row, value)| {
            let beside = other.and_then(|other| {
                let place = other.rows.binary_search(&row).ok()?;
                Some(other.values[place])
            });
            (self.steps[row as usize], value, beside)
        });
        pairs.collect()
    }

    /// The figures of the last line that has any.
    pub fn figures(&self) -> Map<String, Value> {
        let last = self.steps.len().wrapping_sub(1) as u32;
        let there = self.columns.iter().filter(|c| c.rows.last() == Some(&last));
        there
            .filter_map(|c| Some((c.name.clone(), number(*c.values.last()?))))
            .collect()
    }

    /// What happened, with the iterations after which it did.
    pub fn events(&self) -> &[(u64, String)] {
        &self.events
    }

    /// How the run ended, if the last line says that it ended with it.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The iteration of the last line.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The highest iteration that there is a line of.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// The highest iteration that there is a line of figures of.
    pub fn highest_of_figures(&self) -> u64 {
        self.steps.iter().copied().max().unwrap_or(0)
    }

    /// What is wrong with the file.
    pub fn damage(&self) -> &[Error] {
        &self.damage
    }
}

#[cfg(test)]
impl History {
    /// That of such lines.
    pub(crate) fn of_lines(lines: impl IntoIterator<Item = Value>) -> History {
        let mut history = History::default();
        for line in lines {
            history.add(Line::of(line.to_string().as_bytes()).unwrap());
        }
        history
    }
}

impl Column {
    fn lines(&self) -> impl Iterator<Item = (u32, f64)> {
        self.rows.iter().copied().zip(self.values.iter().copied())
    }

    /// The value in a line; of several in one the last counts.
    fn set(&mut self, row: u32, value: f64) {
        match self.values.last_mut() {
            Some(last) if self.rows.last() == Some(&row) => *last = value,
            _ => {
                self.rows.push(row);
                self.values.push(value);
            }
        }
    }
}

fn seen(file: &Metadata) -> Option<(u64, SystemTime)> {
    Some((file.len(), file.modified().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    const LINES: [&str; 5] = [
        "{\"step\":1,\"gap\":0.5,\"loss\":2}",
        "{\"step\":2,\"event\":\"went back\"}",
        "{\"gap\":\"inf\",\"step\":3,\"more\":[1,{}],\"none\":null,\"word\":\"infinite\"}",
        "nothing",
        "{\"step\":4,\"gap\":0.25,\"gap\":0.75}",
    ];

    fn anew(path: &Path) -> History {
        let mut history = History::default();
        history.read_on(path);
        history
    }

    fn points(history: &History, name: &str) -> Vec<(u64, f64)> {
        history.points(name).collect()
    }

    fn told(history: &History) -> (Vec<(u64, f64)>, usize, u64) {
        (points(history, "gap"), history.damage.len(), history.newest)
    }

    #[test]
    fn lines_become_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        std::fs::write(&path, LINES.join("\n") + "\n{\"step\":5").unwrap();
        let history = anew(&path);
        let gap = [(1, 0.5), (3, f64::INFINITY), (4, 0.75)];
        assert_eq!(points(&history, "gap"), gap);
        assert_eq!(points(&history, "loss"), [(1, 2.0)]);
        assert_eq!(history.names().collect::<Vec<_>>(), ["gap", "loss"]);
        assert_eq!(history.last("loss"), Some((1, 2.0)));
        assert_eq!(history.events, [(2, "went back".to_owned())]);
        assert_eq!((history.newest, history.highest), (4, 4));
        assert_eq!(
            Value::Object(history.figures()),
            serde_json::json!({ "gap": 0.75 })
        );
        let pairs = [
            (1, 0.5, Some(2.0)),
            (3, f64::INFINITY, None),
            (4, 0.75, None),
        ];
        assert_eq!(history.pairs("gap", Some("loss")), pairs);
        assert_eq!(history.damage.len(), 1);
        let damage = history.damage[0].in_one_line();
        assert!(damage.contains("line 4"), "{damage}");
    }

    /// However a file has grown or changed, what is known of it is what reading it anew tells.
    #[test]
    fn reading_on_comes_to_what_reading_anew_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let text = LINES.join("\n") + "\n";
        let mut history = anew(&path);
        assert_eq!(told(&history), (vec![], 0, 0));
        let mut file = File::create(&path).unwrap();
        for bytes in text.as_bytes().chunks(7) {
            file.write_all(bytes).unwrap();
            history.read_on(&path);
            assert_eq!(told(&history), told(&anew(&path)));
        }
        assert_eq!(told(&history).0.len(), 3);
        // of the same length, cut, longer
        let other = text.replace("0.75}", "0.76}");
        for content in [&other, &text[..32], &other.repeat(2), &other] {
            std::fs::write(&path, content).unwrap();
            history.read_on(&path);
            assert_eq!(told(&history), told(&anew(&path)), "{content}");
        }
        // what else is as long and ends the same has been written at another time: in its place, or as another file
        let written = path.metadata().unwrap().modified().unwrap();
        for (seconds, gap, name) in [(1, 0.8, "metrics.jsonl"), (2, 0.9, "another")] {
            let name = dir.path().join(name);
            std::fs::write(&name, other.replace("0.5,", &format!("{gap},"))).unwrap();
            let file = File::options().write(true).open(&name).unwrap();
            file.set_modified(written + Duration::from_secs(seconds))
                .unwrap();
            drop(file);
            std::fs::rename(name, &path).unwrap();
            history.read_on(&path);
            assert_eq!(told(&history).0[0], (1, gap));
        }
        std::fs::remove_file(&path).unwrap();
        history.read_on(&path);
        assert_eq!(told(&history), (vec![], 0, 0));
        std::fs::create_dir(&path).unwrap();
        history.read_on(&path);
        let damage = history.damage[0].in_one_line();
        assert!(damage.contains("a folder"), "{damage}");
    }

    /// What has been read is not read again.
    #[test]
    fn only_what_has_come_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        std::fs::write(&path, LINES[..2].join("\n") + "\n").unwrap();
        let mut history = anew(&path);
        if path.metadata().unwrap().created().is_err() {
            // a system that does not say when a file was made has it read anew
            return;
        }
        // as nobody does but a test: what lies before the last line is another text
        let changed = LINES[..3].join("\n").replace("0.5", "0.7") + "\n";
        std::fs::write(&path, changed).unwrap();
        history.read_on(&path);
        assert_eq!(points(&history, "gap"), [(1, 0.5), (3, f64::INFINITY)]);
    }
}
