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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let all = [0, 1, 2].map(|n| counted(n, "image"));
        assert_eq!(all, ["0 images", "1 image", "2 images"]);
        assert_eq!(counted(3, "class"), "3 classes");
    }
}
