//! The kinds of addresses, from their tables: a page, and the text of `help endpoints`.
//!
//! It never reads an address.

use chenapan_core::OptionSpec;
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::endpoint::built_in::{KINDS, Kind, Parameter, Role, Usage};
use std::fmt::Write;

/// A kind in one role, as a page tells of it.
pub(crate) struct Shown {
    /// Its names, the one to use first.
    pub(crate) names: Vec<&'static str>,
    /// Description of its purpose.
    pub(crate) about: String,
    /// Example of its notation.
    pub(crate) example: String,
    /// Its parameters that take arguments without a name, in order.
    pub(crate) positionals: Vec<&'static str>,
    /// Its parameters.
    pub(crate) rows: Vec<Row>,
}

/// A parameter.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) form: String,
    pub(crate) example: &'static str,
    pub(crate) help: String,
}

/// All kinds that know a role, those that were brought along last.
pub(crate) fn shown(kinds: &Kinds, role: Role) -> Vec<Shown> {
    let built_in = KINDS.iter().filter_map(|kind| Some(built_in(kind, kind.usage(role)?)));
    let own = |name: &'static str, doc: &str, options: &'static [OptionSpec]| Shown {
        names: vec![name],
        about: doc.split_whitespace().collect::<Vec<_>>().join(" "),
        example: example(name, options),
        positionals: options.iter().map(|spec| spec.name).collect(),
        rows: options.iter().map(Row::own).collect(),
    };
    let own: Vec<_> = match role {
        Role::Listen => {
            kinds.listeners().iter().map(|kind| own(kind.name, kind.doc, kind.options)).collect()
        }
        Role::Connect => {
            kinds.backends().iter().map(|kind| own(kind.name, kind.doc, kind.options)).collect()
        }
    };
    built_in.chain(own).collect()
}

fn built_in(kind: &Kind, usage: &Usage) -> Shown {
    Shown {
        names: kind.names.to_vec(),
        about: usage.about.to_owned(),
        example: usage.example.to_owned(),
        positionals: usage.positionals.to_vec(),
        rows: usage.all().map(Row::of).collect(),
    }
}

fn example(name: &str, options: &[OptionSpec]) -> String {
    let needed = options.iter().filter(|spec| spec.default.is_none());
    let given: Vec<_> = needed.map(|spec| format!("{}={}", spec.name, spec.example)).collect();
    format!("{name}:{}", given.join(":"))
}

impl Row {
    fn of(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name,
            aliases: parameter.aliases,
            form: parameter.shape.name(),
            example: parameter.example,
            help: parameter.help.to_owned(),
        }
    }

    fn own(spec: &OptionSpec) -> Self {
        Self {
            name: spec.name,
            aliases: &[],
            form: spec.form.name().to_owned(),
            example: spec.example,
            help: spec.summary(),
        }
    }
}

/// docs/kinds.md
pub(crate) fn kinds_page(kinds: &Kinds) -> String {
    let mut page = String::from(
        "# Kinds of addresses\n\n<!-- made by: chenapan doc markdown kinds -->\n\n\
         What `--listen` and `--backend` take, beside `host:port`; how addresses are written is in\n\
         [endpoints.md](endpoints.md). Keys match without regard to case, `-` and `_`.\n",
    );
    for (role, title) in [(Role::Listen, "To listen at"), (Role::Connect, "To connect to")] {
        let _ = write!(page, "\n## {title}\n");
        for kind in shown(kinds, role) {
            let _ = write!(page, "\n### {}\n\n{}\n", kind.names.join(", "), kind.about);
            let _ = write!(page, "\nExample: `{}`", kind.example);
            if !kind.positionals.is_empty() && !kind.rows.is_empty() {
                let _ =
                    write!(page, ". Without names, in this order: {}", kind.positionals.join(", "));
            }
            page.push_str(".\n");
            if kind.rows.is_empty() {
                continue;
            }
            page.push_str("\n| key | form | example | meaning |\n|---|---|---|---|\n");
            for row in kind.rows {
                let names: Vec<_> = [&row.name]
                    .into_iter()
                    .chain(row.aliases)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let _ = writeln!(
                    page,
                    "| {} | {} | `{}` | {} |",
                    names.join(", "),
                    row.form,
                    row.example,
                    row.help.replace('|', "\\|")
                );
            }
        }
    }
    page
}
