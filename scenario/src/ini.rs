//! Vaurien's ini to a tree with places: sections of keys, as Python's `ConfigParser` reads them.
//!
//! It never knows what a section or a key means.

use super::node::{Key, Kind, Node};
use super::place::{Place, Source, Wrong};
use super::yaml::MOST_BYTES;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Returns `true` for a text that begins with a section: `[vaurien]`, and not a list in brackets.
pub(crate) fn is_ini(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !is_comment(line)).unwrap_or_default();
    let name = first.strip_prefix('[').map(str::trim_start).unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_comment(line: &str) -> bool {
    line.starts_with(['#', ';'])
}

/// Keys of a section, each with its values.
type Entries = Vec<(Key, Vec<Node>)>;

/// Reads a file's text, with `${NAME}` as the value of a variable of the environment.
pub(crate) fn parse(
    path: &Path,
    text: String,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Node, Wrong> {
    let source = Arc::new(Source { path: path.to_owned(), text });
    let mut lines = Lines { source: Arc::clone(&source), line: 0, start: 0 };
    let start = lines.place(0..0);
    if source.text.len() > MOST_BYTES {
        return Err(start.wrong("the file is larger than 1 MiB"));
    }
    let mut sections: Vec<(Key, Entries)> = Vec::new();
    let (mut known, mut known_keys) = (HashSet::new(), HashSet::new());
    for row in source.text.split_inclusive('\n') {
        lines.line += 1;
        let text = row.trim_end();
        let from = text.len() - text.trim_start_matches('\u{feff}').trim_start().len();
        let (trimmed, indented) = (&text[from..], text.starts_with([' ', '\t']));
        let last = sections.last_mut().map(|(_, keys)| keys);
        match last {
            _ if trimmed.is_empty() || is_comment(trimmed) => {}
            _ if trimmed.starts_with('[') && !indented => {
                let key = lines.section(trimmed, from)?;
                unique(&key, &mut known)?;
                known_keys.clear();
                sections.push((key, Vec::new()));
            }
            None => return Err(lines.place(from..text.len()).wrong("expected [vaurien] first")),
            Some(keys) => match keys.last_mut().filter(|_| indented) {
                Some((_, values)) => values.push(lines.value(trimmed, from, &variable)?),
                None => {
                    let (key, value) = lines.entry(trimmed, from, &variable)?;
                    unique(&key, &mut known_keys)?;
                    keys.push((key, Vec::from_iter(value)));
                }
            },
        }
        lines.start += row.len();
    }
    let map = |(key, keys): (Key, Vec<(Key, Vec<Node>)>)| {
        let place = key.place.clone();
        let kind = Kind::Map(keys.into_iter().map(|(key, values)| settled(key, values)).collect());
        (key, Node { place, kind, sound: true })
    };
    let kind = Kind::Map(sections.into_iter().map(map).collect());
    Ok(Node { place: start, kind, sound: true })
}

/// Returns a key with its value: a text, a list where it has several lines, or nothing.
fn settled(key: Key, mut values: Vec<Node>) -> (Key, Node) {
    let place = values.first().map_or(&key.place, |first| &first.place).clone();
    let kind = match values.len() {
        0 => Kind::Null,
        1 => values.remove(0).kind,
        _ => Kind::List(values),
    };
    (key, Node { place, kind, sound: true })
}

/// Refuses a key that is there already.
fn unique(key: &Key, known: &mut HashSet<String>) -> Result<(), Wrong> {
    match known.insert(key.name.clone()) {
        true => Ok(()),
        false => Err(key.place.wrong(format!("{:?} is there twice", key.name))),
    }
}

/// The lines of a file, at one of them.
struct Lines {
    source: Arc<Source>,
    /// Number of the line, from 1.
    line: usize,
    /// The byte at which it begins.
    start: usize,
}

impl Lines {
    /// Returns the place of bytes of the line.
    fn place(&self, bytes: Range<usize>) -> Place {
        let source = Arc::clone(&self.source);
        let before = self.source.text.get(self.start..self.start + bytes.start).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count() as u64 + 1;
        let bytes = self.start + bytes.start..self.start + bytes.end;
        Place { source, line: self.line.max(1) as u64, column, bytes }
    }

    /// Reads the name of a section.
    fn section(&self, text: &str, from: usize) -> Result<Key, Wrong> {
        let whole = self.place(from..from + text.len());
        let Some(close) = text.find(']') else {
            return Err(whole.wrong("expected ] behind the name of a section"));
        };
        let behind = text[close + 1..].trim_start();
        if !behind.is_empty() && !is_comment(behind) {
            let at = from + text.len() - behind.len();
            let wrong = self.place(at..from + text.len()).wrong("nothing may stand here");
            return Err(wrong.help("a key and its value have a line of their own"));
        }
        Ok(Key {
            name: text[1..close].trim().to_owned(),
            place: self.place(from..from + close + 1),
        })
    }

    /// Reads `key = value` or `key: value`.
    fn entry(
        &self,
        text: &str,
        from: usize,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<(Key, Option<Node>), Wrong> {
        let mark = text.find(['=', ':']).filter(|mark| *mark > 0);
        let Some(mark) = mark else {
            return Err(self.place(from..from + text.len()).wrong("expected key = value"));
        };
        let name = text[..mark].trim_end();
        let place = self.place(from..from + name.len());
        let key = Key { name: name.to_lowercase(), place };
        // A comment begins behind a space.
        let value = &text[mark + 1..];
        let end = value.match_indices(';').map(|(at, _)| at);
        let end = end.into_iter().find(|at| value[..*at].ends_with([' ', '\t']));
        let value = value[..end.unwrap_or(value.len())].trim_end();
        let skipped = value.len() - value.trim_start().len();
        let value = value.trim_start();
        let node = (!value.is_empty())
            .then(|| self.value(value, from + mark + 1 + skipped, variable))
            .transpose()?;
        Ok((key, node))
    }

    /// Reads a value, or one line of it.
    fn value(
        &self,
        text: &str,
        from: usize,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Node, Wrong> {
        let place = self.place(from..from + text.len());
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let plain = match quoted {
            Some(text) => text.to_owned(),
            None if ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) => {
                text.to_lowercase()
            }
            None => expanded(text, variable)
                .map_err(|name| place.wrong(format!("the environment has no variable {name:?}")))?,
        };
        Ok(Node { place, kind: Kind::Text(plain), sound: true })
    }
}

/// Puts variables in for `${NAME}`; the error is the name of one that is not there.
fn expanded<'a>(
    text: &'a str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<String, &'a str> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, behind)) = behind.split_once('}') else { break };
        out += before;
        out += &variable(name).ok_or(name)?;
        rest = behind;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn variable(name: &str) -> Option<String> {
        (name == "HOST").then(|| "db.example".to_owned())
    }

    fn read(text: &str) -> Value {
        parse(Path::new("x.ini"), text.to_owned(), variable).unwrap().value()
    }

    fn wrong(text: &str) -> String {
        parse(Path::new("x.ini"), text.to_owned(), variable).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_read_as_config_parser_reads_it() {
        let text = "\u{feff}; a comment\n[vaurien]  # this one\nProxy = localhost:8000 ; inline\n\
                    backend: ${HOST}:${HOST}\nbehavior = 20:delay;5\n\n[behavior:delay]\r\n\
                    sleep=\"2\"\r\nbefore = FALSE\nempty =\nlines = a\n  b\n\t# none\n  c ; d\n";
        assert!(is_ini(text));
        let expected = json!({
            "vaurien": {
                "proxy": "localhost:8000",
                "backend": "db.example:db.example",
                "behavior": "20:delay;5",
            },
            "behavior:delay": {
                "sleep": "2",
                "before": "false",
                "empty": null,
                "lines": ["a", "b", "c ; d"],
            },
        });
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_section_tells_it_from_yaml_and_json() {
        for text in ["[vaurien]", "# x\n; y\n\n [ vaurien ]", ";\n[behavior:delay]\n"] {
            assert!(is_ini(text), "{text:?}");
        }
        for text in ["", "[]", "[\n{\"name\": 1}]", "[{", "proxies: {}", "# x\nproxies: {a: [b]}"] {
            assert!(!is_ini(text), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for (text, told) in [
            ("a = 1\n", "x.ini:1:1: expected [vaurien] first"),
            ("[a]\nb\n", "x.ini:2:1: expected key = value"),
            ("[a]\n= b\n", "x.ini:2:1: expected key = value"),
            ("[a\n", "x.ini:1:1: expected ] behind"),
            ("[a] b = 1\n", "x.ini:1:5: nothing may stand here"),
            ("[a]\n[b]\n[a]\n", "x.ini:3:1: \"a\" is there twice"),
            ("[a]\nb = 1\nB = 2\n", "x.ini:3:1: \"b\" is there twice"),
            ("\u{feff}[a]\nb = x${NO}\n", "x.ini:2:5: the environment has no variable \"NO\""),
        ] {
            assert!(wrong(text).starts_with(told), "{text:?}: {}", wrong(text));
        }
        assert!(wrong(&"[a]\n".repeat(1 << 19)).contains("larger than 1 MiB"));
    }

    #[test]
    fn hostile_text_neither_panics_nor_takes_long() {
        for text in
            ["[ä]\nü=ß;\n", "[a]\n\u{a0}b=\u{2028}c\n", "[a]\n  b", "[a]\nb=${\n", "[]\n=\n"]
        {
            let _ = parse(Path::new("x"), text.to_owned(), variable);
        }
        let many: String = (0..20_000).map(|at| format!("k{at} = ;;;; ${{HOST}}\n")).collect();
        read(&format!("[a]\n{}", &many[..400_000]));
    }
}
