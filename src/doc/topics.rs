//! The pages of docs/ as topics of help: the same text, embedded, and each of its sections.

use super::terminal;

/// A page of docs/ under its name.
const PAGES: &[(&str, &str)] = &[
    ("rules", include_str!("../../docs/rules.md")),
    ("scenarios", include_str!("../../docs/scenarios.md")),
    ("reports", include_str!("../../docs/reports.md")),
    ("ci", include_str!("../../docs/ci.md")),
    ("endpoints", include_str!("../../docs/endpoints.md")),
    ("api", include_str!("../../docs/api.md")),
    ("from-toxiproxy", include_str!("../../docs/from-toxiproxy.md")),
    ("from-netem", include_str!("../../docs/from-netem.md")),
    ("from-vaurien", include_str!("../../docs/from-vaurien.md")),
    ("proxy-protocol", include_str!("../../docs/proxy-protocol.md")),
    ("http", include_str!("../../docs/http.md")),
    ("json-rpc", include_str!("../../docs/json-rpc.md")),
    ("in-a-test", include_str!("../../docs/in-a-test.md")),
    ("write-a-protocol", include_str!("../../docs/write-a-protocol.md")),
    ("write-a-behavior", include_str!("../../docs/write-a-behavior.md")),
    ("performance", include_str!("../../docs/performance.md")),
];

/// Names and titles of the pages.
pub(crate) fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let title = |text: &'static str| text.lines().next().unwrap_or_default();
    PAGES.iter().map(move |(name, text)| (*name, title(text).trim_start_matches("# ")))
}

/// A page, for a terminal.
pub(crate) fn page(name: &str) -> Option<String> {
    let (_, text) = PAGES.iter().find(|(known, _)| *known == name)?;
    Some(terminal::render(text))
}

/// Short names of sections that only one page has.
pub(crate) fn sections() -> Vec<String> {
    let all: Vec<_> = PAGES.iter().flat_map(|(_, text)| headings(text)).collect();
    let once = |name: &String| all.iter().filter(|(_, _, other)| other == name).count() == 1;
    // Longer ones are no names that anybody would type.
    let short = |name: &String| name.matches('-').count() < 4;
    all.iter().map(|(_, _, name)| name.clone()).filter(once).filter(short).collect()
}

/// The section of this name, for a terminal.
pub(crate) fn section(name: &str) -> Option<String> {
    if !sections().iter().any(|known| known == name) {
        return None;
    }
    let (text, at, depth) = PAGES.iter().find_map(|(_, text)| {
        let found = headings(text).into_iter().find(|(_, _, known)| known == name)?;
        Some((text, found.0, found.1))
    })?;
    let after = headings(text).into_iter().find(|(line, other, _)| *line > at && *other <= depth);
    let end = after.map_or(usize::MAX, |(line, _, _)| line);
    let lines: Vec<_> = text.lines().take(end).skip(at).collect();
    Some(terminal::render(&lines.join("\n")))
}

/// Headings below the title: their line, their depth and their name.
fn headings(text: &str) -> Vec<(usize, usize, String)> {
    let mut code = false;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        code ^= line.starts_with("```");
        let depth = line.chars().take_while(|letter| *letter == '#').count();
        if !code && (2..=3).contains(&depth) {
            found.push((at, depth, slug(&line[depth..])));
        }
    }
    found
}

/// A heading as one word.
fn slug(heading: &str) -> String {
    let words = heading.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_docs_is_a_topic() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let Some(name) = file.strip_suffix(".md") else { continue };
            // What is generated comes from the tables.
            if !["behaviors", "protocols", "kinds"].contains(&name) {
                assert!(page(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn sections_are_topics_too() {
        for name in ["phases", "load", "expectations"] {
            let text = section(name).expect(name);
            assert!(text.to_lowercase().contains(name), "{text}");
        }
        assert!(!section("phases").unwrap().contains("Around a command"));
        assert!(section("phases").unwrap().contains("Expectations"));
        assert!(section("no-such").is_none());
    }
}
