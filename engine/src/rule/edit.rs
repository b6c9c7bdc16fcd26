//! Changes to a list of rules, one at a time; those that stay keep their place and their state.

use super::{Rule, RuleError, Rules};
use chenapan_core::nearest;
use std::collections::HashSet;
use std::sync::Arc;

impl Rules {
    /// Returns the rule of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Rule>> {
        self.iter().find(|rule| rule.name() == name)
    }

    /// Puts rules that there are in an order; each keeps its state.
    ///
    /// # Errors
    ///
    /// Two have one name.
    pub fn in_order(rules: impl IntoIterator<Item = Arc<Rule>>) -> Result<Self, RuleError> {
        let (mut list, mut names) = (Vec::new(), HashSet::new());
        for rule in rules {
            if !names.insert(rule.shared_name()) {
                return Err(RuleError::Text(format!("two rules are called {:?}", rule.name())));
            }
            list.push(rule);
        }
        Ok(Self { list })
    }

    /// Returns these rules with more behind them.
    ///
    /// # Errors
    ///
    /// The name of one of them is taken.
    pub fn with(&self, more: Rules) -> Result<Self, RuleError> {
        self.insert(self.list.len(), more)
    }

    /// Returns these rules without the one of this name.
    ///
    /// # Errors
    ///
    /// There is no rule of this name.
    pub fn without(&self, name: &str) -> Result<Self, RuleError> {
        let at = self.position(name)?;
        let mut list = self.list.clone();
        list.remove(at);
        Ok(Self { list })
    }

    /// Returns these rules without those of a list.
    pub(crate) fn but(&self, others: &[Arc<Rule>]) -> Self {
        let stays = |rule: &&Arc<Rule>| !others.iter().any(|other| Arc::ptr_eq(rule, other));
        Self { list: self.list.iter().filter(stays).cloned().collect() }
    }

    /// Returns these rules with others in the place of the one of this name. One that is the same rule
    /// again keeps its state.
    ///
    /// # Errors
    ///
    /// There is no rule of this name, or the name of one of the others is taken.
    pub fn replacing(&self, name: &str, others: Rules) -> Result<Self, RuleError> {
        let at = self.position(name)?;
        Ok(self.without(name)?.insert(at, others)?.after(self))
    }

    fn insert(&self, at: usize, more: Rules) -> Result<Self, RuleError> {
        if let Some(taken) = more.iter().find(|rule| self.get(rule.name()).is_some()) {
            return Err(RuleError::Text(format!(
                "rule {taken}: there is a rule {name:?} already; replace that one, or give this one \
                 another name, as in {taken}:name={name}-2",
                name = taken.name()
            )));
        }
        let mut list = self.list.clone();
        list.splice(at..at, more.list);
        Ok(Self { list })
    }

    fn position(&self, name: &str) -> Result<usize, RuleError> {
        self.list.iter().position(|rule| rule.name() == name).ok_or_else(|| {
            let known = || self.iter().map(|rule| rule.name());
            let hint = match (nearest(name, known()), self.is_empty()) {
                (Some(near), _) => format!("did you mean {near:?}?"),
                (None, true) => "there are no rules".to_owned(),
                (None, false) => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
            };
            RuleError::Text(format!("no rule is called {name:?}; {hint}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        Rules::parse(texts).unwrap()
    }

    fn names(rules: &Rules) -> Vec<&str> {
        rules.iter().map(|rule| rule.name()).collect()
    }

    #[test]
    fn one_rule_comes_goes_or_changes_and_the_others_stay_the_same_rules() {
        let before = rules(&["delay", "drop", "corrupt"]);
        let stays = |after: &Rules, name: &str| {
            Arc::ptr_eq(before.get(name).unwrap(), after.get(name).unwrap())
        };
        let with = before.with(rules(&["hang"])).unwrap();
        assert_eq!(names(&with), ["delay", "drop", "corrupt", "hang"]);
        let without = before.without("drop").unwrap();
        assert_eq!(names(&without), ["delay", "corrupt"]);
        let replaced = before.replacing("drop", rules(&["drop:chance=10%"])).unwrap();
        assert_eq!(names(&replaced), ["delay", "drop", "corrupt"]);
        for after in [&with, &without, &replaced] {
            assert!(stays(after, "delay") && stays(after, "corrupt"));
        }
        assert!(!stays(&replaced, "drop"));
        assert!(stays(&before.replacing("drop", rules(&["drop"])).unwrap(), "drop"));
    }

    #[test]
    fn rules_in_another_order_are_the_same_rules() {
        let before = rules(&["delay", "drop"]);
        let list: Vec<_> = before.iter().cloned().collect::<Vec<_>>().into_iter().rev().collect();
        let turned = Rules::in_order(list.clone()).unwrap();
        assert_eq!(names(&turned), ["drop", "delay"]);
        assert!(turned.iter().zip(&list).all(|(one, two)| Arc::ptr_eq(one, two)));
        assert!(Rules::in_order(list.iter().chain(&list).cloned()).is_err());
    }

    #[test]
    fn names_that_are_taken_or_unknown_are_refused() {
        let before = rules(&["delay", "drop"]);
        let taken = before.with(rules(&["delay:sleep=2s"])).unwrap_err().to_string();
        assert!(taken.contains("there is a rule \"delay\" already"), "{taken}");
        let taken = before.replacing("drop", rules(&["delay"])).unwrap_err().to_string();
        assert!(taken.contains("there is a rule \"delay\" already"), "{taken}");
        let unknown = before.without("dleay").unwrap_err().to_string();
        assert_eq!(unknown, r#"no rule is called "dleay"; did you mean "delay"?"#);
        assert!(before.replacing("hang", rules(&["drop"])).is_err());
    }
}
