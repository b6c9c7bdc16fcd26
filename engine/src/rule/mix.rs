//! Rules that share one draw, so that a unit gets at most one of them.

use super::{IntoRules, Rule, RuleError, Rules, wrong};
use chenapan_core::Registry;
use std::sync::Arc;

/// A mix by value: of each unit one draw decides which of its rules it gets, if any. As text it is
/// `20:delay,5:error`.
///
/// It can be added wherever a rule can. A mix with a text draws as that text does.
///
/// ```
/// use chenapan_engine::behaviors::{Delay, DropUnits};
/// use chenapan_engine::rule::{Mix, Rule};
/// use std::time::Duration;
///
/// let slow = Rule::of(Delay { sleep: Duration::from_secs(2), ..Delay::default() });
/// let mix = Mix::new().part(0.2, slow).part(0.05, Rule::of(DropUnits::default()).label("SET"));
/// assert_eq!(mix.rules()?.texts(), ["20:delay:sleep=2s,5:drop:label=SET"]);
/// # Ok::<(), chenapan_engine::rule::RuleError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a mix does nothing unless it is added"]
pub struct Mix {
    parts: Vec<Part>,
}

/// A rule and its share of the draw.
#[derive(Debug)]
struct Part {
    share: f64,
    rule: Rule,
}

impl Mix {
    /// A mix without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule that gets this share of the units, from 0 to 1. The share takes the place of the
    /// rule's [`chance`](Rule::chance).
    pub fn part(mut self, share: f64, rule: Rule) -> Self {
        self.parts.push(Part { share, rule });
        self
    }

    /// Returns the rules, one for each part.
    ///
    /// # Errors
    ///
    /// A share is none, the shares add up to more than 1, or a rule cannot be used.
    pub fn rules(self) -> Result<Rules, RuleError> {
        self.checked().map(Rules::new)
    }

    fn checked(self) -> Result<Vec<Rule>, RuleError> {
        let texts = self.parts.iter().map(|part| {
            let percent = (part.share * 1e6).round() / 1e4;
            format!("{percent}:{}", part.rule)
        });
        let text = texts.collect::<Vec<_>>().join(",");
        if let Some(part) = self.parts.iter().find(|part| !(0.0..=1.0).contains(&part.share)) {
            let Part { share, rule } = part;
            return Err(wrong(&text, &format!("{share} of {rule} is no share from 0 to 1")));
        }
        let rules = self.drawn(&text)?;
        rules.into_iter().map(Rule::checked).collect()
    }

    /// Returns the rules, which draw together under a text.
    pub(super) fn drawn(self, text: &str) -> Result<Vec<Rule>, RuleError> {
        let draw: Arc<str> = format!("mix {text}").into();
        let mut total = 0.0;
        let mut rules = Vec::new();
        for Part { share, mut rule } in self.parts {
            rule.share(&draw, total..total + share);
            total += share;
            rules.push(rule);
        }
        if total > 1.0 + 1e-9 {
            let total = (total * 1e4).round() / 1e2;
            let what = format!("the shares add up to {total} %, over 100 %");
            return Err(wrong(text, &what));
        }
        Ok(rules)
    }
}

impl IntoRules for Mix {
    fn into_rules(self, _: &Registry) -> Result<Vec<Rule>, RuleError> {
        self.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviors::{Delay, DropUnits};

    fn delay() -> Rule {
        Rule::of(Delay::default())
    }

    fn drop() -> Rule {
        Rule::of(DropUnits::default())
    }

    #[test]
    fn a_mix_by_value_is_what_its_text_gives() {
        let mix = Mix::new().part(0.2, delay().named("slow")).part(0.005, drop().first(3));
        let mix = mix.rules().unwrap();
        let text = "20:delay:name=slow,0.5:drop:first=3";
        assert_eq!(mix.texts(), [text]);
        let read = Rules::parse(&[text]).unwrap();
        for (value, read) in mix.iter().zip(read.iter()) {
            assert!(value.says(read), "{value} and {read}");
        }
        // With others around it.
        let two = || Mix::new().part(0.5, delay()).part(0.5, drop()).checked().unwrap();
        let rules = Rules::new([drop()].into_iter().chain(two()).chain(two()));
        let texts = rules.texts();
        assert_eq!(texts.len(), 3, "{texts:?}");
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        assert_eq!(Rules::parse(&texts).unwrap().texts(), rules.texts());
    }

    #[test]
    fn what_has_no_text_has_a_share_too() {
        let quiet = Rule::with("quiet", |_, _| chenapan_core::Verdict::Drop);
        let rules = Mix::new().part(0.3, quiet).part(0.3, drop()).rules().unwrap();
        assert_eq!(rules.texts(), ["30:quiet (by value),30:drop"]);
        let chances: Vec<_> = rules.iter().map(|rule| rule.selectors().chance.clone()).collect();
        assert_eq!(chances, [0.0..0.3, 0.3..0.6]);
    }

    #[test]
    fn mistakes_are_told_with_the_text_of_the_mix() {
        let parts = |first: f64, second: f64| Mix::new().part(first, delay()).part(second, drop());
        for (mix, told) in [
            (parts(0.7, 0.4), r#"rule "70:delay,40:drop": the shares add up to 110 %, over 100 %"#),
            (parts(20.0, 0.1), "20 of delay is no share from 0 to 1"),
            (parts(f64::NAN, 0.1), "NaN of delay is no share from 0 to 1"),
            (
                parts(0.1, 0.0),
                r#"rule "0:drop": a share of 0 % never applies; leave that part out"#,
            ),
            (
                Mix::new().part(0.1, delay().first(0)),
                r#"behavior "delay": option "first": 0 never"#,
            ),
        ] {
            let error = mix.rules().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(parts(0.7, 0.3).rules().is_ok());
        assert!(Mix::new().rules().unwrap().is_empty());
    }
}
