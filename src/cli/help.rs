//! What `list` and `help` print.

use super::Failure;
use super::arguments::{self, ListWhat};
use crate::doc;
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
    let mut command = arguments::shown(registry, kinds);
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
             see chenapan help rules.\n\n{}",
            example(&doc::behavior_example(registry, entry))
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
        let _ = write!(page, "\n{}", example(&doc::protocol_example(entry)));
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

fn example(command: &str) -> String {
    command.lines().fold("Example:\n".to_owned(), |text, line| text + "  " + line + "\n")
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

#[cfg(test)]
mod tests {
    use super::super::arguments::{Cli, Command};
    use super::*;
    use crate::control::Control;
    use crate::proxy::Config;
    use clap::FromArgMatches;

    /// The words of a command as a shell takes them: quotes, and lines that go on.
    fn words(text: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        for letter in text.replace("\\\n", " ").chars() {
            let last = words.len() - 1;
            match letter {
                '\'' => quoted = !quoted,
                '*' | '{' | '$' | '~' | '#' | '&' | ';' | '(' | '<' | '>' | '"' if !quoted => {
                    panic!("a shell would change {letter:?} in {text}")
                }
                letter if letter.is_whitespace() && !quoted => {
                    if !words[last].is_empty() {
                        words.push(String::new());
                    }
                }
                letter => words[last].push(letter),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[tokio::test]
    async fn every_generated_example_starts_and_stops_as_printed() {
        let registry = crate::registry();
        let kinds = Kinds::new();
        let command = arguments::command(&registry, &kinds);
        let behaviors = registry.behaviors().iter().map(|entry| entry.name);
        let names: Vec<_> =
            behaviors.chain(registry.protocols().iter().map(|entry| entry.name)).collect();
        let mut control = Control::new(1, false).unwrap();
        for name in &names {
            let page = topic(&registry, &kinds, Some(name)).unwrap_or_default();
            let (_, example) = page.split_once("\nExample:\n").expect(name);
            let words = words(example);
            let matches = command.clone().try_get_matches_from(&words);
            let matches = matches.unwrap_or_else(|error| panic!("{example}: {error}"));
            let Cli { command: None::<Command>, serve } = Cli::from_arg_matches(&matches).unwrap()
            else {
                panic!("{example}");
            };
            let Ok((speaking, rules)) = serve.breaking.read(&registry, &matches) else {
                panic!("{example}: refused");
            };
            let shown = rules.iter().any(|rule| rule.behavior() == *name);
            assert!(shown || speaking.name == *name, "{name}: {example}");
            let backend = serve.backend.unwrap().to_string();
            let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
            config.name = (*name).to_owned();
            config.protocol = speaking.protocol;
            config.rules = rules;
            control.add(config).unwrap();
        }
        assert_eq!(control.proxies().len(), names.len());
        control.stop(std::time::Duration::ZERO).await.unwrap();
    }
}
