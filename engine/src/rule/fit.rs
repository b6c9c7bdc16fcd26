//! The check that a rule can act at all: on what it says itself, and on what a protocol makes.
//!
//! A fault that silently does not happen is the worst of all, so that everything which starts rules
//! asks here first.

use super::{Rule, RuleError, Rules};
use chenapan_core::{
    Behavior, Description, Direction, Instances, Interest, Kind, Needs, OptionError, Protocol,
    nearest,
};

/// The selectors that look at units; what only looks at events is shown none.
const OF_UNITS: &[&str] = &[
    "only",
    "label",
    "id",
    "members",
    "code",
    "status",
    "header",
    "content-type",
    "first",
    "skip",
    "every",
    "idle",
    "bytes",
    "matching",
];

impl Rules {
    /// Checks that every rule can act: that its selectors do not rule out everything, that the
    /// protocol makes the kinds of units it is for, and has the fields, labels, ids and codes it
    /// needs. `name` is the protocol's, for the error.
    ///
    /// # Errors
    ///
    /// The first rule that could never do anything.
    pub fn fit(&self, protocol: &dyn Instances<dyn Protocol>, name: &str) -> Result<(), RuleError> {
        let described = protocol.instance().describe();
        self.iter().try_for_each(|rule| {
            rule.can_apply()?;
            match misfit(rule, &*rule.instance(), &described) {
                None => Ok(()),
                Some(misfit) => Err(misfit.tell(rule, &described, name)),
            }
        })
    }
}

impl Rule {
    /// Checks what can be told without a protocol.
    pub(super) fn can_apply(&self) -> Result<(), RuleError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let behavior = self.behavior();
        let wrong = |option: &str, wrong: String| {
            Err(RuleError::Option { behavior, fault: OptionError::value(option, wrong) })
        };
        let selectors = self.selectors();
        if selectors.chance.is_empty() {
            if self.is_part() {
                return Err(RuleError::Text(format!(
                    "rule \"0:{behavior}\": a share of 0 % never applies; leave that part out"
                )));
            }
            return wrong(
                "chance",
                "0 never applies; leave the rule out, or say 1% or more".into(),
            );
        }
        if let Some((option, why)) = selectors.never() {
            return wrong(option, why);
        }
        let unseen = self.instance().interest() < Interest::Units;
        if let Some(option) = OF_UNITS.iter().find(|name| unseen && selectors.given(name)) {
            let why = format!(
                "selects among units, and {behavior}, as it is set up, looks at none; connections, \
                 source, chance and window say where it acts"
            );
            return wrong(selectors.written(option), why);
        }
        Ok(())
    }
}

/// Why a rule can never act on a protocol.
enum Misfit {
    /// The protocol cuts no units there.
    NoUnits,
    /// It makes other kinds of units.
    Kinds(Vec<Kind>),
    /// The behavior needs a field that it does not have.
    Field(String),
    /// The behavior needs any field, and it has none.
    AnyField,
    /// The selector looks for what its units never have.
    Selector(&'static str),
    /// It has no words for this particular of an error.
    Detail(&'static str),
    /// It has no error of this code.
    Code(String),
}

fn ways(rule: &Rule) -> impl Iterator<Item = Direction> {
    let directions = rule.directions();
    Direction::BOTH.into_iter().filter(move |direction| directions.include(*direction))
}

fn misfit(rule: &Rule, behavior: &dyn Behavior, protocol: &Description) -> Option<Misfit> {
    let selectors = rule.selectors();
    let cuts = ways(rule).any(|direction| protocol.cuts(direction));
    if !cuts && behavior.interest() == Interest::Units {
        return Some(Misfit::NoUnits);
    }
    let kinds = selectors.kinds();
    // Bytes without structure may come in any direction: what is not understood becomes that.
    let made = |kind: &Kind| {
        *kind == Kind::Data || ways(rule).any(|direction| protocol.makes(*kind, direction))
    };
    if !kinds.is_empty() && !kinds.iter().any(made) {
        return Some(Misfit::Kinds(kinds.to_vec()));
    }
    let says = behavior.scope().says;
    let mut details = says.details.into_iter().flatten();
    if let Some(detail) = details.find(|detail| !protocol.errors.details.contains(detail)) {
        return Some(Misfit::Detail(detail));
    }
    if let Some(code) = says.code.filter(|code| protocol.errors.code(code).is_none()) {
        return Some(Misfit::Code(code.to_owned()));
    }
    match behavior.scope().needs {
        Needs::AnyField if protocol.fields.is_empty() => return Some(Misfit::AnyField),
        Needs::Field(field) if !protocol.names(field) => {
            return Some(Misfit::Field(field.to_owned()));
        }
        Needs::Fields(fields) => {
            let missing = fields.iter().find(|field| !protocol.names(field));
            if let Some(field) = missing {
                return Some(Misfit::Field((*field).to_owned()));
            }
        }
        _ => {}
    }
    let labelled = cuts && protocol.labels;
    let told = |name: &str| cuts && protocol.names(name);
    let batches = cuts && ways(rule).any(|way| protocol.makes(Kind::Batch, way));
    let headers = told("header.any");
    let found = [
        ("label", labelled),
        ("id", told("id")),
        ("members", batches),
        ("code", told("code")),
        ("status", told("status")),
        ("header", headers),
        ("content-type", headers),
    ];
    let missing = found.into_iter().find(|(name, found)| !found && selectors.given(name));
    missing.map(|(name, _)| Misfit::Selector(name))
}

impl Misfit {
    fn tell(self, rule: &Rule, protocol: &Description, name: &str) -> RuleError {
        let behavior = rule.behavior();
        let way = match ways(rule).collect::<Vec<_>>().as_slice() {
            [one] => format!(" {one}"),
            _ => String::new(),
        };
        let other = other_protocols(rule);
        let text = match self {
            Misfit::NoUnits => format!(
                "behavior {behavior:?} needs messages or headers, but protocol {name}, as it is set \
                 up, has none{way}{other}"
            ),
            Misfit::Kinds(kinds) => {
                let makes = |kind: &Kind| ways(rule).any(|way| protocol.makes(*kind, way));
                let made: Vec<_> = Kind::ALL.into_iter().filter(makes).map(Kind::name).collect();
                let said = rule.selectors().given("only");
                let kinds = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ");
                let made = match made.as_slice() {
                    [] => "bytes without structure only".to_owned(),
                    made => made.join(", "),
                };
                let only = match said {
                    true => String::new(),
                    false => format!("; only=... says which others it is to act on{other}"),
                };
                let only = if said { other } else { only };
                format!(
                    "behavior {behavior:?} is for units of kind {kinds}, but protocol {name}, as it is \
                     set up, has {made}{way}{only}"
                )
            }
            Misfit::Field(field) => {
                let known = protocol.fields;
                let would = match nearest(&field, known.iter().copied()) {
                    Some(near) => format!("; did you mean {near:?}?"),
                    None if known.is_empty() => other,
                    None => format!("; it has {}{other}", known.join(", ")),
                };
                format!(
                    "behavior {behavior:?} needs the field {field:?}, which {name} does not have as it is \
                     set up{would}"
                )
            }
            Misfit::AnyField => format!(
                "behavior {behavior:?} needs units with named fields, but {name}, as it is set up, names \
                 none{other}"
            ),
            Misfit::Detail(detail) => {
                format!("behavior {behavior:?}: errors of protocol {name} have no {detail}{other}")
            }
            Misfit::Code(code) => {
                let names = protocol.errors.names.iter().map(|error| error.name);
                let [least, greatest] = protocol.errors.bounds;
                let would = match nearest(&code, names) {
                    Some(near) => format!("; did you mean {near:?}?"),
                    None if least == i64::MIN => "; expected a number".to_owned(),
                    None => format!("; expected a name or {least} to {greatest}"),
                };
                let fault = format!("protocol {name} has no error {code:?}{would}");
                return RuleError::Option { behavior, fault: OptionError::value("code", fault) };
            }
            Misfit::Selector(selector) => {
                let fault = format!(
                    "protocol {name}, as it is set up, has nothing that it could fit{way}{other}"
                );
                let fault = OptionError::value(rule.selectors().written(selector), fault);
                return RuleError::Option { behavior, fault };
            }
        };
        RuleError::Text(text)
    }
}

/// The remedy: the protocols that chenapan brings along on which a rule could act.
fn other_protocols(rule: &Rule) -> String {
    let registry = crate::registry();
    let fits = registry.protocols().iter().filter(|entry| {
        let required = entry.options.iter().filter(|spec| spec.default.is_none());
        let configured = entry.configure(required.map(|spec| (spec.name, spec.example)));
        configured.is_ok_and(|protocol| {
            misfit(rule, &*rule.instance(), &protocol.instance().describe()).is_none()
        })
    });
    match fits.map(|entry| entry.name).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [one] => format!("; it acts with protocol {one}"),
        some => format!("; it acts with one of the protocols {}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Defaults, SELECTORS};
    use bytes::BytesMut;
    use chenapan_core::{Handled, Malformed, Registry};
    use std::sync::Arc;

    fn protocol(name: &str) -> Arc<dyn Instances<dyn Protocol>> {
        crate::registry().find_protocol(name).unwrap().configure([]).unwrap()
    }

    fn fits(rule: &str, name: &str) -> Result<(), String> {
        let rules = Rules::parse(&[rule]).map_err(|error| error.to_string())?;
        rules.fit(&*protocol(name), name).map_err(|error| error.to_string())
    }

    fn refused(rule: &str, name: &str) -> String {
        fits(rule, name).expect_err(rule)
    }

    /// A text of each selector that can apply to plain bytes, and one that never can.
    const TEXTS: &[(&str, Option<&str>, &[&str])] = &[
        ("name", Some("x"), &[""]),
        ("direction", Some("upstream"), &[]),
        ("chance", Some("1%"), &["0", "0%"]),
        ("per", Some("rule:first=1"), &["rule", "source"]),
        ("only", Some("any"), &["header", "request", "blank", "invalid", "header, error"]),
        ("label", None, &["*", "x"]),
        ("id", None, &["*", "1"]),
        ("members", None, &["1..", "3"]),
        ("code", None, &["*", "-1"]),
        ("status", None, &["5*"]),
        ("header", None, &["x-a", "x-a=b"]),
        ("content-type", None, &["*json*"]),
        ("first", Some("1"), &["0"]),
        ("skip", Some("0"), &["18446744073709551615"]),
        ("every", Some("1"), &["0"]),
        ("at-most", Some("1"), &["0"]),
        ("connections", Some("1"), &["0", "0..0", "3..2"]),
        ("source", Some("10.0.0.0/8"), &[""]),
        ("window", Some("1s..1s"), &["2s..1s", "..0s"]),
        ("duration", Some("1s"), &["0s"]),
        ("idle", Some("1s"), &["0s"]),
        ("bytes", Some("0..0"), &["2..1"]),
        ("matching", Some("x"), &[]),
    ];

    #[test]
    fn every_selector_that_could_never_apply_to_plain_bytes_is_refused() {
        let walked: Vec<_> = TEXTS.iter().map(|(name, ..)| *name).collect();
        let known: Vec<_> = SELECTORS.iter().map(|spec| spec.name).collect();
        assert_eq!(walked, known, "each selector is walked");
        for (name, good, bad) in TEXTS {
            if let Some(text) = good {
                assert_eq!(fits(&format!("delay:{name}={text}"), "tcp"), Ok(()), "{name}={text}");
            }
            for text in *bad {
                let told = refused(&format!("delay:{name}={text}"), "tcp");
                assert!(told.contains(name) || told.contains("kind"), "{name}={text}: {told}");
            }
        }
    }

    #[test]
    fn the_same_selectors_apply_to_messages() {
        for (name, text) in
            [("only", "request"), ("only", "error"), ("label", "*"), ("id", "1"), ("code", "-1")]
        {
            assert_eq!(fits(&format!("delay:{name}={text}"), "json-rpc"), Ok(()), "{name}");
        }
        let told = refused("delay:only=header", "json-rpc");
        assert!(told.contains("has request, response") && told.contains("proxy-v2"), "{told}");
        let told = refused("delay:label=x", "proxy-v2");
        assert!(told.contains("\"label\"") && told.contains("protocols http, json-rpc"), "{told}");
        let alias = refused("delay:method=x", "proxy-v2");
        assert_eq!(alias, told.replace("\"label\"", "\"method\""));
        let told = refused("delay:only=header:direction=downstream", "proxy-v2");
        assert!(told.contains("downstream"), "{told}");
    }

    #[test]
    fn a_share_of_nothing_is_refused() {
        let told = refused("0:delay,5:drop", "tcp");
        assert!(told.contains("0:delay") && told.contains("share"), "{told}");
    }

    #[test]
    fn what_looks_at_no_units_takes_no_selector_of_units() {
        for rule in ["slow-connect:first=1", "slow-close:matching=x", "dummy:every=2"] {
            let told = refused(rule, "tcp");
            assert!(told.contains("looks at none"), "{rule}: {told}");
        }
        assert_eq!(fits("slow-connect:connections=..3:chance=50%", "tcp"), Ok(()));
        for name in OF_UNITS {
            assert!(SELECTORS.iter().any(|spec| spec.name == *name), "{name}");
        }
    }

    #[test]
    fn every_behavior_acts_on_some_protocol_and_says_which() {
        let registry = crate::registry();
        for entry in registry.behaviors() {
            let required = entry.options.iter().filter(|spec| spec.default.is_none());
            let given = required.map(|spec| (spec.name, spec.example));
            let rules = Rules::new([Rule::new(entry, given).unwrap()]);
            let fit = |name: &str| rules.fit(&*protocol(name), name);
            if let Err(error) = fit("tcp") {
                let told = error.to_string();
                let (_, remedy) = told.split_once("it acts with ").expect(&told);
                let named = remedy.rsplit([' ', ',']).next().unwrap();
                assert!(fit(named).is_ok(), "{told}");
            }
        }
    }

    /// A protocol of one's own: requests with a size, and responses.
    #[derive(Clone)]
    struct Sized;

    impl Protocol for Sized {
        fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
            Ok(Handled::Opaque)
        }

        fn describe(&self) -> Description {
            Description::new()
                .kinds(&[Kind::Request], &[Kind::Response])
                .fields(&["size", "payload"])
        }
    }

    /// A protocol of one's own that names no field.
    #[derive(Clone)]
    struct Bare;

    impl Protocol for Bare {
        fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
            Ok(Handled::Opaque)
        }
    }

    #[test]
    fn what_damages_any_field_is_refused_where_there_is_none() {
        let fit = |text| Rules::parse(&[text]).unwrap().fit(&Bare, "bare");
        for rule in ["corrupt-header:only=request", "split:at=fields"] {
            let told = fit(rule).unwrap_err().to_string();
            assert!(told.contains("needs units with named fields, but bare"), "{told}");
        }
        assert_eq!(fit("split").map_err(|error| error.to_string()), Ok(()));
    }

    #[test]
    fn a_protocol_of_ones_own_is_asked_which_kinds_it_makes() {
        let read = |text: &str| {
            let rules = Rule::parse(text, &crate::registry() as &Registry, &Defaults::new());
            Rules::new(rules.unwrap()).fit(&Sized, "sized").map_err(|error| error.to_string())
        };
        for rule in [
            "lie-length:field=size",
            "lie-length:field=size:direction=downstream",
            "corrupt-header:field=payload",
            "corrupt-header:only=request",
            "missing-header:only=request",
            "delay:only=response",
        ] {
            assert_eq!(read(rule), Ok(()), "{rule}");
        }
        for (rule, says) in [
            ("lie-length", "kind header, but protocol sized, as it is set up, has request"),
            ("missing-header", "only=... says which others"),
            ("missing-header:only=response", "has request upstream"),
            ("corrupt-header", "kind header"),
            ("corrupt-header:field=sise", "did you mean \"size\"?"),
            ("bad-checksum", "protocols proxy"),
            ("rpc-garble", "\"jsonrpc\""),
            ("rpc-noise", "protocol json-rpc"),
        ] {
            let told = read(rule).expect_err(rule);
            assert!(told.contains(says), "{rule}: {told}");
        }
    }
}
