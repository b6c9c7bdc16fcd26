//! Panics of plug-ins: whose it was, in which hook, and what it said.
//!
//! A panic ends its connection and nothing else; it is evidence, so that it never goes by without a
//! name.

use crate::journal::{Entry, What};
use chenapan_core::Direction;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// Panic of a plug-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    culprit: Culprit,
    message: String,
}

/// Plug-in that has panicked, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Culprit {
    /// Name of its rule, or `protocol`.
    pub(crate) plug_in: Arc<str>,
    /// Hook that was called; empty where that is not known.
    pub(crate) hook: &'static str,
    pub(crate) direction: Direction,
    pub(crate) offset: u64,
}

impl Culprit {
    /// A protocol, whose hooks are for both directions.
    pub(crate) fn protocol(hook: &'static str) -> Self {
        Self { plug_in: "protocol".into(), hook, direction: Direction::Upstream, offset: 0 }
    }

    fn unknown() -> Self {
        Self { plug_in: "plug-in".into(), ..Self::protocol("") }
    }
}

impl Panic {
    /// Returns the name of the rule whose behavior has panicked, or `protocol`.
    pub fn plug_in(&self) -> &str {
        &self.culprit.plug_in
    }

    /// Returns the hook that was called; empty where that is not known.
    pub fn hook(&self) -> &'static str {
        self.culprit.hook
    }

    /// Returns the message of the panic.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the entry of the journal for a connection of this number and age.
    pub(crate) fn entry(&self, connection: u64, at: Duration) -> Entry {
        let Culprit { plug_in, direction, offset, .. } = &self.culprit;
        Entry {
            at,
            connection,
            direction: *direction,
            offset: *offset,
            length: 0,
            rule: Arc::clone(plug_in),
            landed: false,
            what: self.what(),
        }
    }

    fn what(&self) -> What {
        What::Panicked { hook: self.culprit.hook, message: self.message.clone() }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.culprit.plug_in, self.what())
    }
}

thread_local! {
    /// Culprit of the panic that unwinds this thread, once it has left the hook.
    static CULPRIT: Cell<Option<Culprit>> = const { Cell::new(None) };
}

/// Names the culprit when it is dropped, which only a panic does.
struct Naming<F: FnOnce() -> Culprit>(Option<F>);

impl<F: FnOnce() -> Culprit> Drop for Naming<F> {
    #[cold]
    fn drop(&mut self) {
        if let Some(culprit) = self.0.take() {
            // The innermost hook is left first.
            let named = CULPRIT.take().unwrap_or_else(culprit);
            CULPRIT.set(Some(named));
        }
    }
}

/// Calls a hook of a plug-in: a panic in it goes on, and [`caught`] knows the culprit. A hook that
/// returns pays nothing for it.
#[inline(always)]
pub(crate) fn named<T>(culprit: impl FnOnce() -> Culprit, call: impl FnOnce() -> T) -> T {
    let naming = Naming(Some(culprit));
    let value = call();
    std::mem::forget(naming);
    value
}

/// Runs what calls plug-ins; the panic where one panics. What it has touched is not looked at any
/// more but for evidence.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    // A plug-in may have caught the panic of another one itself.
    CULPRIT.set(None);
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let culprit = CULPRIT.take().unwrap_or_else(Culprit::unknown);
        Panic { culprit, message: message(payload) }
    })
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| payload.downcast::<String>().ok().map(|text| *text))
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_name_is_told() {
        let inner = || named(|| Culprit::protocol("seal"), || panic!("boom {}", 1));
        let panic = caught(|| named(|| Culprit::protocol("handle"), inner)).unwrap_err();
        assert_eq!(
            (panic.plug_in(), panic.hook(), panic.message()),
            ("protocol", "seal", "boom 1")
        );
        assert_eq!(panic.to_string(), "protocol panicked in seal: boom 1");
        assert_eq!(caught(|| named(|| Culprit::protocol("handle"), || 7)), Ok(7));
    }

    #[test]
    fn one_without_a_name_or_a_message_is_told_too() {
        let panic = caught(|| panic::panic_any(3)).unwrap_err();
        assert_eq!(panic.to_string(), "plug-in panicked: without a message");
        assert_eq!(panic.entry(7, Duration::ZERO).connection, 7);
    }
}
