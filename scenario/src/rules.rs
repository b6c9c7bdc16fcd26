//! Rules of a scenario.
//!
//! It makes rules anew for each time they are needed, so that their counters start at 0.

pub(super) mod read;

use chenapan_core::{Form, Registry};
use chenapan_engine::config::{ModelError, PluginModel};
use chenapan_engine::rule::{Rule, Rules, one_line};
use std::fmt;
use std::time::Duration;

/// A rule as it was written, which has been checked; and the last connection that it applies to.
#[derive(Clone, Debug)]
pub struct RuleText {
    written: PluginModel,
    registry: Registry,
    last: Option<u64>,
}

/// An option that moves from one value to another.
#[derive(Clone, Debug)]
pub struct Ramp {
    /// The proxy, by its index.
    pub proxy: usize,
    /// Index of the rule in the phase.
    rule: usize,
    option: String,
    from: f64,
    to: f64,
    form: Form,
    /// Time that the ramp takes.
    pub over: Duration,
    /// In how many steps.
    pub steps: u32,
}

impl RuleText {
    fn of(written: PluginModel, registry: &Registry) -> Self {
        Self { written, registry: registry.clone(), last: None }
    }

    /// Makes it apply to connections up to this number only, of those that it selects itself.
    pub fn limit(&mut self, last: u64) {
        // Not in its text: that decides the draws of a mix.
        self.last = Some(last);
    }
}

impl fmt::Display for RuleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            PluginModel::Line(line) => f.write_str(line)?,
            PluginModel::Options { name, options } => {
                let specs =
                    self.registry.find_behavior(name).map_or(&[][..], |entry| entry.options);
                write!(f, "{name}{}", one_line(specs, options))?;
            }
        }
        self.last.map_or(Ok(()), |last| write!(f, " (connections ..{last})"))
    }
}

/// Makes rules from what was written.
///
/// # Errors
///
/// A text that was never checked.
pub(super) fn build(texts: &[RuleText]) -> Result<Rules, ModelError> {
    let mut rules = Vec::new();
    for text in texts {
        rules.extend(parts(text)?);
    }
    Ok(Rules::new(rules))
}

/// Makes the rules of one text: several where it is a mix.
fn parts(RuleText { written, registry, last }: &RuleText) -> Result<Vec<Rule>, ModelError> {
    let mut parts = written.rules(registry)?;
    if let Some(last) = last {
        parts.iter_mut().for_each(|rule| rule.limit(*last));
    }
    Ok(parts)
}

impl Ramp {
    /// Returns the ramp after a rule of a proxy was taken away: `None` if it was that rule's.
    pub fn without(self, proxy: usize, rule: usize) -> Option<Self> {
        match (self.proxy == proxy, self.rule.cmp(&rule)) {
            (true, std::cmp::Ordering::Equal) => None,
            (true, std::cmp::Ordering::Greater) => Some(Self { rule: self.rule - 1, ..self }),
            _ => Some(self),
        }
    }

    /// Puts the value after a share of the way (from 0 to 1) into the rule.
    pub fn apply(&self, share: f64, texts: &mut [RuleText]) {
        let Some(RuleText { written: PluginModel::Options { options: given, .. }, .. }) =
            texts.get_mut(self.rule)
        else {
            return;
        };
        let value = self.from + (self.to - self.from) * share.clamp(0.0, 1.0);
        let written = match self.form {
            Form::Time => format!("{value:.6}s"),
            Form::Rate => format!("{}B/s", value.round().max(1.0)),
            Form::Chance => format!("{value:.6}"),
            _ => format!("{}", value.round()),
        };
        match given.iter_mut().find(|(name, _)| *name == self.option) {
            Some((_, value)) => *value = written,
            None => given.push((self.option.clone(), written)),
        }
    }
}
