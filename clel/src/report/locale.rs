//! What characters the terminal takes.

use std::borrow::Cow;
use std::path::Path;

/// Whether the terminal takes all characters: false where the environment names a locale that has others than UTF-8. One that names none, in a
/// container say, tells nothing.
pub(crate) fn is_utf8() -> bool {
    cfg!(not(unix)) || names_utf8(&|name| std::env::var(name).unwrap_or_default())
}

fn names_utf8(variable: &dyn Fn(&str) -> String) -> bool {
    // the first that says something decides
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut named = names.into_iter().map(variable);
    let named = named.find(|locale| !locale.is_empty());
    named.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A text for the terminal: in ASCII, if that is all it takes.
pub(crate) fn spelled(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || is_utf8() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(in_ascii(text)),
    }
}

/// A text as a terminal may see it: what files were named, or held, must not move its cursor.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let moves = |c: char| c.is_control() && c != '\n';
    if !text.contains(moves) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match moves(c) {
            true => safe.extend(c.escape_default()),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// A path as a terminal may see it in a line with others.
pub(crate) fn one_line(path: &Path) -> String {
    printable(&path.to_string_lossy()).replace('\n', "\\n")
}

fn in_ascii(text: &str) -> String {
    let text = text.replace(" · ", " | ").replace("Fréchet", "Frechet");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => out.push(c),
            '·' => out.push('*'),
            '−' | '–' | '—' => out.push('-'),
            '×' => out.push('x'),
            '±' => out.push_str("+-"),
            '…' => out.push_str("..."),
            '∇' => out.push_str("grad "),
            '²' => out.push_str("^2"),
            '½' => out.push_str("1/2 "),
            '‖' => out.push_str("||"),
            'β' => out.push_str("beta"),
            'σ' => out.push_str("sigma"),
            'λ' => out.push_str("lambda"),
            // a letter of a path, which must not become another one
            c if c.is_alphanumeric() => out.extend(c.escape_default()),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_locale_that_is_named_can_lack_characters() {
        let with = |set: &[(&str, &str)]| {
            let found = |name: &str| set.iter().find(|s| s.0 == name).map_or("", |s| s.1);
            names_utf8(&|name| found(name).to_owned())
        };
        assert!(with(&[]));
        assert!(with(&[("LC_ALL", ""), ("LANG", "de_DE.UTF-8")]));
        assert!(with(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(with(&[("LC_CTYPE", "UTF-8"), ("LANG", "C")]));
        for set in [
            ("LC_ALL", "C"),
            ("LC_CTYPE", "POSIX"),
            ("LANG", "en_US.ISO-8859-1"),
        ] {
            assert!(!with(&[set]), "{set:?}");
        }
        assert!(!with(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]));
    }

    #[test]
    fn control_characters_are_spelled_out() {
        let text = "error: a\x1b[2Jb\r×\n  because: \u{9b}1m";
        assert_eq!(
            printable(text),
            "error: a\\u{1b}[2Jb\\r×\n  because: \\u{9b}1m"
        );
        assert!(matches!(printable("×\n"), Cow::Borrowed(_)));
        assert_eq!(one_line(Path::new("a\nb\x1b")), "a\\nb\\u{1b}");
    }

    #[test]
    fn what_is_said_in_ascii_can_be_read() {
        let text = "step 3/3 · E(data) − E(samples), beyond ±10 · mean |∇E| · 1 × 2 · Fréchet";
        let said = "step 3/3 | E(data) - E(samples), beyond +-10 | mean |grad E| | 1 x 2 | Frechet";
        assert_eq!(in_ascii(text), said);
    }
}
