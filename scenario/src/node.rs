//! A file as a tree in which everything knows its place. It never knows what a key means.

use super::place::{Place, Wrong};
use super::shape::Object;
use chenapan_core::{Form, Value};
use chenapan_engine::config::{ModelError, Spot, Step};
use std::collections::BTreeMap;
use std::time::Duration;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// Set when everything in it has the shape that it should have, as far as that was checked.
    pub(crate) sound: bool,
}

/// Kind of a node. A scalar is text, as it was written, without quotes.
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
    pub name: String,
    pub(crate) place: Place,
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
        Ok(Fields { place: &self.place, left })
    }

    /// The entry of a map with this key.
    pub(crate) fn entry(&self, name: &str) -> Option<&(Key, Node)> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| key.name == name)
    }

    /// The entry of a map with this key, to be changed.
    pub(crate) fn entry_mut(&mut self, name: &str) -> Option<&mut (Key, Node)> {
        self.entries_mut().iter_mut().find(|(key, _)| key.name == name)
    }

    /// The entries of a map, to be changed; none of anything else.
    pub(crate) fn entries_mut(&mut self) -> &mut [(Key, Node)] {
        match &mut self.kind {
            Kind::Map(entries) => entries,
            _ => &mut [],
        }
    }

    /// Returns the node as JSON; scalars are texts.
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

    /// Returns the map as JSON, with those entries alone whose keys an object has: others are for other tools.
    pub(crate) fn known_to(&self, object: &Object) -> serde_json::Value {
        let known = |name: &str| object.fields.iter().any(|field| field.name == name);
        let entries = self.entries().unwrap_or_default().iter();
        let entries = entries.filter(|(key, _)| known(&key.name));
        entries.map(|(key, node)| (key.name.clone(), node.value())).collect()
    }

    /// Returns an error about a model that was made from this node, at its place in the file.
    pub(crate) fn blame(&self, error: &ModelError) -> Wrong {
        self.wrong_at(error.path(), error.spot(), error.message())
    }

    /// Returns an error about the value to which these steps lead, at its place in the file.
    pub(crate) fn wrong_at(&self, path: &[Step], spot: &Spot, message: &str) -> Wrong {
        let (mut node, mut key) = (self, None);
        for step in path {
            match (step, &node.kind) {
                (Step::Key(name), _) => {
                    let Some((found, value)) = node.entry(name) else { break };
                    (node, key) = (value, Some(found));
                }
                (Step::Item(at), Kind::List(items)) => {
                    let Some(item) = items.get(*at) else { break };
                    (node, key) = (item, None);
                }
                // A single value is a list of one.
                (Step::Item(_), _) => {}
            }
        }
        let place = match (spot, &node.kind, key) {
            (Spot::Key, _, Some(key)) => key.place.clone(),
            (Spot::Part(part), Kind::Text(text), _) => node.place.inside(text, part.clone()),
            _ => node.place.clone(),
        };
        place.wrong(message)
    }

    /// Returns the number of its nodes, itself included.
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

    /// Returns the word for what it is.
    pub(crate) fn sort(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// Replaces `{name}` by its value; unknown names stay.
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
}

impl<'a> Fields<'a> {
    /// Takes an entry if it exists, is not empty, and has the right shape.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a Node> {
        let at = self.left.iter().position(|(key, _)| key.name == name)?;
        let (_, node) = self.left.remove(at);
        Some(node).filter(|node| !matches!(node.kind, Kind::Null) && node.sound)
    }

    /// Returns whether an entry that is not empty is still to be taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        let there =
            |(key, node): &(&Key, &Node)| key.name == name && !matches!(node.kind, Kind::Null);
        self.left.iter().any(there)
    }

    /// Takes an entry that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<&'a Node, Wrong> {
        self.take(name).ok_or_else(|| self.place.wrong(format!("{name:?} is missing here")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_are_filled_in() {
        let values = |name: &str| (name == "web").then(|| "127.0.0.1:80".to_owned());
        assert_eq!(fill("curl http://{web}/{x} {", values), "curl http://127.0.0.1:80/{x} {");
        assert_eq!(fill("awk '{print $1}' {{web}}", values), "awk '{print $1}' {127.0.0.1:80}");
        assert_eq!(fill("{é}{web", values), "{é}{web");
        assert_eq!(fill("${web} {web}", values), "${web} 127.0.0.1:80");
    }
}
