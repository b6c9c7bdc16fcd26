//! Counts that were not told yet.

use crate::{Amount, Counted};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most names behind one dot; the rest are `other`.
const MOST_NAMES: usize = 1_000;

/// The longest name behind a dot; one that is longer is `other`, too.
const LONGEST_NAME: usize = 200;

/// Counters of a protocol by name, and by the part of it behind a dot, for
/// [`Audit::counted`](crate::Audit::counted).
///
/// Whatever a peer sends as a part, no more than 1,000 parts of a name are told apart.
///
/// ```
/// use chenapan_core::{Amount, Counts};
///
/// let mut counts = Counts::default();
/// counts.one_of("errors", "-32000");
/// counts.one_of("errors", "-5");
/// let all = counts.take();
/// let told: Vec<_> = all.iter().map(|one| (&*one.name, one.amount)).collect();
/// let one = Amount::More(1);
/// assert_eq!(told, [("errors", Amount::More(2)), ("errors.-32000", one), ("errors.-5", one)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Counts {
    known: BTreeMap<&'static str, Amount>,
    parts: BTreeMap<&'static str, BTreeMap<Box<str>, Amount>>,
}

impl Counts {
    /// Counts one more.
    pub fn one(&mut self, name: &'static str) {
        self.more(name, 1);
    }

    /// Counts so many more.
    pub fn more(&mut self, name: &'static str, more: u64) {
        if more > 0 {
            add(self.known.entry(name).or_insert(Amount::More(0)), Amount::More(more));
        }
    }

    /// Counts one more, and one more of a part.
    pub fn one_of(&mut self, name: &'static str, part: &str) {
        self.one(name);
        self.part(name, part, Amount::More(1));
    }

    /// Takes note of a time, of which the longest counts.
    pub fn time(&mut self, name: &'static str, time: Duration) {
        let amount = Amount::Longest(time);
        add(self.known.entry(name).or_insert(amount), amount);
    }

    /// Takes note of a time of a part.
    pub fn time_of(&mut self, name: &'static str, part: &str, time: Duration) {
        self.part(name, part, Amount::Longest(time));
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

    /// Takes all counts.
    pub fn take(&mut self) -> Vec<Counted> {
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
