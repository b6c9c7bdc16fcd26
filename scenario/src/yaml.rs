//! YAML to a tree with places. The only file that names the YAML crate.

use super::node::{Key, Kind, Node};
use super::place::{Place, Source, Wrong};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The largest file that is read.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// The text of a file (`-`: of standard input), which must not be larger than any scenario is.
pub(crate) fn load(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let is_input = path == Path::new("-");
    let open = || match is_input {
        true => Ok(File::from(rustix::io::dup(rustix::stdio::stdin())?)),
        false => File::open(path),
    };
    let read = open().and_then(|file| {
        // Anything but a file may never end.
        match is_input || file.metadata()?.is_file() {
            true => file.take(MOST_BYTES as u64 + 1).read_to_string(&mut text),
            false => Err(io::Error::other("this is no file")),
        }
    });
    read.map(|_| text).map_err(|error| chenapan_engine::endpoint::plain(&error))
}

/// Reads a file's text.
pub(crate) fn parse(path: &Path, text: String) -> Result<Node, Wrong> {
    let source = Arc::new(Source { path: path.to_owned(), text });
    let start = Place { source: Arc::clone(&source), line: 1, column: 1, bytes: 0..0 };
    if source.text.len() > MOST_BYTES {
        return Err(start.wrong("the file is larger than 1 MiB"));
    }
    let budget = serde_yaml::budget! {
        max_depth: 24,
        max_nodes: 50_000,
        max_events: 200_000,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_documents: 1,
    };
    let options = serde_yaml::options! { budget: budget, with_snippet: false };
    let raw: Raw = serde_yaml::from_str_with_options(&source.text, options).map_err(|error| {
        let place = error.location().map_or(start, |at| place(&source, at));
        let (said, help) = explained(&error.to_string());
        let wrong = place.wrong(said);
        match help {
            Some(help) => wrong.help(help),
            None => wrong,
        }
    })?;
    settle(raw, &source)
}

/// Translates an error of the crate into words for the author of the file, with a remedy.
fn explained(said: &str) -> (String, Option<&'static str>) {
    let known = TRAPS.iter().find(|(mark, ..)| said.contains(mark));
    if let Some((_, message, help)) = known {
        return ((*message).to_owned(), Some(*help).filter(|help| !help.is_empty()));
    }
    // The place is told apart from what is wrong.
    let said = said.lines().next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let said = match said.split_once(": ") {
        Some((at, rest)) if at.starts_with("line ") => rest,
        _ => said,
    };
    let said = said.split(", set DuplicateKeyPolicy").next().unwrap_or(said);
    let said = said.split(" at line ").next().unwrap_or(said);
    if let Some(character) = said.strip_prefix("unexpected character: `") {
        let said = format!("{} cannot stand here", character.trim_end_matches('\''));
        return (said, Some("put quotes around a text that begins with it"));
    }
    let said = if said.is_empty() { "this is not YAML" } else { said };
    (said.to_owned(), None)
}

/// Common mistakes of authors: a mark in the crate's message, and the message that replaces it.
const TRAPS: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "to YAML a \": \" makes a key of the text before it",
        "put quotes around the whole text, as in 'echo a: b'",
    ),
    (
        "while scanning a block scalar",
        "to YAML > and | begin a text of several lines",
        "put quotes around the whole text, as in \">= 1\"",
    ),
    (
        "expected ',' or '}'",
        "expected , or } here",
        "put quotes around a text with \": \", a comma or a bracket in it",
    ),
    (
        "expected ',' or ']'",
        "expected , or ] here",
        "put quotes around a text with \": \", a comma or a bracket in it",
    ),
    (
        "did not find expected key",
        "expected a key of the map here",
        "keys of one map begin in one column; quotes belong around a text that begins with { or [",
    ),
    (
        "did not find expected '-' indicator",
        "expected another item of the list, after a -",
        "what belongs to an item begins in the column of its first key",
    ),
    (
        "block sequence entries are not allowed",
        "an item of a list cannot stand here",
        "put quotes around a text that begins with \"- \"",
    ),
    (
        "anchor or alias",
        "to YAML * and & begin the name of an anchor",
        "put quotes around the whole text",
    ),
    (
        "unknown anchor",
        "there is no anchor of this name before",
        "put quotes around a text that begins with *",
    ),
    (
        "unknown escape character",
        "in double quotes a \\ begins an escape, and this is none",
        "use single quotes, in which it is a plain character",
    ),
    (
        "trailing content after",
        "there is text after the closing quote",
        "put quotes around the whole text, as in 'say \"it\" loud'",
    ),
    ("tabs disallowed", "tabs are not allowed at the start of a line", "use spaces"),
    ("Depth {", "lists and maps stand too deep in each other", ""),
    ("Nodes {", "the file has more parts than any scenario needs", ""),
    ("Events {", "the file has more parts than any scenario needs", ""),
    ("Aliases {", "the file has more aliases than any scenario needs", ""),
    ("Anchors {", "the file has more anchors than any scenario needs", ""),
    ("Documents {", "another document begins here, and a scenario is one", ""),
    ("expected string scalar", "a key is a text", ""),
];

/// Tree of the crate, before plain scalars get their own text back.
struct Raw(Spanned<RawKind>);

enum RawKind {
    Null,
    Text(String),
    /// A number or a flag: the text is in the source.
    Plain,
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

/// Visitor of whatever stands in a file.
struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a list or a map")
    }

    fn visit_str<E>(self, text: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawKind, E> {
        Ok(RawKind::Plain)
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_none<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(RawKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Map(entries))
    }
}

fn settle(Raw(raw): Raw, source: &Arc<Source>) -> Result<Node, Wrong> {
    let place = self::place(source, raw.referenced);
    if tagged(&place) {
        // A tag would be lost without a word: `exit: != 0` would mean 0.
        let wrong = place.wrong("to YAML a word that begins with ! is a tag");
        return Err(wrong.help("put quotes around the whole text, as in \"!= 0\""));
    }
    let kind = match raw.value {
        RawKind::Null => Kind::Null,
        RawKind::Text(text) => Kind::Text(text),
        // Behind an alias the text stands where the anchor is.
        RawKind::Plain => {
            let bytes = self::place(source, raw.defined).bytes;
            Kind::Text(source.text.get(bytes).unwrap_or_default().trim().to_owned())
        }
        RawKind::List(items) => Kind::List(
            items.into_iter().map(|item| settle(item, source)).collect::<Result<_, _>>()?,
        ),
        RawKind::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Raw)| {
                let place = self::place(source, key.referenced);
                Ok((Key { name: key.value, place }, settle(value, source)?))
            };
            Kind::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
    };
    Ok(Node { place, kind, sound: true })
}

/// Returns `true` if a tag stands before a value, in its line.
fn tagged(place: &Place) -> bool {
    let before = place.source.text.get(..place.bytes.start).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let word = line.trim_end().rsplit([' ', '\t', ',', '[', '{']).next().unwrap_or_default();
    let itself = place.source.text.get(place.bytes.clone()).unwrap_or_default();
    word.starts_with('!') || itself.starts_with('!')
}

fn place(source: &Arc<Source>, at: Location) -> Place {
    let (line, column) = (at.line().max(1), at.column().max(1));
    let span = at.span();
    let length = span.byte_len().map_or(1, |length| length as usize).max(1);
    let start = span.byte_offset().map(|start| start as usize);
    let start = start.filter(|start| *start < source.text.len()).unwrap_or_else(|| {
        // Not every place comes with an offset; lines and columns are counted in characters.
        let before = source.text.split_inclusive('\n').take(line as usize - 1);
        let row: usize = before.map(str::len).sum();
        let rest = source.text.get(row..).unwrap_or_default();
        row + rest.chars().take(column as usize - 1).map(char::len_utf8).sum::<usize>()
    });
    let end = (start + length).min(source.text.len());
    // A place within one line is enough to see it.
    let shown = source.text.get(start..end).unwrap_or_default();
    let end = start + shown.find('\n').unwrap_or(shown.len());
    Place { source: Arc::clone(source), line, column, bytes: start.min(end)..end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        parse(Path::new("x.yaml"), text.to_owned()).unwrap()
    }

    fn wrong(text: &str) -> String {
        parse(Path::new("x.yaml"), text.to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn scalars_keep_the_text_that_was_written() {
        let node = read("[yes, 0x0d0a, 1e3, 2.50, \"x y\", '0x1', 2s, on, 10..20]");
        let texts: Vec<_> = node.items().iter().map(|item| item.text().unwrap()).collect();
        assert_eq!(texts, ["yes", "0x0d0a", "1e3", "2.50", "x y", "0x1", "2s", "on", "10..20"]);
    }

    #[test]
    fn anchors_and_merges_work_and_keep_their_text() {
        let node = read("base: &b {sleep: 1.50, on: 3}\nuse: {<<: *b, x: *b}\n");
        let mut fields = node.fields().unwrap();
        let mut merged = fields.take("use").unwrap().fields().unwrap();
        assert_eq!(merged.take("sleep").unwrap().text().unwrap(), "1.50");
        assert_eq!(merged.take("on").unwrap().count().unwrap(), 3);
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        assert!(wrong("a: 1\na: 2\n").starts_with("x.yaml:2:1: duplicate mapping key: a\n"));
        assert!(wrong("a: [\n").starts_with("x.yaml:1:4: unclosed bracket"));
        assert!(wrong("a:\n\t- x\n").contains("x.yaml:2:2: tabs"));
    }

    #[test]
    fn what_is_met_daily_is_told_with_what_would_do() {
        for (text, message, help) in [
            ("a: echo b: c\n", "1:10: to YAML a \": \"", "'echo a: b'"),
            ("a: {b: echo c: d}\n", "1:14: expected , or }", "put quotes around a text"),
            ("a: >= 1\n", "1:4: to YAML > and |", "\">= 1\""),
            ("a: | x\n", ": to YAML > and |", "quotes"),
            ("a: {b}/x\n", "1:7: expected a key", "begins with { or ["),
            ("a: *\n", "1:4: to YAML * and &", "quotes"),
            ("a: *b\n", "1:4: there is no anchor", "quotes"),
            ("a: @x\n", "1:4: @ cannot stand here", "quotes around a text"),
            ("a: - b\n", "1:4: an item of a list", "quotes"),
            ("a: \"\\d\"\n", "1:4: in double quotes", "single quotes"),
            ("a: \"b\" c\n", "1:8: there is text after", "quotes"),
            ("a:\n\t- x\n", "2:2: tabs are not allowed", "use spaces"),
            ("- a: b\n c: d\n", "2:2: expected", "column"),
        ] {
            let said = wrong(text);
            let (head, rest) = said.split_once('\n').unwrap_or((&said, ""));
            assert!(head.contains(message), "{text}: {said}");
            assert!(rest.contains("= help: ") && rest.contains(help), "{text}: {said}");
            // The place is told once, and nothing of what is inside.
            let internal = ["line 1", "line 2", "column 1", "budget", "scalar", "-->", "while "];
            assert!(internal.iter().all(|word| !said.contains(word)), "{text}: {said}");
        }
        for (text, message) in [
            ("[".repeat(100) + &"]".repeat(100), "1:25: lists and maps stand too deep"),
            ("a: 1\n---\na: 2\n".to_owned(), "2:1: another document begins here"),
            ("? [a]\n: b\n".to_owned(), "1:3: a key is a text"),
        ] {
            assert!(wrong(&text).starts_with(&format!("x.yaml:{message}")), "{}", wrong(&text));
        }
    }

    #[test]
    fn tags_are_refused_instead_of_lost() {
        for text in ["a: != 0", "a: !~ x", "a: [!= 0]", "a: {b: !x y}", "!a b", "a: !!str 1"] {
            assert!(wrong(text).contains("to YAML a word that begins with !"), "{text}");
        }
        assert_eq!(read("a: \"!= 0\"").entries().unwrap()[0].1.text().unwrap(), "!= 0");
        assert_eq!(read("a: x!").entries().unwrap()[0].1.text().unwrap(), "x!");
    }

    #[test]
    fn hostile_files_are_refused_quickly() {
        assert!(wrong(&"[".repeat(100_000)).starts_with("x.yaml:1:"));
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            let aliases = vec![format!("*a{}", n - 1); 10].join(",");
            bomb += &format!("a{n}: &a{n} [{aliases}]\n");
        }
        assert!(wrong(&bomb).contains("has more parts than"), "{}", wrong(&bomb));
        assert!(wrong(&"x".repeat(2 << 20)).contains("larger than 1 MiB"));
        assert!(wrong("a: 1\n---\na: 2\n").starts_with("x.yaml:"));
    }
}
