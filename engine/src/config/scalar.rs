//! Scalars of a model: texts, and numbers that stand for them, read by the forms of options.

use super::wrong::ModelError;
use chenapan_core::{Form, Size, Value as Formed};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A time, written as `250ms` or as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of bytes, written as `64KiB` or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

/// Returns the text of a scalar, also of a number or a flag.
pub(super) fn text(value: &Value) -> Result<String, ModelError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        // Forms take no exponents.
        Value::Number(number) => Ok(match (number.as_u64(), number.as_f64()) {
            (None, Some(number)) => number.to_string(),
            _ => number.to_string(),
        }),
        _ => Err(ModelError::new(format_args!("expected text, found {}", sort(value)))),
    }
}

/// Returns the word for what a value is.
pub(super) fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn form(value: &Value, form: Form) -> Result<Formed, ModelError> {
    form.parse(&text(value)?).map_err(ModelError::new)
}

pub(super) fn time(value: &Value) -> Result<Time, ModelError> {
    match form(value, Form::Time)? {
        Formed::Time(time) => Ok(Time(time)),
        _ => Err(ModelError::new("expected a time")),
    }
}

pub(super) fn bytes(value: &Value) -> Result<Bytes, ModelError> {
    match form(value, Form::Size)? {
        Formed::Size(Size(bytes)) => usize::try_from(bytes)
            .map(Bytes)
            .map_err(|_| ModelError::new("more than this machine can hold")),
        _ => Err(ModelError::new("expected a number of bytes")),
    }
}

pub(super) fn count(value: &Value) -> Result<u64, ModelError> {
    match form(value, Form::Count)? {
        Formed::Count(count) => Ok(count),
        _ => Err(ModelError::new("expected a whole number")),
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, ModelError> {
    match form(value, Form::Flag)? {
        Formed::Flag(flag) => Ok(flag),
        _ => Err(ModelError::new("expected yes or no")),
    }
}

/// Reads one of a few words.
pub(super) fn choice<C: FromStr<Err: fmt::Display>>(value: &Value) -> Result<C, ModelError> {
    text(value)?.parse().map_err(ModelError::new)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}.{:09}s", self.0.as_secs(), self.0.subsec_nanos()))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0 as u64)
    }
}
