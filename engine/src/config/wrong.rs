//! Error about a model: a cause, and the keys that lead to the place that is wrong.
//!
//! Who has read the model from a file finds line and column by them.

use crate::endpoint::EndpointError;
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// A model from which no configuration can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError {
    path: Vec<Step>,
    spot: Spot,
    message: String,
    /// The message with what was written, for those who do not show that beside it.
    full: Option<String>,
}

/// Step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An item of a list; a single value stands for a list of one.
    Item(usize),
}

/// Part of a value that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The value as a whole.
    Value,
    /// The key before it.
    Key,
    /// Bytes of a text.
    Part(Range<usize>),
}

impl ModelError {
    /// An error about a value, whose path is added by those who have looked into it.
    pub(super) fn new(message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { path: Vec::new(), spot: Spot::Value, message, full: None }
    }

    /// Tells it with what was written, where that is not shown beside it.
    pub(super) fn or_in_full(self, full: impl fmt::Display) -> Self {
        Self { full: Some(full.to_string()), ..self }
    }

    /// Blames the key at the end of its path.
    pub(super) fn of_key(self) -> Self {
        Self { spot: Spot::Key, ..self }
    }

    /// Returns the error about an address that was read from a value.
    pub fn address(error: &EndpointError, value: &Value) -> Self {
        let wrong = Self::new(error.message()).or_in_full(error);
        if value.is_string() {
            return Self { spot: Spot::Part(error.place()), ..wrong };
        }
        let path = error.path().iter().cloned().map(Step::Key).collect();
        let spot = if error.code() == "unknown-option" { Spot::Key } else { Spot::Value };
        Self { path, spot, ..wrong }
    }

    /// Puts the key before its path under which the value stands.
    pub(super) fn under(mut self, key: &str) -> Self {
        self.path.insert(0, Step::Key(key.to_owned()));
        self
    }

    /// Puts the number before its path under which the value stands.
    pub(super) fn item(mut self, at: usize) -> Self {
        self.path.insert(0, Step::Item(at));
        self
    }

    /// Returns the steps that lead to the value that is wrong.
    pub fn path(&self) -> &[Step] {
        &self.path
    }

    /// Returns the part of that value that is wrong.
    pub fn spot(&self) -> &Spot {
        &self.spot
    }

    /// Returns the way to the value, with the key or the number of each step: `rules.0.delay.sleep`.
    pub fn field(&self) -> String {
        way(&self.path)
    }

    /// Returns the cause without the way to the value.
    pub fn cause(&self) -> &str {
        self.full.as_deref().unwrap_or(&self.message)
    }

    /// Returns the cause, for those who show the place beside it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key that is wrong is named by the message.
        let shown = match self.spot {
            Spot::Key => self.path.len().saturating_sub(1),
            _ => self.path.len(),
        };
        let colon = if shown > 0 { ": " } else { "" };
        write!(f, "{}{colon}{}", way(&self.path[..shown]), self.cause())
    }
}

fn way(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => key.escape_debug().to_string(),
        Step::Item(at) => at.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

impl std::error::Error for ModelError {}
