//! Spans of connections, times and bytes: `a..b`, and both ends belong to it.

use chenapan_core::{Form, Size, Value};
use std::ops::Range;
use std::time::Duration;

/// Connections by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Connections {
    Range(Range<u64>),
    Every(u64),
}

impl Connections {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected connection numbers such as 1, 2.., 2..5 or every 3".to_owned();
        if let Some(step) = text.strip_prefix("every ") {
            return match step.trim().parse() {
                Ok(0) | Err(_) => Err(wrong()),
                Ok(step) => Ok(Connections::Every(step)),
            };
        }
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (from, to) = match text.split_once("..") {
            None => (number(text)?, Some(number(text)?)),
            Some((from, "")) => (number(from)?, None),
            Some(("", to)) => (1, Some(number(to)?)),
            Some((from, to)) => (number(from)?, Some(number(to)?)),
        };
        let end = to.map_or(u64::MAX, |to| to.saturating_add(1));
        if from == 0 || from >= end {
            return Err(wrong());
        }
        Ok(Connections::Range(from..end))
    }

    pub(super) fn include(&self, number: u64) -> bool {
        match self {
            Connections::Range(range) => range.contains(&number),
            Connections::Every(step) => number.is_multiple_of(*step),
        }
    }
}

pub(super) fn window(text: &str) -> Result<Range<Duration>, String> {
    let nanos = span(text, Form::Time)?;
    if nanos.end == 1 {
        return Err("the span is over before anything can happen".to_owned());
    }
    let end = if nanos.end == u64::MAX { Duration::MAX } else { Duration::from_nanos(nanos.end) };
    Ok(Duration::from_nanos(nanos.start)..end)
}

/// Reads `from..to`, either side of which may be left out, and both of which belong to it.
pub(super) fn span(text: &str, form: Form) -> Result<Range<u64>, String> {
    let Some((from, to)) = text.split_once("..") else {
        return Err(match form {
            Form::Time => "expected a span of time such as 2s..5s or 2s..".to_owned(),
            _ => "expected a span of bytes such as 1000..2000 or 1KiB..".to_owned(),
        });
    };
    let bound = |text: &str, open: u64| match text.trim() {
        "" => Ok(open),
        text => form.parse(text).map(|value| match value {
            Value::Time(time) => u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            Value::Size(Size(bytes)) => bytes,
            _ => open,
        }),
    };
    let span = bound(from, 0)?..bound(to, u64::MAX)?.saturating_add(1);
    if span.is_empty() { Err("the span is empty".to_owned()) } else { Ok(span) }
}
