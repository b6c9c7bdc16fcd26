//! Bodies of requests, read as Toxiproxy reads them: names of fields in any case, `null` for a field
//! that is absent, and no look at what stands behind the first value.

use super::Failure;
use serde_json::{Map, Value};

/// An object of a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

/// Reads the first value of a body.
fn value(body: &[u8]) -> Result<Value, Failure> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Failure::body(error)),
        None => Err(Failure::body("EOF")),
    }
}

/// Reads an object.
pub(crate) fn object(body: &[u8]) -> Result<Fields, Failure> {
    Fields::of(value(body)?)
}

/// Reads an array of objects; `null` is one without any.
pub(crate) fn objects(body: &[u8]) -> Result<Vec<Fields>, Failure> {
    match value(body)? {
        Value::Array(values) => values.into_iter().map(Fields::of).collect(),
        Value::Null => Ok(Vec::new()),
        other => Err(Failure::body(format!("expected an array, not {}", kind(&other)))),
    }
}

impl Fields {
    pub(crate) fn of(value: Value) -> Result<Self, Failure> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self::default()),
            other => Err(Failure::body(format!("expected an object, not {}", kind(&other)))),
        }
    }

    /// Returns the value of a field that is there and not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let exact = self.0.get(name);
        let value = exact.or_else(|| {
            self.0
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        });
        value.filter(|value| !value.is_null())
    }

    /// Returns a field that is a text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        let text = |value: &'_ Value| {
            value.as_str().map(|_| ()).ok_or_else(|| wrong(name, "a text", value))
        };
        match self.get(name) {
            Some(value) => text(value).map(|()| value.as_str()),
            None => Ok(None),
        }
    }

    /// Returns a field that is `true` or `false`.
    pub(crate) fn truth(&self, name: &str) -> Result<Option<bool>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| wrong(name, "true or false", value))
    }

    /// Returns a field that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| wrong(name, "a number", value))
    }

    /// Returns a field that is a whole number and no less than zero.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = value.as_i64().filter(|number| *number >= 0);
        whole.map(Some).ok_or_else(|| wrong(name, "a whole number from 0", value))
    }

    /// Returns a field that is an object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(other) => Err(wrong(name, "an object", other)),
        }
    }

    /// Returns a field that is an array of objects.
    pub(crate) fn array(&self, name: &str) -> Result<Vec<Fields>, Failure> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().cloned().map(Self::of).collect(),
            Some(other) => Err(wrong(name, "an array", other)),
        }
    }
}

fn wrong(field: &str, expected: &str, found: &Value) -> Failure {
    Failure::body(format!("{field}: expected {expected}, not {}", kind(found)))
}

/// Returns the value in a few words.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_any_case_and_null_is_absent() {
        let fields = object(br#"{"NAME": "a", "Enabled": null, "x": 1} trailing"#).unwrap();
        assert_eq!(fields.text("name").unwrap(), Some("a"));
        assert_eq!(fields.truth("enabled").unwrap(), None);
        let exact = object(br#"{"NAME": "a", "name": "b"}"#).unwrap();
        assert_eq!(exact.text("name").unwrap(), Some("b"));
    }

    #[test]
    fn values_of_another_type_are_refused_by_name() {
        let fields = object(br#"{"latency": 1.5, "rate": "1", "loss": -1, "name": 3}"#).unwrap();
        let told = |error: Failure| error.text;
        for (error, expected) in [
            (
                told(fields.whole("latency").unwrap_err()),
                "latency: expected a whole number from 0, not 1.5",
            ),
            (
                told(fields.whole("rate").unwrap_err()),
                "rate: expected a whole number from 0, not a text",
            ),
            (
                told(fields.whole("loss").unwrap_err()),
                "loss: expected a whole number from 0, not -1",
            ),
            (told(fields.text("name").map(drop).unwrap_err()), "name: expected a text, not 3"),
            (told(object(b"").unwrap_err()), "EOF"),
            (told(object(b"[]").unwrap_err()), "expected an object, not an array"),
            (told(objects(b"{}").unwrap_err()), "expected an array, not an object"),
        ] {
            assert_eq!(error, format!("bad request body: {expected}"));
        }
    }
}
