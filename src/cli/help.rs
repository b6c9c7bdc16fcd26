//! Texts that `list` and `help` print.

use super::Failure;
use crate::doc;
use chenapan_core::{BehaviorEntry, Form, OptionSpec, ProtocolEntry, Registry, instead, nearest};
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::rule::SELECTORS;
use chenapan_scenario::layout::{columns, wrap};
use clap::ValueEnum;
use std::fmt::Write;

/// Topic with a page made from tables.
struct Topic {
    name: &'static str,
    /// Its line in the list of topics; `None` where that has a page of docs/ of this name.
    about: Option<&'static str>,
    page: fn(&Registry, &Kinds, &clap::Command) -> String,
}

/// Topics that are no plug-in and no command, and more than a page of docs/.
const OWN: &[Topic] = &[
    Topic { name: "topics", about: Some("All topics"), page: |_, _, command| topics(command) },
    Topic {
        name: "selectors",
        about: Some("When a rule applies: chance, direction, first ..."),
        page: |_, _, _| selectors(),
    },
    Topic {
        name: "behaviors",
        about: Some("All behaviors"),
        page: |registry, kinds, _| list(registry, kinds, Some(ListWhat::Behaviors)),
    },
    Topic {
        name: "protocols",
        about: Some("All protocols"),
        page: |registry, kinds, _| list(registry, kinds, Some(ListWhat::Protocols)),
    },
    Topic {
        name: "kinds",
        about: Some("All kinds of addresses"),
        page: |registry, kinds, _| list(registry, kinds, Some(ListWhat::Kinds)),
    },
    Topic { name: "rules", about: None, page: |_, _, _| rules() },
    Topic {
        name: "endpoints",
        about: None,
        page: |_, kinds, _| {
            let more = wrap("More: chenapan help endpoints guide", "");
            super::endpoint::page(kinds) + "\n" + &more
        },
    },
];

/// Names to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListWhat {
    Protocols,
    Behaviors,
    #[value(alias = "endpoints")]
    Kinds,
}

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
            "Protocols:\n{}\nBehaviors:\n{}\n{}",
            columns("  ", &protocols),
            columns("  ", &behaviors),
            wrap(
                "chenapan help NAME explains one of them; chenapan list kinds lists kinds of \
                 addresses.",
                ""
            )
        ),
    }
}

/// The page of a topic: a plug-in, a page of docs/ or a section of one, or a command.
pub(super) fn topic(
    registry: &Registry,
    kinds: &Kinds,
    mut command: clap::Command,
    words: &[impl AsRef<str>],
) -> Result<String, Failure> {
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    let topic = match words[..] {
        [] => return Ok(flag_help(command, &[])),
        // The page of docs/ where a plug-in has its name.
        [name, "guide"] => {
            return doc::topic_page(name)
                .ok_or_else(|| Failure::Usage(format!("no guide on {name:?}")));
        }
        [topic] => topic,
        _ => return subcommand(command, &words),
    };
    if let Some(entry) = registry.behaviors().iter().find(|entry| entry.name == topic) {
        return Ok(behavior(registry, entry));
    }
    if let Some(entry) = registry.protocols().iter().find(|entry| entry.name == topic) {
        return Ok(protocol(entry));
    }
    if let Some(own) = OWN.iter().find(|own| own.name == topic) {
        return Ok((own.page)(registry, kinds, &command));
    }
    let found = doc::topic_page(topic).or_else(|| doc::topic_section(topic));
    if let Some(page) = found {
        return Ok(page);
    }
    if command.find_subcommand_mut(topic).is_some() {
        return subcommand(command, &words);
    }
    let near = instead(topic).map(|hint| format!("; {hint}")).or_else(|| {
        let names = names(registry, &command);
        let near = nearest(topic, names.iter().map(|name| &**name));
        near.map(|near| format!("; did you mean {near:?}?"))
    });
    let near = near.unwrap_or_else(|| "; chenapan help topics lists all".to_owned());
    Err(Failure::Usage(format!("no help on {topic:?}{near}")))
}

/// The page of a behavior.
fn behavior(registry: &Registry, entry: &BehaviorEntry) -> String {
    let direction =
        format!("Direction: {} unless the rule says otherwise.", entry.directions.name());
    let mut page = page("behavior", entry.name, entry.paragraphs(), entry.options);
    let selectors = "Selectors (chance, first, connections ...) go into the same list; see \
        chenapan help selectors.";
    let _ = write!(page, "\n{}{}\n", wrap(&direction, ""), wrap(selectors, ""));
    page + &example(&doc::behavior_example(registry, entry))
}

/// The page of a protocol.
fn protocol(entry: &ProtocolEntry) -> String {
    let mut page = page("protocol", entry.name, entry.paragraphs(), entry.options);
    let fields = entry.describe().fields;
    if !fields.is_empty() {
        let _ = write!(page, "\nFields:\n{}", wrap(&fields.join(", "), "  "));
    }
    let counters = entry.describe().all_counters();
    if !counters.is_empty() {
        let _ = write!(page, "\nCounters:\n{}", wrap(&counters.join(", "), "  "));
    }
    if doc::topic_page(entry.name).is_some() {
        let _ = writeln!(page, "\nMore: chenapan help {} guide", entry.name);
    }
    let _ = write!(page, "\n{}", example(&doc::protocol_example(entry)));
    page
}

/// The help of a command, given by its words: `scenario run`.
fn subcommand(mut command: clap::Command, words: &[&str]) -> Result<String, Failure> {
    command.build();
    let whole = command.clone();
    for (at, word) in words.iter().enumerate() {
        let names: Vec<_> =
            command.get_subcommands().map(|known| known.get_name().to_owned()).collect();
        let Some(next) = command.find_subcommand(word) else {
            let near = nearest(word, names.iter().map(|name| &**name));
            let (path, all) = (words[..at].join(" "), words.join(" "));
            return Err(Failure::Usage(match near {
                Some(near) => format!("no help on {all:?}; did you mean {near:?}?"),
                None if names.is_empty() => format!("no help on {all:?}: {path} has no commands"),
                None => format!("no help on {all:?}; {path} has {}", names.join(", ")),
            }));
        };
        command = next.clone();
    }
    Ok(flag_help(whole, words))
}

/// The text that `--help` prints after these words.
fn flag_help(command: clap::Command, words: &[&str]) -> String {
    let line = ["chenapan"].iter().chain(words).chain(&["--help"]).copied();
    match command.try_get_matches_from(line) {
        Ok(_) => String::new(),
        Err(help) => help.render().ansi().to_string(),
    }
}

/// Every word that `help` takes.
pub(super) fn names(registry: &Registry, command: &clap::Command) -> Vec<String> {
    let behaviors = registry.behaviors().iter().map(|entry| entry.name);
    let protocols = registry.protocols().iter().map(|entry| entry.name);
    let pages = doc::topic_pages().map(|(name, _)| name);
    let own = OWN.iter().filter(|own| own.about.is_some()).map(|own| own.name);
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let words = behaviors.chain(protocols).chain(pages).chain(own).chain(commands);
    words.map(str::to_owned).chain(doc::topic_sections()).collect()
}

/// All topics.
fn topics(command: &clap::Command) -> String {
    let pages: Vec<_> = doc::topic_pages().map(|(name, title)| (name, title.to_owned())).collect();
    let own: Vec<_> =
        OWN.iter().filter_map(|own| Some((own.name, own.about?.to_owned()))).collect();
    let mut commands: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    commands.sort_unstable();
    format!(
        "Pages:\n{}\nLists:\n{}\nSections of pages:\n{}\nCommands:\n{}\n{}",
        columns("  ", &pages),
        columns("  ", &own),
        wrap(&doc::topic_sections().join(", "), "  "),
        wrap(&commands.join(", "), "  "),
        wrap("Every behavior and protocol is a topic, too: chenapan list shows them.", "")
    )
}

fn rules() -> String {
    let notation = "A rule is a behavior with its options, and selectors that say when it \
        applies:";
    format!(
        "{}\n  NAME:key=value:key=value\n\nSelectors:\n\n{}\n{}",
        wrap(notation, ""),
        rows(),
        doc::topic_page("rules").unwrap_or_default()
    )
}

fn selectors() -> String {
    let about = "Selectors say when a rule applies. They go into the same list as the options of \
        the behavior: delay:sleep=2s:chance=30%. Where a behavior has an option with the name of \
        a selector, rule-NAME means the selector.";
    format!("{}\n{}", wrap(about, ""), rows())
}

/// The table of selectors.
fn rows() -> String {
    let rows: Vec<_> = SELECTORS
        .iter()
        .map(|spec| {
            let default = match spec.default {
                Some("none") | None => String::new(),
                Some(default) => format!(" [default: {default}]"),
            };
            let choices = spec.choices().iter();
            let choices = choices.map(|choice| format!(" {}: {}", choice.text, choice.summary()));
            let about = spec.summary() + &choices.collect::<String>() + &default;
            (format!("{}={}", spec.name, spec.example), about)
        })
        .collect();
    columns("  ", &rows)
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
        let form = match spec.form {
            Form::Flag => "yes or no".to_owned(),
            Form::Choice(_) => spec.texts().collect::<Vec<_>>().join(", "),
            form => form.name().to_owned(),
        };
        let default = match spec.default {
            Some("") => "empty".to_owned(),
            Some(default) => format!("default {default}"),
            None => format!("required, such as {}", spec.example),
        };
        let repeated = if spec.repeated { "; may be repeated" } else { "" };
        let head = format!("{} ({form}; {default}{repeated})", spec.name);
        page += &chenapan_scenario::layout::hang(&head, "  ", "    ");
        page += &wrap(&spec.summary(), "      ");
        for choice in spec.choices() {
            let line = format!("{}: {}", choice.text, choice.summary());
            page += &chenapan_scenario::layout::hang(&line, "        ", "          ");
        }
    }
    page
}

fn example(command: &str) -> String {
    command.lines().fold("Example:\n".to_owned(), |text, line| text + "  " + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::commands::{self, Cli, Command};
    use super::*;
    use chenapan_engine::control::Control;
    use chenapan_engine::proxy::Config;
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
        let registry = chenapan_engine::registry();
        let kinds = Kinds::new();
        let command = commands::command(&registry, &kinds);
        let behaviors = registry.behaviors().iter().map(|entry| entry.name);
        let names: Vec<_> =
            behaviors.chain(registry.protocols().iter().map(|entry| entry.name)).collect();
        let control = Control::seeded(1).unwrap();
        for name in &names {
            let page = topic(&registry, &kinds, commands::shown(&registry, &kinds), &[name])
                .unwrap_or_default();
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
            assert!(shown || speaking.name() == *name, "{name}: {example}");
            let backend = serve.ends.backend.unwrap().to_string();
            let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
            config.name = (*name).to_owned();
            config.protocol = speaking;
            config.rules = rules;
            control.add(config).unwrap();
        }
        assert_eq!(control.proxies().len(), names.len());
        control.stop(std::time::Duration::ZERO).await.unwrap();
    }
}
