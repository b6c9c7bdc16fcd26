//! What must hold for every row of every table, and for the pages made from them.

mod support;

use chenapan::rule::{Defaults, Rule, SELECTORS};
use std::collections::BTreeSet;

fn page(sort: &str) -> String {
    let output = support::run(&["doc", "markdown", sort]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn generated_pages_are_current() {
    for sort in ["behaviors", "protocols"] {
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
        for spec in SELECTORS {
            let text = format!("{}:rule-{}={}{required}", entry.name, spec.name, spec.example);
            let read = Rule::parse(&text, &registry, &Defaults::new());
            assert!(read.is_ok(), "{text}: {}", read.unwrap_err());
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
    let mut seen = BTreeSet::from(["rules", "demo", "apply", "list", "help", "doc"]);
    for name in registry.behaviors().iter().map(|entry| entry.name) {
        assert!(seen.insert(name), "{name}");
    }
    for name in registry.protocols().iter().map(|entry| entry.name) {
        assert!(seen.insert(name), "{name}");
    }
}
