//! A protocol and rules that a proxy would take, with any options and selectors.

use super::choices::Choices;
use chenapan::rule::{Rule, Rules, SELECTORS};
use chenapan_core::{Form, Instances, OptionSpec, Protocol, Registry};
use std::sync::{Arc, LazyLock};

/// All plug-ins: each table is checked when a registry is made, which takes its time.
static REGISTRY: LazyLock<Registry> = LazyLock::new(chenapan::registry);

/// Behaviors that lose, change and add nothing, and keep order; with the options by which they
/// would.
pub(crate) const LOSSLESS: &[(&str, &[&str])] = &[
    ("dummy", &[]),
    ("delay", &["overtake"]),
    ("throttle", &[]),
    ("split", &[]),
    ("coalesce", &[]),
    ("slow-close", &[]),
    ("slow-connect", &["refuse"]),
];

/// Options of protocols that make them change, add or refuse something.
const ACTIVE: &[&str] = &["header", "invalid", "compression"];

/// Number of times that a rule is drawn anew that its protocol, or its own check, has no use for.
const TRIES: usize = 12;

/// A configured protocol.
pub(super) struct Speaks {
    pub(super) name: &'static str,
    pub(super) instances: Arc<dyn Instances<dyn Protocol>>,
    pub(super) given: Given,
    /// Set when it passes on whatever comes.
    pub(super) passive: bool,
}

/// Options and selectors.
type Given = Vec<(&'static str, String)>;

fn texts(given: &Given) -> impl Iterator<Item = (&str, &str)> {
    given.iter().map(|(name, text)| (*name, text.as_str()))
}

impl Speaks {
    pub(super) fn choose(choices: &mut Choices<'_>, lossless: bool) -> Self {
        // Most that can be done to messages is done to those of json-rpc.
        let entry = match choices.below(3) {
            1 => REGISTRY.find_protocol("json-rpc").expect("it is one of ours"),
            _ => choices.pick(REGISTRY.protocols()),
        };
        let mut given = Given::new();
        let without: &[&str] = if lossless { ACTIVE } else { &[] };
        for _ in 0..choices.below(4) {
            draw(choices, entry.options, without, &mut given);
        }
        // Without the option that does not go with the others, at last without any.
        let instances = loop {
            match entry.configure(texts(&given)) {
                Ok(instances) => break instances,
                Err(_) => given.pop().expect("a protocol needs no option"),
            };
        };
        Self {
            name: entry.name,
            instances,
            passive: !given.iter().any(|(name, _)| ACTIVE.contains(name)),
            given,
        }
    }

    /// The value of its option `framing`.
    pub(super) fn framing(&self) -> &str {
        let framing = self.given.iter().find(|(name, _)| *name == "framing");
        framing.map_or("auto", |(_, text)| text)
    }

    /// One to four rules, or none where chance has it that none can act.
    pub(super) fn rules(&self, choices: &mut Choices<'_>, lossless: bool) -> Rules {
        let number = choices.below(4) + 1;
        Rules::new((0..number).filter_map(|_| {
            (0..TRIES).find_map(|_| {
                let rule = rule(choices, lossless)?;
                let [one, same] = [&rule, &rule].map(|(name, given)| {
                    let entry = REGISTRY.find_behavior(name).expect("it was found before");
                    Rule::new(entry, texts(given)).expect("it was built before")
                });
                Rules::new([same]).fit(&*self.instances, self.name).is_ok().then_some(one)
            })
        }))
    }
}

/// A behavior, with options and selectors that make a rule.
fn rule(choices: &mut Choices<'_>, lossless: bool) -> Option<(&'static str, Given)> {
    let (entry, without) = match lossless {
        true => {
            let (name, without) = choices.pick(LOSSLESS);
            (REGISTRY.find_behavior(name).expect(name), *without)
        }
        false => (choices.pick(REGISTRY.behaviors()), &[][..]),
    };
    let mut given = Given::new();
    for spec in entry.options.iter().filter(|spec| spec.default.is_none()) {
        given.push((spec.name, spec.example.to_owned()));
    }
    for _ in 0..choices.below(4) {
        draw(choices, entry.options, without, &mut given);
    }
    for _ in 0..choices.below(3) {
        draw(choices, SELECTORS, &[], &mut given);
    }
    loop {
        match Rule::new(entry, texts(&given)) {
            Ok(_) => return Some((entry.name, given)),
            Err(_) => given.pop()?,
        };
    }
}
/// Gives one more option of a table.
fn draw(
    choices: &mut Choices<'_>,
    table: &'static [OptionSpec],
    without: &[&str],
    given: &mut Given,
) {
    if table.is_empty() {
        return;
    }
    let spec = choices.pick(table);
    let taken = given.iter().any(|(name, _)| *name == spec.name) && !spec.repeated;
    let text = value(choices, spec);
    if !taken && !without.contains(&spec.name) && spec.parse(&text).is_ok() {
        given.push((spec.name, text));
    }
}

/// A value that its form takes. Maxima of what a rule makes of one unit are measured elsewhere.
fn value(choices: &mut Choices<'_>, spec: &OptionSpec) -> String {
    let texts: &[&str] = match spec.form {
        Form::Choice(known) => return choices.pick(known).text.to_owned(),
        Form::Flag => &["yes", "no"],
        Form::Count | Form::UpTo(_) => &["1", "0", "2", "3", "7"],
        Form::Number => &["0", "1", "-32000", "-9223372036854775808"],
        Form::Decimal => &["0", "1.5", "-2", "1000000"],
        Form::Chance => &["50%", "10%", "90%", "100%"],
        Form::Time => &["1ms", "0s", "1us", "20ms", "1s", "1h", "100000000h"],
        Form::Size => &["1", "0", "2", "7", "64", "1000", "20KiB"],
        Form::Rate => &["1000B/s", "7B/s", "1MiB/s", "1GiB/s"],
        Form::Bytes => &["x", "", "0x00ff", r"\r\n", r"{}\n", r#""id""#],
        Form::Pattern => &[".", "[a-c]", "^", r#""id":"#, r"\d+", "(?s).*"],
        _ => match spec.name {
            "bytes" => &["0..9", "1..", "5..5", "..100"],
            "window" => &["0s..1s", "20ms..", "1s..2s"],
            "connections" | "members" => &["1..", "1", "2..5"],
            "only" | "on" => &["request", "reply", "header", "data", "blank", "any", "header,data"],
            "label" | "method" | "id" | "code" | "status" | "header" | "content-type" => {
                &["*", "a*", "1", "-32*"]
            }
            "source" => &["127.0.0.0/8", "::/0"],
            _ => &["a", "1", "0", "2", "5", "x: {n}"],
        },
    };
    match choices.below(4) {
        0 => spec.example.to_owned(),
        1 => spec.default.unwrap_or(spec.example).to_owned(),
        _ => (*choices.pick(texts)).to_owned(),
    }
}
