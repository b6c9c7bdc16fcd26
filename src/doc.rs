//! Documentation made from the options tables: pages and a schema. It uses no engine.

mod example;
mod forms;
mod kinds;
mod scenario;
mod terminal;
mod topics;

use chenapan_core::{OptionSpec, Registry};
use chenapan_engine::rule::SELECTORS;
use std::fmt::Write;

pub(crate) use example::{
    of_behavior as behavior_example, of_protocol as protocol_example, quoted,
};
pub(crate) use forms::schema;
pub(crate) use kinds::{kinds_page, shown as shown_kinds};
pub(crate) use scenario::scenario_schema;
pub(crate) use topics::{
    page as topic_page, pages as topic_pages, section as topic_section, sections as topic_sections,
};

/// docs/behaviors.md
pub(crate) fn behaviors_page(registry: &Registry) -> String {
    let mut page = String::from(
        "# Behaviors\n\n<!-- made by: chenapan doc markdown behaviors -->\n\n\
         A behavior decides what happens to a unit: a piece that the protocol has cut or, with plain\n\
         tcp, the bytes that one read returned. Its rule says when. All behaviors take the selectors\n\
         at the end of this page.\n\n| behavior | direction | what it does |\n|---|---|---|\n",
    );
    for entry in registry.behaviors() {
        let (name, direction) = (entry.name, entry.directions.name());
        let _ = writeln!(page, "| [{name}](#{name}) | {direction} | {} |", entry.summary());
    }
    for entry in registry.behaviors() {
        section(&mut page, entry.name, entry.paragraphs(), entry.options);
        fence(&mut page, &behavior_example(registry, entry));
    }
    page.push_str(
        "\n## Selectors\n\nThey go into the same list as the options: \
         `delay:sleep=2s:chance=30%`. Where a behavior has an\noption with the name of a selector, \
         `rule-NAME` means the selector. `chance` is drawn for the\nunits that all other selectors \
         pick, and `skip`, `every` and `first` count the units that are left.\n\n",
    );
    options(&mut page, SELECTORS);
    page
}

/// docs/protocols.md
pub(crate) fn protocols_page(registry: &Registry) -> String {
    let mut page = String::from(
        "# Protocols\n\n<!-- made by: chenapan doc markdown protocols -->\n\n\
         A protocol cuts the bytes of a connection into units and names their fields.\n\n\
         | protocol | what it is for |\n|---|---|\n",
    );
    for entry in registry.protocols() {
        let _ = writeln!(page, "| [{0}](#{0}) | {1} |", entry.name, entry.summary());
    }
    for entry in registry.protocols() {
        section(&mut page, entry.name, entry.paragraphs(), entry.options);
        let fields = entry.describe().fields;
        if !fields.is_empty() {
            let _ = write!(page, "\nFields: `{}`.\n", fields.join("`, `"));
        }
        let counters = entry.describe().all_counters();
        if !counters.is_empty() {
            let _ = write!(page, "\nCounters: `{}`.\n", counters.join("`, `"));
        }
        fence(&mut page, &protocol_example(entry));
    }
    page
}

fn fence(page: &mut String, command: &str) {
    let _ = write!(page, "\n```sh\n{command}\n```\n");
}

fn section(page: &mut String, name: &str, about: Vec<String>, table: &[OptionSpec]) {
    let _ = write!(page, "\n## {name}\n");
    for paragraph in about {
        let _ = write!(page, "\n{paragraph}\n");
    }
    if !table.is_empty() {
        page.push('\n');
        options(page, table);
    }
}

fn options(page: &mut String, table: &[OptionSpec]) {
    page.push_str("| option | form | default | meaning |\n|---|---|---|---|\n");
    for spec in table {
        let form = match spec.choices() {
            [] => spec.form.name().to_owned(),
            _ => spec.texts().collect::<Vec<_>>().join(", "),
        };
        let default = match spec.default {
            None => "must be given".to_owned(),
            Some("") => "empty".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let repeated = if spec.repeated { " May be repeated." } else { "" };
        let choices = spec.choices().iter();
        let choices = choices.map(|choice| format!("<br>`{}`: {}", choice.text, choice.summary()));
        let help = spec.summary() + repeated + &choices.collect::<String>();
        let help = help.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {form} | {default} | {help} |", spec.name);
    }
}
