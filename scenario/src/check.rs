//! Check of a file by the shapes of its parts.
//!
//! It looks at each part alone; `read` checks what parts have to do with each other.

use super::keys::{LIVE, PROXY, REQUESTS};
use super::node::{Key, Kind, Node};
use super::place::{Mistakes, Place, Wrong};
use super::shape::{Field, Object, Scalar, Shape, may};
use chenapan_core::{
    Choice, ClientEntry, Form, OptionSpec, Pattern, ProtocolEntry, Registry, nearest,
};

/// Checks a part of a file: records its valid parts, and collects the mistakes.
pub(super) fn check(node: &mut Node, shape: &Shape, registry: &Registry, mistakes: &mut Mistakes) {
    node.sound = match shape {
        Shape::Scalar(scalar) => of_scalar(node, scalar, mistakes),
        Shape::List(shape, least) => {
            let (found, sound) = match &mut node.kind {
                Kind::Null => (0, true),
                Kind::List(items) => {
                    items.iter_mut().for_each(|item| check(item, shape, registry, mistakes));
                    (items.len(), items.iter().all(|item| item.sound))
                }
                _ => {
                    check(node, shape, registry, mistakes);
                    (1, node.sound)
                }
            };
            if found < *least {
                mistakes.add(node.place.wrong("expected a list of values"));
            }
            sound && found >= *least
        }
        Shape::Map(shape, example) => match &mut node.kind {
            Kind::Map(entries) => {
                entries.iter_mut().for_each(|(_, node)| check(node, shape, registry, mistakes));
                entries.iter().all(|(_, node)| node.sound)
            }
            Kind::Null => true,
            _ => not_a_map(node, example, mistakes),
        },
        Shape::Object(object) => of_object(node, object, registry, mistakes),
        Shape::Short(scalar, object) => match &node.kind {
            Kind::Text(_) => of_scalar(node, scalar, mistakes),
            _ => of_object(node, object, registry, mistakes),
        },
        Shape::Client(client) => match &node.kind {
            Kind::Text(_) => of_first(node, client, mistakes),
            _ => of_client(node, client, registry, mistakes),
        },
        Shape::Bounds | Shape::Until => match &node.kind {
            Kind::Map(_) | Kind::Null => true,
            _ => not_a_map(node, "{load.ok: 5}", mistakes),
        },
        Shape::Phases | Shape::Rules | Shape::Protocol | Shape::Address => true,
    };
}

fn not_a_map(node: &Node, example: &str, mistakes: &mut Mistakes) -> bool {
    let wrong = node.place.wrong(format!("expected a map, found {}", node.sort()));
    mistakes.add(wrong.help(format!("write it as {example}")));
    false
}

fn of_scalar(node: &Node, scalar: &Scalar, mistakes: &mut Mistakes) -> bool {
    let read = node.text().and_then(|text| match scalar.read(text) {
        Ok(()) => Ok(()),
        Err(wrong) => Err(node.place.wrong(wrong)),
    });
    mistakes.keep(read).is_some()
}

/// A text in the place of a client's options: its first one.
fn of_first(node: &Node, client: &ClientEntry, mistakes: &mut Mistakes) -> bool {
    let read = node.text().and_then(|text| match client.options.first() {
        Some(spec) => spec.parse(text).map(drop).map_err(|wrong| node.place.wrong(wrong)),
        None => Err(node.place.wrong("expected a map, found text")),
    });
    mistakes.keep(read).is_some()
}

/// The options of a client as keys.
fn of_client(
    node: &mut Node,
    client: &ClientEntry,
    registry: &Registry,
    mistakes: &mut Mistakes,
) -> bool {
    let field = |spec: &OptionSpec| Field {
        name: spec.name,
        about: spec.help,
        shape: Shape::Scalar(match spec.choices() {
            [] => Scalar::Form(spec.form),
            choices => Scalar::Choice(choices),
        }),
        needed: spec.default.is_none(),
    };
    let options: Vec<_> = client.options.iter().map(field).collect();
    let fields: Vec<_> = options.iter().chain([&REQUESTS]).collect();
    let first = client.options.first();
    let example = first.map_or_else(
        || "{requests: 5}".to_owned(),
        |spec| format!("{{{}: {}}}", spec.name, spec.example),
    );
    let keys = Keys { example: &example, fields: &fields, any: None, one: None };
    of_keys(node, &keys, registry, mistakes)
}

/// The keys of an object that are names of protocols which have a client. A key of the object's own
/// counts more.
pub fn clients(object: &Object, registry: &Registry) -> Vec<Field> {
    let own = |name: &str| object.fields.iter().any(|field| field.name == name);
    let entries = registry.protocols().iter().filter(|entry| object.clients && !own(entry.name));
    let field = |entry: &ProtocolEntry| {
        let client = entry.client?;
        Some(may(entry.name, client.doc, Shape::Client(client)))
    };
    entries.filter_map(field).collect()
}

/// Keys that a map may have, and what they have to do with each other.
struct Keys<'a> {
    example: &'a str,
    fields: &'a [&'a Field],
    any: Option<(&'a [&'a str], &'a str, &'a str)>,
    one: Option<(&'a [&'a str], &'a str)>,
}

fn of_object(
    node: &mut Node,
    object: &Object,
    registry: &Registry,
    mistakes: &mut Mistakes,
) -> bool {
    let clients = clients(object, registry);
    let fields: Vec<_> = object.fields.iter().chain(&clients).collect();
    let Object { example, any, one, .. } = *object;
    if clients.is_empty() {
        let keys = Keys { example, fields: &fields, any, one };
        return of_keys(node, &keys, registry, mistakes);
    }
    let names = one.map_or(&[][..], |(names, _)| names).iter().copied();
    let names: Vec<_> = clients.iter().map(|field| field.name).chain(names).collect();
    let wrong = format!("expected one of {}", listed(&names, "and"));
    let one = Some((&names[..], &wrong[..]));
    of_keys(node, &Keys { example, fields: &fields, any, one }, registry, mistakes)
}

/// Checks a proxy of a file without phases: it has keys of its own beside those of a scenario's.
pub(super) fn check_live(node: &mut Node, registry: &Registry, mistakes: &mut Mistakes) -> bool {
    let fields: Vec<_> = PROXY.fields.iter().chain(&LIVE).collect();
    let Object { example, any, one, .. } = PROXY;
    of_keys(node, &Keys { example, fields: &fields, any, one }, registry, mistakes)
}

fn of_keys(
    node: &mut Node,
    object: &Keys<'_>,
    registry: &Registry,
    mistakes: &mut Mistakes,
) -> bool {
    if let Kind::Null = node.kind {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else {
        return not_a_map(node, object.example, mistakes);
    };
    let mut sound = true;
    // Keys that were meant are not told as missing.
    let mut meant = Vec::new();
    for (key, value) in entries.iter_mut() {
        // What begins with x- is for anchors and for other tools.
        if key.name.starts_with("x-") {
            continue;
        }
        let Some(field) = object.fields.iter().find(|field| field.name == key.name) else {
            let near = nearest(&key.name, object.names());
            meant.extend(near);
            mistakes.add(object.unknown(key, near));
            sound = false;
            continue;
        };
        if !matches!(value.kind, Kind::Null) {
            check(value, &field.shape, registry, mistakes);
            sound &= value.sound;
        }
    }
    let given: Vec<_> = entries
        .iter()
        .filter(|(_, value)| !matches!(value.kind, Kind::Null))
        .map(|(key, _)| key)
        .collect();
    let wrongs = object.unmet(&node.place, &given, &meant);
    // What is missing is told after what is there.
    let last = entries.last().map_or(&node.place, |(key, _)| &key.place);
    sound &= wrongs.is_empty();
    wrongs.into_iter().for_each(|wrong| mistakes.add(wrong.along(last)));
    sound
}

impl<'a> Keys<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.iter().map(|field| field.name)
    }

    /// Returns what is wrong with a key that is none of these; `near` is the one that was meant.
    fn unknown(&self, key: &Key, near: Option<&str>) -> Wrong {
        let wrong = key.place.wrong(format!("unknown key {:?}", key.name));
        if let Some(near) = near {
            return wrong.help(format!("did you mean {near:?}?"));
        }
        let known = self.names().collect::<Vec<_>>().join(", ");
        wrong.help(match chenapan_core::instead(&key.name) {
            Some(written) => format!("{written}; known here are {known}"),
            None => format!("known here are {known}"),
        })
    }

    /// Returns what is wrong with the keys that a map at a place has, taken together.
    fn unmet(&self, place: &Place, given: &[&Key], meant: &[&str]) -> Vec<Wrong> {
        let there =
            |name: &&str| given.iter().any(|key| key.name == **name) || meant.contains(name);
        let mut wrongs = Vec::new();
        let missing = self.fields.iter().filter(|field| field.needed && !there(&field.name));
        for field in missing {
            let wrong = place.wrong(format!("{:?} is missing here", field.name));
            wrongs.push(wrong.help(format!("write it as {}", self.example)));
        }
        if let Some((names, wrong, help)) = self.any
            && !names.iter().any(there)
        {
            wrongs.push(place.wrong(wrong).help(help));
        }
        if let Some((names, wrong)) = self.one
            && let Some(key) = given.iter().filter(|key| names.contains(&key.name.as_str())).nth(1)
        {
            wrongs.push(key.place.wrong(wrong));
        }
        wrongs
    }
}

impl Scalar {
    /// Reads a text; the error is what was expected.
    fn read(&self, text: &str) -> Result<(), String> {
        match self {
            Scalar::Text => Ok(()),
            Scalar::Form(form) => form.parse(text).map(|_| ()),
            Scalar::Count(least, most) => match Form::Count.parse(text)? {
                chenapan_core::Value::Count(count) if count < *least => {
                    Err(format!("expected at least {least}"))
                }
                chenapan_core::Value::Count(count) if count > *most => {
                    Err(format!("expected at most {most}"))
                }
                _ => Ok(()),
            },
            Scalar::Choice(choices) => one_of(choices, text, None),
            Scalar::ChoiceOr(choices, other, expected) => {
                other.read(text).or_else(|_| one_of(choices, text, Some(expected)))
            }
            Scalar::Match(pattern, expected) => match Pattern::new(pattern) {
                Ok(pattern) if pattern.is_match(text.as_bytes()) => Ok(()),
                _ => Err(format!("expected {expected}")),
            },
        }
    }
}

/// Reads one of a few texts; `other` is expected, too.
fn one_of(choices: &'static [Choice], text: &str, other: Option<&str>) -> Result<(), String> {
    if Form::Choice(choices).parse(text).is_ok() {
        return Ok(());
    }
    let texts = || choices.iter().map(|choice| choice.text);
    let known = format!("expected {}", either(&texts().chain(other).collect::<Vec<_>>()));
    Err(match nearest(text, texts()) {
        Some(near) => format!("{known}; did you mean {near}?"),
        None => known,
    })
}

/// `a, b or c`
fn either(words: &[&str]) -> String {
    listed(words, "or")
}

/// `a, b WORD c`
fn listed(words: &[&str], word: &str) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        words => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{FILE, PHASE};
    use super::super::yaml::parse;
    use super::*;
    use std::path::Path;

    fn wrong(text: &str, object: &'static Object) -> Vec<String> {
        let mut node = parse(Path::new("x.yaml"), text.to_owned()).unwrap();
        let mut mistakes = Mistakes::default();
        check(&mut node, &Shape::Object(object), &chenapan_engine::registry(), &mut mistakes);
        mistakes.sorted().iter().map(ToString::to_string).collect()
    }

    fn heads(text: &str, object: &'static Object) -> Vec<String> {
        let head = |wrong: &String| wrong.lines().next().unwrap_or_default().to_owned();
        wrong(text, object).iter().map(head).collect()
    }

    #[test]
    fn errors_show_the_line_with_the_place_marked_and_tell_the_place_once() {
        assert_eq!(
            wrong("name: x\nphsaes: []\n", &FILE),
            ["x.yaml:2:1: unknown key \"phsaes\"\n  |\n2 | phsaes: []\n  | ^^^^^^\n  |\n  \
              = help: did you mean \"phases\"?"]
        );
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_their_places() {
        let text = "proxies:\n  web: {lisen: 1, bakend: 2, protocol: tcp}\n  api: 127.0.0.1:1\n\
                    seed: x\nservices: {a: {env: {A: [1]}}}\n";
        assert_eq!(
            heads(text, &FILE),
            [
                "x.yaml:2:9: unknown key \"lisen\"",
                "x.yaml:2:19: unknown key \"bakend\"",
                "x.yaml:3:8: expected a map, found text",
                "x.yaml:4:7: expected a whole number",
                "x.yaml:5:15: \"run\" is missing here",
                "x.yaml:5:25: expected text, found a list",
            ]
        );
    }

    #[test]
    fn what_goes_together_is_in_the_table() {
        assert_eq!(heads("{name: x, rumn: y}", &PHASE), ["x.yaml:1:11: unknown key \"rumn\""]);
        assert_eq!(
            heads("{load: {rate: 1/s, send: a, http: /}}", &PHASE),
            [
                "x.yaml:1:8: a load needs an end",
                "x.yaml:1:29: expected one of json-rpc, http and send",
            ]
        );
    }
}
