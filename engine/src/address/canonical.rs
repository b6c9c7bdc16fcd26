//! The canonical form of an address as JSON: what was given, and nothing else.
//!
//! It knows no kind: a place names its own fields. Reading the form back is up to
//! [`read`](super::read).

use super::host::Family;
use super::options::Options;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

/// The fields of an address, in the order in which people look for them.
#[derive(Debug, Default)]
pub struct Canonical {
    kind: &'static str,
    place: Vec<(&'static str, Value)>,
    tls: bool,
    family: Option<u8>,
    options: Map<String, Value>,
    pub(super) proxy_protocol: Option<&'static str>,
    pub(super) via: Option<Vec<(&'static str, Value)>>,
}

impl Canonical {
    pub(super) fn new(tls: bool, family: Option<Family>) -> Self {
        Self { tls, family: family.map(Family::number), ..Self::default() }
    }

    /// Names the kind.
    pub(super) fn kind(&mut self, name: &'static str) {
        self.kind = name;
    }

    /// Adds a field that says where.
    pub(super) fn field(&mut self, name: &'static str, value: impl Into<Value>) {
        self.place.push((name, value.into()));
    }

    /// Sets the options that stand beside the place.
    pub(super) fn options(&mut self, options: &Options) {
        for (name, value) in options.iter() {
            self.options.insert(name.to_owned(), value.json());
        }
    }

    /// Adds an option that may be given more than once: it is a list then.
    pub(super) fn repeated(&mut self, name: &str, text: &str) {
        let text = Value::from(text);
        match self.options.get_mut(name) {
            None => drop(self.options.insert(name.to_owned(), text)),
            Some(Value::Array(list)) => list.push(text),
            Some(one) => *one = Value::Array(vec![one.take(), text]),
        }
    }
}

impl Serialize for Canonical {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_map(None)?;
        form.serialize_entry("kind", self.kind)?;
        for (name, value) in &self.place {
            form.serialize_entry(name, value)?;
        }
        if self.tls {
            form.serialize_entry("tls", &true)?;
        }
        if let Some(family) = self.family {
            form.serialize_entry("family", &family)?;
        }
        if !self.options.is_empty() {
            form.serialize_entry("options", &self.options)?;
        }
        if let Some(header) = self.proxy_protocol {
            form.serialize_entry("proxy_protocol", header)?;
        }
        if let Some(via) = &self.via {
            form.serialize_entry("via", &Ordered(via))?;
        }
        form.end()
    }
}

/// An object whose fields keep their order.
struct Ordered<'a>(&'a [(&'static str, Value)]);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
