//! The preprocessor of the shaders: loops written out, variants chosen, names replaced.
//!
//! Lines that start with `#` are directives:
//! `#for I 4` … `#end` writes the lines between four times with `$I` = 0..4;
//! `#if NAME`, `#if !NAME`, `#if NAME == 3` … `#else` … `#endif` chooses;
//! `#include name` inserts another file. A backslash at the end joins a line to the next. Elsewhere
//! `$NAME` (capital letters) and `${A * 4 + 1}` (integers, evaluated from left to right) are
//! replaced. Unrolling here and not in a loop of the shader
//! keeps the accumulators in registers whatever the driver's compiler does.

use std::borrow::Cow;
use std::fmt::Write;

use super::pointwise_text::word;
use super::texts;
use crate::DType;

/// A shader file with the values of its names.
#[derive(Debug, Clone)]
pub(super) struct Program {
    file: &'static str,
    text: &'static str,
    names: Vec<(&'static str, String)>,
}

/// Names `shaders/$file.wgsl`.
macro_rules! program {
    ($file:literal) => {
        $crate::gpu::template::Program::new(
            $file,
            include_str!(concat!("shaders/", $file, ".wgsl")),
        )
    };
}
pub(super) use program;

impl Program {
    pub(super) const fn new(file: &'static str, text: &'static str) -> Self {
        Program {
            file,
            text,
            names: Vec::new(),
        }
    }

    /// Gives a name its value.
    pub(super) fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.names.push((name, value.to_string()));
        self
    }

    /// For arrays of this type: `ELEMENT` in the text, which without this is f32.
    pub(super) fn of(self, dtype: DType) -> Self {
        self.named("ELEMENT", dtype)
    }

    /// With results of this type: `RESULT` in the text, which without this is f32.
    pub(super) fn to(self, dtype: DType) -> Self {
        self.named("RESULT", dtype)
    }

    fn named(self, name: &'static str, dtype: DType) -> Self {
        match dtype {
            DType::F16 => self.set(name, word(dtype)),
            _ => self,
        }
    }

    /// Readable key of this permutation, as `matmul_direct TM=8 TN=8`.
    pub(super) fn key(&self) -> String {
        let mut key = self.file.to_owned();
        for (name, value) in &self.names {
            // Writing to a string does not fail.
            let _ = write!(key, " {name}={value}");
        }
        key
    }

    /// The file.
    ///
    /// # Errors
    /// Those of a file in its place.
    pub(super) fn text(&self) -> Result<Cow<'static, str>, String> {
        texts::text(self.file, self.text)
    }

    /// The WGSL text.
    ///
    /// # Errors
    /// The faulty line, when the file breaks the rules above, or those of a file in its place.
    pub(super) fn expand(&self) -> Result<String, String> {
        let usual = ["ELEMENT", "RESULT"].map(|name| (name.to_owned(), "f32".to_owned()));
        let mut names: Vec<(String, String)> = usual.to_vec();
        let given = self.names.iter();
        names.extend(given.map(|(name, value)| ((*name).to_owned(), value.clone())));
        let text = self.text()?;
        let lines: Vec<&str> = text.lines().collect();
        let mut out = String::with_capacity(text.len() * 4);
        expand(&lines, &mut names, &mut out).map_err(|line| format!("{}: {line}", self.file))?;
        Ok(out)
    }
}

/// What the parts of a kernel are put together to, with the directive in front that WGSL wants where there are halves.
pub(super) fn finished(text: String) -> String {
    match text.contains("f16") {
        true => format!("enable f16;\n{text}"),
        false => text,
    }
}

type Names = Vec<(String, String)>;

fn expand(lines: &[&str], names: &mut Names, out: &mut String) -> Result<(), String> {
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first().copied() {
            Some("#for") => {
                let end = closing(lines, at, "#for", "#end")?;
                let [_, name, ..] = words[..] else {
                    return Err(line.to_owned());
                };
                for i in 0..count(&words[2..], names).ok_or(line)? {
                    names.push((name.to_owned(), i.to_string()));
                    expand(&lines[at + 1..end], names, out)?;
                    names.pop();
                }
                at = end;
            }
            Some("#if") => {
                let end = closing(lines, at, "#if", "#endif")?;
                let other = otherwise(&lines[..end], at).unwrap_or(end);
                if condition(&words[1..], names).ok_or(line)? {
                    expand(&lines[at + 1..other], names, out)?;
                } else if other < end {
                    expand(&lines[other + 1..end], names, out)?;
                }
                at = end;
            }
            Some("#include") => {
                let [file] = words[1..] else {
                    return Err(line.to_owned());
                };
                let text = texts::text(file, included(file).ok_or(line)?)?;
                expand(&text.lines().collect::<Vec<_>>(), names, out)?;
            }
            _ => {
                let (line, joined) = match line.strip_suffix('\\') {
                    Some(line) => (line, true),
                    None => (line, false),
                };
                replace(line, names, out).ok_or(line)?;
                if !joined {
                    out.push('\n');
                }
            }
        }
        at += 1;
    }
    Ok(())
}

/// The files that others insert.
fn included(file: &str) -> Option<&'static str> {
    macro_rules! one_of {
        ($($name:literal)*) => {
            match file {
                $($name => Some(include_str!(concat!("shaders/", $name, ".wgsl"))),)*
                _ => None,
            }
        };
    }
    one_of!(
        "philox" "numerics" "order" "thread" "each_thread" "each_tile" "lanes_rows"
        "gemm_operands" "gemm_first" "gemm_next" "gemm_matrix_keep" "gemm_tiled_keep" "split"
        "winograd_lines" "winograd_forth" "winograd_back"
    )
}

/// Position of the directive that closes the one at `start`.
fn closing(lines: &[&str], start: usize, opens: &str, closes: &str) -> Result<usize, String> {
    let mut depth = 0;
    for (at, line) in lines.iter().enumerate().skip(start) {
        match line.split_whitespace().next() {
            Some(word) if word == opens => depth += 1,
            Some(word) if word == closes => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(format!("{} is not closed", lines[start]))
}

/// Position of the `#else` that belongs to the `#if` at `start`.
fn otherwise(lines: &[&str], start: usize) -> Option<usize> {
    let mut depth = 0;
    lines.iter().enumerate().skip(start).find_map(|(at, line)| {
        match line.split_whitespace().next() {
            Some("#if") => depth += 1,
            Some("#endif") => depth -= 1,
            Some("#else") if depth == 1 => return Some(at),
            _ => {}
        }
        None
    })
}

fn condition(words: &[&str], names: &Names) -> Option<bool> {
    match words {
        [name] => match name.strip_prefix('!') {
            Some(name) => Some(value(name, names)? == 0),
            None => Some(value(name, names)? != 0),
        },
        [left, "==", right] => Some(text(left, names) == text(right, names)),
        [left, "<", right] => Some(value(left, names)? < value(right, names)?),
        _ => None,
    }
}

fn text<'a>(word: &'a str, names: &'a Names) -> &'a str {
    names
        .iter()
        .rev()
        .find(|(name, _)| name == word)
        .map_or(word, |(_, value)| value)
}

fn value(word: &str, names: &Names) -> Option<u32> {
    text(word.trim_start_matches('$'), names).parse().ok()
}

/// The number of turns: `4`, `NAME` or `${NAME * 4}`.
fn count(words: &[&str], names: &Names) -> Option<u32> {
    let expression = words.join(" ");
    let inner = expression
        .strip_prefix("${")
        .and_then(|e| e.strip_suffix('}'));
    evaluate(inner.unwrap_or(&expression), names)
}

/// `A * 4 + 1` from left to right.
fn evaluate(expression: &str, names: &Names) -> Option<u32> {
    let mut words = expression.split_whitespace();
    let mut result = value(words.next()?, names)?;
    while let Some(operator) = words.next() {
        let right = value(words.next()?, names)?;
        result = match operator {
            "+" => result + right,
            "-" => result.checked_sub(right)?,
            "*" => result * right,
            "/" => result.checked_div(right)?,
            "%" => result.checked_rem(right)?,
            _ => return None,
        };
    }
    Some(result)
}

fn replace(line: &str, names: &Names, out: &mut String) -> Option<()> {
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}')?;
            let _ = write!(out, "{}", evaluate(&inner[..end], names)?);
            rest = &inner[end + 1..];
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_uppercase())
                .unwrap_or(rest.len());
            let name = &rest[..end];
            names.iter().find(|(known, _)| known == name)?;
            out.push_str(text(name, names));
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_choices_and_arithmetic() {
        let text =
            "#for I N\n#if I == 1\nodd $I_x\n#else\n#if WIDE\nv${I * 4 + 1}\n#endif\n#endif\n#end";
        let program = Program::new("t", text).set("N", 3).set("WIDE", 1);
        assert_eq!(program.expand().unwrap(), "v1\nodd 1_x\nv9\n");
        assert_eq!(program.key(), "t N=3 WIDE=1");
    }

    #[test]
    fn faults_name_the_line() {
        for text in ["#for I 2\nx", "x $UNKNOWN", "#include nothing", "${1 +}"] {
            let error = Program::new("t", text).expand().unwrap_err();
            assert!(error.starts_with("t: "), "{error}");
        }
    }
}
