//! When a rule applies: the selectors that all behaviors share.

mod names;
mod parts;
mod table;

use super::span::{span, window};
use chenapan_core::{
    Chance, Connection, Directions, Form, Kind, Member, OptionError, Pattern, Protocol, Unit,
    choices, nearest,
};
pub use names::ALIASES;
use names::Name;
pub(super) use names::is_selector;
use parts::{Bounds, Clients, Given, Messages, Turns};
use std::ops::Range;
use std::time::Duration;
pub use table::SELECTORS;

/// When a rule applies, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selectors {
    pub(crate) directions: Directions,
    /// The draws, from 0 to 1, that make it apply.
    pub(crate) chance: Range<f64>,
    pub(crate) per: Per,
    content: Content,
    messages: Messages,
    turns: Turns,
    bounds: Bounds,
    clients: Clients,
    pub(crate) window: Range<Duration>,
    /// Time without any bytes that must come before a unit.
    idle: Duration,
    pub(crate) bytes: Range<u64>,
    /// The selectors that were given.
    given: Vec<Name>,
}

/// Units that are meant, by their kinds and their bytes.
#[derive(Clone, Debug, PartialEq)]
struct Content {
    /// The kinds that are meant, if that was given.
    only: Option<Vec<Kind>>,
    matching: Option<Pattern>,
}

choices! {
    /// Scope of one draw and one count.
    pub enum Per {
        /// The units of each direction of each connection; chance is drawn for each unit.
        Unit = "unit",
        /// The units of each direction of each connection; chance is drawn once for the connection.
        Connection = "connection",
        /// The units of all connections from one address.
        Source = "source",
        /// All units that the rule meets.
        Rule = "rule",
    }
}

impl Selectors {
    /// Checks what was given; `directions` are the behavior's own.
    pub(super) fn parse<'a>(
        directions: Directions,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, OptionError> {
        let given: Vec<_> = given.into_iter().collect();
        let known: Vec<_> = given.iter().filter_map(|(name, _)| Name::find(name)).collect();
        // Errors have the name that was given.
        Self::read(directions, &given).map_err(|error| match name(&known, &error.option) {
            Some(name) => OptionError::new(name.written, error.fault),
            None => error,
        })
    }

    fn read(directions: Directions, given: &[(&str, &str)]) -> Result<Self, OptionError> {
        let options = Given::parse(given)?;
        let given = given.iter().filter(|(_, text)| *text != "none");
        let given: Vec<_> = given.filter_map(|(name, _)| Name::find(name)).collect();
        options.check()?;
        let chance = options.get::<Chance>("chance").unwrap_or(Chance(1.0));
        let turns = Turns::parse(&options)?;
        Ok(Self {
            directions: options.get("direction").unwrap_or(directions),
            chance: 0.0..chance.0,
            per: options.get("per").unwrap_or(Per::Unit),
            content: Content {
                only: options.read("only", kinds)?,
                matching: options.get("matching"),
            },
            messages: Messages::parse(&options)?,
            turns,
            bounds: Bounds::parse(&options),
            clients: Clients::parse(&options)?,
            window: options.read("window", window)?.unwrap_or(Duration::ZERO..Duration::MAX),
            idle: options.get("idle").unwrap_or_default(),
            bytes: options.read("bytes", |text| span(text, Form::Size))?.unwrap_or(0..u64::MAX),
            given,
        })
    }

    /// No selectors: all is meant in the directions of the behavior.
    pub(super) fn none(directions: Directions) -> Self {
        Self::parse(directions, []).expect("each selector may be left out")
    }

    /// Takes over the bound on connections, and the share of a part of a mix.
    pub(super) fn keep(&mut self, earlier: &Self, share: bool) {
        self.clients.last = earlier.clients.last;
        if share {
            self.chance = earlier.chance.clone();
        }
    }

    /// The kinds that are meant, and the scope of counts, where that was not said.
    pub(super) fn prefer(&mut self, kinds: &[Kind], shared: bool) {
        if shared && !self.given("per") {
            self.per = Per::Rule;
        }
        if self.content.only.is_none() && !kinds.is_empty() {
            self.content.only = Some(kinds.to_vec());
        }
    }

    /// The kinds that are meant; none for all.
    pub(super) fn kinds(&self) -> &[Kind] {
        self.content.only.as_deref().unwrap_or_default()
    }

    /// Returns `true` if this selector was given.
    pub(super) fn given(&self, selector: &str) -> bool {
        name(&self.given, selector).is_some()
    }

    /// Returns the name under which a selector was given: its own or an alias.
    pub(super) fn written(&self, selector: &'static str) -> &'static str {
        name(&self.given, selector).map_or(selector, |name| name.written)
    }

    /// The selector by which no unit can ever be meant, and why.
    pub(super) fn never(&self) -> Option<(&'static str, String)> {
        let leave = |what: &str| format!("{what}; leave the rule out, or say 1 or more");
        if self.turns.first == Some(0) {
            return Some(("first", leave("0 never applies")));
        }
        if self.bounds.at_most == Some(0) {
            return Some(("at-most", leave("0 never applies")));
        }
        if self.bounds.duration == Some(Duration::ZERO) {
            return Some(("duration", "expected more than 0s".to_owned()));
        }
        if self.turns.skip == u64::MAX {
            return Some(("skip", "skips every unit there can be".to_owned()));
        }
        if self.given("idle") && self.idle.is_zero() {
            return Some(("idle", "expected more than 0s".to_owned()));
        }
        let shared = matches!(self.per, Per::Source | Per::Rule);
        let counts = ["first", "skip", "every", "at-most"].iter().any(|name| self.given(name));
        if shared && !counts && self.given("per") {
            return Some((
                "per",
                "says over what first, skip, every and at-most count, and none of them is given"
                    .to_owned(),
            ));
        }
        None
    }

    /// Leaves out connections after this number, of those that are selected.
    pub(crate) fn limit(&mut self, last: u64) {
        self.clients.last = last;
    }

    /// Returns `true` if a rule can apply to this connection at all.
    pub(crate) fn connection(&self, connection: &Connection) -> bool {
        !self.chance.is_empty() && self.clients.include(connection)
    }

    /// Returns `true` if a unit is selected before which nothing came for this long.
    pub(crate) fn rested(&self, idle: Duration) -> bool {
        idle >= self.idle
    }

    /// Returns `true` if a unit, or one of the messages in it, meets every selector that looks at
    /// the unit itself.
    pub(crate) fn meets(&self, unit: &Unit, now: Duration, protocol: &dyn Protocol) -> bool {
        self.kind(unit.kind) && self.around(unit, now) && self.fits(unit, protocol)
    }

    /// Returns `true` if a unit, or one of the messages in it, meets the selectors that look at a
    /// message, whatever its kind.
    pub(crate) fn fits(&self, unit: &Unit, protocol: &dyn Protocol) -> bool {
        let meets = match unit.kind == Kind::Batch && self.picks() {
            true => self.any(unit, protocol),
            false => self.messages.include_unit(unit),
        };
        let meets = meets && self.messages.include_fields(unit);
        let fits = |members: &Range<u64>| {
            let mut number = 0;
            protocol.messages().unwrap_or(&()).members(unit, &mut |_| {
                number += 1;
                true
            });
            unit.kind == Kind::Batch && members.contains(&number)
        };
        meets && self.messages.members.as_ref().is_none_or(fits)
    }

    /// Returns `true` if the selectors may select only some of the messages in a unit.
    pub(crate) fn picks(&self) -> bool {
        self.messages.pick()
    }

    /// Returns the headers of requests by which replies are selected.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        self.messages.headers()
    }

    /// Returns `true` if a message in a unit is selected.
    pub(crate) fn member(&self, member: &Member<'_>) -> bool {
        self.messages.include(member)
    }

    fn any(&self, unit: &Unit, protocol: &dyn Protocol) -> bool {
        let mut found = false;
        protocol.messages().unwrap_or(&()).members(unit, &mut |member| {
            found = self.member(&member);
            !found
        });
        found
    }

    /// Returns `true` if a unit meets the selectors that look at its place, time and bytes.
    pub(crate) fn around(&self, unit: &Unit, now: Duration) -> bool {
        self.window.contains(&now)
            && self.bytes.contains(&unit.offset)
            && self.content.matching.as_ref().is_none_or(|pattern| pattern.is_match(&unit.bytes))
    }

    /// Returns `true` if pieces of bodies are selected by themselves, as `only` names them.
    pub(crate) fn pieces(&self) -> bool {
        self.kinds().contains(&Kind::Body)
    }

    /// Returns `true` if it may be told without a head that a message is selected.
    pub(crate) fn headless(&self) -> bool {
        let only = self.content.only.as_ref().is_none_or(|kinds| kinds.contains(&Kind::Body));
        only && !self.messages.look()
    }

    /// Returns `true` if units of a kind are selected. Those between messages are only where `only`
    /// names them.
    pub(crate) fn kind(&self, kind: Kind) -> bool {
        match &self.content.only {
            None => !matches!(kind, Kind::Blank | Kind::Body),
            Some(kinds) => kinds.contains(&kind),
        }
    }

    /// Returns `true` if the `count`-th unit (from 1) of those that everything else selects is
    /// selected.
    pub(crate) fn turn(&self, count: u64) -> bool {
        self.turns.include(count)
    }

    /// Returns `true` if no later unit can be selected once `count` were.
    pub(crate) fn exhausted(&self, count: u64) -> bool {
        self.turns.exhausted(count)
    }

    /// Returns the largest number of units and events that the rule does something to.
    pub(super) fn at_most(&self) -> Option<u64> {
        self.bounds.at_most
    }

    /// Returns the time after which the rule ends.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.bounds.duration
    }

    /// Returns `true` if opaque data can be selected at this age and from this offset on.
    pub(crate) fn data(&self, now: Duration, offset: u64) -> bool {
        self.window.contains(&now)
            && offset < self.bytes.end
            && !self.messages.look()
            && self.kind(Kind::Data)
    }
}

/// The name of a selector among those that were given.
fn name<'a>(given: &'a [Name], selector: &str) -> Option<&'a Name> {
    given.iter().find(|name| name.selector == selector)
}

/// The word for a response and an error, which answer a request alike.
const REPLY: &str = "reply";

/// The word for all kinds but those between messages.
const ANY: &str = "any";

fn kinds(text: &str) -> Result<Vec<Kind>, String> {
    let kind = |name: &str| {
        let name = name.trim();
        if name == REPLY {
            return Ok(vec![Kind::Response, Kind::Error]);
        }
        if name == ANY {
            return Ok(Kind::ALL
                .into_iter()
                .filter(|kind| !matches!(kind, Kind::Blank | Kind::Body))
                .collect());
        }
        Kind::ALL.into_iter().find(|kind| kind.name() == name).map(|kind| vec![kind]).ok_or_else(
            || {
                let mut known = Kind::ALL.map(Kind::name).to_vec();
                known.extend([REPLY, ANY]);
                match nearest(name, known.iter().copied()) {
                    Some(near) => format!("{name:?} is no kind of unit; did you mean {near:?}?"),
                    None => format!("{name:?} is no kind of unit; known are {}", known.join(", ")),
                }
            },
        )
    };
    let kinds: Result<Vec<_>, _> = text.split(',').map(kind).collect();
    Ok(kinds?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use chenapan_core::Field;

    impl Selectors {
        fn unit(&self, unit: &Unit, now: Duration) -> bool {
            self.kind(unit.kind) && self.around(unit, now) && self.messages.include_unit(unit)
        }
    }

    fn of(given: &[(&str, &str)]) -> Selectors {
        Selectors::parse(Directions::Both, given.iter().copied()).unwrap()
    }

    fn error(name: &str, text: &str) -> String {
        Selectors::parse(Directions::Both, [(name, text)]).unwrap_err().to_string()
    }

    fn data(bytes: &str, offset: u64) -> Unit {
        Unit::data(BytesMut::from(bytes), offset)
    }

    fn from(number: u64, source: &str) -> Connection {
        let mut connection = Connection::new(number);
        connection.source = Some(source.parse().unwrap());
        connection
    }

    #[test]
    fn without_selectors_everything_is_meant() {
        let all = of(&[]);
        assert!(all.connection(&Connection::new(1)));
        assert!(all.unit(&data("x", 0), Duration::ZERO));
        assert!(all.data(Duration::from_secs(1_000_000), u64::MAX - 1));
        assert!((1..100).all(|count| all.turn(count)));
        assert!(!all.exhausted(u64::MAX));
    }

    #[test]
    fn turns_follow_skip_every_and_first() {
        let turns = |given: &[(&str, &str)]| {
            let selectors = of(given);
            (1..=12).filter(|&count| selectors.turn(count)).collect::<Vec<_>>()
        };
        assert_eq!(turns(&[("first", "2")]), [1, 2]);
        assert_eq!(turns(&[("skip", "10")]), [11, 12]);
        assert_eq!(turns(&[("every", "5")]), [5, 10]);
        assert_eq!(turns(&[("skip", "1"), ("every", "3"), ("first", "2")]), [4, 7]);
        let both = of(&[("skip", "1"), ("every", "3"), ("first", "2")]);
        assert!(!both.exhausted(6));
        assert!(both.exhausted(7));
        assert!(of(&[("first", "0")]).exhausted(0));
    }

    #[test]
    fn connections_by_number_and_source() {
        let numbers = |text: &str| {
            let selectors = of(&[("connections", text)]);
            (1..=6).filter(|&n| selectors.connection(&Connection::new(n))).collect::<Vec<_>>()
        };
        assert_eq!(numbers("2"), [2]);
        assert_eq!(numbers("4.."), [4, 5, 6]);
        assert_eq!(numbers("2..3"), [2, 3]);
        assert_eq!(numbers("every 3"), [3, 6]);
        for text in ["0", "5..2", "every 0", "x", "", ".."] {
            assert!(error("connections", text).contains("connection numbers"), "{text:?}");
        }

        let local = of(&[("source", "127.0.0.0/8,[2001:db8::]/32")]);
        assert!(local.connection(&from(1, "127.9.9.9:1")));
        assert!(local.connection(&from(1, "[::ffff:127.0.0.1]:1")));
        assert!(local.connection(&from(1, "[2001:db8:5::1]:1")));
        assert!(!local.connection(&from(1, "10.0.0.1:1")));
        assert!(!local.connection(&Connection::new(1)));
        assert!(of(&[("source", "0.0.0.0/0")]).connection(&from(1, "10.0.0.1:1")));
        for text in ["10.0.0.0/33", "localhost", "10.0.0.0/", "/8", "::/129"] {
            assert!(error("source", text).contains("no network"), "{text:?}");
        }
    }

    #[test]
    fn units_by_kind_label_content_place_and_age() {
        let mut get = data("GET /users", 0);
        get.kind = Kind::Request;
        get.label = Some("get.users".into());
        let now = Duration::from_secs(3);
        assert!(of(&[("only", "header, request")]).unit(&get, now));
        assert!(!of(&[("only", "data")]).unit(&get, now));
        assert!(of(&[("label", "get.*")]).unit(&get, now));
        assert!(!of(&[("label", "get.*")]).unit(&data("get.users", 0), now));
        assert!(of(&[("matching", "(?i)USERS$")]).unit(&get, now));
        assert!(of(&[("bytes", "..0")]).unit(&get, now));
        assert!(!of(&[("bytes", "1..")]).unit(&get, now));
        assert!(of(&[("window", "2s..")]).unit(&get, now));
        assert!(of(&[("window", "..3s")]).unit(&get, now));
        assert!(of(&[("window", "3s..3s")]).unit(&get, now));
        assert!(!of(&[("window", "..2999ms")]).unit(&get, now));
        assert!(!of(&[("idle", "2s")]).rested(Duration::from_secs(1)));
        assert!(of(&[("idle", "2s")]).rested(Duration::from_secs(2)));
        assert!(of(&[]).rested(Duration::ZERO));
        assert!(!of(&[("chance", "0")]).connection(&Connection::new(1)));
    }

    #[test]
    fn messages_by_method_id_and_code() {
        let mut error = data(r#"{"id": "a1", "code": -32000}"#, 0);
        error.kind = Kind::Error;
        error.label = Some("eth_call".into());
        error.fields.push(Field::new("id", 7..11));
        error.marks.push(("code", "-32000".into()));
        let now = Duration::ZERO;
        for (given, meant) in [
            (("label", "eth_*"), true),
            (("label", "net_*"), false),
            (("id", "a?"), true),
            (("id", "\"a*"), true),
            (("id", "1"), false),
            (("code", "-320*"), true),
            (("code", "-1"), false),
            (("only", "error, response"), true),
            (("only", "reply"), true),
            (("only", "request, reply"), true),
            (("only", "request"), false),
            (("only", "any"), true),
        ] {
            assert_eq!(of(&[given]).unit(&error, now), meant, "{given:?}");
        }
        for (name, text) in [("id", "*"), ("code", "*")] {
            assert!(!of(&[(name, text)]).unit(&data("", 0), now));
            assert!(!of(&[(name, text)]).data(now, 0));
        }
    }

    #[test]
    fn an_alias_selects_what_its_selector_does() {
        for (alias, selector) in ALIASES {
            let spec = SELECTORS.iter().find(|spec| spec.name == *selector).unwrap();
            for text in ["any", "reply", "request, error", "a*", spec.example] {
                let read = |name| Selectors::parse(Directions::Both, [(name, text)]);
                let (one, other) = (read(alias), read(selector));
                match (one, other) {
                    (Ok(one), Ok(other)) => {
                        assert_eq!(
                            (&one.content, &one.messages),
                            (&other.content, &other.messages)
                        );
                        assert!(one.given(selector) && one.written(selector) == *alias);
                        assert_eq!(other.written(selector), *selector);
                    }
                    (one, other) => {
                        let wrong = one.unwrap_err().to_string();
                        let named = wrong.replace(&format!("{alias:?}"), &format!("{selector:?}"));
                        assert_eq!(named, other.unwrap_err().to_string());
                    }
                }
            }
            let both = [(*alias, spec.example), (*selector, spec.example)];
            let wrong = Selectors::parse(Directions::Both, both).unwrap_err().to_string();
            let says = format!("option {alias:?}: is another name for {selector}");
            assert!(wrong.starts_with(&says), "{wrong}");
            assert_eq!(error(alias, " "), error(selector, " ").replace(selector, alias));
        }
    }

    #[test]
    fn blanks_are_meant_only_where_that_is_said() {
        let blank = Unit::new(Kind::Blank, BytesMut::from("\n"));
        let meant = |given: &[(&str, &str)]| of(given).unit(&blank, Duration::ZERO);
        assert!(!meant(&[]) && !meant(&[("only", "any")]));
        assert!(meant(&[("only", "blank")]) && meant(&[("only", "any, blank")]));
        let mut rule = of(&[]);
        rule.prefer(&[Kind::Response], false);
        assert!(!rule.unit(&data("x", 0), Duration::ZERO));
        let mut rule = of(&[("only", "any")]);
        rule.prefer(&[Kind::Response], false);
        assert!(rule.unit(&data("x", 0), Duration::ZERO));
    }

    #[test]
    fn rules_that_cannot_meet_data_leave_it_alone() {
        let now = Duration::from_secs(3);
        assert!(!of(&[("only", "header")]).data(now, 0));
        assert!(!of(&[("label", "*")]).data(now, 0));
        assert!(!of(&[("bytes", "..9")]).data(now, 10));
        assert!(of(&[("bytes", "..10")]).data(now, 10));
        assert!(!of(&[("window", "..2s")]).data(now, 0));
        assert!(of(&[("bytes", "10..")]).data(now, 0));
    }

    #[test]
    fn errors_say_what_would_do() {
        assert_eq!(
            error("only", "haeder"),
            r#"option "only": "haeder" is no kind of unit; did you mean "header"?"#
        );
        assert!(error("window", "5s").contains("2s..5s"));
        assert!(error("window", "5s..2s").contains("empty"));
        assert!(error("bytes", "1q..").contains("unknown unit"));
        assert!(error("every", "0").contains("1 or more"));
    }
}
