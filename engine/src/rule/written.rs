//! The one-line form of rules: `delay:sleep=2s:chance=30%`, and mixes such as `20:delay,5:error`.

use super::{Defaults, Mix, Rule, RuleError, wrong};
use crate::notation::{self, Part};
use chenapan_core::{Chance, Form, Registry, Value, instead};

pub(super) fn parse(
    text: &str,
    registry: &Registry,
    defaults: &Defaults,
) -> Result<Vec<Rule>, RuleError> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        let rule = rule(text, registry, defaults);
        return match joined(text, registry) {
            Some(several) if rule.is_err() => Err(several),
            _ => Ok(vec![rule?]),
        };
    }
    let mut mix = Mix::new();
    for entry in notation::pieces(text, ',').map_err(|error| wrong(text, &error.to_string()))? {
        let (share, text) = share(entry)?;
        mix = mix.part(share, rule(text, registry, defaults)?);
    }
    mix.drawn(text)
}

fn share(entry: &str) -> Result<(f64, &str), RuleError> {
    let Some((share, rule)) = entry.split_once(':') else {
        return Err(wrong(entry, "expected PERCENT:BEHAVIOR, as in 20:delay,5:error"));
    };
    let number = share.trim().trim_end_matches('%');
    match Form::Chance.parse(&format!("{number}%")) {
        Ok(Value::Chance(Chance(chance))) => Ok((chance, rule)),
        _ => Err(wrong(entry, &format!("{share:?} is no percentage from 0 to 100"))),
    }
}

fn rule(text: &str, registry: &Registry, defaults: &Defaults) -> Result<Rule, RuleError> {
    let parts = notation::parts(text, ':').map_err(|error| wrong(text, &error.to_string()))?;
    let mut parts = parts.into_iter();
    let first = parts.next();
    let name = match &first {
        Some(Part { key: None, value }) if !value.is_empty() => value.trim(),
        _ => {
            let meant = meant(text, registry).unwrap_or_else(|| "delay:sleep=2s".to_owned());
            let what = format!("expected a behavior's name first, as in {meant}");
            return Err(wrong(text, &what));
        }
    };
    let entry = match (registry.find_behavior(name), meant(name, registry)) {
        // What other tools call so is known under its whole name.
        (Err(_), Some(meant)) if instead(name).is_none() => {
            let what = format!("expected a colon after the behavior's name, as in {meant}");
            return Err(wrong(text, &what));
        }
        (entry, _) => entry?,
    };
    let mut given = notation::given(parts, entry.options).map_err(|what| wrong(text, &what))?;
    notation::complete(&mut given, defaults.get(entry.name).cloned().unwrap_or_default());
    Rule::new(entry, given.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The fault of several rules in one text.
fn joined(text: &str, registry: &Registry) -> Option<RuleError> {
    let pieces = notation::pieces(text, ',').ok()?;
    let named = |piece: &&str| {
        let name = piece.split(':').next().unwrap_or_default();
        registry.find_behavior(name.trim()).is_ok()
    };
    let (count, named) = (pieces.len(), pieces.iter().filter(|piece| named(piece)).count());
    (count > 1 && count == named).then(|| {
        wrong(
            text,
            "expected one behavior; write each in a rule of its own, or a mix such as \
             20:delay,5:error, of which a unit gets at most one",
        )
    })
}

/// The rule that was meant by a behavior with its value after anything but a colon.
pub fn meant(text: &str, registry: &Registry) -> Option<String> {
    let name = text.trim();
    let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?];
    let entry = registry.find_behavior(name).ok()?;
    let value = text.trim()[name.len()..].trim_matches([' ', ',', '=', ':']);
    let first = entry.options.first()?;
    let value = if first.parse(value).is_ok() { value } else { first.example };
    Some(format!("{name}:{}={value}", first.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Rule>, RuleError> {
        parse(text, &crate::registry(), &Defaults::new())
    }

    fn error(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_mix_is_one_draw_cut_into_shares() {
        let rules = read("20:delay:sleep=2s,5:error,0.5:drop").unwrap();
        let chances: Vec<_> = rules.iter().map(|rule| rule.selectors().chance.clone()).collect();
        assert_eq!(chances[0], 0.0..0.2);
        assert_eq!(chances[1], 0.2..0.25);
        assert!((chances[2].end - 0.255).abs() < 1e-9);
        assert!(rules.iter().all(|rule| rule.draw == rules[0].draw));
        assert!(read("50:dummy,50:delay").is_ok());
    }

    #[test]
    fn defaults_stand_behind_what_the_rule_says() {
        let given = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let values = vec![given("sleep", "3s"), given("jitter", "1s")];
        let defaults = Defaults::from([("delay".to_owned(), values)]);
        let rules = parse("delay:sleep=2s", &crate::registry(), &defaults).unwrap();
        assert_eq!(rules[0].given, [given("sleep", "2s"), given("jitter", "1s")]);
    }

    #[test]
    fn errors_name_what_was_written() {
        assert_eq!(error("dleay"), r#"behavior "dleay": no such behavior; did you mean "delay"?"#);
        assert_eq!(
            error("delay:slep=2"),
            r#"behavior "delay": option "slep": no such option; did you mean "sleep"?"#
        );
        assert_eq!(
            error("delay:2s"),
            r#"rule "delay:2s": "2s": expected option=value; write sleep=2s"#
        );
        for text in ["delay=500ms", "delay,500ms", "delay 500ms"] {
            assert!(error(text).ends_with("as in delay:sleep=500ms"), "{}", error(text));
        }
        assert_eq!(
            error("reset_peer"),
            r#"behavior "reset_peer": no such behavior; write reset:after=30s (or reset:bytes=1000)"#
        );
        assert!(error("limit_data:bytes=10").ends_with("write limit:bytes=1000"));
        assert!(error("delay:latency=1s").contains("no such option; write sleep=250ms; known are"));
        assert!(error("delay:direction=down").ends_with("did you mean \"downstream\"?"));
        assert!(error("delay:sleep=1s,reset").contains("expected one behavior"));
        assert!(read("replace:match=a:with=b,drop").is_ok());
        assert!(error("error:once").contains("expected option=value, such as "));
        assert!(error("replace:match=http://x:with=y").contains(r"match=http\://x"));
        assert!(error("throttle:fast").contains("such as rate="));
        assert_eq!(
            error("60:delay,50:error"),
            r#"rule "60:delay,50:error": the shares add up to 110 %, over 100 %"#
        );
        assert!(error("120:delay").contains("no percentage from 0 to 100"));
        assert!(error("20:").contains("behavior's name first"));
        assert!(error("20").contains("PERCENT:BEHAVIOR"));
        assert!(error(":").contains("behavior's name first"));
        assert!(error("").contains("behavior's name first"));
        assert!(error(r"delay:sleep=\").contains("backslash"));
    }
}
