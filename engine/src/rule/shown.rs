//! A rule as text that can be given again.

use super::{Defaults, Rule, Rules, SELECTORS};
use crate::notation;
use chenapan_core::{Form, OptionSpec, Registry};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// From this on a time without a unit is more likely a slip than meant.
const LONG: Duration = Duration::from_secs(60);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_part() {
            let chance = &self.selectors.chance;
            write!(f, "{}:", ((chance.end - chance.start) * 1e6).round() / 1e4)?;
        }
        f.write_str(self.made.name)?;
        // A name has one place and one spelling, however it was given.
        let names = |option: &str| super::selector(self.made.options, option) == Some("name");
        let naming = if names("name") { "name" } else { "rule-name" };
        let spelled = |(option, value): &(String, String)| match names(option) {
            true => (**value == *self.name).then(|| (naming.to_owned(), value.clone())),
            false => Some((option.clone(), value.clone())),
        };
        let mut given: Vec<_> = self.given.iter().filter_map(spelled).collect();
        if *self.name != *self.made.name && !given.iter().any(|(option, _)| option == naming) {
            // Told apart from another one of its name.
            given.push((naming.to_owned(), self.name.to_string()));
        }
        f.write_str(&one_line(self.made.options, &given))?;
        Ok(())
    }
}

impl Rules {
    /// Returns the texts from which these rules were written, a mix in one; read together they give the
    /// same rules again. One that no text can give ([`Rule::is_written`]) is marked `(by value)`, so that
    /// it is refused when it is read, and not taken for another one.
    pub fn texts(&self) -> Vec<String> {
        let groups =
            || self.list.chunk_by(|_, next| next.selectors.chance.start > 0.0 && next.is_part());
        let written = |rules: &[Arc<Rule>]| {
            let rule = &rules[0];
            let one = || format!("{}{}", rule.made.name, one_line(rule.made.options, &rule.given));
            let mix = rule.draw.strip_prefix("mix ").filter(|_| rule.is_part());
            mix.map_or_else(one, str::to_owned)
        };
        let written: Vec<_> = groups().map(written).collect();
        if self.is_read_from(&written) {
            return written;
        }
        // Options came from elsewhere, or names from rules that are no more.
        let shown = |rules: &[Arc<Rule>]| {
            let text = |rule: &Arc<Rule>| match rule.is_written() {
                true => rule.to_string(),
                false => format!("{rule} (by value)"),
            };
            rules.iter().map(text).collect::<Vec<_>>().join(",")
        };
        groups().map(shown).collect()
    }

    /// Returns `true` if texts give the same rules.
    fn is_read_from(&self, texts: &[String]) -> bool {
        let entries = self.list.iter().map(|rule| rule.made.entry);
        let Some(entries) = entries.collect::<Option<Vec<_>>>() else { return false };
        let registry = entries.into_iter().fold(Registry::new(), Registry::behavior);
        let mut rules = Vec::new();
        for text in texts {
            let Ok(read) = Rule::parse(text, &registry, &Defaults::new()) else { return false };
            rules.extend(read);
        }
        let again = Rules::new(rules);
        again.list.len() == self.list.len()
            && again.list.iter().zip(&self.list).all(|(again, rule)| again.says(rule))
    }
}

/// Options and selectors as they stand behind a behavior in the one-line form.
pub fn one_line(options: &[OptionSpec], given: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in given {
        let value = quoted(name, with_unit(spec(options, name), value));
        out.push_str(&format!(":{name}={value}"));
    }
    out
}

/// Returns the parts of a rule that may not be meant as they stand, in words for people.
pub(super) fn doubts(rule: &Rule) -> Vec<String> {
    let doubt = |(name, value): &(String, String)| {
        let spec = spec(rule.made.options, name)?;
        let number = is_number(value) && spec.form == Form::Time;
        let seconds = value.parse::<f64>().ok().filter(|_| number)?;
        let behavior = rule.made.name;
        (seconds > LONG.as_secs_f64()).then(|| {
            format!(
                "{behavior}: {name}={value} is {value} seconds; write {name}={value}s if that is \
                 meant, or {name}={value}ms"
            )
        })
    };
    rule.given.iter().filter_map(doubt).collect()
}

/// The row of an option or selector, as the one-line form finds it.
fn spec<'a>(options: &'a [OptionSpec], name: &str) -> Option<&'a OptionSpec> {
    let own = options.iter().find(|spec| spec.name == name);
    let plain = name.strip_prefix("rule-").unwrap_or(name);
    own.or_else(|| SELECTORS.iter().find(|spec| spec.name == plain))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn with_unit(spec: Option<&OptionSpec>, value: &str) -> String {
    let (unit, span) = match spec {
        Some(spec) if spec.form == Form::Time => ("s", false),
        Some(spec) if spec.form == Form::Size => ("B", false),
        Some(spec) if spec.name == "window" && spec.form == Form::Text => ("s", true),
        _ => return value.to_owned(),
    };
    let with = |text: &str| match is_number(text) {
        true => format!("{text}{unit}"),
        false => text.to_owned(),
    };
    match value.split_once("..").filter(|_| span) {
        Some((from, to)) => format!("{}..{}", with(from), with(to)),
        None => with(value),
    }
}

/// A value as it has to be written, so that it is read as this one, in a mix too.
fn quoted(name: &str, value: String) -> String {
    let text = format!("{name}={value}");
    let whole = |separator| match notation::parts(&text, separator).as_deref() {
        Ok([part]) => part.value == value,
        _ => false,
    };
    if whole(':') && whole(',') {
        return value;
    }
    let mut quoted = String::with_capacity(2 * value.len());
    for character in value.chars() {
        if matches!(character, '\\' | ':' | ',' | '[' | ']') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use crate::rule::{Defaults, Rule, Rules};

    fn shown(text: &str) -> String {
        let rules = Rules::new(Rule::parse(text, &crate::registry(), &Defaults::new()).unwrap());
        rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn rules_are_shown_as_they_were_written() {
        for text in [
            "delay:sleep=250ms:jitter=50ms:chance=30%",
            "delay:chance=30%:sleep=1s",
            "20:delay:sleep=2s,0.5:error",
            "drop:source=[2001:db8::]/32",
            r"replace:match=http\://x:with=y",
            "hang:window=30s..:name=slow",
            "corrupt:every=64KiB:rule-every=3",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn numbers_get_their_unit_and_what_was_given_without_a_value_gets_one() {
        assert_eq!(shown("delay:sleep=500"), "delay:sleep=500s");
        assert_eq!(shown("hang:window=2..5"), "hang:window=2s..5s");
        assert_eq!(shown("limit:bytes=600"), "limit:bytes=600B");
        assert_eq!(shown("slow-connect:refuse"), "slow-connect:refuse=yes");
    }

    #[test]
    fn what_is_shown_gives_the_same_rule_again() {
        for text in [
            r"replace:match=a\,b\\\[c:with=\\\\d",
            "50:delay:source=10.0.0.0/8\\,127.0.0.0/8,50:drop",
            r"drop:matching=\[0-9\]+",
        ] {
            let once = shown(text);
            assert_eq!(shown(&once), once, "{text}");
        }
        let two = Rules::parse(&["delay", "delay:sleep=2s"]).unwrap();
        let second = two.iter().nth(1).unwrap();
        assert_eq!(second.to_string(), "delay:sleep=2s:name=delay-2");
        for text in [r"drop:rule-name=a\:b:every=2", r"drop:name=a\:b:every=2"] {
            assert_eq!(shown(text), r"drop:name=a\:b:every=2");
        }
    }

    #[test]
    fn long_times_without_a_unit_are_doubted() {
        let doubts = |text: &str| Rules::parse(&[text]).unwrap().doubts();
        assert_eq!(doubts("delay:sleep=60"), [""; 0]);
        assert_eq!(doubts("delay:sleep=500s"), [""; 0]);
        let [doubt] = doubts("delay:sleep=500").try_into().unwrap();
        assert!(doubt.contains("sleep=500s") && doubt.contains("sleep=500ms"), "{doubt}");
    }
}
