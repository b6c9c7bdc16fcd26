//! The name that somebody meant.

/// The candidate that looks most like `name`, where one comes close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a very long text is a mistake of another kind.
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_lowercase().replace('_', "-");
    candidates
        .map(|known| (strsim::damerau_levenshtein(&lower, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_nothing_far_off() {
        let known = ["delay", "drop", "duplicate", "close"];
        assert_eq!(nearest("dleay", known.into_iter()), Some("delay"));
        assert_eq!(nearest("Delay", known.into_iter()), Some("delay"));
        assert_eq!(nearest("dupicate", known.into_iter()), Some("duplicate"));
        assert_eq!(nearest("banana", known.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known.into_iter()), None);
    }
}
