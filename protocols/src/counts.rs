//! Counts that were not told yet.

use chenapan_core::{Amount, Counted};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most names behind one dot; the rest are `other`.
const MOST_NAMES: usize = 1_000;

/// The longest name behind a dot; one that is longer is `other`, too.
const LONGEST_NAME: usize = 200;

/// Counters by name, and by the part of it behind a dot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    known: BTreeMap<&'static str, Amount>,
    parts: BTreeMap<&'static str, BTreeMap<Box<str>, Amount>>,
}

impl Counts {
    /// One more.
    pub(crate) fn one(&mut self, name: &'static str) {
        self.more(name, 1);
    }

    /// So many more.
    pub(crate) fn more(&mut self, name: &'static str, more: u64) {
        if more > 0 {
            add(self.known.entry(name).or_insert(Amount::More(0)), Amount::More(more));
        }
    }

    /// One more, of this sort, too.
    pub(crate) fn one_of(&mut self, name: &'static str, part: &str) {
        self.one(name);
        self.part(name, part, Amount::More(1));
    }

    /// A time, of this sort, too.
    pub(crate) fn time_of(&mut self, name: &'static str, part: &str, time: Duration) {
        let amount = Amount::Longest(time);
        add(self.known.entry(name).or_insert(amount), amount);
        self.part(name, part, amount);
    }

    fn part(&mut self, name: &'static str, part: &str, amount: Amount) {
        let parts = self.parts.entry(name).or_default();
        if let Some(known) = parts.get_mut(part) {
            return add(known, amount);
        }
        let fits = parts.len() < MOST_NAMES && part.len() <= LONGEST_NAME;
        let part = if fits { part } else { "other" };
        match parts.get_mut(part) {
            Some(known) => add(known, amount),
            None => {
                parts.insert(part.into(), amount);
            }
        }
    }

    /// Takes all of it.
    pub(crate) fn take(&mut self) -> Vec<Counted> {
        let known = std::mem::take(&mut self.known).into_iter();
        let mut all: Vec<_> =
            known.map(|(name, amount)| Counted { name: Cow::Borrowed(name), amount }).collect();
        for (name, parts) in std::mem::take(&mut self.parts) {
            all.extend(parts.into_iter().map(|(part, amount)| Counted {
                name: Cow::Owned(format!("{name}.{part}")),
                amount,
            }));
        }
        all
    }
}

fn add(known: &mut Amount, amount: Amount) {
    *known = match (*known, amount) {
        (Amount::More(known), Amount::More(more)) => Amount::More(known.saturating_add(more)),
        (Amount::Longest(known), Amount::Longest(time)) => Amount::Longest(known.max(time)),
        (_, amount) => amount,
    };
}
