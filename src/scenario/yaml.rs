//! A YAML file as a tree in which everything knows its place.
//!
//! The only file that names the YAML crate. It never knows what a key means.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use chenapan_core::{Form, Value, nearest};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The largest file that is read.
const MOST_BYTES: usize = 1024 * 1024;

/// A file that was read, for messages.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    source: Arc<Source>,
    line: u64,
    column: u64,
    /// The bytes in the source.
    bytes: Range<usize>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// What a node is. A scalar is text, as it was written, without quotes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Something that is wrong at a place.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    place: Place,
    message: String,
    help: Option<String>,
}

impl Wrong {
    /// With a hint of what would do.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { source, line, column, bytes } = &self.place;
        writeln!(f, "{}:{line}:{column}: {}", source.path.display(), self.message)?;
        let path = source.path.display().to_string();
        let snippet = Snippet::source(source.text.as_str())
            .path(path)
            .annotation(AnnotationKind::Primary.span(bytes.clone()));
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        group = group.element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        // The message is the first line already.
        let rendered = Renderer::plain().render(&[group]).to_string();
        let body = rendered.split_once('\n').map_or("", |(_, body)| body);
        f.write_str(body.trim_end())
    }
}

impl Place {
    /// What is wrong here.
    pub(crate) fn wrong(&self, message: impl Into<String>) -> Wrong {
        Wrong { place: self.clone(), message: message.into(), help: None }
    }

    /// A part of a text that stands here, by its bytes; the whole place where the file has it in
    /// other words.
    pub(crate) fn inside(&self, text: &str, part: Range<usize>) -> Self {
        let here = self.source.text.get(self.bytes.clone()).unwrap_or_default();
        let Some(at) = here.find(text).filter(|_| !text.is_empty()) else { return self.clone() };
        // What is missing at the end of a line is marked at its last character.
        let start = (at + part.start).min(here.len().saturating_sub(1));
        let Some(before) = here.get(..start) else { return self.clone() };
        let end = (at + part.end).max(start + 1);
        let column = self.column + before.chars().count() as u64;
        let bytes = self.bytes.start + start..self.bytes.start + end;
        Self { column, bytes, ..self.clone() }
    }
}

/// The text of a file, which must not be larger than any scenario is.
pub(crate) fn load(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        // Anything but a file may never end.
        match file.metadata()?.is_file() {
            true => file.take(MOST_BYTES as u64 + 1).read_to_string(&mut text),
            false => Err(io::Error::other("this is no file")),
        }
    });
    read.map(|_| text).map_err(|error| crate::endpoint::plain(&error))
}

/// Reads a file's text.
pub(crate) fn parse(path: &Path, text: String) -> Result<Node, Wrong> {
    let source = Arc::new(Source { path: path.to_owned(), text });
    let start = Place { source: Arc::clone(&source), line: 1, column: 1, bytes: 0..0 };
    if source.text.len() > MOST_BYTES {
        return Err(start.wrong("the file is larger than 1 MiB"));
    }
    let budget = serde_yaml::budget! {
        max_depth: 64,
        max_nodes: 50_000,
        max_events: 200_000,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_documents: 1,
    };
    let options = serde_yaml::options! { budget: budget, with_snippet: false };
    let raw: Raw = serde_yaml::from_str_with_options(&source.text, options).map_err(|error| {
        let place = error.location().map_or(start, |at| place(&source, at));
        let said = error.to_string();
        // The place is told apart from what is wrong.
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        let said = said
            .split_once(": ")
            .map_or(said, |(at, rest)| if at.starts_with("line ") { rest } else { said });
        let said = said.split(", set DuplicateKeyPolicy").next().unwrap_or(said);
        place.wrong(said.lines().next().unwrap_or("not YAML"))
    })?;
    settle(raw, &source)
}

/// What the crate returns, before plain scalars get their own text back.
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

        deserializer.deserialize_any(Anything)
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
    Ok(Node { place, kind })
}

/// Whether a tag stands before a value, in its line.
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

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Result<&str, Wrong> {
        match &self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.place.wrong(format!("expected text, found {}", self.sort()))),
        }
    }

    /// The items of a list; a single value counts as a list of one.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Result<&[(Key, Node)], Wrong> {
        match &self.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::Null => Ok(&[]),
            _ => Err(self.place.wrong(format!("expected a map, found {}", self.sort()))),
        }
    }

    /// The entries of a map, to be taken by name.
    pub(crate) fn fields(&self) -> Result<Fields<'_>, Wrong> {
        let left = self.entries()?.iter().map(|(key, node)| (key, node)).collect();
        Ok(Fields { place: &self.place, left, known: Vec::new() })
    }

    /// The value of a key.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The same as JSON; scalars are texts.
    pub(crate) fn value(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Text(text) => text.as_str().into(),
            Kind::List(items) => items.iter().map(Node::value).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(key, node)| (key.name.clone(), node.value())).collect()
            }
        }
    }

    /// How many nodes it has, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Text(_) => 0,
            Kind::List(items) => items.iter().map(Node::size).sum(),
            Kind::Map(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
        }
    }

    /// A number.
    pub(crate) fn count(&self) -> Result<u64, Wrong> {
        match self.form(Form::Count)? {
            Value::Count(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// A time.
    pub(crate) fn time(&self) -> Result<Duration, Wrong> {
        match self.form(Form::Time)? {
            Value::Time(time) => Ok(time),
            _ => Ok(Duration::ZERO),
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&self) -> Result<bool, Wrong> {
        match self.form(Form::Flag)? {
            Value::Flag(flag) => Ok(flag),
            _ => Ok(false),
        }
    }

    /// A value of a form.
    pub(crate) fn form(&self, form: Form) -> Result<Value, Wrong> {
        form.parse(self.text()?).map_err(|wrong| self.place.wrong(wrong))
    }

    /// Puts values in for `{name}`, in every text below; names that are not known stay.
    pub(crate) fn fill(&mut self, values: &BTreeMap<String, String>) {
        match &mut self.kind {
            Kind::Null => {}
            Kind::Text(text) => {
                if text.contains('{') {
                    *text = fill(text, |name| values.get(name).cloned());
                }
            }
            Kind::List(items) => items.iter_mut().for_each(|item| item.fill(values)),
            Kind::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.fill(values)),
        }
    }

    fn sort(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// Puts values in for `{name}`; what is not known stays as it is.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let found = from[1..].find(['{', '}']).filter(|end| from.as_bytes()[1 + end] == b'}');
        // What stands behind a dollar is the shell's.
        let found = found.filter(|_| !before.ends_with('$'));
        let known = found.and_then(|end| Some((end, value(&from[1..=end])?)));
        match known {
            Some((end, value)) => {
                out.push_str(&value);
                rest = &from[end + 2..];
            }
            None => {
                out.push('{');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The entries of a map that are still to be read.
pub(crate) struct Fields<'a> {
    pub(crate) place: &'a Place,
    left: Vec<(&'a Key, &'a Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Takes an entry, where it is there and not empty.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let at = self.left.iter().position(|(key, _)| key.name == name)?;
        let (_, node) = self.left.remove(at);
        Some(node).filter(|node| !matches!(node.kind, Kind::Null))
    }

    /// Takes an entry that must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Result<&'a Node, Wrong> {
        self.take(name).ok_or_else(|| self.place.wrong(format!("{name:?} is missing here")))
    }

    /// Whether nothing unknown is left.
    pub(crate) fn end(self) -> Result<(), Wrong> {
        // What begins with x- is for anchors and for other tools.
        let unknown = self.left.iter().find(|(key, _)| !key.name.starts_with("x-"));
        let Some((key, _)) = unknown else { return Ok(()) };
        let wrong = key.place.wrong(format!("unknown key {:?}", key.name));
        Err(match nearest(&key.name, self.known.iter().copied()) {
            Some(near) => wrong.help(format!("did you mean {near:?}?")),
            None => wrong.help(format!("known here are {}", self.known.join(", "))),
        })
    }
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
    fn errors_show_the_line_with_the_place_marked() {
        let node = read("a: 1\nphases:\n  - nmae: x\n");
        let entries = node.entries().unwrap();
        let mut fields = entries[1].1.items()[0].fields().unwrap();
        assert!(fields.take("name").is_none());
        assert_eq!(
            fields.end().unwrap_err().to_string(),
            "x.yaml:3:5: unknown key \"nmae\"\n \
             --> x.yaml:3:5\n  |\n3 |   - nmae: x\n  |     ^^^^\n  |\n  = help: did you mean \"name\"?"
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        assert!(wrong("a: 1\na: 2\n").starts_with("x.yaml:2:1: duplicate mapping key: a\n"));
        assert!(wrong("a: [\n").starts_with("x.yaml:1:4: unclosed bracket"));
        assert!(wrong("a:\n\t- x\n").contains("x.yaml:2:2: tabs"));
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
        assert!(wrong(&bomb).contains("budget"), "{}", wrong(&bomb));
        assert!(wrong(&"x".repeat(2 << 20)).contains("larger than 1 MiB"));
        assert!(wrong("a: 1\n---\na: 2\n").starts_with("x.yaml:"));
    }

    #[test]
    fn only_known_names_are_filled_in() {
        let values = |name: &str| (name == "web").then(|| "127.0.0.1:80".to_owned());
        assert_eq!(fill("curl http://{web}/{x} {", values), "curl http://127.0.0.1:80/{x} {");
        assert_eq!(fill("awk '{print $1}' {{web}}", values), "awk '{print $1}' {127.0.0.1:80}");
        assert_eq!(fill("{é}{web", values), "{é}{web");
        assert_eq!(fill("${web} {web}", values), "${web} 127.0.0.1:80");
    }
}
