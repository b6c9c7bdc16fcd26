//! A mistake in a file, by the steps that lead to it.

use chenapan_core::nearest;
use chenapan_engine::config::{Spot, Step};

/// An error about proxies that a file declares, and the steps that lead to the place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misplaced {
    /// Steps from the file to the value.
    pub path: Vec<Step>,
    /// Part of the value.
    pub spot: Spot,
    /// Cause of the error.
    pub message: String,
    /// Set when the file is wrong; otherwise the system has refused something, such as an address that
    /// is taken.
    pub mistake: bool,
}

impl Misplaced {
    /// A value that is wrong.
    pub(crate) fn value(path: Vec<Step>, message: impl Into<String>) -> Self {
        Self { path, spot: Spot::Value, message: message.into(), mistake: true }
    }

    /// A key that is none of those that are known.
    pub(crate) fn key(mut path: Vec<Step>, name: &str, known: &[&'static str]) -> Self {
        let hint = match nearest(&name.to_lowercase(), known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known are {}", known.join(", ")),
        };
        path.push(Step::Key(name.to_owned()));
        Self {
            path,
            spot: Spot::Key,
            message: format!("unknown key {name:?}; {hint}"),
            mistake: true,
        }
    }
}
