//! Names of selectors: one in the table, and older ones that are accepted and appear in no help.

use super::SELECTORS;
use chenapan_core::OptionError;

/// Older names of selectors, each with its name in [`SELECTORS`].
pub const ALIASES: &[(&str, &str)] = &[("on", "only"), ("method", "label")];

/// A selector that was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Name {
    /// Name in the table.
    pub(super) selector: &'static str,
    /// Name under which it was given: the same, or an alias.
    pub(super) written: &'static str,
}

impl Name {
    /// Finds a selector by its name or an alias.
    pub(super) fn find(written: &str) -> Option<Self> {
        let plain = SELECTORS.iter().find(|spec| spec.name == written);
        let alias = || ALIASES.iter().find(|(alias, _)| *alias == written);
        plain
            .map(|spec| Name { selector: spec.name, written: spec.name })
            .or_else(|| alias().map(|&(written, selector)| Name { selector, written }))
    }

    /// Checks that no selector was given under two names.
    pub(super) fn check(given: &[Name]) -> Result<(), OptionError> {
        let twice = given.iter().find(|name| {
            let other = |other: &Name| other.selector == name.selector && other != *name;
            name.written != name.selector && given.iter().any(other)
        });
        twice.map_or(Ok(()), |Name { selector, written }| {
            let wrong = format!("is another name for {selector}: give one of them");
            Err(OptionError::value(*written, wrong))
        })
    }
}

/// Returns `true` if a rule may have a selector of this name.
pub(crate) fn is_selector(name: &str) -> bool {
    Name::find(name).is_some()
}
