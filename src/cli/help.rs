//! What `list` and `help` print.

use super::Failure;
use super::arguments::{self, ListWhat};
use crate::endpoint::Kinds;
use crate::rule::SELECTORS;
use chenapan_core::{Form, OptionSpec, Registry, nearest};
use std::fmt::Write;

/// Names and summaries.
pub(super) fn list(registry: &Registry, kinds: &Kinds, what: Option<ListWhat>) -> String {
    let protocols: Vec<_> =
        registry.protocols().iter().map(|entry| (entry.name, entry.summary())).collect();
    let behaviors: Vec<_> =
        registry.behaviors().iter().map(|entry| (entry.name, entry.summary())).collect();
    match what {
        Some(ListWhat::Protocols) => columns("", &protocols),
        Some(ListWhat::Behaviors) => columns("", &behaviors),
        Some(ListWhat::Kinds) => super::endpoint::list(kinds),
        None => format!(
            "Protocols:\n{}\nBehaviors:\n{}\nchenapan help NAME explains one of them; chenapan list kinds \
             lists kinds of addresses.\n",
            columns("  ", &protocols),
            columns("  ", &behaviors)
        ),
    }
}

/// The page of a topic: a plug-in, `rules`, `endpoints`, or a command.
pub(super) fn topic(
    registry: &Registry,
    kinds: &Kinds,
    topic: Option<&str>,
) -> Result<String, Failure> {
    let mut command = arguments::command(registry, kinds);
    let Some(topic) = topic else {
        return Ok(command.render_long_help().ansi().to_string());
    };
    if topic == "rules" {
        return Ok(rules());
    }
    if topic == "endpoints" {
        return Ok(super::endpoint::page(kinds));
    }
    if let Some(entry) = registry.behaviors().iter().find(|entry| entry.name == topic) {
        let direction =
            format!("Direction: {} unless the rule says otherwise.", entry.directions.name());
        let mut page = page("behavior", entry.name, entry.paragraphs(), entry.options);
        let _ = write!(
            page,
            "\n{direction}\nSelectors (chance, first, connections ...) go into the same list; \
             see chenapan help rules.\n\nExample:\n  chenapan --listen 8000 --backend 127.0.0.1:80 \
             --behavior {}\n",
            example(entry.name, entry.options)
        );
        return Ok(page);
    }
    if let Some(entry) = registry.protocols().iter().find(|entry| entry.name == topic) {
        let mut page = page("protocol", entry.name, entry.paragraphs(), entry.options);
        let fields = entry.fields();
        if !fields.is_empty() {
            let _ = write!(page, "\nFields:\n{}", wrap(&fields.join(", "), "  "));
        }
        let counters = entry.counters();
        if !counters.is_empty() {
            let _ = write!(page, "\nCounters:\n{}", wrap(&counters.join(", "), "  "));
        }
        let _ = write!(
            page,
            "\nExample:\n  chenapan --listen 8000 --backend 127.0.0.1:80 --protocol {}\n",
            entry.name
        );
        return Ok(page);
    }
    if let Some(found) = command.find_subcommand_mut(topic) {
        return Ok(found.render_long_help().ansi().to_string());
    }
    let behaviors = registry.behaviors().iter().map(|entry| entry.name);
    let protocols = registry.protocols().iter().map(|entry| entry.name);
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let others = commands.chain(["rules", "endpoints"]);
    let near = nearest(topic, behaviors.chain(protocols).chain(others));
    Err(Failure::Usage(match near {
        Some(near) => format!("no help on {topic:?}; did you mean {near:?}?"),
        None => format!("no help on {topic:?}; chenapan list shows what there is"),
    }))
}

fn rules() -> String {
    let mut page = String::from(
        "A rule is a behavior with its options, and selectors that say when it applies:\n\n  \
         NAME:key=value:key=value\n\n\
         A backslash takes the next character as it is; inside [ ] colons need none. Where a\n\
         behavior has an option with the name of a selector, rule-NAME means the selector.\n\
         20:delay,5:error is one draw over both: 20 % delay, 5 % error, else nothing.\n\n\
         Rules apply in the order given, the same in both directions. Selectors:\n\n",
    );
    let rows: Vec<_> = SELECTORS
        .iter()
        .map(|spec| {
            let default = match spec.default {
                Some("none") | None => String::new(),
                Some(default) => format!(" [default: {default}]"),
            };
            (format!("{}={}", spec.name, spec.example), spec.summary() + &default)
        })
        .collect();
    page.push_str(&columns("  ", &rows));
    page
}

fn page(sort: &str, name: &str, about: Vec<String>, options: &[OptionSpec]) -> String {
    let mut page = format!("{sort} {name}\n");
    for paragraph in about {
        let _ = write!(page, "\n{}", wrap(&paragraph, ""));
    }
    if options.is_empty() {
        page.push_str("\nIt has no options.\n");
        return page;
    }
    page.push_str("\nOptions:\n");
    for spec in options {
        let form = match (spec.form, spec.choices) {
            (Form::Flag, _) => "yes or no".to_owned(),
            (_, []) => spec.form.name().to_owned(),
            (_, choices) => choices.join(", "),
        };
        let default = match spec.default {
            Some("") => "empty".to_owned(),
            Some(default) => default.to_owned(),
            None => format!("must be given, such as {}", spec.example),
        };
        let repeated = if spec.repeated { "; may be repeated" } else { "" };
        let _ = write!(
            page,
            "  {} ({form}; {default}{repeated})\n{}",
            spec.name,
            wrap(&spec.summary(), "      ")
        );
    }
    page
}

fn example(name: &str, options: &[OptionSpec]) -> String {
    let shown = options.iter().find(|spec| !matches!(spec.example, "" | "none"));
    shown.map_or(name.to_owned(), |spec| format!("{name}:{}={}", spec.name, spec.example))
}

pub(super) fn columns(indent: &str, rows: &[(impl AsRef<str>, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut out, (name, text)| {
        let _ = writeln!(out, "{indent}{:width$}  {text}", name.as_ref());
        out
    })
}

pub(super) fn wrap(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() + indent.len() > 90 {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{indent}{line}");
    out
}
