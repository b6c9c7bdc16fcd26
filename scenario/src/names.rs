//! Names in braces that stand for nothing: what was meant to be filled in, and was written in another way.
//!
//! Braces are also the shell's, and those of JSON; so only a name that is near to a known one is a mistake.

use super::context::Context;
use super::node::{Kind, Node};
use super::place::Mistakes;
use chenapan_core::nearest;

/// Names shorter than this are near to too many others.
const SHORTEST: usize = 3;

/// Looks through a whole file for names in braces that are nearly those of proxies or variables.
pub(super) fn check(root: &Node, cx: &Context<'_>, mistakes: &mut Mistakes) {
    let mut known: Vec<String> = cx.values.keys().cloned().collect();
    for name in &cx.proxies {
        known.extend([name.clone(), format!("{name}.host"), format!("{name}.port")]);
    }
    for name in ["proxies", "services", "abort-when"] {
        root.entry(name).iter().for_each(|(_, node)| look(node, &known, mistakes));
    }
    let phases = root.entry("phases").map_or(&[][..], |(_, node)| node.items());
    for phase in phases {
        let mut known = known.clone();
        let matrix = phase.entry("matrix").and_then(|(_, matrix)| matrix.entries().ok());
        known.extend(matrix.unwrap_or_default().iter().map(|(key, _)| key.name.clone()));
        look(phase, &known, mistakes);
    }
}

fn look(node: &Node, known: &[String], mistakes: &mut Mistakes) {
    match &node.kind {
        Kind::Null => {}
        Kind::List(items) => items.iter().for_each(|item| look(item, known, mistakes)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| look(node, known, mistakes)),
        Kind::Text(text) => {
            for (name, at, near) in mistaken(text, known) {
                let place = node.place.inside(text, at..at + name.len() + 2);
                let wrong = place.wrong(format!("{{{name}}} stands for nothing"));
                mistakes.add(wrong.help(format!("did you mean {{{near}}}?")));
            }
        }
    }
}

/// The names in braces that are not known and near to one that is: with the place of the brace and that name.
pub fn mistaken<'a>(
    text: &'a str,
    known: &'a [String],
) -> impl Iterator<Item = (&'a str, usize, &'a str)> {
    let unknown = braced(text).filter(|(name, _)| !known.iter().any(|known| known == name));
    unknown
        .filter_map(|(name, at)| Some((name, at, nearest(name, known.iter().map(String::as_str))?)))
}

/// The names in braces, with the places of the braces.
fn braced(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let end = text[at + 1..].find(['{', '}'])?;
        let name = &text[at + 1..at + 1 + end];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let closed = text[at + 1 + end..].starts_with('}');
        // What stands behind a dollar is the shell's.
        let own = !text[..at].ends_with('$') && name.len() >= SHORTEST;
        (closed && own && name.chars().all(plain)).then_some((name, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_looked_at() {
        let found: Vec<_> = braced("curl {wbe}/{a b} ${web} {x} {{two}} {open").collect();
        assert_eq!(found, [("wbe", 5), ("two", 29)]);
    }
}
