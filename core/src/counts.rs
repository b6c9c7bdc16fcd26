//! Something counted, and counts that were not told yet.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most names behind one dot; the rest are `other`.
const MOST_NAMES: usize = 1_000;

/// The longest name behind a dot; one that is longer is `other`, too.
const LONGEST_NAME: usize = 200;

/// Something that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// Its name, as in [`Description::counters`](crate::Description::counters).
    pub name: Cow<'static, str>,
    /// The amount of it.
    pub amount: Amount,
}

impl Counted {
    /// An amount of something.
    pub fn new(name: impl Into<Cow<'static, str>>, amount: Amount) -> Self {
        Self { name: name.into(), amount }
    }

    /// So many more of something.
    pub fn more(name: impl Into<Cow<'static, str>>, number: u64) -> Self {
        Self { name: name.into(), amount: Amount::More(number) }
    }

    /// A time, of which the longest counts.
    pub fn longest(name: impl Into<Cow<'static, str>>, time: Duration) -> Self {
        Self { name: name.into(), amount: Amount::Longest(time) }
    }
}

/// Amount of something, and the way in which more of it adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// So many more.
    More(u64),
    /// A time, of which the longest counts.
    Longest(Duration),
}

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
        let (parts, amount) = (self.parts.entry(name).or_default(), Amount::More(1));
        part_of(parts, part, amount, |known| add(known, amount));
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

/// Adds to a part of a name, or begins it; what is too much or too long is `other`.
pub(crate) fn part_of<T>(
    parts: &mut BTreeMap<Box<str>, T>,
    part: &str,
    first: T,
    add: impl FnOnce(&mut T),
) {
    if let Some(known) = parts.get_mut(part) {
        return add(known);
    }
    let fits = parts.len() < MOST_NAMES && part.len() <= LONGEST_NAME;
    let part = if fits { part } else { "other" };
    match parts.get_mut(part) {
        Some(known) => add(known),
        None => {
            parts.insert(part.into(), first);
        }
    }
}

fn add(known: &mut Amount, amount: Amount) {
    *known = match (*known, amount) {
        (Amount::More(known), Amount::More(more)) => Amount::More(known.saturating_add(more)),
        (Amount::Longest(known), Amount::Longest(time)) => Amount::Longest(known.max(time)),
        (_, amount) => amount,
    };
}
