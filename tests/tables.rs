//! Properties that must hold for every row of every table, and for the pages made from them.

mod support;

use chenapan::rule::{ALIASES, Defaults, Rule, SELECTORS};
use chenapan_core::{OptionSpec, Value};
use std::collections::BTreeSet;

/// Every plug-in: its name, its summary and its options.
fn plug_ins() -> Vec<(&'static str, String, &'static [OptionSpec])> {
    let registry = chenapan::registry();
    let behaviors = registry.behaviors().iter();
    let protocols = registry.protocols().iter();
    behaviors
        .map(|entry| (entry.name, entry.summary(), entry.options))
        .chain(protocols.map(|entry| (entry.name, entry.summary(), entry.options)))
        .collect()
}

fn kebab_case(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |word: &str| !word.is_empty() && word.bytes().all(letter);
    name.split('-').all(word)
}

#[test]
fn names_are_in_kebab_case_and_options_unique() {
    for (name, _, options) in plug_ins() {
        assert!(kebab_case(name), "{name}");
        let unique: BTreeSet<_> = options.iter().map(|spec| spec.name).collect();
        assert_eq!(unique.len(), options.len(), "{name}");
        assert!(unique.into_iter().all(kebab_case), "{name}");
    }
}

#[test]
fn every_default_and_example_is_a_value() {
    for (name, _, options) in plug_ins() {
        for spec in options {
            for text in spec.default.into_iter().chain([spec.example]).chain(spec.texts()) {
                assert!(spec.parse(text).is_ok(), "{name} {}: {text:?}", spec.name);
            }
        }
    }
}

#[test]
fn every_plug_in_and_option_is_documented_in_sentences() {
    for (name, summary, options) in plug_ins() {
        assert!(summary.ends_with('.'), "{name}");
        assert!(!summary.contains(". "), "{name}");
        for spec in options {
            assert!(spec.summary().ends_with('.'), "{name} {}", spec.name);
        }
    }
}

/// A choice is a value of a type, never a text: what a plug-in does not know cannot reach it.
#[test]
fn choices_are_typed_and_documented_in_sentences() {
    let mut seen = 0;
    for (name, _, options) in plug_ins() {
        for spec in options.iter().filter(|spec| !spec.choices().is_empty()) {
            let option = spec.name;
            for (at, choice) in spec.choices().iter().enumerate() {
                for text in choice.aliases.iter().chain([&choice.text]) {
                    let expected = match spec.repeated {
                        true => Value::List(vec![Value::Choice(at)]),
                        false => Value::Choice(at),
                    };
                    assert_eq!(spec.parse(text), Ok(expected), "{name} {option}: {text}");
                }
                let summary = choice.summary();
                assert!(summary.ends_with('.'), "{name} {option}: {summary:?}");
            }
            let wrong = spec.parse("no such choice").unwrap_err();
            assert!(wrong.contains(spec.choices()[0].text), "{name} {option}: {wrong}");
            seen += 1;
        }
    }
    assert!(seen >= 34, "{seen}");
}

fn page(sort: &str) -> String {
    let output = support::run(&["doc", "markdown", sort]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn generated_pages_are_current() {
    for sort in ["behaviors", "protocols", "kinds"] {
        let path = format!("{}/docs/{sort}.md", env!("CARGO_MANIFEST_DIR"));
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(
            found == page(sort),
            "docs/{sort}.md is stale: cargo run -- doc markdown {sort} >docs/{sort}.md"
        );
    }
}

#[test]
fn the_only_options_that_shadow_a_selector_are_these() {
    let registry = chenapan::registry();
    let selectors: BTreeSet<_> = SELECTORS.iter().map(|spec| spec.name).collect();
    let shadowed: Vec<_> = registry
        .behaviors()
        .iter()
        .flat_map(|entry| entry.options.iter().map(move |spec| (entry.name, spec.name)))
        .filter(|(_, option)| selectors.contains(option))
        .collect();
    assert_eq!(
        shadowed,
        [
            ("close", "bytes"),
            ("reset", "bytes"),
            ("limit", "bytes"),
            ("corrupt", "every"),
            ("corrupt", "chance"),
            ("inject", "bytes"),
            ("error", "code"),
            ("transient", "code"),
            ("spoof", "source"),
            ("http-interim", "code"),
            ("http-redirect", "code"),
            ("rpc-error", "code"),
            ("rpc-error", "status"),
            ("rpc-restyle", "members"),
            ("rpc-swap", "window"),
            ("rpc-both", "code"),
            ("rpc-batch", "code"),
            ("rpc-null-error", "code"),
            ("rpc-http", "status"),
            ("rpc-http", "code"),
        ]
    );
}

#[test]
fn every_selector_can_be_written_on_every_behavior() {
    let registry = chenapan::registry();
    for entry in registry.behaviors() {
        let required: String = entry
            .options
            .iter()
            .filter(|spec| spec.default.is_none())
            .map(|spec| format!(":{}={}", spec.name, spec.example))
            .collect();
        let aliases = ALIASES.iter().map(|(alias, _)| (*alias, "error"));
        let names = SELECTORS.iter().map(|spec| (spec.name, spec.example)).chain(aliases);
        for (name, example) in names {
            let text = format!("{}:rule-{name}={example}{required}", entry.name);
            let read = Rule::parse(&text, &registry, &Defaults::new());
            assert!(read.is_ok(), "{text}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn help_shows_one_name_of_each_selector() {
    let table = page("behaviors");
    let (_, table) = table.split_once("\n## Selectors").expect("a section");
    for (alias, selector) in ALIASES {
        let row = |name: &str| table.contains(&format!("| `{name}` |"));
        assert!(row(selector) && !row(alias), "{alias}: {table}");
        for topic in ["selectors", "rules"] {
            let help = support::run(&["help", topic]);
            let help = String::from_utf8(help.stdout).unwrap();
            let row = |name: &str| help.lines().any(|line| line.starts_with(&format!("  {name}=")));
            assert!(row(selector) && !row(alias), "{alias}: {help}");
        }
    }
}

#[test]
fn every_selector_is_documented_with_an_example_that_parses() {
    for spec in SELECTORS {
        assert!(spec.summary().ends_with('.'), "{}", spec.name);
        assert!(spec.parse(spec.example).is_ok(), "{}", spec.name);
    }
}

#[test]
fn plug_in_names_are_unique_over_both_sorts_and_no_commands() {
    let registry = chenapan::registry();
    let mut seen = BTreeSet::from(support::COMMANDS);
    seen.extend(["rules", "endpoints"]);
    for name in registry.behaviors().iter().map(|entry| entry.name) {
        assert!(seen.insert(name), "{name}");
    }
    for name in registry.protocols().iter().map(|entry| entry.name) {
        assert!(seen.insert(name), "{name}");
    }
}

#[test]
fn every_rule_in_the_page_on_json_rpc_can_be_read() {
    let registry = chenapan::registry();
    let page = include_str!("../docs/json-rpc.md").replace("\\\n", " ");
    let known = |rule: &str| {
        let name = rule.split(':').next().unwrap_or_default();
        registry.behaviors().iter().any(|entry| entry.name == name)
    };
    let after = |mark: &'static str| page.split(mark).skip(1);
    let flags = after("--behavior ").chain(after("--behavior\", \""));
    let flags = flags.filter_map(|rest| rest.split([' ', '\n', '"', '`']).next());
    let quoted = page.split('`').skip(1).step_by(2);
    let rules: Vec<_> = flags.chain(quoted).filter(|rule| known(rule)).collect();
    assert!(rules.len() > 50, "{} rules", rules.len());
    for rule in rules {
        // A name alone speaks of a behavior; what it needs is left out.
        if rule.contains(':') {
            let read = Rule::parse(rule, &registry, &Defaults::new());
            assert!(read.is_ok(), "{rule}: {}", read.unwrap_err());
        }
    }
}
