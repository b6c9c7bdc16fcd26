//! Everything that can be added as a rule: a text, or a rule by value.

use super::{Defaults, Rule, RuleError};
use chenapan_core::Registry;

/// Something that can be added to a proxy as a rule: a text in the one-line form, which may be a mix of
/// several, a [`Rule`], or a [`Mix`](super::Mix) of rules.
pub trait IntoRules {
    /// Makes rules of it; names of behaviors are those of the registry.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    fn into_rules(self, registry: &Registry) -> Result<Vec<Rule>, RuleError>;
}

impl IntoRules for &str {
    fn into_rules(self, registry: &Registry) -> Result<Vec<Rule>, RuleError> {
        Rule::parse(self, registry, &Defaults::new())
    }
}

impl IntoRules for String {
    fn into_rules(self, registry: &Registry) -> Result<Vec<Rule>, RuleError> {
        self.as_str().into_rules(registry)
    }
}

impl IntoRules for &String {
    fn into_rules(self, registry: &Registry) -> Result<Vec<Rule>, RuleError> {
        self.as_str().into_rules(registry)
    }
}

impl IntoRules for Rule {
    fn into_rules(self, _: &Registry) -> Result<Vec<Rule>, RuleError> {
        Ok(vec![self])
    }
}
