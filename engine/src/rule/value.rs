//! Rules that are made in Rust, without a text: of a behavior with options, a value or a closure.

use super::made::{Closure, Made};
use super::{Rule, RuleError};
use chenapan_core::{Behavior, Context, OptionError, Plugin, Unit, Values, Verdict};

impl Rule {
    /// Makes a rule of a behavior whose options are fields, so that the compiler checks them.
    ///
    /// Selectors follow as methods. The rule is shown as the text that gives the same one, where each
    /// option that differs from its default has a text ([`Rule::is_written`]).
    ///
    /// ```
    /// use chenapan_core::Direction;
    /// use chenapan_engine::behaviors::Delay;
    /// use chenapan_engine::rule::Rule;
    /// use std::time::Duration;
    ///
    /// let sleep = Duration::from_millis(250);
    /// let slow = Rule::of(Delay { sleep, ..Delay::default() })
    ///     .chance(0.3)
    ///     .direction(Direction::Downstream)
    ///     .first(1);
    /// assert_eq!(slow.to_string(), "delay:sleep=250ms:chance=30%:direction=downstream:first=1");
    /// ```
    ///
    /// A value that no user may give is told where the rule is put in force, or by [`Rule::checked`].
    pub fn of<B>(behavior: B) -> Self
    where
        B: Behavior + Plugin + Clone + Sync + 'static,
    {
        let written = behavior.written();
        let plain = B::example().written().unwrap_or_default();
        let required =
            |name: &str| B::OPTIONS.iter().any(|spec| spec.name == name && spec.default.is_none());
        let texts = |all: &[(&'static str, String)], name: &str| {
            let of = all.iter().filter(|(option, _)| *option == name);
            of.map(|(_, text)| text.clone()).collect::<Vec<_>>()
        };
        // An option that is given more than once takes the place of its default as a whole.
        let said = |(name, _): &&(&'static str, String)| {
            let now = texts(written.as_deref().unwrap_or_default(), name);
            required(name) || now != texts(&plain, name)
        };
        let given = written.iter().flatten().filter(said);
        let given = given.map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        let read = written.as_ref().map_or(Ok(()), |written| {
            let texts = written.iter().map(|(name, text)| (*name, text.as_str()));
            Values::parse(B::OPTIONS, texts).map(drop)
        });
        let fault = read.and_then(|()| Plugin::check(&behavior)).err();
        let made = Made::plugin(behavior, written.is_some());
        Self::by_value(made, given, fault)
    }

    /// Makes a rule of a behavior that is a value: it may hold channels, an `Arc` of the test, or
    /// whatever else no text could say. It needs no registry, no options and no documentation.
    ///
    /// The value is cloned for each connection, and for each direction in it: what all of them are to
    /// share stands in an `Arc`, and what both directions of one connection share is
    /// [`Context::state`]. `name` names the rule in reports, in the journal and in its draws.
    ///
    /// ```
    /// use chenapan_core::{Behavior, Context, End, Unit, Verdict};
    /// use chenapan_engine::rule::Rule;
    /// use std::sync::mpsc::{self, Sender};
    ///
    /// /// Tells how connections end.
    /// #[derive(Clone)]
    /// struct Ends(Sender<(u64, End)>);
    ///
    /// impl Behavior for Ends {
    ///     fn on_end(&mut self, end: End, cx: &mut Context<'_>) {
    ///         let _ = self.0.send((cx.connection.number, end));
    ///     }
    /// }
    ///
    /// let (ended, ends) = mpsc::channel();
    /// let rule = Rule::value("ends", Ends(ended)).connections(..=100);
    /// assert_eq!(rule.to_string(), "ends:connections=..100");
    /// # drop(ends);
    /// ```
    pub fn value<B>(name: &'static str, behavior: B) -> Self
    where
        B: Behavior + Clone + Sync + 'static,
    {
        Self::by_value(Made::value(name, behavior), Vec::new(), None)
    }

    /// Makes a rule of a closure that is shown each unit.
    ///
    /// It is cloned as [`Rule::value`] says: what it owns, each direction of each connection has for
    /// itself.
    ///
    /// ```
    /// use chenapan_core::{Context, Unit, Verdict};
    /// use chenapan_engine::rule::Rule;
    /// use std::sync::mpsc;
    ///
    /// let (tx, seen) = mpsc::channel();
    /// let tap = Rule::with("tap", move |unit: &mut Unit, _: &mut Context<'_>| {
    ///     let _ = tx.send(unit.clone());
    ///     Verdict::Forward
    /// });
    /// let tap = tap.label("SET");
    /// # drop((tap, seen));
    /// ```
    pub fn with<F>(name: &'static str, on_unit: F) -> Self
    where
        F: FnMut(&mut Unit, &mut Context<'_>) -> Verdict + Clone + Send + Sync + 'static,
    {
        Self::value(name, Closure(on_unit))
    }

    /// Returns the rule where it can be put in force as far as that is known without a protocol.
    ///
    /// ```
    /// # use chenapan_engine::behaviors::Dummy;
    /// # use chenapan_engine::rule::Rule;
    /// let wrong = Rule::of(Dummy::default()).chance(1.5).checked().unwrap_err();
    /// assert!(wrong.to_string().contains("\"chance\""));
    /// ```
    ///
    /// # Errors
    ///
    /// The first option or selector with a value that cannot be used, or by which the rule could never
    /// act.
    pub fn checked(self) -> Result<Self, RuleError> {
        self.can_apply().map(|()| self)
    }

    /// Returns `true` if the text that the rule is shown by gives the same rule again: it does not
    /// where the behavior is a value or a closure, or has an option without a text.
    pub fn is_written(&self) -> bool {
        self.made.entry.is_some()
    }

    fn by_value(made: Made, given: Vec<(String, String)>, fault: Option<OptionError>) -> Self {
        let mut rule = Self::made(made, given);
        let instance = rule.instance();
        let scope = instance.scope();
        if let Some(direction) = scope.direction {
            rule.selectors.directions = direction.into();
        }
        rule.selectors.prefer(scope.kinds, scope.shared);
        match fault {
            Some(fault) => rule.fails(fault),
            None => rule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Defaults, Rules};
    use chenapan_core::{BehaviorEntry, Registry, Written, plugin};

    /// A number that does not write itself.
    #[derive(Clone, Debug)]
    struct Secret(u8);

    impl Written for Secret {
        const NAME: &'static str = "secret";

        fn read(text: &str) -> Result<Self, String> {
            text.parse().map(Secret).map_err(|_| "expected a small number".to_owned())
        }
    }

    plugin! {
        /// Has options of all sorts.
        struct Sorts = "sorts" {
            /// Some numbers.
            more: Vec<u64> = "1",
            /// Perhaps a text.
            text: Option<String> = "none",
            /// One that must be given.
            must: u64 = like "7",
        }
    }

    plugin! {
        /// Has an option that nobody may see.
        struct Hidden = "hidden" {
            /// The option.
            secret: Secret = "3",
        }
    }

    impl Behavior for Sorts {}

    impl Behavior for Hidden {
        fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
            Verdict::Delay(std::time::Duration::from_millis(self.secret.0.into()))
        }
    }

    #[test]
    fn what_is_shown_gives_the_same_behavior_again() {
        let registry = Registry::new().behavior(BehaviorEntry::of::<Sorts>());
        for (sorts, text) in [
            (Sorts::example(), "sorts:must=7"),
            (Sorts { more: vec![1, 2], ..Sorts::example() }, "sorts:more=1:more=2:must=7"),
            (Sorts { more: vec![], ..Sorts::example() }, "sorts:more=none:must=7"),
            (Sorts { text: Some("a:b".into()), ..Sorts::example() }, r"sorts:text=a\:b:must=7"),
        ] {
            let rule = Rule::of(sorts);
            assert_eq!(rule.to_string(), text);
            assert!(rule.is_written());
            let read = Rule::parse(text, &registry, &Defaults::new()).unwrap();
            assert!(read[0].says(&rule));
            assert_eq!(Rules::from(rule).texts(), [text]);
        }
    }

    #[test]
    fn what_has_no_text_is_marked_and_cannot_be_taken_for_another_rule() {
        let quiet = || Rule::with("delay", |_: &mut Unit, _: &mut Context<'_>| Verdict::Forward);
        let none = Sorts { text: Some("none".into()), ..Sorts::example() };
        for (rule, shown) in [
            (quiet(), "delay"),
            (quiet().first(1), "delay:first=1"),
            (Rule::of(Hidden { secret: Secret(7) }), "hidden"),
            (Rule::of(none), "sorts"),
        ] {
            assert_eq!(rule.to_string(), shown);
            assert!(!rule.is_written());
            let texts = Rules::from(rule).texts();
            assert_eq!(texts, [format!("{shown} (by value)")]);
            assert!(Rules::parse(&[&texts[0]]).is_err());
        }
    }
}
