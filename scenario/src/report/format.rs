//! Formats of a report about a scenario: the table that `--report`, its help, its completion and the
//! documentation walk.

use super::{html, json, junit, markdown};
use crate::Outcome;

/// A format of a report that goes to a file.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name of the format, as `--report NAME=FILE` takes it.
    pub name: &'static str,
    /// Readers of such a report, in Markdown.
    pub readers: &'static str,
    /// Content of such a report, in Markdown.
    pub content: &'static str,
    write: fn(&Outcome) -> String,
}

/// All formats, in the order in which help lists them.
pub const FORMATS: &[Format] = &[
    Format {
        name: "junit",
        readers: "CI servers (GitLab, Jenkins, Azure, CircleCI ...)",
        content: "one suite, with a case for each phase and for each round of a repeated phase; \
                  failures list expected and actual values; the end of the command's output; an \
                  error for an early stop, and for a phase in which a plug-in panicked",
        write: junit::junit,
    },
    Format {
        name: "json",
        readers: "programs",
        content: "all facts, in the schema below",
        write: json::json,
    },
    Format {
        name: "html",
        readers: "people who investigate a failure",
        content: "one page without scripts or requests: a timeline of throughput, latency and \
                  faults over the phases, followed by the rules, expectations, load and command \
                  of each phase",
        write: html::html,
    },
    Format {
        name: "markdown",
        readers: "comments on a pull request, `$GITHUB_STEP_SUMMARY`",
        content: "the verdict and a row for each expectation; with more than 200 expectations, \
                  only those that failed",
        write: markdown::markdown,
    },
];

impl Format {
    /// Returns the format of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Writes the report of an outcome.
    pub fn write(&self, outcome: &Outcome) -> String {
        (self.write)(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_row_for_each_format() {
        let page = include_str!("../../../docs/reports.md");
        for Format { name, readers, content, .. } in FORMATS {
            let row = format!("\n| `{name}` | {readers} | {content} |\n");
            assert!(page.contains(&row), "docs/reports.md needs this row:{row}");
            assert!(page.contains(&format!("--report {name}=F")), "docs/reports.md: {name}");
        }
    }
}
