//! Numbers with their nouns.

/// `1 image`, `3 images`, `2 classes`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let ending = match (n, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{n} {noun}{ending}")
}

/// Names in a message; of many the first ones, and how many more there are.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    /// Names that a reader still looks through.
    const MOST: usize = 40;
    first_of(names, MOST, ", ")
}

/// The first few of what is told in some words each, and how many more there are.
pub(crate) fn handful<T: AsRef<str>>(told: &[T]) -> String {
    first_of(told, 8, "; ")
}

fn first_of<T: AsRef<str>>(all: &[T], most: usize, between: &str) -> String {
    let told = &all[..all.len().min(most)];
    let told: Vec<&str> = told.iter().map(AsRef::as_ref).collect();
    let more = match all.len() - told.len() {
        0 => String::new(),
        n => format!("{between}… and {n} more"),
    };
    told.join(between) + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_end_with_what_is_left_out() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        let many: Vec<String> = (0..300).map(|i| format!("n{i}")).collect();
        let told = listed(&many);
        assert!(told.starts_with("n0, n1, ") && told.ends_with(", n39, … and 260 more"));
        assert!(handful(&many).ends_with("; n7; … and 292 more"));
    }

    #[test]
    fn one_is_no_plural() {
        let all = [0, 1, 2].map(|n| counted(n, "image"));
        assert_eq!(all, ["0 images", "1 image", "2 images"]);
        assert_eq!(counted(3, "class"), "3 classes");
    }
}
