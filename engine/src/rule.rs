//! A rule: a behavior with its options, and the selectors that say when it applies.

mod allowance;
mod builder;
mod counts;
mod edit;
mod field_glob;
mod fit;
mod into;
mod made;
mod mix;
mod selectors;
mod shown;
mod span;
mod strikes;
mod value;
mod written;

use chenapan_core::{
    Behavior, BehaviorEntry, Connection, Direction, Directions, Fault, Key, OptionError,
    OptionSpec, Pace, Registry, UnknownName, nearest,
};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use allowance::Allowance;
pub(crate) use counts::Count;
use counts::Counts;
pub(crate) use field_glob::ASKED;
pub use into::IntoRules;
use made::Made;
pub use mix::Mix;
pub(crate) use selectors::Selectors;
pub use selectors::{ALIASES, Per, SELECTORS};
pub use shown::one_line;
pub(crate) use strikes::Strikes;
pub use written::meant;

/// One rule: a behavior, configured, and when it applies.
///
/// It is read from text ([`Rules::parse`]), or made in Rust: of a behavior with options
/// ([`Rule::of`]), of any behavior by value ([`Rule::value`]), or of a closure ([`Rule::with`]).
pub struct Rule {
    name: Arc<str>,
    made: Made,
    /// Options and selectors, as they were written.
    given: Vec<(String, String)>,
    selectors: Selectors,
    /// First value that cannot be used, of a rule that was made in Rust.
    fault: Option<RuleError>,
    /// The name under which rules of one mix draw together.
    draw: Arc<str>,
    tally: Tally,
    counts: Counts,
    /// Counts of the units and events that it did something to, where these are bounded.
    hits: Counts,
}

/// Number of times that a rule was met, and that it did something.
#[derive(Debug, Default)]
pub struct Tally {
    met: AtomicU64,
    faults: AtomicU64,
    landed: AtomicU64,
    rate: AtomicU64,
    paced: AtomicU64,
    /// Time lost, in nanoseconds.
    lost: AtomicU64,
    strikes: Strikes,
}

/// The rate that a rule was asked for, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reached {
    /// Bytes a second that it was asked for.
    pub asked: u64,
    /// Bytes a second that it let through while any waited.
    pub reached: f64,
    /// Time for which it let nothing through because this machine was busy.
    pub lost: Duration,
}

impl Tally {
    /// Units that the rule applied to, and events that it did something to.
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    /// Faults: verdicts other than to forward, and recorded damage.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Faults that have landed: somebody waited for what they have hit.
    pub fn landed(&self) -> u64 {
        self.landed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_landed(&self, faults: u64) {
        self.landed.fetch_add(faults, Ordering::Relaxed);
    }

    /// The rate that it was asked for and the one that it has reached, where it has one.
    pub fn reached(&self) -> Option<Reached> {
        let [asked, bytes, lost] =
            [&self.rate, &self.paced, &self.lost].map(|counter| counter.load(Ordering::Relaxed));
        let lost = Duration::from_nanos(lost);
        let busy = bytes as f64 / asked as f64;
        let reached = bytes as f64 / (busy + lost.as_secs_f64());
        (asked > 0 && bytes > 0).then_some(Reached { asked, reached, lost })
    }

    pub(crate) fn add_pace(&self, pace: Pace) {
        self.rate.store(pace.rate.0, Ordering::Relaxed);
        self.paced.fetch_add(pace.bytes, Ordering::Relaxed);
        if !pace.lost.is_zero() {
            let nanos = u64::try_from(pace.lost.as_nanos()).unwrap_or(u64::MAX);
            self.lost.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    pub(crate) fn add(&self, met: u64, faults: u64) {
        self.met.fetch_add(met, Ordering::Relaxed);
        if faults > 0 {
            self.faults.fetch_add(faults, Ordering::Relaxed);
        }
    }

    /// Tells those who wait for faults that these have happened, and are in the journal.
    pub(crate) fn tell(&self, faults: u64) {
        self.strikes.tell(faults);
    }

    pub(crate) fn strikes(&self) -> &Strikes {
        &self.strikes
    }
}

impl Rule {
    /// Builds a rule from options and selectors in one flat list, in any order.
    ///
    /// Where a behavior has an option with the name of a selector (such as `corrupt`'s `every`),
    /// the plain name means the option, and `rule-every` the selector.
    ///
    /// # Errors
    ///
    /// The first option or selector that cannot be used.
    pub fn new<'a>(
        entry: &BehaviorEntry,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RuleError> {
        let within = |fault| RuleError::Option { behavior: entry.name, fault };
        let mut options = Vec::new();
        let mut written = Vec::new();
        for (name, text) in given {
            if entry.options.iter().any(|spec| spec.name == name) {
                options.push((name, text));
            } else if selector(entry.options, name).is_none() {
                let known = entry.options.iter().chain(SELECTORS).map(|spec| spec.name);
                let near = nearest(name, known);
                let own: Vec<_> = entry.options.iter().map(|spec| spec.name).collect();
                return Err(within(OptionError::new(name, Fault::Unknown { near, known: own })));
            }
            written.push((name.to_owned(), text.to_owned()));
        }
        let instances = entry.configure(options).map_err(within)?;
        let mut rule = Self::made(Made::read(*entry, instances), written);
        rule.select_given().map_err(within)?;
        Ok(rule)
    }

    /// A rule of a behavior; its selectors are yet to be read.
    fn made(made: Made, given: Vec<(String, String)>) -> Self {
        let name: Arc<str> = made.name.into();
        Self {
            draw: Arc::clone(&name),
            name,
            selectors: Selectors::none(made.directions),
            made,
            given,
            fault: None,
            tally: Tally::default(),
            counts: Counts::default(),
            hits: Counts::default(),
        }
    }

    /// Reads the selectors among what was given.
    fn select_given(&mut self) -> Result<(), OptionError> {
        let part = self.is_part();
        let selected = self.given.iter().filter_map(|(name, text)| {
            selector(self.made.options, name).map(|name| (name, text.as_str()))
        });
        let selected: Vec<_> = selected.collect();
        let name = selected.iter().find(|(key, _)| *key == "name").map(|(_, text)| *text);
        let name: Arc<str> = name.unwrap_or(self.made.name).into();
        let instance = self.instance();
        let scope = instance.scope();
        let directions = scope.direction.map_or(self.made.directions, Into::into);
        let mut selectors = Selectors::parse(directions, selected)?;
        selectors.prefer(scope.kinds, scope.shared);
        selectors.keep(&self.selectors, part);
        if !part {
            self.draw = Arc::clone(&name);
        }
        self.name = name;
        self.selectors = selectors;
        Ok(())
    }

    /// Reads one-line forms: `delay:sleep=2s:chance=30%`, or a mix such as `20:delay,5:error`.
    ///
    /// `defaults` gives options that hold for every rule of a behavior unless the rule sets them
    /// itself (the flags `--behavior-NAME-OPTION`).
    ///
    /// # Errors
    ///
    /// The first thing that cannot be read, named as the user wrote it.
    pub fn parse(
        text: &str,
        registry: &Registry,
        defaults: &Defaults,
    ) -> Result<Vec<Self>, RuleError> {
        written::parse(text, registry, defaults)
    }

    /// Its name: given, or its behavior's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its behavior's name.
    pub fn behavior(&self) -> &'static str {
        self.made.name
    }

    /// Returns the directions in which it acts.
    pub fn directions(&self) -> Directions {
        self.selectors.directions
    }

    /// Its counters.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the number of units that it applied to, and of events that it did something to.
    pub fn met(&self) -> u64 {
        self.tally.met()
    }

    /// Returns the number of its faults: verdicts other than to forward, and recorded damage.
    pub fn faults(&self) -> u64 {
        self.tally.faults()
    }

    /// Returns the number of its faults that have landed since it is in force: somebody waited for what
    /// they have hit, and has found out.
    pub fn landed(&self) -> u64 {
        self.tally.landed()
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) fn selectors(&self) -> &Selectors {
        &self.selectors
    }

    /// Returns a new instance of its behavior.
    pub fn instance(&self) -> Box<dyn Behavior> {
        self.made.instances.instance()
    }

    /// The count of its units for one direction of a connection.
    pub(crate) fn count(&self, connection: &Connection) -> Count {
        self.counts.of(connection, self.selectors.per)
    }

    /// Returns the time after which it ends, counted from when it was put in force.
    pub fn lasts(&self) -> Option<Duration> {
        self.selectors.duration()
    }

    /// Returns `true` if the rule is one part of a mix.
    fn is_part(&self) -> bool {
        self.draw != self.name
    }

    /// The keys of this rule's own draws and of its draws of chance.
    pub(crate) fn keys(&self, run: Key, connection: &Connection, direction: Direction) -> [Key; 2] {
        [&self.name, &self.draw].map(|name| run.rule(connection.number, direction, name))
    }

    /// Its options and selectors as they were given.
    pub fn given(&self) -> &[(String, String)] {
        &self.given
    }

    /// Makes it apply to connections up to this number only, of those that it selects.
    pub fn limit(&mut self, last: u64) {
        self.selectors.limit(last);
    }

    /// Makes it one part of an exclusive draw that it shares with the other parts of a mix.
    fn share(&mut self, draw: &Arc<str>, chance: Range<f64>) {
        self.draw = Arc::clone(draw);
        self.selectors.chance = chance;
    }

    /// Returns `true` if both are one rule: a value is the same as itself only.
    fn same(&self, other: &Rule) -> bool {
        self.made.same(&other.made) && self.says(other)
    }

    /// Returns `true` if both have one text.
    fn says(&self, other: &Rule) -> bool {
        self.name == other.name
            && self.made.name == other.made.name
            && sorted(&self.given) == sorted(&other.given)
            && self.draw == other.draw
            && self.selectors == other.selectors
    }
}

/// Returns the selector that a name means where a behavior has these options.
fn selector<'a>(options: &[OptionSpec], name: &'a str) -> Option<&'a str> {
    let known = |name: &&str| selectors::is_selector(name);
    let plain = Some(name).filter(|name| !options.iter().any(|spec| spec.name == *name));
    name.strip_prefix("rule-").filter(known).or_else(|| plain.filter(known))
}

/// Options and selectors in an order of their own: what was written first makes no difference.
fn sorted(given: &[(String, String)]) -> Vec<&(String, String)> {
    let mut given: Vec<_> = given.iter().collect();
    given.sort();
    given
}

// What may be half done when a behavior panics is an instance of it, and a rule makes each anew.
impl std::panic::RefUnwindSafe for Rule {}
impl std::panic::UnwindSafe for Rule {}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("behavior", &self.made)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// Option texts that hold for every rule of a behavior unless the rule sets them itself, by
/// behavior.
pub type Defaults = HashMap<String, Vec<(String, String)>>;

/// The rules of a proxy, in order: an immutable snapshot.
///
/// ```
/// # use chenapan_engine::behaviors::{Delay, DropUnits};
/// # use chenapan_engine::rule::{Rule, Rules};
/// let rules = Rules::new([Rule::of(Delay::default()), Rule::of(DropUnits::default()).chance(0.1)]);
/// assert_eq!(rules.texts(), Rules::parse(&["delay", "drop:chance=10%"])?.texts());
/// let one: Rules = Rule::of(Delay::default()).into();
/// assert_eq!(one.texts(), ["delay"]);
/// # Ok::<(), chenapan_engine::rule::RuleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    list: Vec<Arc<Rule>>,
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self::new(rules)
    }
}

impl From<Rule> for Rules {
    fn from(rule: Rule) -> Self {
        Self::new([rule])
    }
}

impl Rules {
    /// Puts rules in order and tells those of one name apart: `delay`, `delay-2`.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let mut list: Vec<Arc<Rule>> = Vec::new();
        let mut taken: HashSet<Arc<str>> = HashSet::new();
        // The number to try next for each name that came twice.
        let mut numbers: HashMap<Arc<str>, u64> = HashMap::new();
        for mut rule in rules {
            if taken.contains(&rule.name) {
                let number = numbers.entry(Arc::clone(&rule.name)).or_insert(2);
                let name: Arc<str> = loop {
                    let name = format!("{}-{number}", rule.name);
                    *number += 1;
                    if !taken.contains(&*name) {
                        break name.into();
                    }
                };
                if rule.draw == rule.name {
                    rule.draw = Arc::clone(&name);
                }
                rule.name = name;
            }
            taken.insert(Arc::clone(&rule.name));
            list.push(Arc::new(rule));
        }
        Self { list }
    }

    /// Reads one-line forms with the plug-ins that chenapan brings along.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be read.
    pub fn parse(texts: &[&str]) -> Result<Self, RuleError> {
        let (registry, defaults) = (crate::registry(), Defaults::new());
        let read = texts.iter().map(|text| Rule::parse(text, &registry, &defaults));
        Ok(Self::new(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten()))
    }

    /// These rules in place of `earlier` ones: a rule that has not changed stays the same rule,
    /// with its counters and what its connections share.
    #[must_use]
    pub fn after(self, earlier: &Rules) -> Self {
        let known: HashMap<_, _> = earlier.iter().map(|rule| (&*rule.name, rule)).collect();
        let keep = |rule: Arc<Rule>| {
            let kept = known.get(&*rule.name).filter(|known| known.same(&rule));
            kept.map_or(rule, |kept| Arc::clone(kept))
        };
        Self { list: self.list.into_iter().map(keep).collect() }
    }

    /// Returns the time after which the first of these rules ends by itself.
    pub fn first_end(&self) -> Option<Duration> {
        self.iter().filter_map(|rule| rule.lasts()).min()
    }

    /// Returns those of these rules that last longer than this.
    #[must_use]
    pub fn lasting(&self, longer: Duration) -> Self {
        let stays = |rule: &&Arc<Rule>| rule.lasts().is_none_or(|lasts| lasts > longer);
        Self { list: self.list.iter().filter(stays).cloned().collect() }
    }

    /// Returns the parts that may not be meant as they stand, such as a long time without a unit.
    pub fn doubts(&self) -> Vec<String> {
        self.iter().flat_map(|rule| shown::doubts(rule)).collect()
    }

    /// The rules, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.list.iter()
    }

    /// Returns the headers of requests by which rules select replies.
    pub(crate) fn headers_of_requests(&self) -> Box<[Box<str>]> {
        let down = |rule: &&Arc<Rule>| rule.directions().include(Direction::Downstream);
        let mut names: Vec<Box<str>> = self
            .iter()
            .filter(down)
            .flat_map(|rule| rule.selectors.headers())
            .map(Into::into)
            .collect();
        names.sort();
        names.dedup();
        names.into()
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// A rule that cannot be used as written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// There is no such behavior.
    #[error(transparent)]
    Behavior(#[from] UnknownName),
    /// An option or selector is wrong.
    #[error("behavior {behavior:?}: {fault}")]
    Option {
        /// The behavior's name.
        behavior: &'static str,
        /// Cause of the error.
        fault: OptionError,
    },
    /// The text is no rule.
    #[error("{0}")]
    Text(String),
}

/// The fault of a text that is no rule.
fn wrong(text: &str, what: &str) -> RuleError {
    RuleError::Text(format!("rule {text:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        let registry = crate::registry();
        let read = |text: &&str| Rule::parse(text, &registry, &Defaults::new()).unwrap();
        Rules::new(texts.iter().flat_map(read))
    }

    fn names(rules: &Rules) -> Vec<&str> {
        rules.iter().map(|rule| rule.name()).collect()
    }

    #[test]
    fn rules_of_one_name_are_told_apart() {
        let rules = rules(&["delay", "delay:sleep=2s", "drop:name=delay", "drop"]);
        assert_eq!(names(&rules), ["delay", "delay-2", "delay-3", "drop"]);
    }

    #[test]
    fn an_unchanged_rule_stays_the_same_rule() {
        let before = rules(&["delay", "drop"]);
        let after = rules(&["corrupt", "drop", "delay:sleep=2s"]).after(&before);
        let kept: Vec<_> =
            after.iter().map(|rule| before.iter().any(|known| Arc::ptr_eq(known, rule))).collect();
        assert_eq!(kept, [false, true, false]);
    }

    #[test]
    fn an_option_comes_before_a_selector_of_its_name() {
        let found = rules(&["corrupt:every=16:rule-every=3"]);
        let rule = found.iter().next().unwrap();
        assert!(rule.selectors.turn(3) && !rule.selectors.turn(1));
        let found = rules(&["delay:every=3"]);
        assert!(!found.iter().next().unwrap().selectors.turn(1));
    }
}
