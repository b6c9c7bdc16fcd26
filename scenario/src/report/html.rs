//! A scenario's outcome as one page that needs nothing else: no script, no request.
//!
//! It never puts text into the page unescaped.

use super::timeline::Timeline;
use super::words;
use crate::{
    Check, CommandOutcome, Figure, Group, LoadOutcome, Outcome, PhaseOutcome, RuleOutcome,
};
use chenapan_engine::outlet::is_obeyed;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error};
use serde::Serialize;

const TEMPLATE: &str = include_str!("report.html");

/// The page.
pub(super) fn html(outcome: &Outcome) -> String {
    // The template is a part of the program: what is wrong with it is wrong in every test.
    let page = render(outcome).expect("the template is right");
    // A page may not hold them, whichever text they came in.
    page.replace(|c: char| is_obeyed(c) && c != '\n' && c != '\t', "")
}

fn render(outcome: &Outcome) -> Result<String, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    // The ending of the name says how texts are escaped.
    environment.render_named_str("report.html", TEMPLATE, Serde(Page::new(outcome)))
}

/// Values that the template shows.
#[derive(Serialize)]
struct Page<'a> {
    name: &'a str,
    file: &'a str,
    seed: u64,
    held: bool,
    took: String,
    verdict: String,
    stopped: Option<&'a str>,
    timeline: Timeline,
    phases: Vec<Section<'a>>,
}

/// A phase.
#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    held: bool,
    began: String,
    took: String,
    rules: &'a [RuleOutcome],
    checks: &'a [Check],
    /// Numbers with their names: of exchanges, and of their latency.
    load: Option<[Vec<(&'static str, String)>; 2]>,
    /// Why exchanges and connections did not go well.
    causes: Vec<String>,
    command: Option<Command>,
}

/// A command.
#[derive(Serialize)]
struct Command {
    command: String,
    exit: String,
    took: String,
    output: String,
    errors: String,
}

impl<'a> Page<'a> {
    fn new(outcome: &'a Outcome) -> Self {
        Self {
            name: &outcome.name,
            file: &outcome.file,
            seed: outcome.seed,
            held: outcome.held,
            took: words::time(outcome.took),
            verdict: words::verdict(outcome),
            stopped: outcome.stopped.as_deref(),
            timeline: Timeline::new(outcome),
            phases: outcome.phases.iter().map(Section::new).collect(),
        }
    }
}

impl<'a> Section<'a> {
    fn new(phase: &'a PhaseOutcome) -> Self {
        Self {
            name: &phase.name,
            held: phase.held,
            began: words::time(phase.began),
            took: words::time(phase.took),
            rules: &phase.rules,
            checks: &phase.checks,
            load: phase.load.as_ref().map(load),
            causes: {
                let mut causes = words::causes(phase).split_off(usize::from(phase.load.is_some()));
                causes.extend(words::slower(phase));
                causes
            },
            command: phase.command.as_ref().map(Command::new),
        }
    }
}

impl Command {
    fn new(outcome: &CommandOutcome) -> Self {
        Self {
            command: words::plain(&outcome.command),
            exit: words::exit(outcome.exit),
            took: words::time(outcome.took),
            output: words::plain(&outcome.output),
            errors: words::plain(&outcome.errors),
        }
    }
}

fn load(load: &LoadOutcome) -> [Vec<(&'static str, String)>; 2] {
    let shown = |group| Figure::of(group).map(|figure| (figure.label, words::figure(figure, load)));
    let counts = shown(Group::Exchanges).chain(shown(Group::Traffic));
    [counts.collect(), shown(Group::Latency).collect()]
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn pages_are_whole_and_ask_for_nothing() {
        for outcome in [sample::held(), sample::failed(), sample::stopped(), sample::long(20)] {
            let page = html(&outcome);
            balanced(&page);
            for outside in ["<script", "<link", "<img", "@import", "url(", "src=", "href=\"http"] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert_eq!(page.matches("<section").count(), outcome.phases.len());
            assert!(page.contains(&words::verdict(&outcome)), "{page}");
        }
    }

    #[test]
    fn a_failed_expectation_is_marked_beside_what_was_found() {
        let page = html(&sample::failed());
        let row = "<tr class=\"failed\"><td title=\"chaos&#x2f;web.yaml:12\">web.bytes-downstream</td><td>0</td><td>4120</td>\
                   <td class=\"verdict\">FAILED</td></tr>";
        assert!(page.contains(row), "{page}");
        assert_eq!(page.matches("<tr class=\"failed\">").count(), 2);
        assert_eq!(page.matches("<tr class=\"ok\">").count(), 5);
        assert!(html(&sample::stopped()).contains("service app has ended (exit code 1)"));
    }

    #[test]
    fn hostile_text_is_only_text() {
        let hostile = "</pre></style><script>alert('x')</script>\" onload=\"x\u{1b}[2J\u{0}";
        let mut outcome = sample::failed();
        outcome.name = hostile.to_owned();
        outcome.file = hostile.to_owned();
        outcome.stopped = Some(hostile.to_owned());
        let phase = &mut outcome.phases[1];
        phase.name = hostile.to_owned();
        phase.rules[0].rule = hostile.to_owned();
        phase.checks[0].found = hostile.to_owned();
        let command = phase.command.as_mut().unwrap();
        command.output = hostile.to_owned();
        command.errors = hostile.to_owned();
        command.command = hostile.to_owned();
        let page = html(&outcome);
        balanced(&page);
        assert!(page.matches("&lt;script&gt;").count() >= 9);
        assert!(!page.contains("<script") && !page.contains("\" onload"), "{page}");
        assert!(!page.contains(['\0', '\x1b']), "{page}");
    }

    /// Every element that begins also ends, in the right order.
    fn balanced(page: &str) {
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let tag = tag.split_once('>').expect("a tag has an end").0;
            let name = tag.split_whitespace().next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
                None if tag.starts_with('!') || tag.ends_with('/') || name == "meta" => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
