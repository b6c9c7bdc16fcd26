//! A command that shows a plug-in at work, found by trying which protocol lets it act.
//!
//! It knows no plug-in by name, and it never opens anything.

use bytes::BytesMut;
use chenapan_core::{
    Behavior, BehaviorEntry, Connection, Context, Direction, Form, Key, Moment, OptionSpec,
    Protocol, ProtocolEntry, Registry, States, Unit, Verdict,
};
use chenapan_engine::rule::{Defaults, Rule, Rules};
use std::time::Duration;

/// Arguments that every example begins with.
const PLACES: &str = "chenapan --listen 8000 --backend 127.0.0.1:80";

/// Width in which an example stays on one line.
const WIDTH: usize = 76;

/// A command that runs a behavior, with a protocol that makes the units which it needs.
pub(crate) fn of_behavior(registry: &Registry, entry: &BehaviorEntry) -> String {
    let rule = one_line(entry.name, &options(entry.options));
    let rule_argument = format!("--behavior {}", quoted(&rule));
    match protocol_for(registry, &rule) {
        Some(protocol) => command(&[format!("--protocol {}", quoted(&protocol)), rule_argument]),
        None => command(&[rule_argument]),
    }
}

/// A command that runs a protocol; one that can send units of its own does.
pub(crate) fn of_protocol(entry: &ProtocolEntry) -> String {
    let sends = setups(entry).find(|given| opened(entry, given).is_some());
    let text = one_line(entry.name, &sends.unwrap_or_default());
    command(&[format!("--protocol {}", quoted(&text))])
}

fn command(arguments: &[String]) -> String {
    let rest = arguments.join(" ");
    match PLACES.len() + 1 + rest.len() > WIDTH {
        true if rest.len() + 2 > WIDTH => format!("{PLACES} \\\n  {}", arguments.join(" \\\n  ")),
        true => format!("{PLACES} \\\n  {rest}"),
        false => format!("{PLACES} {rest}"),
    }
}

/// The protocol that an example of a rule needs, as on the command line; none where it acts on
/// any bytes.
///
/// Best is a protocol that sends a unit by itself to which the rule does something: the example
/// then works with any client. Otherwise it is the first one that the rule fits.
fn protocol_for(registry: &Registry, rule: &str) -> Option<String> {
    let rules = Rules::new(Rule::parse(rule, registry, &Defaults::new()).ok()?);
    let (first, others) = registry.protocols().split_first()?;
    let fits = |entry: &ProtocolEntry, given: &[Given]| {
        let protocol = entry.configure(given.iter().map(|(name, value)| (*name, *value)));
        protocol.is_ok_and(|protocol| rules.fit(&*protocol, entry.name).is_ok())
    };
    if fits(first, &[]) {
        return None;
    }
    let rule = rules.iter().next()?;
    let acts = |entry: &ProtocolEntry, given: &[Given]| {
        fits(entry, given)
            && opened(entry, given).is_some_and(|(protocol, unit)| {
                rule.directions().include(Direction::Upstream)
                    && acts_on(&mut *rule.instance(), &*protocol, unit)
            })
    };
    let shown = others.iter().find_map(|entry| {
        let given = setups(entry).find(|given| acts(entry, given))?;
        Some(one_line(entry.name, &given))
    });
    shown
        .or_else(|| others.iter().find(|entry| fits(entry, &[])).map(|entry| entry.name.to_owned()))
}

/// An option with its value.
type Given = (&'static str, &'static str);

/// Settings of a protocol to try: one option that has choices, with up to two others.
fn setups(entry: &ProtocolEntry) -> impl Iterator<Item = Vec<Given>> {
    let options = entry.options;
    let modes = options.iter().flat_map(|spec| spec.texts().map(|text| (spec.name, text)));
    let more = move || {
        let shown =
            |spec: &&OptionSpec| spec.default != Some(spec.example) || spec.form == Form::Flag;
        options.iter().filter(shown).map(|spec| match spec.form {
            Form::Flag => (spec.name, "yes"),
            _ => (spec.name, spec.example),
        })
    };
    let modes: Vec<Given> = modes.collect();
    let none = modes.clone().into_iter().map(|mode| vec![mode]);
    let one =
        modes.clone().into_iter().flat_map(move |mode| more().map(move |first| vec![mode, first]));
    let two = modes.into_iter().flat_map(move |mode| {
        more().enumerate().flat_map(move |(at, first)| {
            more().skip(at + 1).map(move |second| vec![mode, first, second])
        })
    });
    none.chain(one).chain(two)
}

/// The unit that a protocol sends before anything else, and the protocol after it.
fn opened(entry: &ProtocolEntry, given: &[Given]) -> Option<(Box<dyn Protocol>, Unit)> {
    let configured = entry.configure(given.iter().copied()).ok()?;
    let mut protocol = configured.instance();
    let unit = protocol.open(&Connection::new(1))?;
    Some((protocol, unit))
}

/// Returns `true` if a behavior does something to a unit.
fn acts_on(behavior: &mut dyn Behavior, protocol: &dyn Protocol, mut unit: Unit) -> bool {
    let connection = Connection::new(1);
    let mut damage = Vec::new();
    unit.bytes = BytesMut::from(&unit.bytes[..]);
    let key = Key::new(1).rule(1, Direction::Upstream, "example");
    let (direction, now, offset) = (Direction::Upstream, Duration::ZERO, unit.offset);
    let moment = Moment { connection: &connection, protocol, direction, now, offset, key };
    let mut states = States::default();
    let mut context = Context::new(moment, &mut damage, states.of(0));
    let verdict = behavior.on_unit(&mut unit, &mut context);
    verdict != Verdict::Forward || !damage.is_empty()
}

/// The options that an example shows: those that must be given, or else the most telling one.
fn options(table: &'static [OptionSpec]) -> Vec<Given> {
    let required: Vec<_> = table.iter().filter(|spec| spec.default.is_none()).collect();
    let shown = match required.is_empty() {
        false => required,
        true => {
            let telling = table.iter().find(|spec| spec.default != Some(spec.example));
            let plain = |spec: &&OptionSpec| {
                spec.form != Form::Flag
                    && spec.choices().is_empty()
                    && !matches!(spec.example, "" | "none" | "0")
            };
            telling.or_else(|| table.first().filter(plain)).into_iter().collect()
        }
    };
    shown.into_iter().map(|spec| (spec.name, spec.example)).collect()
}

/// A name with options, as on the command line.
fn one_line(name: &str, given: &[Given]) -> String {
    given.iter().fold(name.to_owned(), |text, (option, value)| match *value {
        "yes" => format!("{text}:{option}"),
        value => format!("{text}:{option}={}", escaped(value)),
    })
}

/// A value inside of a one-line form.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(':', "\\:")
}

/// An argument as a shell takes it: in quotes where a shell would change it.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-+=:,./@%".contains(letter);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_names_the_protocol_that_makes_its_units() {
        let registry = chenapan_engine::registry();
        let example = |name| of_behavior(&registry, registry.find_behavior(name).unwrap());
        assert!(!example("delay").contains("--protocol"));
        assert!(example("rpc-id").contains(" --protocol json-rpc "));
        assert!(example("missing-header").contains(":header=add --behavior missing-header"));
        assert!(example("bad-checksum").contains("--protocol proxy-v2:header=add"));
        // A single vector has no other order.
        let reorder = example("reorder-tlvs");
        assert!(reorder.contains(":tlv=") && reorder.contains(":checksum"), "{reorder}");
    }

    #[test]
    fn a_shell_takes_an_example_as_it_is() {
        assert_eq!(quoted("delay:sleep=1s"), "delay:sleep=1s");
        assert_eq!(quoted("rpc-storm:method=*"), "'rpc-storm:method=*'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
