//! Toxics: their types, their attributes, and the rules that they are.
//!
//! A client's description of one is read here, in Toxiproxy's words; nothing here answers it.

mod failure;
mod fields;
mod limit_data;
mod packet_loss;
mod reset_peer;
mod store;
mod timeout;

use chenapan_core::{Direction, Rate, Size};
use chenapan_engine::behaviors::delay::Distribution;
use chenapan_engine::behaviors::{Delay, Dummy, Hang, SlowClose, Split, Throttle};
use chenapan_engine::rule::{Per, Rule, Rules};
pub(crate) use failure::Failure;
pub(crate) use fields::{Fields, object, objects};
use limit_data::LimitData;
use packet_loss::PacketLoss;
use reset_peer::ResetPeer;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
pub(crate) use store::{Front, Store};
use timeout::{Lost, Timeout};

/// A toxic of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Toxic {
    pub(crate) name: String,
    pub(crate) stream: Direction,
    toxicity: f64,
    kind: &'static Kind,
    /// Values of its kind's attributes, in their order.
    values: Vec<f64>,
    /// Parts of a behavior that outlive an update of its attributes.
    kept: Kept,
}

/// State that a toxic shares with its behavior.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Connections that have lost data to it.
    lost: Arc<Lost>,
    /// Number of bytes at which it closes a connection.
    bytes: Arc<limit_data::Bound>,
}

/// A type of toxics.
struct Kind {
    name: &'static str,
    /// Names of its attributes, with their values where none is given.
    attributes: &'static [(&'static str, f64)],
    /// Set where its attributes are fractions, and not whole numbers.
    fractions: bool,
    rule: fn(&Toxic) -> Rule,
}

/// Longest time: a century, in place of more.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The types of toxics.
static KINDS: [Kind; 9] = [
    whole("noop", &[], |_| Rule::of(Dummy::default())),
    whole("latency", &[("latency", 0.0), ("jitter", 0.0)], |toxic| {
        let (sleep, jitter) = (toxic.millis(0), toxic.millis(1));
        let distribution = Distribution::Symmetric;
        Rule::of(Delay { sleep, jitter, distribution, ..Delay::default() })
    }),
    whole("bandwidth", &[("rate", 0.0)], |toxic| match toxic.number(0).saturating_mul(1_000) {
        0 => Rule::of(Hang::default()),
        rate => Rule::of(Throttle { rate: Rate(rate), ..Throttle::default() }),
    }),
    whole("slow_close", &[("delay", 0.0)], |toxic| Rule::of(SlowClose { delay: toxic.millis(0) })),
    whole("timeout", &[("timeout", 0.0)], |toxic| {
        let lost = Arc::clone(&toxic.kept.lost);
        Rule::value("timeout", Timeout::new(toxic.millis(0), lost))
    }),
    whole("reset_peer", &[("timeout", 0.0)], |toxic| {
        Rule::value("reset_peer", ResetPeer::new(toxic.millis(0)))
    }),
    whole("slicer", &[("average_size", 0.0), ("size_variation", 0.0), ("delay", 0.0)], |toxic| {
        match toxic.number(0) {
            0 => Rule::of(Dummy::default()),
            size => Rule::of(Split {
                size: Size(size),
                // No piece is empty.
                variation: Size(toxic.number(1).min(size - 1)),
                gap: Duration::from_micros(toxic.number(2)).min(LONGEST),
                ..Split::default()
            }),
        }
    }),
    whole("limit_data", &[("bytes", 0.0)], |toxic| {
        let bytes = &toxic.kept.bytes;
        bytes.set(toxic.number(0));
        Rule::value("limit_data", LimitData::new(Arc::clone(bytes)))
    }),
    Kind {
        name: "packet_loss",
        attributes: &[("loss_rate", 0.1), ("correlation", 0.0)],
        fractions: true,
        rule: |toxic| {
            let (loss, correlation) = (toxic.values[0], toxic.values[1]);
            Rule::value("packet_loss", PacketLoss::new(loss, correlation))
        },
    },
];

const fn whole(
    name: &'static str,
    attributes: &'static [(&'static str, f64)],
    rule: fn(&Toxic) -> Rule,
) -> Kind {
    Kind { name, attributes, fractions: false, rule }
}

impl Kind {
    fn named(name: Option<&str>) -> Result<&'static Self, Failure> {
        KINDS.iter().find(|kind| Some(kind.name) == name).ok_or_else(Failure::kind)
    }

    /// Reads the attributes that are given over values that there are.
    fn read(&self, given: &Fields, values: &mut [f64]) -> Result<(), Failure> {
        for ((name, _), value) in self.attributes.iter().zip(values) {
            let read = match self.fractions {
                true => given.number(name)?.map(|part| chance(name, part)).transpose()?,
                // More than 2^53 of anything is as good as that.
                false => given.whole(name)?.map(|number| number.min(1 << 53) as f64),
            };
            *value = read.unwrap_or(*value);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Checks that a number is a probability.
fn chance(name: &str, number: f64) -> Result<f64, Failure> {
    let fits = (0.0..=1.0).contains(&number);
    fits.then_some(number).ok_or_else(|| {
        Failure::body(format!("{name}: expected a number from 0 to 1, not {number}"))
    })
}

impl Toxic {
    /// Reads a toxic that is to be made.
    pub(crate) fn read(fields: &Fields) -> Result<Self, Failure> {
        // Another server calls it so.
        let stream = match fields.text("stream")? {
            None => fields.text("direction")?,
            stream => stream,
        };
        let stream = stream.map_or(Ok(Direction::Downstream), stream_of)?;
        let kind = Kind::named(fields.text("type")?)?;
        let mut values: Vec<_> = kind.attributes.iter().map(|(_, value)| *value).collect();
        if let Some(given) = fields.object("attributes")? {
            kind.read(&given, &mut values)?;
        }
        let name = fields.text("name")?.filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("{}_{}", kind.name, stream.name()), str::to_owned);
        let toxicity = toxicity(fields)?.unwrap_or(1.0);
        Ok(Self { name, stream, toxicity, kind, values, kept: Kept::default() })
    }

    /// Returns the toxic with the attributes and the toxicity of an update.
    pub(crate) fn updated(&self, fields: &Fields) -> Result<Self, Failure> {
        let mut updated = self.clone();
        if let Some(given) = fields.object("attributes")? {
            self.kind.read(&given, &mut updated.values)?;
        }
        updated.toxicity = toxicity(fields)?.unwrap_or(self.toxicity);
        Ok(updated)
    }

    /// Returns the rule that the toxic is; none where its toxicity is zero.
    pub(crate) fn rules(&self) -> Rules {
        let applies = (self.toxicity > 0.0).then(|| {
            let rule = (self.kind.rule)(self).named(&self.rule_name()).direction(self.stream);
            match self.toxicity < 1.0 {
                true => rule.chance(self.toxicity).per(Per::Connection),
                false => rule,
            }
        });
        Rules::new(applies)
    }

    /// Returns the name of its rule: that of the toxic, where a rule may have it.
    pub(crate) fn rule_name(&self) -> String {
        match &*self.name {
            "none" => "toxic none".to_owned(),
            name => name.to_owned(),
        }
    }

    /// Takes on an update of its attributes, where its rule may stay as it is.
    pub(crate) fn keeps_rule(&self, updated: &Self) -> bool {
        let same = self.is_alike(updated) && self.toxicity == updated.toxicity;
        let live = same && self.kind.name == "limit_data";
        if live {
            updated.renew();
        }
        live || (same && self.values == updated.values)
    }

    /// Returns `true` if both do the same to the same streams, under one name.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let same = self.is_alike(other) && self.name == other.name;
        same && self.toxicity == other.toxicity && self.values == other.values
    }

    fn is_alike(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.stream == other.stream
    }

    /// Returns this toxic in the place of another: what its behavior shares goes on.
    pub(crate) fn instead_of(mut self, other: &Self) -> Self {
        if self.is_alike(other) {
            self.kept = other.kept.clone();
        }
        self
    }

    /// Puts those of its attributes in force that may change under its rule.
    pub(crate) fn renew(&self) {
        if self.kind.name == "limit_data" {
            self.kept.bytes.set(self.number(0));
        }
    }

    /// Returns the connections that have lost data to it, which cannot go on without it.
    pub(crate) fn lost(&self) -> Vec<u64> {
        self.kept.lost.connections()
    }

    /// Returns the toxic as it is shown.
    pub(crate) fn json(&self) -> Value {
        let number = |value: f64| match self.kind.fractions {
            true => json!(value),
            false => json!(value as u64),
        };
        let names = self.kind.attributes.iter().zip(&self.values);
        let attributes: Map<_, _> =
            names.map(|((name, _), value)| ((*name).to_owned(), number(*value))).collect();
        let toxicity = match self.toxicity.fract() == 0.0 {
            true => json!(self.toxicity as u64),
            false => json!(self.toxicity),
        };
        json!({
            "attributes": attributes,
            "name": self.name,
            "type": self.kind.name,
            "stream": self.stream.name(),
            "toxicity": toxicity,
        })
    }

    /// Returns a whole attribute.
    fn number(&self, place: usize) -> u64 {
        self.values[place] as u64
    }

    /// Returns an attribute that is a number of milliseconds.
    fn millis(&self, place: usize) -> Duration {
        Duration::from_millis(self.number(place)).min(LONGEST)
    }
}

/// Reads a direction of a connection, in any case.
fn stream_of(name: &str) -> Result<Direction, Failure> {
    let mut all = Direction::BOTH.into_iter();
    all.find(|each| each.name().eq_ignore_ascii_case(name)).ok_or_else(Failure::stream)
}

fn toxicity(fields: &Fields) -> Result<Option<f64>, Failure> {
    fields.number("toxicity")?.map(|number| chance("toxicity", number)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toxic(text: &str) -> Toxic {
        Toxic::read(&object(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn every_type_is_a_rule_also_with_the_largest_numbers() {
        for kind in &KINDS {
            let largest = if kind.fractions { json!(1.0) } else { json!(i64::MAX) };
            for value in [None, Some(largest)] {
                let attributes: Map<_, _> = kind
                    .attributes
                    .iter()
                    .filter_map(|(name, _)| Some(((*name).to_owned(), value.clone()?)))
                    .collect();
                let body = json!({"type": kind.name, "attributes": attributes, "toxicity": 0.5});
                let rules = toxic(&body.to_string()).rules();
                let tcp = chenapan_engine::config::ConfiguredProtocol::default();
                rules.fit(&*tcp, "tcp").unwrap_or_else(|error| panic!("{body}: {error}"));
                let rule = rules.iter().next().unwrap();
                assert_eq!(rule.name(), format!("{}_downstream", kind.name));
            }
        }
    }

    #[test]
    fn a_toxic_is_shown_as_it_is() {
        let body = r#"{"type": "latency", "stream": "UpStream", "toxicity": 0.5, "attributes": {"JITTER": 3}}"#;
        let shown = toxic(body).json();
        let expected = json!({
            "attributes": {"latency": 0, "jitter": 3},
            "name": "latency_upstream",
            "type": "latency",
            "stream": "upstream",
            "toxicity": 0.5,
        });
        assert_eq!(shown, expected);
        assert_eq!(toxic(r#"{"type": "noop"}"#).json()["toxicity"].to_string(), "1");
    }

    #[test]
    fn without_toxicity_there_is_no_rule() {
        assert!(toxic(r#"{"type": "reset_peer", "toxicity": 0}"#).rules().is_empty());
    }

    #[test]
    fn an_update_merges_or_changes_nothing() {
        let before = toxic(r#"{"type": "latency", "attributes": {"latency": 1, "jitter": 2}}"#);
        let update = |text: &str| before.updated(&object(text.as_bytes()).unwrap());
        let after =
            update(r#"{"attributes": {"jitter": 5}, "name": "x", "type": "noop"}"#).unwrap();
        assert_eq!(after.json()["attributes"], json!({"latency": 1, "jitter": 5}));
        assert_eq!(after.name, before.name);
        assert!(update(r#"{"attributes": {"latency": 7, "jitter": "x"}}"#).is_err());
        for wrong in [r#"{"toxicity": 7}"#, r#"{"toxicity": -1}"#, r#"{"toxicity": "1"}"#] {
            assert!(update(wrong).is_err(), "{wrong}");
        }
        assert!(before.keeps_rule(&update("{}").unwrap()));
        assert!(!before.keeps_rule(&update(r#"{"toxicity": 0.1}"#).unwrap()));
    }

    #[test]
    fn one_in_the_place_of_another_goes_on_only_where_it_does_the_same() {
        let limit = toxic(r#"{"type": "limit_data", "attributes": {"bytes": 5}}"#);
        let more = toxic(r#"{"type": "limit_data", "attributes": {"bytes": 9}}"#);
        let more = more.instead_of(&limit);
        assert!(limit.keeps_rule(&more) && Arc::ptr_eq(&limit.kept.bytes, &more.kept.bytes));
        let name = r#""name": "x", "attributes": {"timeout": 5, "delay": 5}"#;
        let timeout = toxic(&format!(r#"{{"type": "timeout", {name}}}"#));
        for other in [
            format!(r#"{{"type": "slow_close", {name}}}"#),
            format!(r#"{{"type": "timeout", "stream": "upstream", {name}}}"#),
        ] {
            let other = toxic(&other).instead_of(&timeout);
            assert!(!timeout.keeps_rule(&other) && !timeout.is_as(&other));
            assert!(!Arc::ptr_eq(&timeout.kept.lost, &other.kept.lost));
        }
    }

    #[test]
    fn unknown_types_and_streams_have_their_own_words() {
        for (text, told) in [
            ("{}", "invalid toxic type"),
            (r#"{"type": "slow"}"#, "invalid toxic type"),
            (
                r#"{"type": "noop", "stream": ""}"#,
                "stream was invalid, can be either upstream or downstream",
            ),
        ] {
            let error = Toxic::read(&object(text.as_bytes()).unwrap()).unwrap_err();
            assert_eq!((error.status.as_u16(), &*error.text), (400, told));
        }
    }
}
