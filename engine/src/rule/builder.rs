//! Selectors of a rule as methods: each is kept as the text that a user would write.
//!
//! So what is made here is shown, stored and checked as what is read.

use super::{Per, Rule, RuleError};
use chenapan_core::{Chance, Directions, FromValue, Kind, OptionError};
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

/// Selectors, for rules by value. Ranges are those of Rust: `2..5` has no 5 in it, `2..=5` has.
///
/// A selector that is given again replaces the one before. The first value that cannot be used is told
/// where the rule is put in force, or by [`Rule::checked`].
///
/// ```
/// use chenapan_core::Kind;
/// use chenapan_engine::behaviors::DropUnits;
/// use chenapan_engine::rule::{Per, Rule};
/// use std::time::Duration;
///
/// let rule = Rule::of(DropUnits::default())
///     .only(&[Kind::Request, Kind::Error])
///     .connections(2..=5)
///     .window(Duration::from_secs(1)..)
///     .per(Per::Rule)
///     .every(3)
///     .named("now-and-then");
/// assert_eq!(
///     rule.to_string(),
///     "drop:only=request\\,error:connections=2..5:window=1s..:per=rule:every=3:name=now-and-then"
/// );
/// ```
impl Rule {
    /// Names the rule in reports, in the journal and in its draws.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.select_text("name", name)
    }

    /// Acts in one direction, or in both.
    #[must_use]
    pub fn direction(self, directions: impl Into<Directions>) -> Self {
        self.select_value("direction", &directions.into())
    }

    /// Applies with a probability from 0 to 1, drawn for each unit unless [`per`](Self::per) says
    /// otherwise.
    #[must_use]
    pub fn chance(self, chance: f64) -> Self {
        self.select_value("chance", &Chance(chance))
    }

    /// Draws and counts for each unit, or in a larger scope.
    #[must_use]
    pub fn per(self, per: Per) -> Self {
        self.select_value("per", &per)
    }

    /// Applies to units of these kinds only; to all kinds if there are none.
    #[must_use]
    pub fn only(self, kinds: &[Kind]) -> Self {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let any = if kinds.is_empty() { "any" } else { "" };
        self.select("only", Some(names.join(",") + any))
    }

    /// Applies to units with a label that fits this glob only: `*` is any run, `?` one character. The
    /// label is the method, command or path, and a reply has that of its request.
    #[must_use]
    pub fn label(self, glob: &str) -> Self {
        self.select_text("label", glob)
    }

    /// Applies to messages with an id that fits this glob only, with or without quotes.
    #[must_use]
    pub fn id(self, glob: &str) -> Self {
        self.select_text("id", glob)
    }

    /// Applies to batches with this number of messages only.
    #[must_use]
    pub fn members(self, number: impl RangeBounds<u64>) -> Self {
        self.select("members", span(&number))
    }

    /// Applies to errors with a code that fits this glob only.
    #[must_use]
    pub fn code(self, glob: &str) -> Self {
        self.select_text("code", glob)
    }

    /// Applies to replies with a status that fits this glob only.
    #[must_use]
    pub fn status(self, glob: &str) -> Self {
        self.select_text("status", glob)
    }

    /// Applies to messages with this header only: `x-fault`, or `x-fault=slow*`. A reply also fits by
    /// the headers of its request.
    #[must_use]
    pub fn header(self, text: &str) -> Self {
        self.select_text("header", text)
    }

    /// Applies to messages with a body of a type that fits this glob only.
    #[must_use]
    pub fn content_type(self, glob: &str) -> Self {
        self.select_text("content-type", glob)
    }

    /// Applies to the first units only of those that everything else selects.
    #[must_use]
    pub fn first(self, number: u64) -> Self {
        self.select_value("first", &number)
    }

    /// Applies to none of the first units of those that everything else selects.
    #[must_use]
    pub fn skip(self, number: u64) -> Self {
        self.select_value("skip", &number)
    }

    /// Applies to every nth unit only of those that everything else selects.
    #[must_use]
    pub fn every(self, step: u64) -> Self {
        self.select_value("every", &step)
    }

    /// Does nothing more once it has done something to this many units and events: for each direction
    /// of each connection unless [`per`](Self::per) says otherwise.
    #[must_use]
    pub fn at_most(self, number: u64) -> Self {
        self.select_value("at-most", &number)
    }

    /// Applies to connections with these numbers only, which begin at 1.
    #[must_use]
    pub fn connections(self, numbers: impl RangeBounds<u64>) -> Self {
        self.select("connections", span(&numbers))
    }

    /// Applies to every nth connection only. It takes the place of
    /// [`connections`](Self::connections).
    #[must_use]
    pub fn every_connection(self, step: u64) -> Self {
        self.select("connections", Some(format!("every {step}")))
    }

    /// Applies to clients of these networks only, with commas between them: `10.0.0.0/8`.
    #[must_use]
    pub fn source(self, networks: &str) -> Self {
        self.select_text("source", networks)
    }

    /// Applies at this age of a connection only.
    #[must_use]
    pub fn window(self, age: impl RangeBounds<Duration>) -> Self {
        self.select("window", span(&age))
    }

    /// Ends so long after it was put in force, as if it were removed then.
    #[must_use]
    pub fn duration(self, time: Duration) -> Self {
        self.select_value("duration", &time)
    }

    /// Applies to units only before which nothing came in their direction for this long.
    #[must_use]
    pub fn idle(self, time: Duration) -> Self {
        self.select_value("idle", &time)
    }

    /// Applies to these bytes of a direction only, counted from 0.
    #[must_use]
    pub fn bytes(self, places: impl RangeBounds<u64>) -> Self {
        self.select("bytes", span(&places))
    }

    /// Applies to units only that contain a match of this regular expression.
    #[must_use]
    pub fn matching(self, pattern: &str) -> Self {
        match pattern {
            NONE => self.select("matching", Some(format!("(?:{NONE})"))),
            pattern => self.select("matching", Some(pattern.to_owned())),
        }
    }

    /// Sets a selector to a value that has one text.
    fn select_value(self, selector: &'static str, value: &impl FromValue) -> Self {
        let text = value.texts().and_then(|texts| texts.into_iter().next());
        self.select(selector, text)
    }

    /// Sets a selector to a text of somebody's own.
    fn select_text(self, selector: &'static str, text: &str) -> Self {
        if text == NONE {
            let wrong = format!("{NONE:?} is how a rule says that it has no {selector}");
            return self.fails(OptionError::value(selector, wrong));
        }
        self.select(selector, Some(text.to_owned()))
    }

    /// Sets a selector, or takes it away.
    fn select(mut self, selector: &'static str, text: Option<String>) -> Self {
        let hidden = self.made.options.iter().any(|spec| spec.name == selector);
        let plain = if hidden { "rule-" } else { "" }.to_owned() + selector;
        self.given
            .retain(|(name, _)| *name != plain && name.strip_prefix("rule-") != Some(selector));
        self.given.extend(text.map(|text| (plain, text)));
        match self.select_given() {
            Ok(()) => self,
            Err(fault) => self.fails(fault),
        }
    }

    /// Notes the first fault; a rule that has one never applies.
    pub(super) fn fails(mut self, fault: OptionError) -> Self {
        let behavior = self.made.name;
        self.fault.get_or_insert(RuleError::Option { behavior, fault });
        self.selectors.chance = 0.0..0.0;
        self
    }
}

/// The text for no value.
const NONE: &str = "none";

/// End of a span.
trait End: Copy {
    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
    fn text(self) -> String;
}

impl End for u64 {
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn text(self) -> String {
        self.to_string()
    }
}

impl End for Duration {
    fn before(self) -> Option<Self> {
        self.checked_sub(Duration::from_nanos(1))
    }

    fn after(self) -> Option<Self> {
        self.checked_add(Duration::from_nanos(1))
    }

    fn text(self) -> String {
        self.texts().unwrap_or_default().concat()
    }
}

/// Writes a range so that both ends belong to it; none for one without ends.
fn span<T: End>(range: &impl RangeBounds<T>) -> Option<String> {
    let (from, to) = (range.start_bound().cloned(), range.end_bound().cloned());
    let from = match from {
        Bound::Unbounded if matches!(to, Bound::Unbounded) => return None,
        Bound::Unbounded => Some(String::new()),
        Bound::Included(from) => Some(from.text()),
        Bound::Excluded(from) => from.after().map(T::text),
    };
    let to = match to {
        Bound::Unbounded => Some(String::new()),
        Bound::Included(to) => Some(to.text()),
        Bound::Excluded(to) => to.before().map(T::text),
    };
    // What has nothing in it is refused as such.
    let (from, to) = from.zip(to).unwrap_or_else(|| ("1".to_owned(), "0".to_owned()));
    Some(format!("{from}..{to}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviors::{Corrupt, Delay};
    use crate::rule::{Rules, SELECTORS};

    fn plain() -> Rule {
        Rule::of(Delay::default())
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Each selector as a method, and the text of the same.
    fn table() -> Vec<(&'static str, Rule, &'static str)> {
        vec![
            ("name", plain().named("x"), "x"),
            ("direction", plain().direction(Directions::Both), "both"),
            ("chance", plain().chance(0.125), "12.5%"),
            ("per", plain().per(Per::Connection), "connection"),
            ("only", plain().only(&[Kind::Header]), "header"),
            ("label", plain().label("GET*"), "GET*"),
            ("id", plain().id("1"), "1"),
            ("members", plain().members(2..5), "2..4"),
            ("code", plain().code("-320*"), "-320*"),
            ("status", plain().status("5*"), "5*"),
            ("header", plain().header("x-a=b*"), "x-a=b*"),
            ("content-type", plain().content_type("*json*"), "*json*"),
            ("first", plain().first(3), "3"),
            ("skip", plain().skip(2), "2"),
            ("every", plain().every(4), "4"),
            ("at-most", plain().at_most(5), "5"),
            ("connections", plain().connections(..=5), "..5"),
            ("source", plain().source("10.0.0.0/8,::1"), "10.0.0.0/8,::1"),
            ("window", plain().window(ms(1)..ms(2)), "1ms..1999999ns"),
            ("duration", plain().duration(ms(2_500)), "2500ms"),
            ("idle", plain().idle(ms(1_500)), "1500ms"),
            ("bytes", plain().bytes(10..), "10.."),
            ("matching", plain().matching("a|b"), "a|b"),
        ]
    }

    #[test]
    fn every_selector_is_a_method_that_does_what_its_text_does() {
        let names: Vec<_> = table().iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, SELECTORS.iter().map(|spec| spec.name).collect::<Vec<_>>());
        for (name, rule, text) in table() {
            let read = Rule::new(&crate::behaviors::BEHAVIORS[1], [(name, text)]).unwrap();
            assert!(rule.says(&read), "{rule} and {read}");
            assert_eq!(rule.selectors, read.selectors, "{rule}");
            assert_eq!(rule.to_string(), read.to_string());
            assert!(rule.checked().is_ok());
        }
    }

    #[test]
    fn one_that_is_given_again_takes_the_place_of_the_one_before() {
        let rule = plain().first(1).connections(2..).first(2).every_connection(3);
        assert_eq!(rule.to_string(), "delay:first=2:connections=every 3");
        assert_eq!(plain().first(1).connections(..).bytes(..).to_string(), "delay:first=1");
        let rule = Rules::parse(&["corrupt:every=16:rule-every=3"]).unwrap();
        assert_eq!(rule.texts(), ["corrupt:every=16B:rule-every=3"]);
        let made = Rule::of(Corrupt::default()).every(2).every(3);
        assert_eq!(made.to_string(), "corrupt:rule-every=3");
    }

    #[test]
    fn the_first_value_that_cannot_be_used_is_told_and_the_rule_never_applies() {
        for (rule, says) in [
            (plain().chance(1.5).first(1), "\"chance\": "),
            (plain().chance(f64::NAN), "\"chance\": expected"),
            (plain().chance(0.0), "\"chance\": 0 never applies"),
            (plain().first(0), "\"first\": 0 never applies"),
            (plain().every(0), "\"every\": expected 1 or more"),
            (plain().at_most(0), "\"at-most\": 0 never applies"),
            (plain().duration(Duration::ZERO), "\"duration\": expected more than 0s"),
            (plain().connections(0..), "\"connections\": expected"),
            (plain().connections(..0), "\"connections\": expected"),
            (plain().bytes(5..5), "\"bytes\": the span is empty"),
            (plain().window(..Duration::ZERO), "\"window\": the span is empty"),
            (plain().label("none"), "\"label\": \"none\" is how"),
            (plain().label(""), "\"label\": expected a text"),
            (plain().source("home"), "\"source\": \"home\" is no network"),
            (plain().matching("("), "\"matching\": not a pattern"),
            (plain().per(Per::Rule), "\"per\": says over what"),
            (Rule::of(Delay { sleep: Duration::MAX, ..Delay::default() }), "\"sleep\": the number"),
        ] {
            let connection = chenapan_core::Connection::new(1);
            let told = rule.can_apply().unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
            let never = rule.selectors.connection(&connection);
            assert!(!never || rule.fault.is_none(), "{told}");
        }
        assert!(plain().matching("none").checked().is_ok());
    }
}
