//! Proxies as a file declares them, which is not all that runs: others are made over the API.
//!
//! It starts nothing, and compares no more than two declarations.

use crate::toxics::{Front, Toxic};
use chenapan_engine::config::{Config, LimitsModel, Step};
use chenapan_engine::endpoint::Listen;
use chenapan_engine::rule::{Rule, RuleError, Rules};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Proxies that a file declares, in its order.
#[derive(Clone, Debug, Default)]
pub struct Declared(Vec<Declaration>);

/// A proxy as a file declares it.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    /// Its configuration, with the rules that its toxics are.
    pub(crate) config: Config,
    /// Its addresses and toxics in Toxiproxy's words, where the file is Toxiproxy's.
    pub(crate) front: Option<Front>,
    /// Steps that lead to it in its file.
    pub(crate) path: Vec<Step>,
}

impl Declared {
    /// Returns the proxies of our own file, each under its name below the key `proxies`.
    pub fn proxies(configs: &[Config]) -> Self {
        let declaration = |config: &Config| Declaration {
            config: config.clone(),
            front: None,
            path: vec![Step::Key("proxies".to_owned()), Step::Key(config.name.clone())],
        };
        Self(configs.iter().map(declaration).collect())
    }

    pub(crate) fn new(declarations: Vec<Declaration>) -> Self {
        Self(declarations)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Declaration> {
        self.0.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Declaration> {
        self.iter().find(|declaration| declaration.name() == name)
    }
}

impl Declaration {
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Returns `true` if both listen at the same addresses.
    pub(crate) fn listens_as(&self, other: &Self) -> bool {
        self.config.listen == other.config.listen
    }

    /// Returns the addresses at which it listens and the other does not.
    pub(crate) fn alone<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Listen> {
        self.config.listen.iter().filter(|address| !other.config.listen.contains(address))
    }

    /// Returns `true` if both connect to the same backend, under the same text.
    pub(crate) fn connects_as(&self, other: &Self) -> bool {
        let upstream = |it: &Self| it.front.as_ref().and_then(|front| front.upstream.clone());
        self.config.backend == other.config.backend && upstream(self) == upstream(other)
    }

    /// Returns `true` if both have the same rules or toxics, in the same order.
    pub(crate) fn rules_as(&self, other: &Self) -> bool {
        match (&self.front, &other.front) {
            (Some(front), Some(others)) => {
                let mut pairs = front.toxics.iter().zip(&others.toxics);
                front.toxics.len() == others.toxics.len() && pairs.all(|(one, two)| one.is_as(two))
            }
            (None, None) => {
                let (own, others) = (self.config.rules.clone(), &other.config.rules);
                let own = own.after(others);
                let mut pairs = own.iter().zip(others.iter());
                own.iter().count() == others.iter().count()
                    && pairs.all(|(one, two)| Arc::ptr_eq(one, two))
            }
            _ => false,
        }
    }

    /// Returns `true` if a proxy cannot become the other while it runs.
    pub(crate) fn is_of_another_kind(&self, other: &Self) -> bool {
        let limits = |it: &Self| LimitsModel::from(&it.config.limits);
        self.config.protocol.to_string() != other.config.protocol.to_string()
            || limits(self) != limits(other)
            || self.front.is_some() != other.front.is_some()
    }

    /// Returns the rules of a proxy that had those of a former declaration: what has changed since is
    /// as it is declared here, what has not is as it is in force, or gone with it. Rules that came over
    /// the API stand behind them.
    ///
    /// # Errors
    ///
    /// Names of rules are taken.
    pub(crate) fn rules_beside(&self, old: &Self, running: &Rules) -> Result<Rules, RuleError> {
        let before = &old.config.rules;
        let declared = self.config.rules.clone().after(before);
        let stays = |rule: &Arc<Rule>| before.iter().any(|known| Arc::ptr_eq(known, rule));
        let own = declared.iter().filter_map(|rule| match stays(rule) {
            true => running.get(rule.name()).cloned(),
            false => Some(Arc::clone(rule)),
        });
        let is_other = |rule: &&Arc<Rule>| {
            before.get(rule.name()).is_none() && declared.get(rule.name()).is_none()
        };
        Rules::in_order(own.chain(running.iter().filter(is_other).cloned()))
    }

    /// Returns its toxics with those behind them that a proxy has and that neither it nor its former
    /// declaration has.
    pub(crate) fn toxics_beside(&self, old: &Self, running: &[Toxic]) -> Vec<Toxic> {
        let mut toxics = self.toxics().to_vec();
        let is_declared = |toxic: &&Toxic| {
            let mut declared = self.toxics().iter().chain(old.toxics());
            declared.any(|known| known.name == toxic.name)
        };
        toxics.extend(running.iter().filter(|toxic| !is_declared(toxic)).cloned());
        toxics
    }

    pub(crate) fn toxics(&self) -> &[Toxic] {
        self.front.as_ref().map_or(&[], |front| &front.toxics)
    }
}

/// The proxies that a file has declared and that nobody has removed since.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Declared>);

impl Store {
    pub(crate) fn get(&self) -> Declared {
        self.declared().clone()
    }

    pub(crate) fn set(&self, declared: Declared) {
        *self.declared() = declared;
    }

    /// Forgets a proxy that is gone.
    pub(crate) fn forget(&self, proxy: &str) {
        self.declared().0.retain(|known| known.name() != proxy);
    }

    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(rules: &[&str]) -> Declaration {
        let mut config = Config::new(":0", "1").unwrap();
        config.rules = Rules::parse(rules).unwrap();
        Declaration { config, front: None, path: Vec::new() }
    }

    #[test]
    fn only_rules_that_were_declared_otherwise_change() {
        let old = declaration(&["delay", "drop", "hang", "dummy"]);
        let new = declaration(&["drop:every=2", "delay", "dummy", "reset"]);
        // Since then one has changed, one has ended, and one came.
        let running = Rules::parse(&["delay:sleep=2s", "drop", "hang", "corrupt"]).unwrap();
        let rules = new.rules_beside(&old, &running).unwrap();
        let texts: Vec<_> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["drop:every=2", "delay:sleep=2s", "reset", "corrupt"]);
        assert!(Arc::ptr_eq(rules.get("delay").unwrap(), running.get("delay").unwrap()));
    }
}
